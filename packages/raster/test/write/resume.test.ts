import assert from 'node:assert/strict';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { type HoldfastError, isHoldfastError } from 'holdfast';
import { type Fs, nodeFileSystem } from 'holdfast/os';
import {
  fromArray,
  fromChunks,
  openVrt,
  type RasterSource,
  verifyVrt,
  writeTiledVrt,
  type WriteOptions,
} from '#src/index.js';
import { digestFile } from '#src/write/file-digest.js';

const [WIDTH, HEIGHT] = [80, 48];
const samples = (seed: number): Float32Array =>
  Float32Array.from({ length: WIDTH * HEIGHT }, (_, index) => Math.sin(index * seed) * 100);
const source = (seed = 1): RasterSource =>
  fromArray({ data: samples(seed), width: WIDTH, height: HEIGHT });
/** 5 x 3 tiles, one after another. */
const options: WriteOptions = {
  tileSizePx: 16,
  threads: 0,
  concurrency: 1,
  resume: true,
  histogram: true,
};

/** The same source, which fails at one of its reads, and counts them. */
function failingAt(read: number, whole = source()): RasterSource & { readonly reads: number } {
  const failing = {
    ...whole,
    reads: 0,
    read: async (...args: Parameters<RasterSource['read']>) => {
      failing.reads += 1;
      if (failing.reads === read) throw new Error('the source is gone');
      return whole.read(...args);
    },
  };
  return failing;
}

/** Every file below a directory with its checksum, but for the lock. */
async function bytesBelow(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(directory, { recursive: true }) as string[]) {
    const path = join(directory, name);
    if (name.endsWith('.lock') || statSync(path).isDirectory()) continue;
    found[name] = (await digestFile(nodeFileSystem, path, { isWorthReading: () => true })).sha256;
  }
  assert.ok(Object.keys(found).length > 0, 'there is something to compare');
  return found;
}

const stageOf = (directory: string, tiles = 'out_tiles'): string =>
  join(directory, `.${tiles}.staging-resume`);
const leftIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => !name.endsWith('.lock'));

async function undisturbed(
  t: Parameters<typeof temporaryDirectory>[0],
  from = source(),
): Promise<unknown> {
  const directory = temporaryDirectory(t);
  await writeTiledVrt(join(directory, 'out.vrt'), from, { ...options, resume: false });
  return bytesBelow(directory);
}

test('a run takes what a failed one has finished, and makes the same bytes', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await assert.rejects(writeTiledVrt(path, failingAt(9), options), /the source is gone/u);
  assert.deepEqual(leftIn(directory), ['.out_tiles.staging-resume', 'out.vrt.resume']);
  const again = failingAt(0);
  const written = await writeTiledVrt(path, again, options);
  assert.equal(written.resumedTileCount, 8);
  assert.equal(again.reads, 15 - 8);
  assert.deepEqual(await bytesBelow(directory), await undisturbed(t));
});

test('of values whose sums no number holds a run that was resumed says what an undisturbed one says', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const data = Float64Array.from({ length: WIDTH * HEIGHT }, (_, index) =>
    index < 16 * WIDTH ? ((index % 3) - 1) * 1.5e308 : index,
  );
  const huge = fromArray({ data, width: WIDTH, height: HEIGHT });
  await assert.rejects(writeTiledVrt(path, failingAt(9, huge), options), /the source is gone/u);
  assert.equal((await writeTiledVrt(path, huge, options)).resumedTileCount, 8);
  assert.deepEqual(await bytesBelow(directory), await undisturbed(t, huge));
});

test('a cancelled run keeps its tiles when asked, and nothing otherwise', async (t) => {
  for (const resume of [true, false]) {
    const directory = temporaryDirectory(t);
    const controller = new AbortController();
    const write = writeTiledVrt(join(directory, 'out.vrt'), source(), {
      ...options,
      resume,
      signal: controller.signal,
      onProgress: ({ tilesDone }) => tilesDone === 5 && controller.abort(new Error('enough')),
    });
    await assert.rejects(write, (error) => isHoldfastError(error, 'ABORTED'));
    assert.equal(leftIn(directory).length, resume ? 2 : 0);
    const written = await writeTiledVrt(join(directory, 'out.vrt'), source(), options);
    assert.equal(written.resumedTileCount, resume ? 5 : 0);
  }
});

test('a tile that was changed, cut or removed in the stage is made again', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await assert.rejects(writeTiledVrt(path, failingAt(10), options), /the source is gone/u);
  const [flipped, cut, gone] = ['tile_00_00.tif', 'tile_00_02.tif', 'tile_01_01.tif'].map((name) =>
    join(stageOf(directory), name),
  ) as [string, string, string];
  const bytes = readFileSync(flipped);
  bytes[300] = (bytes[300] as number) ^ 1;
  writeFileSync(flipped, bytes);
  writeFileSync(cut, readFileSync(cut).subarray(0, 100));
  rmSync(gone);
  const written = await writeTiledVrt(path, source(), options);
  assert.equal(written.resumedTileCount, 9 - 3);
  assert.deepEqual(await bytesBelow(directory), await undisturbed(t));
});

const others: readonly [string, RasterSource, WriteOptions][] = [
  ['source', source(2), options],
  ['options', source(), { ...options, compression: 'lzw' }],
  ['options', source(), { ...options, tileSizePx: 32 }],
  [
    'options',
    fromArray({ data: samples(1), width: WIDTH, height: HEIGHT, nodata: 0 }),
    { ...options },
  ],
];

test('the work of another job is refused with what differs, and not touched', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await assert.rejects(writeTiledVrt(path, failingAt(9), options), /the source is gone/u);
  const before = await bytesBelow(directory);
  for (const [different, other, otherOptions] of others) {
    await assert.rejects(writeTiledVrt(path, other, otherOptions), (error: HoldfastError) => {
      assert.ok(isHoldfastError(error, 'ALREADY_EXISTS'));
      assert.equal(error.path, stageOf(directory));
      assert.match(error.message, new RegExp(`other ${different}`, 'u'));
      return true;
    });
    assert.deepEqual(await bytesBelow(directory), before);
  }
  const unlike = { threads: 0, concurrency: 3, durability: 'atomic' } as const;
  const written = await writeTiledVrt(path, source(), { ...options, ...unlike });
  assert.equal(written.resumedTileCount, 8);
});

test('work of another job goes when its stage is removed, or a write without resume succeeds', async (t) => {
  for (const remove of [true, false]) {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'out.vrt');
    await assert.rejects(writeTiledVrt(path, failingAt(9), options), /the source is gone/u);
    if (remove) rmSync(stageOf(directory), { recursive: true });
    else {
      const failing = writeTiledVrt(path, failingAt(2, source(2)), { ...options, resume: false });
      await assert.rejects(failing, /the source is gone/u);
      assert.equal(readdirSync(stageOf(directory)).length, 8, 'a failure leaves it alone');
    }
    await writeTiledVrt(path, source(2), { ...options, resume: remove });
    assert.deepEqual(leftIn(directory), ['out.vrt', 'out_tiles']);
  }
});

test('an overwrite is resumed, and readers see the old mosaic until it is done', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const replace: WriteOptions = { ...options, ifExists: 'replace', keepPrevious: 0 };
  await writeTiledVrt(path, source(2), replace);
  await assert.rejects(writeTiledVrt(path, failingAt(12), replace), /the source is gone/u);
  assert.equal((await verifyVrt(path)).ok, true);
  const mosaic = await openVrt(path);
  assert.deepEqual((await mosaic.read()).data, samples(2));
  await mosaic.close();
  const written = await writeTiledVrt(path, source(), replace);
  assert.equal(written.resumedTileCount, 11);
  assert.deepEqual(leftIn(directory), ['out.vrt', 'out.vrt.generations', 'out_tiles.2']);
  const now = await openVrt(path);
  assert.deepEqual((await now.read()).data, samples(1));
  await now.close();
});

test('a stage that was begun for a first write is taken over by an overwrite', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await assert.rejects(writeTiledVrt(path, failingAt(12), options), /the source is gone/u);
  // Meanwhile somebody copies a whole mosaic there.
  const elsewhere = temporaryDirectory(t);
  await writeTiledVrt(join(elsewhere, 'out.vrt'), source(2), options);
  for (const name of ['out.vrt', 'out_tiles'])
    renameSync(join(elsewhere, name), join(directory, name));
  const replace: WriteOptions = { ...options, ifExists: 'replace', keepPrevious: 0 };
  const written = await writeTiledVrt(path, source(), replace);
  assert.equal(written.resumedTileCount, 11);
  assert.deepEqual(leftIn(directory), ['out.vrt', 'out.vrt.generations', 'out_tiles.2']);
});

test('when only the index could not be written, the next run takes every tile', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const fs: Fs = {
    ...nodeFileSystem,
    renameNoReplace: async (from, to) => {
      if (to.endsWith('.vrt')) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      return nodeFileSystem.renameNoReplace(from, to);
    },
  };
  await assert.rejects(writeTiledVrt(path, source(), { ...options, fs }), (error) =>
    isHoldfastError(error, 'NO_SPACE'),
  );
  assert.ok(existsSync(join(directory, 'out_tiles')));
  const written = await writeTiledVrt(path, source(), options);
  assert.equal(written.resumedTileCount, 15);
  assert.deepEqual(await bytesBelow(directory), await undisturbed(t));
});

test('what somebody put into the stage is neither published nor removed', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await assert.rejects(writeTiledVrt(path, failingAt(4), options), /the source is gone/u);
  writeFileSync(join(stageOf(directory), 'notes.txt'), 'mine');
  await assert.rejects(writeTiledVrt(path, source(), options), (error) =>
    isHoldfastError(error, 'TARGET_CHANGED'),
  );
  assert.equal(readFileSync(join(stageOf(directory), 'notes.txt'), 'utf8'), 'mine');
});

test('a record that is torn, has holes, or is gone costs tiles, never the right ones', async (t) => {
  const damages: readonly [taken: number, damage: (record: Buffer) => Buffer][] = [
    [6, (record) => record.subarray(0, -5)],
    [0, () => Buffer.alloc(0)],
    [0, (record) => record.fill(0, 0, 200)],
    [5, (record) => record.fill(0, record.length - 400, record.length - 300)],
  ];
  for (const [taken, damage] of damages) {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'out.vrt');
    await assert.rejects(writeTiledVrt(path, failingAt(8), options), /the source is gone/u);
    const record = join(directory, 'out.vrt.resume');
    writeFileSync(record, damage(readFileSync(record)));
    const { resumedTileCount } = await writeTiledVrt(path, source(), options);
    assert.ok(resumedTileCount >= taken && resumedTileCount < 7, `${taken} ${resumedTileCount}`);
    assert.deepEqual(await bytesBelow(directory), await undisturbed(t));
  }
});

test('empty tiles that were left out are not computed again', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  let computed = 0;
  let failAt = 4;
  const lazy = (): RasterSource =>
    fromChunks({
      width: 80,
      height: 16,
      dataType: 'uint8',
      nodata: 0,
      chunks: { width: 16, height: 16 },
      fingerprint: 'v1',
      compute: ({ column }) => {
        computed += 1;
        if (computed === failAt) throw new Error('the source is gone');
        return new Uint8Array(256).fill(column % 2);
      },
    });
  const skip = { ...options, tileSizePx: undefined, skipEmpty: true };
  await assert.rejects(writeTiledVrt(path, lazy(), skip), /the source is gone/u);
  [computed, failAt] = [0, 0];
  const written = await writeTiledVrt(path, lazy(), skip);
  assert.deepEqual([written.resumedTileCount, computed, written.tileCount], [3, 2, 2]);
});

test('a source that cannot say which samples it has is refused before anything is touched', async (t) => {
  const directory = temporaryDirectory(t);
  const lazy = fromChunks({
    width: 16,
    height: 16,
    dataType: 'uint8',
    chunks: { width: 16, height: 16 },
    compute: () => new Uint8Array(256),
  });
  await assert.rejects(writeTiledVrt(join(directory, 'out.vrt'), lazy, { resume: true }), (error) =>
    isHoldfastError(error, 'INVALID_ARGUMENT'),
  );
  assert.deepEqual(readdirSync(directory), []);
});
