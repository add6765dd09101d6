/** `holdfast raster part` and `commit` on a disk that is full, and then has room. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { verifyVrt } from '@holdfast/raster';
import { mountFilesystem, temporaryDirectory } from '@holdfast/tools/testing';
import { bytesBelow, makeInput, run, tileFlags, whole } from './mosaic-in-parts.js';

test('a part and a commit that find the disk full end with 1, change nothing, and go well once there is room', async (t) => {
  const mount = mountFilesystem(t, 'tmpfs', { sizeMb: 8 });
  const directory = temporaryDirectory(t);
  const input = await makeInput(directory);
  const output = join(mount, 'parts', 'dem.vrt');
  mkdirSync(join(mount, 'parts'));
  const id = run('raster', 'begin', input, output, '--parts', '2', ...tileFlags).stdout.trim();
  const filler = join(mount, 'filler');
  const fullThenNot = (...command: readonly string[]): void => {
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']);
    const failed = run(...command);
    assert.equal(failed.status, 1, failed.stderr);
    assert.match(failed.stderr, /No space|NO_SPACE/u);
    assert.equal(existsSync(output), false);
    rmSync(filler);
    const done = run(...command);
    assert.equal(done.status, 0, done.stderr);
  };
  fullThenNot('raster', 'part', output, id, '0', '--threads', '0');
  fullThenNot('raster', 'part', output, id, '1', '--threads', '1');
  fullThenNot('raster', 'commit', output, id);
  assert.deepEqual(bytesBelow(join(mount, 'parts')), whole(directory, input));
  assert.deepEqual((await verifyVrt(output, { deep: true })).problems, []);
});
