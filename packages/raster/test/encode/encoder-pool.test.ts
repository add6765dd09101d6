import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { isHoldfastError } from 'holdfast';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { arrivedError, carryError } from '#src/encode/carried-error.js';
import {
  type EncoderPool,
  type EncoderPoolOptions,
  openEncoderPool,
} from '#src/encode/encoder-pool.js';
import type { TileTaskOptions } from '#src/encode/tile-task.js';
import type { Pixels } from '#src/model.js';
import { encodeTile } from '../tiff/encode-tile.js';
import { tileFormat } from '#src/tiff/tile-format.js';

const errnoOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

const SIZE_PX = 64;
const format = tileFormat('test', {
  widthPx: SIZE_PX,
  heightPx: SIZE_PX,
  dataType: 'float32',
  bands: [{}],
  nodata: -1,
  georeferencing: {},
});

function pixels(seed: number, sizePx = SIZE_PX): Pixels {
  const data = Float32Array.from({ length: sizePx ** 2 }, (_, i) => Math.sin(i * seed) * 100);
  return { data, widthPx: sizePx, heightPx: sizePx, bandCount: 1, interleave: 'pixel' };
}

type PoolOptions = EncoderPoolOptions & Partial<TileTaskOptions>;

async function openPool(options: PoolOptions): Promise<EncoderPool> {
  const { writeOut = false, skipEmpty = false, statistics = 'none', pyramid, ...where } = options;
  const pool = openEncoderPool(where);
  await pool.prepare({ format, options: { writeOut, skipEmpty, statistics, pyramid } });
  return pool;
}

for (const [where, options] of [
  ['on worker threads', { threads: 2, writeOut: true }],
  ['on the calling thread', { threads: 0 }],
] as readonly [string, PoolOptions][]) {
  test(`a pool ${where} writes the same bytes as the encoder, and tells their checksum`, async (t) => {
    const directory = temporaryDirectory(t);
    const pool = await openPool(options);
    const seeds = Array.from({ length: 20 }, (_, seed) => seed);
    const written = await Promise.all(
      seeds.map(async (seed) => pool.writeTile(join(directory, `${seed}`), pixels(seed))),
    );
    await pool.close();
    for (const seed of seeds) {
      const bytes = readFileSync(join(directory, `${seed}`));
      assert.deepEqual(new Uint8Array(bytes), encodeTile(format, pixels(seed)));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      assert.deepEqual(written[seed], {
        sizeBytes: bytes.length,
        sha256,
        statistics: undefined,
        fewValues: undefined,
        part: undefined,
      });
    }
  });

  test(`a tile that fails ${where} rejects with the system's own error, and the others are written`, async (t) => {
    const directory = temporaryDirectory(t);
    const pool = await openPool(options);
    const paths = ['a', 'missing/b', 'c'].map((name) => join(directory, name));
    const settled = await Promise.allSettled(
      paths.map(async (path) => pool.writeTile(path, pixels(1))),
    );
    await pool.close();
    assert.deepEqual(readdirSync(directory), ['a', 'c']);
    const failed = settled[1];
    assert.ok(failed?.status === 'rejected');
    assert.equal(errnoOf(failed.reason), 'ENOENT');
    assert.equal((failed.reason as NodeJS.ErrnoException).path, paths[1]);
    assert.match((failed.reason as Error).stack ?? '', /at async writeTileFile /);
  });

  test(`with skipEmpty a pool ${where} leaves out a tile of nothing but nodata`, async (t) => {
    const directory = temporaryDirectory(t);
    const pool = await openPool({ ...options, skipEmpty: true });
    const empty = { ...pixels(1), data: new Float32Array(SIZE_PX ** 2).fill(-1) };
    assert.equal(await pool.writeTile(join(directory, 'empty'), empty), undefined);
    await pool.close();
    assert.deepEqual(readdirSync(directory), []);
  });
}

test('closing a pool waits for the tiles that were given to it', async (t) => {
  const directory = temporaryDirectory(t);
  const pool = await openPool({ threads: 1 });
  const writes = [1, 2, 3, 4, 5].map(async (n) =>
    pool.writeTile(join(directory, `${n}`), pixels(n)),
  );
  await pool.close();
  assert.equal(readdirSync(directory).length, 5);
  await Promise.all(writes);
  await assert.rejects(pool.writeTile(join(directory, 'late'), pixels(1)), /closed/);
});

test('an idle pool that nobody closed does not keep the process alive', () => {
  const from = (module: string): string => JSON.stringify(import.meta.resolve(module));
  const program = `
    import { openEncoderPool } from ${from('#src/encode/encoder-pool.js')};
    import { tileFormat } from ${from('#src/tiff/tile-format.js')};
    const info = { widthPx: 16, heightPx: 16, dataType: 'float32', bands: [{}], georeferencing: {} };
    const pool = openEncoderPool({ threads: 1 });
    const options = { writeOut: false, skipEmpty: false, statistics: 'none', pyramid: undefined };
    await pool.prepare({ format: tileFormat('test', info), options });
    const pixels = { data: new Float32Array(256), widthPx: 16, heightPx: 16, bandCount: 1, interleave: 'pixel' };
    await pool.writeTile('/dev/null/none', pixels).catch((error) => console.log(error.code));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 20_000,
    encoding: 'utf8',
  });
  assert.deepEqual([run.status, run.stdout], [0, 'ENOTDIR\n'], run.stderr);
});

test('a buffer that a tile gave back is used again', async (t) => {
  const directory = temporaryDirectory(t);
  const pool = await openPool({ threads: 1 });
  const tile = pixels(1);
  await pool.writeTile(join(directory, 'a'), tile);
  assert.equal(tile.data.length, 0, 'its buffer has moved');
  const buffer = pool.takeBuffer(SIZE_PX ** 2 * 4);
  assert.notEqual(new Float32Array(buffer)[1], 0, 'what is in it is left over');
  await pool.close();
});

test('a disk that takes fewer bytes than given is a full disk, never a shorter tile', async (t) => {
  const path = join(temporaryDirectory(t), 'tile');
  const short: Fs = {
    ...nodeFileSystem,
    async open(...args) {
      const file = await nodeFileSystem.open(...args);
      file.write = async (data) => data.length - 1;
      return file;
    },
  };
  const pool = await openPool({ fs: short });
  const failure: unknown = await pool.writeTile(path, pixels(1)).catch((error: unknown) => error);
  assert.ok(isHoldfastError(failure, 'NO_SPACE') && failure.path === path);
  await pool.close();
});

test('the disk begins with a large tile that will be synced as soon as it is written, and not with others', async (t) => {
  const directory = temporaryDirectory(t);
  const begun: string[] = [];
  const fs: Fs = {
    ...nodeFileSystem,
    async open(...args) {
      const file = await nodeFileSystem.open(...args);
      file.startWriteOut = () => void begun.push(file.path);
      return file;
    },
  };
  const large = pixels(1, 4 * SIZE_PX);
  for (const writeOut of [true, false]) {
    const pool = await openPool({ fs, writeOut });
    await pool.writeTile(join(directory, `large, ${writeOut}`), large);
    await pool.writeTile(join(directory, `small, ${writeOut}`), pixels(1));
    await pool.close();
  }
  assert.deepEqual(begun, [join(directory, 'large, true')]);
});

test('an error keeps its class, fields, cause and stack on its way between threads', () => {
  const cause = Object.assign(new TypeError('inner'), { code: 'EIO', errno: -5 });
  const arrived = arrivedError(structuredClone(carryError(new Error('outer', { cause }))));
  assert.equal(arrived.message, 'outer');
  assert.deepEqual(
    [(arrived.cause as Error).name, errnoOf(arrived.cause), (arrived.cause as Error).stack],
    ['TypeError', 'EIO', cause.stack],
  );
});

test('threads that are still starting when a pool closes end by themselves, and none is terminated', async (t) => {
  const terminate = t.mock.method(Worker.prototype, 'terminate');
  const before = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
  const pool = openEncoderPool({ threads: 2 });
  pool.start(2);
  await pool.prepare({
    format,
    options: { writeOut: false, skipEmpty: false, statistics: 'none', pyramid: undefined },
  });
  await pool.close();
  assert.equal(terminate.mock.callCount(), 0);
  const after = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
  assert.equal(after, before);
});
