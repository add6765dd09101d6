/**
 * GDAL as the judge of coordinate reference systems: the index and the tiles of a mosaic say the
 * one of its source.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { fromGeoTiff, writeTiledVrt } from '@holdfast/raster';

const script = fileURLToPath(new URL('../python/crs_judge.py', import.meta.url));

function python(...args: readonly string[]): string {
  return execFileSync('/usr/bin/python3', [script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

test("index and tiles say their source's CRS, by GDAL's own comparison, or it is told", async (t) => {
  const folder = temporaryDirectory(t);
  python('make', folder);
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.tif'))) {
    const source = await fromGeoTiff(join(folder, name));
    try {
      const path = join(folder, name.replace('.tif', '.vrt'));
      const { notCarried } = await writeTiledVrt(path, source, {
        threads: 0,
        durability: 'atomic',
      });
      writeFileSync(path.replace('.vrt', '.told'), notCarried.map(({ what }) => what).join('\n'));
    } finally {
      await source.close();
    }
  }
  const [count, ...wrong] = python('judge', folder).trim().split('\n');
  t.diagnostic(count ?? '');
  assert.deepEqual(wrong, []);
});
