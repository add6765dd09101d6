/**
 * GDAL judges our mosaics: it must see the same pixels, the same place on the ground and the same
 * words as in the input.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type CompressionName,
  fromGeoTiff,
  type WriteOptions,
  writeTiledVrt,
} from '@holdfast/raster';
import { sharedData, temporaryDirectory } from '@holdfast/tools/testing';

/** What `gdalinfo -json -checksum` says that a mosaic must repeat. */
interface GdalInfo {
  readonly size: readonly number[];
  readonly coordinateSystem?: { readonly wkt: string };
  readonly geoTransform?: readonly number[];
  readonly metadata: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bands: readonly Readonly<Record<string, unknown>>[];
}

function gdalInfo(path: string): GdalInfo {
  const text = execFileSync('gdalinfo', ['-json', '-checksum', path], { encoding: 'utf8' });
  return JSON.parse(text) as GdalInfo;
}

/** Not the unit: with a vertical CRS, GDAL's GeoTIFF driver makes one up from it. */
const bandFacts = [
  'band',
  'checksum',
  'type',
  'noDataValue',
  'colorInterpretation',
  'colorTable',
  'description',
  'scale',
  'offset',
  'metadata',
];

/** What of it has to be the same; the blocks and the files differ by nature. */
function comparable(path: string, words: SrsWords = 'wkt1'): unknown {
  const info = gdalInfo(path);
  const bands = info.bands.map((band) =>
    Object.fromEntries(
      bandFacts.map((fact) => [fact, fact === 'metadata' ? toldOf(band) : band[fact]]),
    ),
  );
  const { size, geoTransform } = info;
  return { size, srs: srsOf(path, words), geoTransform, metadata: info.metadata[''], bands };
}

/**
 * The items of a band but its statistics, which a mosaic adds (gdal-leaves-index.interop.ts,
 * statistics.interop.ts).
 */
function toldOf(band: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const { '': items = {} } = band['metadata'] as GdalInfo['metadata'];
  return Object.fromEntries(
    Object.entries(items).filter(([name]) => !name.startsWith('STATISTICS_')),
  );
}

type SrsWords = 'wkt1' | 'proj4';

/**
 * The CRS as WKT 1. GDAL's WKT 2 for one EPSG code depends on where it found the code: in a
 * GeoTIFF's keys it names a datum, in a VRT (its own ones, too) the ensemble of which that datum is
 * part.
 */
function srsOf(path: string, words: SrsWords): string {
  const result = spawnSync('gdalsrsinfo', ['-o', words, path], { encoding: 'utf8' });
  return result.stdout.trim();
}

async function tile(input: string, output: string, options: WriteOptions): Promise<void> {
  const source = await fromGeoTiff(input);
  try {
    await writeTiledVrt(output, source, options);
  } finally {
    await source.close();
  }
}

async function assertSameForGdal(
  directory: string,
  input: string,
  options: WriteOptions,
  words?: SrsWords,
): Promise<void> {
  const name = Object.values(options).join('-');
  const output = join(directory, `${name}.vrt`);
  await tile(input, output, options);
  assert.deepEqual(comparable(output, words), comparable(input, words), name);
  // A tile carries the GeoKeys themselves, so that every reading of its CRS is that of the input.
  const first = gdalInfo(join(directory, `${name}_tiles`, 'tile_00_00.tif'));
  const whole = gdalInfo(input);
  assert.deepEqual(first.coordinateSystem, whole.coordinateSystem);
  assert.deepEqual(first.geoTransform, whole.geoTransform);
}

for (const compression of ['deflate', 'none'] as const satisfies readonly CompressionName[]) {
  for (const tileSizePx of [256, 512]) {
    test(`GDAL sees Landsat's pixels, CRS and geotransform in ${tileSizePx} px tiles with ${compression}`, async (t) => {
      const input = sharedData('landsat8_b4.tif');
      if (!input) return t.skip('landsat8_b4.tif is missing');
      await assertSameForGdal(temporaryDirectory(t), input, { compression, tileSizePx });
    });
  }
}

test('GDAL sees each band of a JPEG in the mosaic of it', async (t) => {
  const directory = temporaryDirectory(t);
  const jpeg = fileURLToPath(
    new URL('../../node_modules/three-globe/example/img/earth-blue-marble.jpg', import.meta.url),
  );
  for (const interleave of ['PIXEL', 'BAND']) {
    const input = join(directory, `${interleave}.tif`);
    const creation = ['-co', `INTERLEAVE=${interleave}`, '-co', 'TILED=YES'];
    execFileSync('gdal_translate', ['-q', ...creation, jpeg, input]);
    const options = { tileSizePx: 512, compression: 'deflate' } as const;
    const output = join(directory, `${interleave}.vrt`);
    await tile(input, output, options);
    const checksums = (path: string) => gdalInfo(path).bands.map((band) => band['checksum']);
    assert.deepEqual(checksums(output), checksums(jpeg));
    assert.equal(checksums(output).length, 3);
    assert.deepEqual(comparable(output), comparable(input));
  }
});

/** Ways to georeference and describe a raster, made by GDAL from Landsat's pixels. */
const descriptions: Readonly<Record<string, readonly string[]>> = {
  'south-up': ['-a_ullr', '0', '0', '1310', '1093', '-a_srs', 'EPSG:3857'],
  geographic: ['-a_ullr', '-10', '50', '10', '30', '-a_srs', 'EPSG:4326'],
  geocentric: ['-a_srs', 'EPSG:4978'],
  compound: ['-a_srs', 'EPSG:32622+5773'],
  'nodata of 0': ['-a_nodata', '0'],
  'no georeferencing': ['-co', 'PROFILE=BASELINE', '--config', 'GDAL_PAM_ENABLED', 'NO'],
  'scale and offset': ['-a_scale', '0.1', '-a_offset', '-273.15'],
  metadata: ['-mo', 'NOTE=a < b & "c"', '-mo', 'AREA_OR_POINT=Point'],
};

/**
 * GDAL reads a geocentric system from GeoKeys without its code and axis names, so only its
 * substance compares.
 */
const wordsFor: Readonly<Record<string, SrsWords>> = { geocentric: 'proj4' };

for (const [name, flags] of Object.entries(descriptions)) {
  test(`GDAL sees the same in a mosaic of a raster with ${name}`, async (t) => {
    const landsat = sharedData('landsat8_b4.tif');
    if (!landsat) return t.skip('landsat8_b4.tif is missing');
    const directory = temporaryDirectory(t);
    const input = join(directory, 'input.tif');
    execFileSync('gdal_translate', ['-q', ...flags, landsat, input]);
    await assertSameForGdal(
      directory,
      input,
      { tileSizePx: 512, compression: 'zstd' },
      wordsFor[name],
    );
  });
}

test('GDAL sees the CRS that a float raster defines by parameters of its own', async (t) => {
  const input = sharedData('float_raster_with_nodata.tif');
  if (!input) return t.skip('float_raster_with_nodata.tif is missing');
  await assertSameForGdal(temporaryDirectory(t), input, { tileSizePx: 16 }, 'proj4');
});
