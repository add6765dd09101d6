import assert from 'node:assert/strict';
import test from 'node:test';
import { isHoldfastError } from 'holdfast';
import * as zarr from 'zarrita';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { openVrt } from '#src/read/open-vrt.js';
import { fromZarr, type ZarrArray } from '#src/source/from-zarr.js';
import { writeTiledVrt } from '#src/write/write-tiled-vrt.js';

interface Extras {
  readonly codecs?: { name: string; configuration: Record<string, unknown> }[];
  readonly attributes?: Record<string, number>;
}

/** An array in memory, each sample its own position. */
async function counting(
  shape: readonly number[],
  chunks: readonly number[],
  extras: Extras = {},
): Promise<{ array: ZarrArray; data: Int32Array }> {
  const array = await zarr.create(zarr.root(), {
    shape: [...shape],
    chunkShape: [...chunks],
    dtype: 'int32',
    ...extras,
  });
  const length = shape.reduce((product, size) => product * size, 1);
  const data = Int32Array.from({ length }, (_, i) => i);
  const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  await zarr.set(array, null, { data, shape: [...shape], stride });
  return { array, data };
}

test('a 2-D array is read across its chunks, also those cut at its edges', async () => {
  const { array } = await counting([7, 10], [3, 4]);
  const source = fromZarr(array);
  assert.equal(source.info.dataType, 'int32');
  const pixels = await source.read({ xPx: 3, yPx: 2, widthPx: 6, heightPx: 2 });
  assert.deepEqual([...pixels.data], [23, 24, 25, 26, 27, 28, 33, 34, 35, 36, 37, 38]);
});

test('a band-first 3-D array is read whole, however its chunks divide the bands', async (t) => {
  for (const bandsPerChunk of [1, 2, 3]) {
    const { array, data } = await counting([3, 7, 10], [bandsPerChunk, 4, 4]);
    const path = `${temporaryDirectory(t)}/out.vrt`;
    await writeTiledVrt(path, fromZarr(array), { tileSizePx: 16, threads: 0 });
    const mosaic = await openVrt(path);
    assert.deepEqual((await mosaic.read()).data, data);
    await mosaic.close();
  }
});

test('chunks in Fortran order are put in rows', async () => {
  const codecs = [{ name: 'transpose', configuration: { order: [1, 0] } }];
  const { array, data } = await counting([5, 6], [5, 3], { codecs });
  const source = fromZarr(array);
  const pixels = await source.read({ xPx: 0, yPx: 0, widthPx: 6, heightPx: 5 });
  assert.deepEqual(pixels.data, data);
});

test('each chunk can become one tile, and is fetched once either way', async (t) => {
  for (const tiling of ['chunks', 'tileSize'] as const) {
    const { array } = await counting([40, 50], [20, 30]);
    const fetched: string[] = [];
    const counted: ZarrArray = {
      shape: array.shape,
      chunks: array.chunks,
      dtype: array.dtype,
      attrs: array.attrs,
      getChunk: (coordinates) => {
        fetched.push(coordinates.join());
        return array.getChunk(coordinates);
      },
    };
    const path = `${temporaryDirectory(t)}/out.vrt`;
    const source = fromZarr(counted, { tiling });
    const written = await writeTiledVrt(path, source, { tileSizePx: 16, threads: 0 });
    assert.equal(written.tileCount, tiling === 'chunks' ? 4 : 12);
    assert.deepEqual(fetched.toSorted(), ['0,0', '0,1', '1,0', '1,1'], tiling);
  }
});

test('a _FillValue attribute is the nodata value, and the caller may say another', async () => {
  const { array } = await counting([4, 4], [4, 4], { attributes: { _FillValue: -5 } });
  assert.equal(fromZarr(array).info.nodata, -5);
  assert.equal(fromZarr(array, { nodata: 3 }).info.nodata, 3);
  const { array: plain } = await counting([4, 4], [4, 4]);
  assert.equal(fromZarr(plain).info.nodata, undefined);
});

test('one dimension, four dimensions and text are refused', async () => {
  const { array } = await counting([4, 4], [4, 4]);
  const wrong = [
    { shape: [4], chunks: [4] },
    { shape: [1, 1, 4, 4], chunks: [1, 1, 4, 4] },
    { dtype: 'v2:U4' },
  ];
  for (const over of wrong) {
    const fake = {
      shape: array.shape,
      chunks: array.chunks,
      dtype: array.dtype,
      attrs: {},
      ...over,
    };
    assert.throws(
      () => fromZarr({ ...fake, getChunk: (place) => array.getChunk(place) }),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
    );
  }
});

test('a chunk that is not laid out as the array says is a typed error', async () => {
  const { array } = await counting([4, 4], [4, 4]);
  const whole = { data: new Int32Array(16), shape: [4, 4], stride: [4, 1] };
  const wrong = [
    { data: new Int32Array(15) },
    { data: new BigInt64Array(16) },
    { data: new Float32Array(16) },
    { shape: [2, 8] },
    { shape: [1, 4, 4] },
    { shape: [4] },
    { stride: [4] },
    { stride: [4, 2] },
    { stride: [-4, 1] },
    { stride: [4.5, 1] },
    { stride: [Number.NaN, 1] },
  ];
  for (const over of wrong) {
    const source = fromZarr({
      shape: array.shape,
      chunks: array.chunks,
      dtype: array.dtype,
      attrs: {},
      getChunk: async () => ({ ...whole, ...over }),
    });
    await assert.rejects(
      source.read({ xPx: 0, yPx: 0, widthPx: 4, heightPx: 4 }),
      (error) => isHoldfastError(error, 'CORRUPT_DOCUMENT'),
      Object.entries(over).join(),
    );
  }
});
