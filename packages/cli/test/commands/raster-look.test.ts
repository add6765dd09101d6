import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const command = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [command, 'raster', ...args], { encoding: 'utf8' });
}

test('a mosaic is described, drawn, verified, and what is wrong with it named', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const data = Int16Array.from({ length: 40 * 40 }, (_, index) => index);
  await writeTiledVrt(path, fromArray({ data, width: 40, height: 40 }), { tileSizePx: 16 });

  const facts = JSON.parse(run('info', path, '--json').stdout) as Record<string, unknown>;
  assert.equal(facts['tileCount'], 9);
  assert.match(run('info', path).stdout, /^dataType\s+int16$/m);

  const picture = join(path, '..', 'out.png');
  assert.match(run('preview', path, picture, '--ramp').stdout, /40x40 pixels/);
  const index = readFileSync(path, 'utf8');
  assert.equal(run('preview', path, path).status, 2);
  assert.equal(readFileSync(path, 'utf8'), index);
  assert.deepEqual([...readFileSync(picture).subarray(1, 4)], [...Buffer.from('PNG')]);

  assert.equal(run('verify', path, '--deep').status, 0);
  truncateSync(join(path, '..', 'out_tiles', 'tile_01_01.tif'), 100);
  const found = run('verify', path);
  assert.equal(found.status, 10);
  assert.match(found.stdout, /^truncated: .*tile_01_01\.tif/m);
});

test('an index that is missing or wants tiles from elsewhere is an error that says so', (t) => {
  const missing = run('verify', join(temporaryDirectory(t), 'none.vrt'));
  assert.equal(missing.status, 3);
  assert.match(missing.stderr, /NOT_FOUND/);
});
