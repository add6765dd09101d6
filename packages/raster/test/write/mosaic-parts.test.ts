import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { interceptFs } from '@holdfast/crashkit';
import { temporaryDirectory } from '@holdfast/tools/testing';
import * as zarr from 'zarrita';
import { type ErrorCode, isHoldfastError, joinParts } from 'holdfast';
import { nodeFileSystem, systemError } from 'holdfast/os';
import {
  abandonMosaic,
  beginMosaic,
  fromArray,
  fromChunks,
  fromZarr,
  joinMosaic,
  type MosaicPartsOptions,
  mosaicProgress,
  type MosaicProgress,
  openVrt,
  type RasterSource,
  verifyVrt,
  writeTiledVrt,
  type ZarrArray,
} from '#src/index.js';

const [WIDTH, HEIGHT] = [200, 120];

/** With a hole of nodata that some tiles lie in. */
function source(seed = 1): RasterSource {
  const data = Float32Array.from({ length: WIDTH * HEIGHT }, (_, index) =>
    index % WIDTH < 70 && index < 60 * WIDTH ? -9999 : Math.sin(index * seed) * 100,
  );
  return fromArray({ data, width: WIDTH, height: HEIGHT, nodata: -9999 });
}

const options: MosaicPartsOptions = {
  tileSizePx: 32,
  skipEmpty: true,
  overviews: 'auto',
  histogram: true,
};

function failsWith(code: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isHoldfastError(error, code), String(error));
    return true;
  };
}

/** Every file below a directory with its bytes, but for locks and what a session leaves. */
function bytesBelow(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !/\.lock$|\.session\.json$/u.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    paths.map((path) => [path.slice(directory.length + 1), readFileSync(path, 'base64')]),
  );
}

interface Begun {
  readonly root: string;
  readonly path: string;
  readonly id: string;
}

async function begun(t: TestContext, partCount: number): Promise<Begun> {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'parts'));
  const path = join(root, 'parts', 'dem.vrt');
  const { id, tileCount } = await beginMosaic(path, source(), { ...options, partCount });
  assert.equal(tileCount, 28);
  return { root, path, id };
}

/** The mosaic as one process writes it. */
async function written(root: string): Promise<Record<string, string>> {
  mkdirSync(join(root, 'whole'));
  await writeTiledVrt(join(root, 'whole', 'dem.vrt'), source(), { ...options, threads: 0 });
  return bytesBelow(join(root, 'whole'));
}

const joined = (path: string, id: string, threads = 0) =>
  joinMosaic(path, id, source(), { threads });

for (const partCount of [1, 5, 40]) {
  test(`a mosaic of ${partCount} parts is byte for byte what one process writes`, async (t) => {
    const { root, path, id } = await begun(t, partCount);
    for (let part = partCount - 1; part >= 0; part -= 1) {
      const result = await (await joined(path, id)).writePart(part);
      assert.deepEqual(result, { part, wasDone: false });
    }
    assert.deepEqual(readdirSync(join(root, 'parts')).toSorted(), [
      `.dem.vrt.session-${id}`,
      'dem.vrt.lock',
    ]);
    const mosaic = await (await joined(path, id)).commit();
    assert.deepEqual(bytesBelow(join(root, 'parts')), await written(root));
    assert.equal(mosaic.path, path);
    assert.ok(mosaic.tileCount < 28);
    assert.deepEqual((await verifyVrt(path, { deep: true })).problems, []);
    assert.deepEqual(await (await joined(path, id)).commit(), mosaic);
    const again = await beginMosaic(path, source(), { ...options, partCount });
    assert.deepEqual(again, { id, partCount, tileCount: 28, state: 'committed' });
  });
}

test('a commit names the parts that are missing, and what is damaged is made again', async (t) => {
  const { root, path, id } = await begun(t, 3);
  const session = await joined(path, id);
  await session.writePart(0);
  await session.writePart(2);
  await assert.rejects(session.commit(), (error) => {
    assert.ok(isHoldfastError(error, 'PARTS_MISSING'));
    assert.match(error.message, /: 1\./u);
    return true;
  });
  await session.writePart(1);
  const attempts = join(root, 'parts', `.dem.vrt.session-${id}`, 'attempts');
  const [attempt = ''] = readdirSync(attempts).filter((name) => name.startsWith('1-'));
  const [tile = ''] = readdirSync(join(attempts, attempt));
  rmSync(join(attempts, attempt, tile));
  await assert.rejects(session.commit(), failsWith('PARTS_MISSING'));
  assert.deepEqual((await session.progress()).done, [0, 2]);
  await session.writePart(1);
  await session.commit();
  assert.deepEqual(bytesBelow(join(root, 'parts')), await written(root));
});

test('all parts at once, and each of them twice, make the same mosaic', async (t) => {
  const { root, path, id } = await begun(t, 4);
  const calls = [0, 1, 2, 3, 0, 1, 2, 3].map(async (part) =>
    (await joined(path, id)).writePart(part),
  );
  await Promise.all(calls);
  await Promise.all([(await joined(path, id)).commit(), (await joined(path, id)).commit()]);
  assert.deepEqual(bytesBelow(join(root, 'parts')), await written(root));
});

test('of values whose sums no number holds, a mosaic in parts says what one process says', async (t) => {
  const { root } = await begun(t, 1);
  const data = Float64Array.from({ length: WIDTH * HEIGHT }, (_, index) =>
    index % WIDTH < 64 ? ((index % 3) - 1) * 1.5e308 : index,
  );
  const huge = () => fromArray({ data, width: WIDTH, height: HEIGHT });
  const [inParts, atOnce] = [join(root, 'huge', 'dem.vrt'), join(root, 'once', 'dem.vrt')];
  for (const path of [inParts, atOnce]) mkdirSync(join(path, '..'));
  await writeTiledVrt(atOnce, huge(), { tileSizePx: 32, threads: 0 });
  const { id } = await beginMosaic(inParts, huge(), { tileSizePx: 32, partCount: 2 });
  const session = await joinMosaic(inParts, id, huge(), { threads: 0 });
  for (const part of [0, 1]) await session.writePart(part);
  await session.commit();
  assert.deepEqual(bytesBelow(join(root, 'huge')), bytesBelow(join(root, 'once')));
  assert.match(readFileSync(inParts, 'utf8'), /STATISTICS_STDDEV">(?:NaN|Infinity)</u);
});

test('a session starts its threads once for all of its parts', async (t) => {
  const { path, id } = await begun(t, 3);
  let startedCount = 0;
  const count = (): void => void (startedCount += 1);
  process.on('worker', count);
  t.after(() => process.off('worker', count));
  const session = await joined(path, id, 1);
  for (const part of [0, 1, 2]) await session.writePart(part);
  assert.equal(startedCount, 1);
  await session.commit();
});

test('whoever joins with another source, or options, or to another kind of session, is refused', async (t) => {
  const { path, id } = await begun(t, 2);
  await assert.rejects(joinMosaic(path, id, source(2)), failsWith('ALREADY_EXISTS'));
  await assert.rejects(
    beginMosaic(path, source(2), { ...options, partCount: 2 }),
    failsWith('ALREADY_EXISTS'),
  );
  await assert.rejects(
    beginMosaic(path, source(), { ...options, partCount: 2, level: 9 }),
    failsWith('ALREADY_EXISTS'),
  );
  assert.equal(await abandonMosaic(path, id), true);
  await assert.rejects(joined(path, id), failsWith('SESSION_GONE'));
});

test('a source without a fingerprint, and options that mean nothing here, are refused', async (t) => {
  const path = join(temporaryDirectory(t), 'dem.vrt');
  const without = Object.fromEntries(
    Object.entries(source()).filter(([name]) => name !== 'fingerprint'),
  ) as unknown as RasterSource;
  await assert.rejects(beginMosaic(path, without, { partCount: 1 }), failsWith('INVALID_ARGUMENT'));
  const resume = { partCount: 1, resume: true } as unknown as Parameters<typeof beginMosaic>[2];
  await assert.rejects(beginMosaic(path, source(), resume), failsWith('INVALID_ARGUMENT'));
});

test('a mosaic is replaced by parts while its readers read on', async (t) => {
  const path = join(temporaryDirectory(t), 'dem.vrt');
  await writeTiledVrt(path, source(3), options);
  const reader = await openVrt(path);
  const begin = { ...options, partCount: 2, ifExists: 'replace' } as const;
  const { id } = await beginMosaic(path, source(), begin);
  const session = await joined(path, id);
  await session.writePart(0);
  await session.writePart(1);
  const { tilesPath } = await session.commit();
  assert.equal(tilesPath, join(path, '..', 'dem_tiles.2'));
  const window = { xPx: 100, yPx: 0, widthPx: 1, heightPx: 1 };
  assert.equal((await reader.read(window)).data[0], Math.fround(Math.sin(100 * 3) * 100));
  await reader.close();
  assert.deepEqual((await verifyVrt(path, { deep: true })).problems, []);
});

test('a commit that died after it had put the index in place writes nothing again', async (t) => {
  const { root, path, id } = await begun(t, 2);
  const session = await joined(path, id);
  await session.writePart(0);
  await session.writePart(1);
  const fs = interceptFs(nodeFileSystem, {
    before: ({ name, args }) =>
      name === 'rename' && String(args[1]).endsWith('.dem.vrt.session.json')
        ? { throws: systemError(constants.errno.EIO, 'rename', path) }
        : undefined,
  });
  const dying = await joinMosaic(path, id, source(), { threads: 0, fs });
  await assert.rejects(dying.commit(), (error) => {
    assert.ok(isHoldfastError(error));
    assert.equal(error.outcome, 'committed');
    return true;
  });
  const { ino } = statSync(path);
  const { path: again, tilesPath } = await (await joined(path, id)).commit();
  assert.equal(again, path);
  assert.equal(statSync(path).ino, ino);
  assert.equal(tilesPath, join(root, 'parts', 'dem_tiles'));
  assert.deepEqual(bytesBelow(join(root, 'parts')), await written(root));
});

test('the note of a session opens the source of those who join', async (t) => {
  const path = join(temporaryDirectory(t), 'dem.vrt');
  const note = { seed: 4 };
  const { id } = await beginMosaic(path, source(4), { ...options, partCount: 1, note });
  const session = await joinMosaic(path, id, async (given) => {
    assert.deepEqual(given, note);
    return source(given.seed);
  });
  await session.writePart(0);
  assert.ok((await session.commit()).tileCount > 0);
  assert.equal((await joinParts(path, id)).partCount, 1);
});

test('how far a mosaic has come is told of each tile, by its directory alone', async (t) => {
  const { path, id } = await begun(t, 5);
  const session = await joined(path, id);
  await session.writePart(1);
  let during: MosaicProgress | undefined;
  const under = await joinMosaic(
    path,
    id,
    {
      ...source(),
      read: async (...asked) => {
        during ??= await mosaicProgress(path, id);
        return source().read(...asked);
      },
    },
    { threads: 0 },
  );
  await under.writePart(4);
  const { rowCount, columnCount, tiles, state } = during!;
  assert.deepEqual([rowCount, columnCount, state], [4, 7, 'open']);
  // 28 tiles in five parts: they begin at 0, 5, 11, 16 and 22.
  const letters = tiles.map((tile) => tile[0]).join('');
  assert.equal(letters, 'mmmmmddddddmmmmmmmmmmmbbbbbb');
  for (const part of [0, 2, 3]) await session.writePart(part);
  await session.commit();
  const after = await mosaicProgress(path, id);
  assert.equal(after.state, 'committed');
  assert.ok(after.tiles.every((tile) => tile === 'done'));
  await assert.rejects(mosaicProgress(path, 'f'.repeat(20)), failsWith('SESSION_GONE'));
});

/** What reads its samples lazily, opened anew by each who joins, and counts what was asked for. */
const lazySources: Readonly<Record<string, (asked: string[]) => Promise<RasterSource>>> = {
  'chunks of a function': async (asked) =>
    fromChunks({
      width: WIDTH,
      height: HEIGHT,
      dataType: 'int16',
      chunks: { width: 32, height: 32 },
      fingerprint: 'rows times columns',
      compute: ({ row, column, window: { xPx, yPx, widthPx, heightPx } }) => {
        asked.push(`${row},${column}`);
        return Int16Array.from(
          { length: widthPx * heightPx },
          (_, index) => (xPx + (index % widthPx)) * (yPx + Math.floor(index / widthPx)),
        );
      },
    }),
  'chunks of a Zarr array': async (asked) => {
    const array = await zarr.create(zarr.root(), {
      shape: [HEIGHT, WIDTH],
      chunkShape: [32, 32],
      dtype: 'float32',
    });
    const data = Float32Array.from({ length: WIDTH * HEIGHT }, (_, index) => Math.cos(index));
    await zarr.set(array, null, { data, shape: [HEIGHT, WIDTH], stride: [WIDTH, 1] });
    const getChunk: ZarrArray['getChunk'] = (position, ...more) => {
      asked.push(position.join(','));
      return (array as ZarrArray).getChunk(position, ...more);
    };
    const { shape, chunks, dtype, attrs } = array;
    const counted: ZarrArray = { shape, chunks, dtype, attrs, getChunk };
    return fromZarr(counted, { tiling: 'chunks', fingerprint: 'cosines' });
  },
};

for (const [name, openSource] of Object.entries(lazySources)) {
  test(`of ${name} a part reads what its tiles are made of and no more, and the mosaic is that of one process`, async (t) => {
    const place = temporaryDirectory(t);
    for (const each of ['whole', 'parts']) mkdirSync(join(place, each));
    const path = join(place, 'parts', 'dem.vrt');
    const { id } = await beginMosaic(path, await openSource([]), { partCount: 3, note: name });
    const askedByAll: string[] = [];
    for (const part of [2, 0, 1]) {
      const asked: string[] = [];
      const session = await joinMosaic(path, id, () => openSource(asked), { threads: 0 });
      await session.writePart(part);
      assert.ok(asked.length < 12, `part ${part} asked for ${asked.join(' ')}`);
      askedByAll.push(...asked);
    }
    // Four rows of seven chunks, each once.
    assert.equal(askedByAll.length, 28);
    assert.equal(new Set(askedByAll).size, 28);
    await (await joinMosaic(path, id, await openSource([]), { threads: 0 })).commit();
    await writeTiledVrt(join(place, 'whole', 'dem.vrt'), await openSource([]), { threads: 0 });
    assert.deepEqual(bytesBelow(join(place, 'parts')), bytesBelow(join(place, 'whole')));
  });
}
