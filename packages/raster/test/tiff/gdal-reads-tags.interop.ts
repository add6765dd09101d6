/** GDAL as the judge of everything in a tile file that is not a pixel. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { dataTypes, type RasterInfo, type Transform } from '#src/model.js';
import { encodeTile } from './encode-tile.js';
import { tileFormat, type TileOptions } from '#src/tiff/tile-format.js';

interface Band {
  readonly type: string;
  readonly block: readonly number[];
  readonly colorInterpretation: string;
  readonly description?: string;
  readonly noDataValue?: number | string;
  readonly offset?: number;
  readonly scale?: number;
  readonly unit?: string;
  readonly colorTable?: { readonly entries: readonly (readonly number[])[] };
  readonly metadata: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

interface Info {
  readonly bands: readonly Band[];
  readonly size: readonly number[];
  readonly geoTransform?: readonly number[];
  readonly metadata: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly coordinateSystem?: { readonly wkt: string };
}

const WIDTH_PX = 20;
const HEIGHT_PX = 10;

function gdalinfo(
  t: TestContext,
  info: Partial<RasterInfo>,
  options: TileOptions = {},
  transform?: Transform,
): Info {
  const raster: RasterInfo = {
    widthPx: WIDTH_PX,
    heightPx: HEIGHT_PX,
    dataType: 'uint8',
    bands: [{}],
    georeferencing: {},
    ...info,
  };
  const samples = WIDTH_PX * HEIGHT_PX * raster.bands.length;
  const pixels = {
    data: new dataTypes[raster.dataType].array(samples),
    widthPx: WIDTH_PX,
    heightPx: HEIGHT_PX,
    bandCount: raster.bands.length,
    interleave: 'pixel' as const,
  };
  const path = join(temporaryDirectory(t), 'tile.tif');
  writeFileSync(path, encodeTile(tileFormat('test', raster, options), pixels, transform));
  return JSON.parse(execFileSync('gdalinfo', ['-json', path], { encoding: 'utf8' })) as Info;
}

const transforms: Readonly<Record<string, Transform>> = {
  'north-up': [440720.1, 60.3, 0, 3751320.7, 0, -60.3],
  'south-up': [440720.1, 60.3, 0, 3751320.7, 0, 60.3],
  'east-to-west': [440720.1, -60.3, 0, 3751320.7, 0, -60.3],
  rotated: [440720.1, 52.2, -30.15, 3751320.7, -30.15, -52.2],
  'with an integer scale': [0, 1, 0, 512, 0, -1],
};

for (const [name, transform] of Object.entries(transforms)) {
  test(`a ${name} transform comes back bit by bit, and by a pixel's centre to within rounding`, (t) => {
    const crs = { kind: 'epsg', code: 32633 } as const;
    const area = gdalinfo(t, { georeferencing: { crs, pixelIs: 'area' } }, {}, transform);
    assert.deepEqual(area.geoTransform, transform);
    assert.equal(area.metadata['']?.['AREA_OR_POINT'], 'Area');
    const point = gdalinfo(t, { georeferencing: { crs, pixelIs: 'point' } }, {}, transform);
    assert.equal(point.metadata['']?.['AREA_OR_POINT'], 'Point');
    for (const [index, value] of transform.entries()) {
      const off = Math.abs((point.geoTransform?.[index] ?? NaN) - value);
      assert.ok(off < 1e-8, `no shift by half a pixel: ${String(point.geoTransform)}`);
    }
  });
}

test('without georeferencing GDAL finds none', (t) => {
  const info = gdalinfo(t, {});
  assert.equal(info.geoTransform, undefined);
  assert.ok(!info.coordinateSystem?.wkt);
});

test('names, units, scales, offsets and metadata of bands arrive, with all characters that XML must escape', (t) => {
  const info = gdalinfo(t, {
    metadata: { SOURCE: 'a <b> & "c" – ü' },
    bands: [
      { description: 'height & depth', unit: 'm', scale: 0.1, offset: -273.15 },
      { metadata: { QUALITY: "1 < 2 'x'" } },
    ],
  });
  assert.equal(info.metadata['']?.['SOURCE'], 'a <b> & "c" – ü');
  const [first, second] = info.bands;
  assert.deepEqual(
    [first?.description, first?.unit, first?.scale, first?.offset],
    ['height & depth', 'm', 0.1, -273.15],
  );
  assert.equal(second?.metadata['']?.['QUALITY'], "1 < 2 'x'");
});

test('colours arrive: RGB, alpha, grey with extra bands, and palettes', (t) => {
  const colours = (info: Info): readonly string[] =>
    info.bands.map((band) => band.colorInterpretation);
  const bands = (['Red', 'Green', 'Blue', 'Alpha'] as const).map((colour) => ({ colour }));
  assert.deepEqual(colours(gdalinfo(t, { bands })), ['Red', 'Green', 'Blue', 'Alpha']);
  assert.deepEqual(colours(gdalinfo(t, { bands: bands.slice(0, 3) })), ['Red', 'Green', 'Blue']);
  assert.deepEqual(colours(gdalinfo(t, { bands: [{}, { colour: 'Alpha' }] })), ['Gray', 'Alpha']);
  const swapped = ['Blue', 'Green', 'Red'] as const;
  const blueFirst = gdalinfo(t, { bands: swapped.map((colour) => ({ colour })) });
  assert.deepEqual(colours(blueFirst), swapped);
  const palette = [
    [0, 0, 0, 255],
    [255, 128, 1, 255],
  ] as const;
  const indexed = gdalinfo(t, { bands: [{ colour: 'Palette', palette }] });
  assert.deepEqual(colours(indexed), ['Palette']);
  assert.deepEqual(indexed.bands[0]?.colorTable?.entries.slice(0, 2), palette);
});

test('nodata arrives exactly: zero, fractions, the largest float32, NaN, infinity and 64-bit integers', (t) => {
  const of = (dataType: RasterInfo['dataType'], nodata: number | bigint): unknown =>
    gdalinfo(t, { dataType, nodata }).bands[0]?.noDataValue;
  assert.equal(of('uint8', 0), 0);
  assert.equal(of('float32', -9999.5), -9999.5);
  // GDAL prints a float32 with 8 digits.
  assert.equal(of('float32', -3.4028234663852886e38), -3.4028235e38);
  assert.equal(of('float64', NaN), 'NaN');
  assert.equal(of('float64', Infinity), 'Infinity');
  // JSON.parse rounds it; that GDAL printed all digits is seen in the rounding being that of 2^63.
  assert.equal(of('int64', -(2n ** 63n)), -(2 ** 63));
});

test('internal blocks are as asked for, never larger than the tile must be, and BigTIFF is one', (t) => {
  const blockOf = (options: TileOptions): unknown => gdalinfo(t, {}, options).bands[0]?.block;
  assert.deepEqual(blockOf({}), [32, 16]);
  assert.deepEqual(blockOf({ blockSizePx: 16 }), [16, 16]);
  assert.deepEqual(blockOf({ blockSizePx: 512, bigTiff: 'always' }), [32, 16]);
});
