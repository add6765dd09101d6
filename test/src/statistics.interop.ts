import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromArray, fromGeoTiff, writeTiledVrt, type RasterSource } from '@holdfast/raster';
import { sharedData, temporaryDirectory } from '@holdfast/tools/testing';

interface GdalBand {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly stdDev: number;
  readonly histogram?: {
    readonly count: number;
    readonly min: number;
    readonly max: number;
    readonly buckets: number[];
  };
  readonly metadata: { readonly ''?: Readonly<Record<string, string>> };
}

function bandOf(path: string, ...flags: string[]): GdalBand {
  const text = execFileSync('gdalinfo', ['-json', ...flags, path], { encoding: 'utf8' });
  return (JSON.parse(text) as { bands: GdalBand[] }).bands[0] as GdalBand;
}

async function mosaicOf(path: string, source: RasterSource): Promise<GdalBand> {
  await writeTiledVrt(path, source, { tileSizePx: 256, histogram: true });
  const band = bandOf(path, '-hist');
  // Had GDAL not found ours, it would have computed its own and left them beside the index.
  assert.equal(existsSync(`${path}.aux.xml`), false);
  return band;
}

test('GDAL finds the statistics and the histogram that were written with a mosaic', async (t) => {
  const input = sharedData('landsat8_b4.tif');
  if (!input) return t.skip('landsat8_b4.tif is missing');
  const path = join(temporaryDirectory(t), 'out.vrt');
  const source = await fromGeoTiff(input);
  const ours = await mosaicOf(path, source);
  await source.close();
  const { metadata } = bandOf(input, '-stats', '--config', 'GDAL_PAM_ENABLED', 'NO');
  const theirs = metadata[''] ?? {};
  const written = ours.metadata[''] ?? {};
  for (const name of ['MINIMUM', 'MAXIMUM', 'MEAN', 'STDDEV', 'VALID_PERCENT']) {
    const [mine, gdal] = [written, theirs].map((items) => Number(items[`STATISTICS_${name}`])) as [
      number,
      number,
    ];
    assert.ok(Math.abs(mine - gdal) <= 1e-9 * Math.abs(gdal), `${name}: ${mine} and ${gdal}`);
  }
  assert.equal(
    ours.histogram?.buckets.reduce((sum, count) => sum + count, 0),
    1310 * 1093,
  );
});

test('pixels without data count in no statistic but the valid share, also where a whole tile was left out', async (t) => {
  const data = new Float32Array(512 * 256).fill(-9999);
  data.set([1, 2, 3, 6]);
  const path = join(temporaryDirectory(t), 'out.vrt');
  const source = fromArray({ data, width: 512, height: 256, nodata: -9999 });
  await writeTiledVrt(path, source, { tileSizePx: 256, skipEmpty: true });
  const { metadata } = bandOf(path);
  assert.equal(metadata['']?.['STATISTICS_MEAN'], '3');
  assert.equal(metadata['']?.['STATISTICS_MAXIMUM'], '6');
  assert.equal(
    Number(metadata['']?.['STATISTICS_VALID_PERCENT']),
    Number(((100 * 4) / (512 * 256)).toPrecision(4)),
  );
});
