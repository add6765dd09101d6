import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Pixels, RasterArray } from '#src/model.js';
import { downsample } from '#src/overview/downsample.js';

const plane = (data: RasterArray, widthPx: number): Pixels => ({
  data,
  widthPx,
  heightPx: data.length / widthPx,
  bandCount: 1,
  interleave: 'band',
});

test('an average leaves nodata out, and is nodata only where everything is', () => {
  const pixels = plane(Int16Array.of(1, -9999, -9999, -9999, 2, 4, -9999, -9999), 4);
  assert.deepEqual([...downsample(pixels, 2, 'average', -9999).data], [2, -9999]);
});

test('the average of integers is rounded, halves away from zero, also for 64 bits', () => {
  assert.deepEqual(
    [...downsample(plane(Int16Array.of(1, 2, 2, 1), 2), 2, 'average', undefined).data],
    [2],
  );
  assert.deepEqual(
    [...downsample(plane(Int16Array.of(-1, -2, -2, -1), 2), 2, 'average', undefined).data],
    [-2],
  );
  assert.deepEqual(
    [...downsample(plane(BigInt64Array.of(-1n, -2n, -2n, -1n), 2), 2, 'average', undefined).data],
    [-2n],
  );
});

test('a mode is the most frequent valid value, of equals the first', () => {
  const pixels = plane(Uint8Array.of(7, 0, 0, 0, 3, 9, 7, 3, 3), 3);
  assert.deepEqual([...downsample(pixels, 3, 'mode', 0).data], [3]);
  assert.deepEqual([...downsample(plane(Uint8Array.of(5, 6), 2), 2, 'mode', undefined).data], [5]);
});

test('edges that the factor does not divide are kept, from the pixels that are there', () => {
  const pixels = plane(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 3);
  const half = downsample(pixels, 2, 'average', undefined);
  assert.deepEqual([half.widthPx, half.heightPx, ...half.data], [2, 2, 3, 4.5, 7.5, 9]);
});

test('bands do not mix, however they lie', () => {
  const pixel: Pixels = {
    data: Uint8Array.of(1, 10, 3, 30),
    widthPx: 2,
    heightPx: 1,
    bandCount: 2,
    interleave: 'pixel',
  };
  assert.deepEqual([...downsample(pixel, 2, 'average', undefined).data], [2, 20]);
  const band: Pixels = { ...pixel, data: Uint8Array.of(1, 3, 10, 30), interleave: 'band' };
  assert.deepEqual([...downsample(band, 2, 'average', undefined).data], [2, 20]);
});

test('whatever the samples, a result lies between the least and the greatest valid one of its square', () => {
  const sample = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 2, max: 4 }),
      fc.constantFrom('average' as const, 'mode' as const),
      (samples, width, factor, method) => {
        const height = Math.ceil(samples.length / width);
        const data = Uint8Array.from({ length: width * height }, (_, index) => samples[index] ?? 0);
        const small = downsample(plane(data, width), factor, method, 0);
        for (const [index, value] of small.data.entries()) {
          const [x, y] = [index % small.widthPx, Math.floor(index / small.widthPx)];
          const square = [...data].filter(
            (each, at) =>
              each !== 0 &&
              Math.floor((at % width) / factor) === x &&
              Math.floor(Math.floor(at / width) / factor) === y,
          );
          if (square.length === 0) assert.equal(value, 0);
          else
            assert.ok(Number(value) >= Math.min(...square) && Number(value) <= Math.max(...square));
        }
      },
    ),
  );
});
