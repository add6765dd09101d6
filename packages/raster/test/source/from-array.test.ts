import assert from 'node:assert/strict';
import test from 'node:test';
import { isHoldfastError } from 'holdfast';
import { fromArray, type ArrayRaster } from '#src/source/from-array.js';

const refused = (error: unknown): boolean => isHoldfastError(error, 'INVALID_ARGUMENT');

/** 0, 1, 2, … */
const counting = (length: number): Uint16Array => Uint16Array.from({ length }, (_, i) => i);

test('a window of a plane has its rows from the top', async () => {
  const source = fromArray({ data: counting(20), width: 5, height: 4 });
  const pixels = await source.read({ xPx: 1, yPx: 2, widthPx: 3, heightPx: 2 });
  assert.deepEqual([...pixels.data], [11, 12, 13, 16, 17, 18]);
});

test('bands that lie pixel by pixel stay so', async () => {
  const source = fromArray({
    data: counting(12),
    width: 2,
    height: 2,
    bandCount: 3,
    interleave: 'pixel',
  });
  assert.equal(source.interleave, 'pixel');
  const pixels = await source.read({ xPx: 1, yPx: 0, widthPx: 1, heightPx: 2 });
  assert.deepEqual([...pixels.data], [3, 4, 5, 9, 10, 11]);
});

test('bands that lie plane by plane stay so', async () => {
  const source = fromArray({ data: counting(12), width: 2, height: 2, bandCount: 3 });
  assert.equal(source.interleave, 'band');
  const pixels = await source.read({ xPx: 1, yPx: 0, widthPx: 1, heightPx: 2 });
  assert.deepEqual([...pixels.data], [1, 3, 5, 7, 9, 11]);
});

test('an ndarray is read through its strides, also transposed, flipped and with an offset', async () => {
  const data = counting(24);
  const whole = { xPx: 0, yPx: 0, widthPx: 2, heightPx: 3 };
  const transposed = fromArray({ data: { data, shape: [3, 2], stride: [1, 3], offset: 4 } });
  assert.deepEqual([...(await transposed.read(whole)).data], [4, 7, 5, 8, 6, 9]);
  const flipped = fromArray({ data: { data, shape: [3, 2], stride: [-2, -1], offset: 5 } });
  assert.deepEqual([...(await flipped.read(whole)).data], [5, 4, 3, 2, 1, 0]);
  const bandLast = fromArray({ data: { data, shape: [2, 3, 2], stride: [1, 4, 2] } });
  assert.equal(bandLast.interleave, 'pixel');
  assert.deepEqual([...(await bandLast.read(whole)).data], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test('strides that leave the array are refused', () => {
  const data = counting(6);
  assert.throws(() => fromArray({ data: { data, shape: [3, 3], stride: [3, 1] } }), refused);
  assert.throws(() => fromArray({ data: { data, shape: [2, 3], stride: [-3, 1] } }), refused);
});

test('half floats become float32, and truth values 0 and 1', async () => {
  const window = { xPx: 0, yPx: 0, widthPx: 6, heightPx: 1 };
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x7c00, 0x0001, 0x8000, 0x3555);
  const floats = fromArray({ data: halves, width: 6, height: 1, elements: 'float16' });
  assert.equal(floats.info.dataType, 'float32');
  assert.deepEqual(
    [...(await floats.read(window)).data],
    [1, -2, Infinity, 2 ** -24, -0, 0.333251953125],
  );
  const truth = fromArray({ data: [true, false, true, true, false, true], width: 6, height: 1 });
  assert.equal(truth.info.dataType, 'uint8');
  assert.deepEqual([...(await truth.read(window)).data], [1, 0, 1, 1, 0, 1]);
});

test('an array on shared memory is read like any other', async () => {
  const data = new BigInt64Array(new SharedArrayBuffer(32));
  data.set([1n, -(2n ** 63n), 3n, 4n]);
  const source = fromArray({ data, width: 2, height: 2 });
  const pixels = await source.read({ xPx: 1, yPx: 0, widthPx: 1, heightPx: 2 });
  assert.deepEqual([...pixels.data], [-(2n ** 63n), 4n]);
});

test('what is read is a copy: changing it leaves the array as it was', async () => {
  const data = counting(4);
  const source = fromArray({ data, width: 2, height: 2 });
  const pixels = await source.read({ xPx: 0, yPx: 0, widthPx: 2, heightPx: 2 });
  pixels.data.fill(9 as never);
  assert.deepEqual([...data], [0, 1, 2, 3]);
});

test('a size of zero, a wrong length, four dimensions and unknown options are refused', () => {
  const cases: readonly Partial<ArrayRaster>[] = [
    { data: new Uint8Array(0), width: 0, height: 4 },
    { data: new Uint8Array(0), width: 4, height: 0 },
    { data: new Uint8Array(3), width: 2, height: 2 },
    { data: new Uint8Array(4), width: 2.5, height: 2 },
    { data: new Uint8Array(4), width: 2, height: 2, bands: [{}, {}] },
    { data: new Uint8ClampedArray(4) as never, width: 2, height: 2 },
    { data: { data: new Uint8Array(16), shape: [2, 2, 2, 2], stride: [8, 4, 2, 1] } },
    { data: new Uint8Array(4), width: 2, height: 2, heigth: 2 } as never,
  ];
  for (const raster of cases) assert.throws(() => fromArray(raster as ArrayRaster), refused);
});

test('a window that leaves the raster is refused', async () => {
  const source = fromArray({ data: counting(4), width: 2, height: 2 });
  await assert.rejects(source.read({ xPx: 1, yPx: 0, widthPx: 2, heightPx: 1 }), refused);
});
