import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { type Fs, nodeFileSystem } from 'holdfast/os';
import { openVrt } from '#src/read/open-vrt.js';
import { fromArray } from '#src/source/from-array.js';
import { fromChunks } from '#src/source/from-chunks.js';
import type { RasterSource } from '#src/source/raster-source.js';
import { verifyVrt } from '#src/verify/verify-vrt.js';
import { manifestName, parseManifest } from '#src/write/manifest.js';
import { writeTiledVrt } from '#src/write/write-tiled-vrt.js';

const samples = Float32Array.from({ length: 50 * 40 }, (_, i) => Math.sin(i / 9) * 1000);
const source = (): RasterSource => fromArray({ data: samples, width: 50, height: 40 });
const options = { tileSizePx: 16, threads: 0 } as const;

/** Every file below a directory with a digest of its bytes. */
function snapshot(directory: string): Readonly<Record<string, string>> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
  return Object.fromEntries(
    names.toSorted().map((name) => {
      const hash = createHash('sha256').update(readFileSync(join(directory, name)));
      return [name, hash.digest('hex')];
    }),
  );
}

test('the same write twice gives identical bytes, on whichever threads', async (t) => {
  const snapshots = await Promise.all(
    [0, 0, 1, 2].map(async (threads) => {
      const directory = temporaryDirectory(t);
      await writeTiledVrt(join(directory, 'out.vrt'), source(), { tileSizePx: 16, threads });
      return snapshot(directory);
    }),
  );
  assert.equal(Object.keys(snapshots[0] ?? {}).length, 4 * 3 + 4);
  for (const other of snapshots.slice(1)) assert.deepEqual(other, snapshots[0]);
});

test('tiles are cut at the edges and named by row and column, with as many digits as the last needs', async (t) => {
  const directory = temporaryDirectory(t);
  await writeTiledVrt(join(directory, 'out.vrt'), source(), options);
  const names = readdirSync(join(directory, 'out_tiles')).filter((name) => name.endsWith('.tif'));
  assert.deepEqual(names[0], 'tile_00_00.tif');
  assert.deepEqual(names.at(-1), 'tile_02_03.tif');
  const wide = fromArray({ data: new Uint8Array(16 * 101 * 2), width: 16 * 101, height: 2 });
  await writeTiledVrt(join(directory, 'wide.vrt'), wide, options);
  assert.ok(readdirSync(join(directory, 'wide_tiles')).includes('tile_000_100.tif'));
  const mosaic = await openVrt(join(directory, 'out.vrt'));
  const pixels = await mosaic.read({ xPx: 0, yPx: 0, widthPx: 50, heightPx: 40 });
  await mosaic.close();
  assert.deepEqual(pixels.data, samples);
});

test('a finished mosaic is refused, and stays as it is', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await writeTiledVrt(path, source(), options);
  const before = snapshot(directory);
  await assert.rejects(writeTiledVrt(path, source(), options), (error) =>
    isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  assert.deepEqual(snapshot(directory), before);
});

test('tiles without an index are swept by the next write, whatever state the sweep of another left them in', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await writeTiledVrt(path, source(), options);
  const whole = snapshot(directory);
  for (const missing of [0, 1, 5, 12]) {
    unlinkSync(path);
    for (const name of readdirSync(join(directory, 'out_tiles')).slice(0, missing))
      if (name !== manifestName) unlinkSync(join(directory, 'out_tiles', name));
    await writeTiledVrt(path, source(), options);
    assert.deepEqual(snapshot(directory), whole);
  }
});

test('tiles that an index of another name refers to are alive, and refused', async (t) => {
  const directory = temporaryDirectory(t);
  await writeTiledVrt(join(directory, 'out.vrt'), source(), options);
  renameSync(join(directory, 'out.vrt'), join(directory, 'final.vrt'));
  const before = snapshot(directory);
  await assert.rejects(
    writeTiledVrt(join(directory, 'out.vrt'), source(), options),
    (error) => isHoldfastError(error, 'ALREADY_EXISTS') && /final\.vrt/u.test(error.message),
  );
  assert.deepEqual(snapshot(directory), before);
});

test('tiles without an index are refused when something else lies among them', async (t) => {
  const directory = temporaryDirectory(t);
  await writeTiledVrt(join(directory, 'out.vrt'), source(), options);
  renameSync(join(directory, 'out.vrt'), join(directory, 'elsewhere'));
  writeFileSync(join(directory, 'out_tiles', 'notes.txt'), 'mine');
  const before = snapshot(directory);
  await assert.rejects(
    writeTiledVrt(join(directory, 'out.vrt'), source(), options),
    (error) => isHoldfastError(error, 'ALREADY_EXISTS') && /notes\.txt/u.test(error.message),
  );
  assert.deepEqual(snapshot(directory), before);
});

test('a file where the tiles go is refused', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'out_tiles'), 'a file');
  await assert.rejects(writeTiledVrt(join(directory, 'out.vrt'), source(), options), (error) =>
    isHoldfastError(error, 'UNSUPPORTED_TARGET'),
  );
  assert.deepEqual(readdirSync(directory), ['out_tiles']);
});

test('a missing directory is an error that says so', async (t) => {
  const path = join(temporaryDirectory(t), 'missing', 'out.vrt');
  await assert.rejects(writeTiledVrt(path, source(), options), (error) =>
    isHoldfastError(error, 'NOT_FOUND'),
  );
});

test('when the index cannot be replaced, the tiles published for it go too', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const failing = (name: 'rename' | 'renameNoReplace' | 'link'): Partial<Fs> => ({
    [name]: async (from: string, to: string) => {
      if (to.endsWith('.vrt')) throw Object.assign(new Error('no'), { code: 'EIO' });
      return nodeFileSystem[name](from, to);
    },
  });
  const fs: Fs = {
    ...nodeFileSystem,
    ...failing('rename'),
    ...failing('renameNoReplace'),
    ...failing('link'),
  };
  await assert.rejects(writeTiledVrt(path, source(), { ...options, fs }), (error) =>
    isHoldfastError(error, 'IO'),
  );
  assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
});

test('a disk that is full while a tile is written leaves nothing, and says which tile', async (t) => {
  const directory = temporaryDirectory(t);
  const fs: Fs = {
    ...nodeFileSystem,
    async open(path, ...rest) {
      const file = await nodeFileSystem.open(path, ...rest);
      if (path.endsWith('tile_01_02.tif')) file.write = async () => 7;
      return file;
    },
  };
  const path = join(directory, 'out.vrt');
  await assert.rejects(
    writeTiledVrt(path, source(), { ...options, fs }),
    (error) => isHoldfastError(error, 'NO_SPACE') && /tile_01_02\.tif/u.test(error.message),
  );
  assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
});

test('a write that is cancelled leaves nothing, at whichever tile', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  for (const last of [1, 2, 11, 12]) {
    const controller = new AbortController();
    const write = writeTiledVrt(path, source(), {
      ...options,
      concurrency: 3,
      signal: controller.signal,
      onProgress: ({ tilesDone }) => {
        if (tilesDone === last) controller.abort(new Error('enough'));
      },
    });
    await assert.rejects(
      write,
      (error) =>
        isHoldfastError(error, 'ABORTED') &&
        error.cause instanceof Error &&
        error.cause.message === 'enough',
    );
    assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
  }
});

test('progress counts every tile once, and all samples', async (t) => {
  const seen: number[] = [];
  let sampleBytes = 0;
  const written = await writeTiledVrt(join(temporaryDirectory(t), 'out.vrt'), source(), {
    ...options,
    onProgress: (progress) => {
      seen.push(progress.tilesDone);
      sampleBytes = progress.sampleBytes;
      assert.equal(progress.tileCount, 12);
    },
  });
  assert.deepEqual(
    seen,
    Array.from({ length: 12 }, (_, i) => i + 1),
  );
  assert.equal(sampleBytes, samples.byteLength);
  assert.equal(written.tileCount, 12);
});

test('of two writers of one mosaic one wins and the other is told; the mosaic is whole', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const outcomes = await Promise.allSettled([
    writeTiledVrt(path, source(), options),
    writeTiledVrt(path, source(), options),
  ]);
  const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(lost.length, 1);
  assert.ok(isHoldfastError(lost[0]?.reason, 'ALREADY_EXISTS'));
  assert.deepEqual((await verifyVrt(path)).problems, []);
});

test('no more tiles than asked for are under way at once', async (t) => {
  let [running, most] = [0, 0];
  const chunks = fromChunks({
    width: 320,
    height: 16,
    dataType: 'uint8',
    chunks: { width: 16, height: 16 },
    compute: async () => {
      most = Math.max(most, (running += 1));
      await new Promise(setImmediate);
      running -= 1;
      return new Uint8Array(256);
    },
  });
  const path = join(temporaryDirectory(t), 'out.vrt');
  await writeTiledVrt(path, chunks, { threads: 0, concurrency: 3 });
  assert.equal(most, 3);
});

test('the chunks of a lazy source are the tiles, and each is computed once', async (t) => {
  const computed: string[] = [];
  const chunks = fromChunks({
    width: 50,
    height: 40,
    dataType: 'float32',
    chunks: { width: [7, 33, 10], height: [31, 9] },
    compute: ({ row, column, window }) => {
      computed.push(`${row},${column}`);
      return Float32Array.from(
        { length: window.widthPx * window.heightPx },
        (_, i) =>
          samples[
            (window.yPx + Math.floor(i / window.widthPx)) * 50 + window.xPx + (i % window.widthPx)
          ] as number,
      );
    },
  });
  const path = join(temporaryDirectory(t), 'out.vrt');
  const written = await writeTiledVrt(path, chunks, options);
  assert.equal(written.tileCount, 6);
  assert.deepEqual(computed.toSorted(), ['0,0', '0,1', '0,2', '1,0', '1,1', '1,2']);
  const mosaic = await openVrt(path);
  const pixels = await mosaic.read({ xPx: 0, yPx: 0, widthPx: 50, heightPx: 40 });
  await mosaic.close();
  assert.deepEqual(pixels.data, samples);
});

test('tiles that are all nodata are left out when asked, and read back as nodata', async (t) => {
  const directory = temporaryDirectory(t);
  const data = Int16Array.from({ length: 48 * 32 }, (_, i) => (i % 48 < 16 ? i : -9));
  const path = join(directory, 'out.vrt');
  const sparse = fromArray({ data, width: 48, height: 32, nodata: -9 });
  const written = await writeTiledVrt(path, sparse, { ...options, skipEmpty: true });
  assert.equal(written.tileCount, 2);
  assert.equal(readdirSync(join(directory, 'out_tiles')).length, 4);
  const mosaic = await openVrt(path);
  const pixels = await mosaic.read({ xPx: 0, yPx: 0, widthPx: 48, heightPx: 32 });
  await mosaic.close();
  assert.deepEqual(pixels.data, data);
  assert.deepEqual((await verifyVrt(path)).problems, []);
});

test('the manifest lists every tile with its size and checksum', async (t) => {
  const directory = temporaryDirectory(t);
  const written = await writeTiledVrt(join(directory, 'out.vrt'), source(), options);
  const text = readFileSync(join(directory, 'out_tiles', manifestName), 'utf8');
  const manifest = parseManifest(text);
  assert.equal(manifest?.generation, written.generation);
  assert.equal(manifest.tiles.length, 12);
  for (const { name, sizeBytes, sha256 } of manifest.tiles) {
    const bytes = readFileSync(join(directory, 'out_tiles', name));
    assert.equal(bytes.length, sizeBytes);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
  }
});

test('names that XML must escape are read back', async (t) => {
  const directory = join(temporaryDirectory(t), `a & b`);
  mkdirSync(directory);
  const path = join(directory, `<it's> "é".vrt`);
  await writeTiledVrt(path, source(), options);
  assert.deepEqual((await verifyVrt(path)).problems, []);
});

test('timers run while tiles are written', async (t) => {
  let turns = 0;
  const turn = setInterval(() => (turns += 1), 0);
  const data = new Float64Array(512 * 512);
  const large = fromArray({ data, width: 512, height: 512 });
  await writeTiledVrt(join(temporaryDirectory(t), 'out.vrt'), large, { tileSizePx: 64 });
  clearInterval(turn);
  assert.ok(turns > 0, 'no timer ran while 64 tiles were written');
});
