import assert from 'node:assert/strict';
import test from 'node:test';
import { isHoldfastError } from 'holdfast';
import { cells } from '#src/source/grid.js';
import { fromChunks, type ChunkedRaster } from '#src/source/from-chunks.js';

const refused = (error: unknown): boolean => isHoldfastError(error, 'INVALID_ARGUMENT');

/** Each sample is its own position, `y * 100 + x`. */
const compute: ChunkedRaster['compute'] = ({ window }) =>
  Int32Array.from(
    { length: window.widthPx * window.heightPx },
    (_, i) =>
      (window.yPx + Math.floor(i / window.widthPx)) * 100 + window.xPx + (i % window.widthPx),
  );

const raster = {
  width: 10,
  height: 7,
  dataType: 'int32',
  chunks: { width: [3, 1, 6], height: 4 },
  compute,
} as const;

test('the chunk grid is the one given, irregular and with chunks cut at the edges', () => {
  const windows = [...cells(fromChunks(raster).blocks)].map(({ window }) => Object.values(window));
  assert.deepEqual(windows, [
    [0, 0, 3, 4],
    [3, 0, 1, 4],
    [4, 0, 6, 4],
    [0, 4, 3, 3],
    [3, 4, 1, 3],
    [4, 4, 6, 3],
  ]);
});

test('a window across chunks is put together from them', async () => {
  const source = fromChunks(raster);
  const pixels = await source.read({ xPx: 2, yPx: 3, widthPx: 3, heightPx: 2 });
  assert.deepEqual([...pixels.data], [302, 303, 304, 402, 403, 404]);
});

test('each chunk is computed once when the chunks are read one by one', async () => {
  const seen: string[] = [];
  const source = fromChunks({
    ...raster,
    compute: (chunk) => {
      seen.push(`${chunk.row},${chunk.column}`);
      return compute(chunk);
    },
  });
  for (const { window } of cells(source.blocks)) await source.read(window);
  assert.deepEqual(seen, ['0,0', '0,1', '0,2', '1,0', '1,1', '1,2']);
});

test('a chunk that failed is computed again by the next read', async () => {
  let failures = 1;
  const source = fromChunks({
    ...raster,
    compute: (chunk) => {
      failures -= 1;
      if (failures === 0) throw new Error('the first one fails');
      return compute(chunk);
    },
  });
  const acrossChunks = { xPx: 2, yPx: 3, widthPx: 3, heightPx: 2 };
  await assert.rejects(source.read(acrossChunks), /the first one fails/u);
  assert.equal((await source.read(acrossChunks)).data[0], 302);
});

test('a chunk of the wrong length or type is refused, and named', async () => {
  const wrong = [new Int32Array(3), new Float32Array(12), undefined as never];
  for (const data of wrong) {
    const source = fromChunks({ ...raster, compute: () => data });
    const read = source.read({ xPx: 0, yPx: 4, widthPx: 3, heightPx: 3 });
    await assert.rejects(read, /row 1, column 0/u);
  }
});

test('chunks that do not add up, are empty or not whole are refused', () => {
  for (const width of [[3, 3], [], [10, 0], [10.5], 0, -1, 1.5, [3, -1, 8]]) {
    const chunks = { width, height: 4 };
    assert.throws(() => fromChunks({ ...raster, chunks }), refused, JSON.stringify(width));
  }
});

test('a cancelled read says so', async () => {
  const source = fromChunks(raster);
  const signal = AbortSignal.abort(new Error('enough'));
  const window = { xPx: 0, yPx: 0, widthPx: 3, heightPx: 4 };
  await assert.rejects(source.read(window, signal), /enough/u);
});
