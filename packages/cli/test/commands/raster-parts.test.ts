import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, openVrt, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const bin = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

function raster(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'raster', ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

async function input(t: TestContext): Promise<{ directory: string; path: string; output: string }> {
  const directory = temporaryDirectory(t);
  const data = Float32Array.from({ length: 64 * 64 }, (_, index) => index);
  await writeTiledVrt(join(directory, 'in.vrt'), fromArray({ data, width: 64, height: 64 }));
  const path = join(directory, 'in_tiles', 'tile_00_00.tif');
  return { directory, path, output: join(directory, 'dem.vrt') };
}

test('a mosaic is begun, made in parts and committed, with the flags of tile', async (t) => {
  const { path, output } = await input(t);
  const begin = [
    path,
    output,
    '--parts',
    '2',
    '--tile-size',
    '16',
    '--nodata',
    'nan',
    '--srs',
    '32632',
  ];
  const begun = raster('begin', ...begin);
  assert.equal(begun.status, 0, begun.stderr);
  const id = begun.stdout.trim();
  assert.equal(raster('begin', ...begin).stdout.trim(), id);
  assert.equal(raster('begin', ...begin, '--level', '9').status, 3);
  assert.equal(raster('part', output, id, '1', '--threads', '0').status, 0);
  const missing = raster('commit', output, id);
  assert.equal(missing.status, 4);
  assert.match(missing.stderr, /: 0\./u);
  assert.match(raster('progress', output, id).stdout, /^open: 1 of 2 parts done/u);
  assert.equal(raster('part', output, id, '0', '--threads', '0').status, 0);
  const committed = raster('commit', output, id, '--json');
  assert.equal(committed.status, 0, committed.stderr);
  const written = JSON.parse(committed.stdout) as { path: string; tileCount: number };
  assert.deepEqual([written.path, written.tileCount], [output, 16]);
  const mosaic = await openVrt(output);
  assert.ok(Number.isNaN(mosaic.info.nodata));
  await mosaic.close();
  assert.deepEqual(raster('commit', output, id, '--json').stdout, committed.stdout);
  assert.equal(raster('part', output, id, '0', '--threads', '0').status, 0);
});

test('an input that changed since, and a session that is gone, are not to be tried again', async (t) => {
  const { directory, path, output } = await input(t);
  const id = raster('begin', path, output, '--parts', '2').stdout.trim();
  writeFileSync(path, readFileSync(path));
  assert.equal(raster('part', output, id, '0').status, 3);
  assert.equal(raster('abandon', output, id).status, 0);
  assert.equal(raster('part', output, id, '0').status, 3);
  assert.equal(existsSync(output), false);
  assert.ok(readdirSync(directory).every((name) => !name.includes('session')));
});

/** `raster progress --watch` as a process, and what it has printed so far. */
function watching(
  t: TestContext,
  ...args: string[]
): ChildProcess & { readonly printed: string[] } {
  const child = spawn(process.execPath, [bin, 'raster', 'progress', ...args, '--watch'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const printed: string[] = [];
  child.stdout?.on('data', (chunk: Buffer) => printed.push(...chunk.toString().match(/.+/gu)!));
  return Object.assign(child, { printed });
}

test('progress that is watched tells each part, and ends by itself when all are done', async (t) => {
  const { path, output } = await input(t);
  const id = raster('begin', path, output, '--parts', '2', '--tile-size', '32').stdout.trim();
  const child = watching(t, output, id);
  await once(child.stdout!, 'data');
  assert.deepEqual(child.printed, ['open: 0 of 2 parts done, 0 more begun, 0/4 tiles']);
  const exit = once(child, 'close');
  for (const part of ['0', '1']) raster('part', output, id, part, '--threads', '0');
  assert.deepEqual(await exit, [0, null]);
  assert.match(child.printed.at(-1) ?? '', /^open: 2 of 2 parts done, 0 more begun, 4\/4 tiles/u);
  assert.equal(raster('commit', output, id).status, 0);
  const after = raster('progress', output, id, '--watch');
  assert.deepEqual([after.status, after.stdout.split(':')[0]], [0, 'committed']);
});

test('progress that is watched ends with 3 when the session is gone, and with 130 at SIGINT', async (t) => {
  const { path, output } = await input(t);
  const id = raster('begin', path, output, '--parts', '2').stdout.trim();
  const interrupted = watching(t, output, id, '--interval', '1000');
  await once(interrupted.stdout!, 'data');
  const interruptedExit = once(interrupted, 'close');
  interrupted.kill('SIGINT');
  assert.deepEqual(await interruptedExit, [130, null]);
  const gone = watching(t, output, id);
  await once(gone.stdout!, 'data');
  const goneExit = once(gone, 'close');
  assert.equal(raster('abandon', output, id).status, 0);
  assert.deepEqual(await goneExit, [3, null]);
});
