/**
 * The promises that the origin of Holdfast broke: a tiled raster write that fails or dies never
 * poisons its own retry (xarray-contrib/xarray-spatial #2669, #2678, #2964, #2965).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  fromArray,
  fromChunks,
  fromGeoTiff,
  type RasterSource,
  type WriteOptions,
  writeTiledVrt,
} from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { type HoldfastError, isHoldfastError } from 'holdfast';

const WIDTH = 80;
const HEIGHT = 48;
const samples = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i * 31) % 65_521);
const inMemory = (): RasterSource => fromArray({ data: samples, width: WIDTH, height: HEIGHT });
/** 5 x 3 tiles, encoded on this thread: a hundred rounds need no hundred pools of threads. */
const options: WriteOptions = { tileSizePx: 16, threads: 0 };

/** What is there, without the lock file, which stays. */
function leftIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name !== 'out.vrt.lock')
    .toSorted();
}

/** Every tile in its place holds the samples it should. */
async function assertWhole(directory: string): Promise<void> {
  assert.deepEqual(leftIn(directory), ['out.vrt', 'out_tiles']);
  const index = readFileSync(join(directory, 'out.vrt'), 'utf8');
  const source =
    /<SourceFilename relativeToVRT="1">([^<]+)<[\s\S]*?<DstRect xOff="(\d+)" yOff="(\d+)" xSize="(\d+)" ySize="(\d+)"/gu;
  let pixels = 0;
  for (const [, name = '', ...numbers] of index.matchAll(source)) {
    const [xOff = 0, yOff = 0, widthPx = 0, heightPx = 0] = numbers.map(Number);
    const tile = await fromGeoTiff(join(directory, name));
    const { data } = await tile.read({ xPx: 0, yPx: 0, widthPx, heightPx });
    await tile.close();
    const expected = Array.from({ length: widthPx * heightPx }, (_, i) => {
      const [x, y] = [xOff + (i % widthPx), yOff + Math.floor(i / widthPx)];
      return samples[y * WIDTH + x];
    });
    assert.deepEqual([...data], expected, name);
    pixels += widthPx * heightPx;
  }
  assert.equal(pixels, WIDTH * HEIGHT);
}

test('a successful write leaves the tiles, a readable index and no stage', async (t) => {
  const directory = temporaryDirectory(t);
  const written = await writeTiledVrt(join(directory, 'out.vrt'), inMemory(), options);
  assert.equal(written.tileCount, 15);
  await assertWhole(directory);
});

test('a write from memory that fails at tile 2 leaves nothing, and the retry succeeds', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const own = new Error('the disk of the source broke');
  const source = inMemory();
  let reads = 0;
  const failing: RasterSource = {
    ...source,
    read: async (window, signal) => {
      reads += 1;
      if (reads === 2) throw own;
      return source.read(window, signal);
    },
  };
  await assert.rejects(writeTiledVrt(path, failing, options), (error) => isOwn(error, own));
  assert.deepEqual(leftIn(directory), []);
  await writeTiledVrt(path, source, options);
  await assertWhole(directory);
});

/**
 * The error names the tile and carries the tile's own error, whose stack is the one it was thrown
 * with.
 */
function isOwn(error: unknown, own: Error): error is HoldfastError {
  assert.ok(isHoldfastError(error, 'UPDATER_FAILED'));
  assert.equal(error.outcome, 'unchanged');
  assert.equal(error.cause, own);
  assert.match(error.message, /tile_0\d_0\d\.tif .*row \d, column \d/u);
  assert.match(own.stack ?? '', /tiled-write\.test/u);
  return true;
}

/**
 * A lazy source whose chunk (0, 1) fails while others are under way: `others` are let go only after
 * that failure, so their results arrive while the write is being cleaned up.
 */
function racingSource(own: Error, others: 'return' | 'fail' | 'lateReturn'): RasterSource {
  let failed: () => void;
  const failure = new Promise<void>((resolve) => (failed = resolve));
  return fromChunks({
    width: WIDTH,
    height: HEIGHT,
    dataType: 'uint16',
    chunks: { width: 16, height: 16 },
    compute: async ({ row, column, window }, signal) => {
      if (row === 0 && column === 1) {
        failed();
        throw own;
      }
      if (others !== 'return') await failure;
      if (others === 'lateReturn' && signal?.aborted === false) await once(signal, 'abort');
      if (others === 'fail') throw new Error(`chunk ${row},${column} fails too`);
      return Uint16Array.from({ length: window.widthPx * window.heightPx }, (_, i) => {
        const [x, y] = [i % window.widthPx, Math.floor(i / window.widthPx)];
        return samples[(window.yPx + y) * WIDTH + window.xPx + x] as number;
      });
    },
  });
}

test('a lazy write whose tasks race the failing one leaves nothing, and the retry succeeds: 100 rounds', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  for (let round = 0; round < 100; round += 1) {
    const own = new Error(`round ${round}`);
    const others = (['return', 'fail', 'lateReturn'] as const)[round % 3];
    const concurrency = 2 + (round % 7);
    const failing = racingSource(own, others ?? 'return');
    const write = writeTiledVrt(path, failing, { ...options, concurrency });
    await assert.rejects(write, (error) => isOwn(error, own));
    assert.deepEqual(leftIn(directory), [], `after round ${round}`);
    // Whatever still ran would write now.
    await setImmediate();
    assert.deepEqual(leftIn(directory), [], `a while after round ${round}`);
  }
  await writeTiledVrt(path, inMemory(), options);
  await assertWhole(directory);
});

test('the error of the first failing tile carries those of the others', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const own = new Error('the first');
  await assert.rejects(
    writeTiledVrt(path, racingSource(own, 'fail'), { ...options, concurrency: 4 }),
    (error) => {
      assert.ok(isOwn(error, own));
      const messages = error.others.map(String);
      assert.equal(messages.length, 3);
      assert.ok(messages.every((message) => /chunk \d,\d fails too/u.test(message)));
      return true;
    },
  );
});

test('what is refused early leaves nothing at all', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const refused: readonly WriteOptions[] = [
    { tileSizePx: 0 },
    { tileSizePx: 100 },
    { tileSizePx: 8192 },
    { tileSizePx: -16 },
    { tileSizePx: Number.NaN },
    { compression: 'jpeg' as never },
    { compression: 'deflate', level: 10 },
    { compression: 'none', predictor: 2 },
    { predictor: 3 },
    { maxZError: 0.1 },
    { blockSizePx: 20 },
    { concurrency: 0 },
    { threads: -1 },
    { skipEmpty: true },
    { cog: true } as never,
    { overviewLevels: [2, 4] } as never,
  ];
  for (const wrong of refused) {
    await assert.rejects(
      writeTiledVrt(path, inMemory(), wrong),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT') && error.outcome === 'unchanged',
      JSON.stringify(wrong),
    );
    assert.deepEqual(readdirSync(directory), [], JSON.stringify(wrong));
  }
  await assert.rejects(writeTiledVrt(join(directory, 'out.tif'), inMemory()), /SOMETHING\.vrt/u);
  assert.deepEqual(readdirSync(directory), []);
});

test('an empty tiles directory is reused', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'out_tiles'));
  await writeTiledVrt(join(directory, 'out.vrt'), inMemory(), options);
  await assertWhole(directory);
});

test('a tiles directory that is not ours is refused before anything is written, and not touched', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'out_tiles'));
  writeFileSync(join(directory, 'out_tiles', 'notes.txt'), 'mine');
  await assert.rejects(writeTiledVrt(join(directory, 'out.vrt'), inMemory(), options), (error) =>
    isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  assert.deepEqual(readdirSync(directory), ['out_tiles']);
  assert.deepEqual(readdirSync(join(directory, 'out_tiles')), ['notes.txt']);
  assert.equal(readFileSync(join(directory, 'out_tiles', 'notes.txt'), 'utf8'), 'mine');
});

/** Runs a write in a process of its own that kills itself where it is told to. */
async function killedWrite(path: string, where: string): Promise<void> {
  const program = fileURLToPath(new URL('./killed-write.js', import.meta.url));
  const child = spawn(process.execPath, [program, path, where], { stdio: 'inherit' });
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL', `the run was to be killed ${where}`);
}

for (const where of ['at tile 2', 'before the tiles are published', 'before the index']) {
  test(`a run killed ${where} does not stop the retry, which leaves nothing of it`, async (t) => {
    const directory = temporaryDirectory(t);
    await killedWrite(join(directory, 'out.vrt'), where);
    const left = leftIn(directory);
    assert.ok(!left.includes('out.vrt'), 'no index');
    assert.equal(left.includes('out_tiles'), where === 'before the index', left.join());
    await writeTiledVrt(join(directory, 'out.vrt'), inMemory(), options);
    await assertWhole(directory);
  });
}
