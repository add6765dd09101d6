/**
 * GDAL writes an index back when it has computed statistics, as it had opened it and over whatever
 * is there by then. It finds them in ours, and leaves the index and the tiles alone.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type ArrayRaster,
  fromArray,
  recoverVrt,
  verifyVrt,
  type WrittenMosaic,
  writeTiledVrt,
} from '@holdfast/raster';
import { rasterioPython, temporaryDirectory } from '@holdfast/tools/testing';

const reader = fileURLToPath(new URL('../python/statistics_reader.py', import.meta.url));
const pixels = { length: 96 * 96 };
const floats = Float32Array.from(pixels, (_, index) => Math.sin(index));

const rasters: Readonly<Record<string, Partial<ArrayRaster> & Pick<ArrayRaster, 'data'>>> = {
  floats: { data: floats },
  'floats with holes': {
    data: floats.map((value, at) => (at % 7 ? value : -3.4e38)),
    nodata: -3.4e38,
  },
  'not-a-numbers': { data: floats.map((value, at) => (at % 7 ? value : NaN)), nodata: NaN },
  'tiles without data': { data: floats.map((value, at) => (at < 5000 ? 0 : value)), nodata: 0 },
  bytes: { data: Uint8Array.from(pixels, (_, index) => index) },
  'one value': { data: new Int16Array(96 * 96).fill(-7) },
  'three bands': { data: Uint8Array.from({ length: 3 * 96 * 96 }, (_, i) => i * 7), bandCount: 3 },
  'wide integers': { data: BigInt64Array.from(pixels, (_, i) => BigInt(i)), nodata: 5n },
};

/** All that a reader could have changed or left: the index, and every name. */
function seen(directory: string): unknown {
  return [
    readFileSync(join(directory, 'out.vrt'), 'utf8'),
    readdirSync(directory, { recursive: true })
      .map(String)
      .toSorted((a, b) => a.localeCompare(b)),
  ];
}

const run = (program: string, ...args: string[]): void =>
  void execFileSync(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });

for (const [name, raster] of Object.entries(rasters)) {
  test(`who asks GDAL for statistics finds them and leaves the mosaic as it is: ${name}`, async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'out.vrt');
    await writeTiledVrt(path, fromArray({ width: 96, height: 96, ...raster }), { tileSizePx: 32 });
    const before = seen(directory);
    run('gdalinfo', '-stats', path);
    run('gdalinfo', '-approx_stats', path);
    run('/usr/bin/python3', reader, 'gdal', path);
    run(rasterioPython(), reader, 'rasterio', path);
    assert.deepEqual(seen(directory), before);
  });
}

test('with a histogram in the index, so does who asks for one', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const source = fromArray({ width: 96, height: 96, data: floats });
  await writeTiledVrt(path, source, { tileSizePx: 32, histogram: true });
  const before = seen(directory);
  run('gdalinfo', '-hist', '-stats', path);
  assert.deepEqual(seen(directory), before);
});

test('statistics that a source had of itself go to the index or nowhere, and never into tiles', async (t) => {
  const directory = temporaryDirectory(t);
  const stale = { STATISTICS_MEAN: '99', STATISTICS_APPROXIMATE: 'YES', SENSOR: 'b4' };
  const source = fromArray({ width: 96, height: 96, data: floats });
  const bands = source.info.bands.map((band) => ({ ...band, metadata: stale }));
  const told = { ...source, info: { ...source.info, bands } };
  for (const [name, statistics] of [
    ['ours', true],
    ['theirs', false],
  ] as const) {
    const path = join(directory, `${name}.vrt`);
    await writeTiledVrt(path, told, { tileSizePx: 32, statistics });
    const info = execFileSync('gdalinfo', ['-json', path], { encoding: 'utf8' });
    const items = (JSON.parse(info) as { bands: { metadata: Record<string, object> }[] }).bands[0]
      ?.metadata[''] as Record<string, string>;
    assert.equal(items['SENSOR'], 'b4');
    assert.equal(items['STATISTICS_MEAN'] === '99', !statistics);
    assert.equal('STATISTICS_APPROXIMATE' in items, !statistics);
    const tile = execFileSync('gdalinfo', [
      '-json',
      join(directory, `${name}_tiles/tile_00_00.tif`),
    ]);
    assert.doesNotMatch(String(tile), /STATISTICS_/u);
    assert.match(String(tile), /SENSOR/u);
  }
});

test('a replacement that a GDAL reader undoes when it closes is told of, and brought back', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const put = async (value: number): Promise<WrittenMosaic> =>
    writeTiledVrt(
      path,
      fromArray({ width: 96, height: 96, data: floats.map((each) => each + value) }),
      { tileSizePx: 32, ifExists: 'replace' },
    );
  await put(1);
  // Asks for statistics to be computed, whatever the index has, and is told by its input when to
  // close.
  const program =
    'import sys; from osgeo import gdal; d = gdal.Open(sys.argv[1]); d.GetRasterBand(1).ComputeStatistics(False); print(1, flush=True); sys.stdin.readline(); d = None';
  const gdal = spawn('/usr/bin/python3', ['-c', program, path], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(gdal, 'exit');
  await once(gdal.stdout, 'data');
  const { generation } = await put(2);
  gdal.stdin.end('\n');
  await ended;
  const { ok, problems } = await verifyVrt(path);
  assert.equal(ok, false);
  assert.equal(problems[0]?.kind, 'lost index', JSON.stringify(problems));
  assert.deepEqual(
    (await recoverVrt(path)).map(({ kind, action }) => [kind, action]),
    [['index', 'broughtBack']],
  );
  const report = await verifyVrt(path, { deep: true });
  assert.deepEqual([report.problems, report.generation], [[], generation]);
  const { tilesPath, lostIndexOf } = await put(3);
  assert.equal(lostIndexOf, undefined);
  assert.match(tilesPath, /out_tiles\.3$/u);
});

test('an index whose metadata GDAL wrote anew is told from damage', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const data = floats.map((value, at) => (at % 7 ? value : -3.4e38));
  const transform = [500_000, 10, 0, 4_000_000, 0, -10] as const;
  const place = { width: 96, height: 96, transform, crs: 'EPSG:32633', nodata: -3.4e38 };
  await writeTiledVrt(path, fromArray({ ...place, data }), { tileSizePx: 32, overviews: [2] });
  const program =
    'import sys; from osgeo import gdal; d = gdal.Open(sys.argv[1]); d.GetRasterBand(1).ComputeStatistics(False); d = None';
  run('/usr/bin/python3', '-c', program, path);
  const { ok, problems, notes } = await verifyVrt(path);
  assert.deepEqual([ok, problems], [true, []]);
  assert.ok(notes.some(({ kind }) => kind === 'rewritten'));
  assert.ok(notes.some(({ kind }) => kind === 'companion'));
});
