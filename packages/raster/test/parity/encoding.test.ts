/**
 * The rows of docs/parity.md about how tiles are encoded, each test named by the promise. The tiles
 * are read by geotiff.js, not by this package.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { fromArrayBuffer, type GeoTIFFImage } from 'geotiff';
import { isHoldfastError } from 'holdfast';
import { compressions, type CompressionName } from '#src/codec/compressions.js';
import { dataTypeNames, dataTypes, type DataType, type RasterArray } from '#src/model.js';
import { type ArrayRaster, fromArray } from '#src/source/from-array.js';
import type { WriteOptions } from '#src/write/mosaic-plan.js';
import { writeTiledVrt } from '#src/write/write-tiled-vrt.js';
import { isHere } from '../codec/is-here.js';

const WIDTH = 20;
const HEIGHT = 18;

function samples(dataType: DataType): RasterArray {
  const array = new dataTypes[dataType].array(WIDTH * HEIGHT);
  const wide = dataType.endsWith('int64');
  for (let i = 0; i < array.length; i += 1) array[i] = wide ? BigInt(i * 3) : (i * 3) % 120;
  return array;
}

const raster = (dataType: DataType, more: Partial<ArrayRaster> = {}): ArrayRaster => ({
  data: samples(dataType),
  width: WIDTH,
  height: HEIGHT,
  ...more,
});

/** Writes a mosaic of one tile, and gives its image to look at. */
async function tileOf(
  t: TestContext,
  array: ArrayRaster,
  options: WriteOptions = {},
): Promise<GeoTIFFImage> {
  const directory = temporaryDirectory(t);
  await writeTiledVrt(join(directory, 'm.vrt'), fromArray(array), { threads: 0, ...options });
  const bytes = readFileSync(join(directory, 'm_tiles', 'tile_00_00.tif'));
  const { buffer } = Uint8Array.from(bytes);
  return (await fromArrayBuffer(buffer)).getImage();
}

/** That a write is refused before anything is on disk. */
async function assertRefused(
  t: TestContext,
  array: ArrayRaster,
  options: WriteOptions,
  message: RegExp,
): Promise<void> {
  const directory = temporaryDirectory(t);
  const write = async (): Promise<unknown> =>
    writeTiledVrt(join(directory, 'm.vrt'), fromArray(array), { threads: 0, ...options });
  await assert.rejects(
    write,
    (error) => isHoldfastError(error, 'INVALID_ARGUMENT') && message.test(error.message),
  );
  assert.deepEqual(readdirSync(directory), []);
}

const tag = async (image: GeoTIFFImage, name: 'Compression' | 'Predictor' | 'GDAL_NODATA') =>
  image.fileDirectory.hasTag(name) ? image.fileDirectory.loadValue(name) : undefined;

const stable = ['none', 'deflate', 'zstd', 'lzw', 'packbits'] as const;

test('codecs: none, deflate, zstd, lzw and packbits are stable, each with its registered tag', async (t) => {
  for (const compression of stable) {
    assert.equal(compressions[compression].experimental, false);
    if (!isHere(compression)) continue;
    const image = await tileOf(t, raster('float32'), { compression });
    assert.equal(await tag(image, 'Compression'), compressions[compression].tag);
    const [read] = (await image.readRasters()) as unknown as RasterArray[];
    assert.deepEqual(read, samples('float32'));
  }
});

test('codecs: lz4 and lerc are marked as experimental', () => {
  assert.ok(compressions.lz4.experimental && compressions.lerc.experimental);
});

test('codecs: unknown ones, JPEG and levels out of range are refused up front', async (t) => {
  for (const name of ['jpeg', 'webp', 'DEFLATE', '']) {
    const compression = name as CompressionName;
    await assertRefused(t, raster('uint8'), { compression }, /no compression/u);
  }
  for (const [compression, level] of [
    ['deflate', 0],
    ['deflate', 10],
    ['zstd', 0],
    ['zstd', 23],
    ['lz4', 17],
  ] as const) {
    await assertRefused(t, raster('uint8'), { compression, level }, /levels/u);
  }
});

test('codecs: one whose library is missing is refused up front, by the name of the library', async (t) => {
  process.env['HOLDFAST_CODEC_LIBRARIES'] = 'none';
  t.after(() => delete process.env['HOLDFAST_CODEC_LIBRARIES']);
  for (const [compression, library] of [
    ['lz4', 'liblz4.so.1'],
    ['lerc', 'libLerc.so.4'],
  ] as const) {
    const directory = temporaryDirectory(t);
    const source = fromArray(raster('float32'));
    await assert.rejects(
      writeTiledVrt(join(directory, 'm.vrt'), source, { compression }),
      (error) => isHoldfastError(error, 'UNSUPPORTED_PLATFORM') && error.message.includes(library),
    );
    assert.deepEqual(readdirSync(directory), []);
  }
});

test('codecs: LERC alone takes a largest error, of 0 or more', async (t) => {
  await assertRefused(t, raster('float32'), { maxZError: 0.1 }, /LERC/u);
  await assertRefused(t, raster('float32'), { compression: 'lerc', maxZError: -1 }, /0 or more/u);
});

test('codecs: LERC keeps within its largest error, in several bands that a source gives together too', async (t) => {
  if (!isHere('lerc')) return;
  const data = Float32Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => Math.sin(i) * 100);
  const array = { data, width: WIDTH, height: HEIGHT, bandCount: 3, interleave: 'pixel' } as const;
  const image = await tileOf(t, array, { compression: 'lerc', maxZError: 0.5 });
  const bands = (await image.readRasters()) as unknown as RasterArray[];
  assert.equal(bands.length, 3);
  for (const [index, value] of data.entries()) {
    const back = Number(bands[index % 3]?.[Math.floor(index / 3)]);
    assert.ok(Math.abs(back - value) <= 0.5, `${back} for ${value}`);
  }
});

test('predictor: 2 for samples of every width, 3 for floats alone, and none without a codec that takes one', async (t) => {
  for (const dataType of dataTypeNames) {
    const image = await tileOf(t, raster(dataType), { predictor: 2 });
    assert.equal(await tag(image, 'Predictor'), 2, dataType);
  }
  assert.equal(await tag(await tileOf(t, raster('float64'), { predictor: 3 }), 'Predictor'), 3);
  await assertRefused(t, raster('int32'), { predictor: 3 }, /floating point/u);
  await assertRefused(t, raster('float32'), { compression: 'none', predictor: 2 }, /predictor/u);
  await assertRefused(t, raster('float32'), { compression: 'lerc', predictor: 2 }, /predictor/u);
});

test('types: all ten have their own sample format and width, and none falls back to another', async (t) => {
  const seen = new Set<string>();
  for (const dataType of dataTypeNames) {
    const image = await tileOf(t, raster(dataType));
    const { bytes, sampleFormat } = dataTypes[dataType];
    assert.equal(image.getBitsPerSample(), bytes * 8);
    assert.equal(image.getSampleFormat(), sampleFormat);
    seen.add(`${bytes} ${sampleFormat}`);
  }
  assert.equal(seen.size, dataTypeNames.length);
});

test('nodata: zero is a value, NaN is one for floats, and it arrives in every tile', async (t) => {
  const text = async (dataType: DataType, nodata: number | bigint): Promise<unknown> =>
    String(await tag(await tileOf(t, raster(dataType, { nodata })), 'GDAL_NODATA')).replace(
      '\0',
      '',
    );
  assert.equal(await text('uint8', 0), '0');
  assert.equal(await text('float32', NaN), 'nan');
  assert.equal(await text('int64', -(2n ** 63n)), '-9223372036854775808');
  assert.equal(await tag(await tileOf(t, raster('uint8')), 'GDAL_NODATA'), undefined);
});

test('nodata: booleans and values that do not fit the type are refused up front', async (t) => {
  for (const [dataType, nodata] of [
    ['uint8', -1],
    ['uint8', 256],
    ['int8', 128],
    ['uint16', 0.5],
    ['int32', NaN],
    ['float32', 1e39],
    ['uint64', 2n ** 64n],
    ['uint8', true],
    ['uint8', '0'],
  ] as [DataType, number][]) {
    await assertRefused(t, raster(dataType, { nodata }), {}, /nodata/u);
  }
});

test('nodata: NaN samples become the sentinel, and stay NaN when that is asked for', async (t) => {
  const data = Float32Array.from(samples('float32') as Float32Array);
  data[7] = NaN;
  const array = { data, width: WIDTH, height: HEIGHT, nodata: -9999 };
  const seventh = async (options: WriteOptions): Promise<unknown> => {
    const rasters = await (await tileOf(t, array, options)).readRasters();
    return (rasters as unknown as RasterArray[])[0]?.[7];
  };
  assert.equal(await seventh({}), -9999);
  assert.equal(await seventh({ nanIsNodata: false }), NaN);
  assert.ok(Number.isNaN(data[7]), "the caller's own array is not changed");
});

test('CRS: EPSG codes, WKT and PROJ strings go into the GeoKeys of every tile, each kind into its own', async (t) => {
  const keys = async (crs: string | number): Promise<unknown> =>
    (await tileOf(t, raster('uint8', { crs }))).getGeoKeys();
  assert.deepEqual(await keys(32633), {
    GTModelTypeGeoKey: 1,
    GTRasterTypeGeoKey: 1,
    ProjectedCSTypeGeoKey: 32633,
  });
  assert.deepEqual(await keys('EPSG:4326'), {
    GTModelTypeGeoKey: 2,
    GTRasterTypeGeoKey: 1,
    GeographicTypeGeoKey: 4326,
  });
  const sinusoidal = (await keys('+proj=sinu +lon_0=15 +R=6371007.181')) as Record<string, unknown>;
  assert.equal(sinusoidal['ProjCoordTransGeoKey'], 24);
  assert.equal(sinusoidal['ProjCenterLongGeoKey'], 15);
});

test('CRS: booleans, unknown codes, other text and contradictions are refused up front', () => {
  const contradiction =
    'PROJCS["p",GEOGCS["g",DATUM["d",SPHEROID["s",1,0]]],UNIT["m",1],AUTHORITY["EPSG","4326"]]';
  for (const crs of [true, 123456, 5800, 'somewhere', contradiction] as number[]) {
    assert.throws(
      () => fromArray(raster('uint8', { crs })),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  }
});

test('BigTIFF: forced when asked for, and not taken for a small tile by itself', async (t) => {
  const magic = async (bigTiff: 'always' | 'auto'): Promise<number | undefined> => {
    const directory = temporaryDirectory(t);
    const source = fromArray(raster('uint8'));
    await writeTiledVrt(join(directory, 'm.vrt'), source, { threads: 0, bigTiff });
    return readFileSync(join(directory, 'm_tiles', 'tile_00_00.tif'))[2];
  };
  assert.deepEqual([await magic('always'), await magic('auto')], [43, 42]);
});

test('blocks: sizes that are not positive multiples of 16 are refused up front', async (t) => {
  for (const blockSizePx of [0, -16, 8, 100, 256.5, NaN, 4112]) {
    await assertRefused(t, raster('uint8'), { blockSizePx }, /multiple of 16/u);
  }
});
