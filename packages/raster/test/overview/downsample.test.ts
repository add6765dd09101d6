import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Nodata, Pixels, RasterArray } from '#src/model.js';
import { downsample, Reduction } from '#src/overview/downsample.js';
import { overviewMethods, tapsOf } from '#src/overview/taps.js';

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

test('a mode is the most frequent valid value, of equals the one that first reaches the count', () => {
  const pixels = plane(Uint8Array.of(7, 0, 0, 0, 3, 9, 7, 3, 3), 3);
  assert.deepEqual([...downsample(pixels, 3, 'mode', 0).data], [3]);
  const tied = plane(Uint8Array.of(5, 6, 6, 5), 2);
  assert.deepEqual([...downsample(tied, 2, 'mode', undefined).data], [6]);
});

test('a pixel stands for its share of the whole picture, also where the factor does not divide the size', () => {
  const pixels = plane(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 3);
  const half = downsample(pixels, 2, 'average', undefined);
  // One and a half columns each: 1, 2 and 2, 3, of which the 2 counts half.
  const [low, high] = [4 / 3, 8 / 3];
  const rows = [1, 5];
  const expected = rows.flatMap((row) => [Math.fround(row + low), Math.fround(row + high)]);
  assert.deepEqual([half.widthPx, half.heightPx, ...half.data], [2, 2, ...expected]);
  const ramp = plane(
    Float32Array.from({ length: 257 }, (_, column) => column),
    257,
  );
  for (const [index, value] of downsample(ramp, 16, 'average', undefined).data.entries())
    assert.ok(Math.abs(Number(value) - ((index + 0.5) * (257 / 17) - 0.5)) < 0.02);
});

test('a mean is to the last bit the sum of its samples in the order in which they lie, over that of their weights', () => {
  const [from, to] = [
    { widthPx: 37, heightPx: 23 },
    { widthPx: 13, heightPx: 8 },
  ];
  const data = Float64Array.from({ length: 37 * 23 }, (_, index) =>
    index % 13 === 0 ? -1 : Math.sin(index) * 1e6,
  );
  const expected = Float64Array.from({ length: 13 * 8 }, (_, index) => {
    const across = tapsOf('average', index % 13, from.widthPx, to.widthPx);
    const down = tapsOf('average', Math.floor(index / 13), from.heightPx, to.heightPx);
    let [sum, total] = [0, 0];
    for (const [y, weight] of down.weights.entries())
      for (const [x, other] of across.weights.entries()) {
        const value = data[(down.start + y) * from.widthPx + across.start + x] as number;
        if (value === -1) continue;
        sum += weight * other * value;
        total += weight * other;
      }
    return sum / total;
  });
  assert.deepEqual(downsample(plane(data, 37), 3, 'average', -1).data, expected);
});

test('any part of a picture is that of the whole, by any method', () => {
  const [from, to] = [
    { widthPx: 101, heightPx: 67 },
    { widthPx: 26, heightPx: 17 },
  ];
  const data = Float32Array.from({ length: 101 * 67 }, (_, index) =>
    index % 11 === 0 ? -1 : Math.sin(index) * 50 + 60,
  );
  const pixels = { data, ...from, bandCount: 1, interleave: 'band' } as const;
  for (const method of overviewMethods) {
    const whole = downsample(pixels, 4, method, -1);
    const reduction = new Reduction({ from, to, method, nodata: -1 });
    const window = { xPx: 7, yPx: 5, widthPx: 13, heightPx: 9 };
    const needed = reduction.needs(window);
    const cut = Float32Array.from({ length: needed.widthPx * needed.heightPx }, (_, index) => {
      const [x, y] = [index % needed.widthPx, Math.floor(index / needed.widthPx)];
      return data[(needed.yPx + y) * from.widthPx + needed.xPx + x] as number;
    });
    const part = reduction.make({ ...pixels, ...needed, data: cut }, window);
    const expected = Array.from(part.data as Float32Array, (_, index) => {
      const [x, y] = [index % window.widthPx, Math.floor(index / window.widthPx)];
      return whole.data[(window.yPx + y) * to.widthPx + window.xPx + x];
    });
    assert.deepEqual([...part.data], expected, method);
  }
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

/** Whether a sample lies in a result pixel, in part at least. */
const touches = (pixel: number, ratio: number, at: number): boolean =>
  at + 1 > pixel * ratio + 1e-8 && at < (pixel + 1) * ratio - 1e-8;

test('whatever the samples, a result lies between the least and the greatest valid one that it stands for', () => {
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
              touches(x, width / small.widthPx, at % width) &&
              touches(y, height / small.heightPx, Math.floor(at / width)),
          );
          if (square.length === 0) assert.equal(value, 0);
          else
            assert.ok(Number(value) >= Math.min(...square) && Number(value) <= Math.max(...square));
        }
      },
    ),
  );
});

test('a mean that is nodata by accident is the next value, so that valid pixels never make a hole', () => {
  const of = (data: RasterArray, nodata: Nodata): unknown =>
    downsample(
      { data, widthPx: 2, heightPx: 2, bandCount: 1, interleave: 'band' },
      2,
      'average',
      nodata,
    ).data[0];
  assert.equal(of(Int16Array.of(-1, 1, -1, 1), 0), 1);
  assert.equal(of(Int16Array.of(-1, 1, 1, 0), 0), 1, 'one is nodata, and the rest rounds to 0');
  assert.equal(of(Uint16Array.of(100, 300, 100, 300), 200), 201);
  assert.equal(of(BigInt64Array.of(-1n, 1n, -1n, 1n), 0), 1n);
  assert.equal(of(Float32Array.of(-1, 1, -1, 1), 0), 2 ** -149);
  assert.equal(of(Float64Array.of(-1, 1, -1, 1), 0), Number.MIN_VALUE);
  assert.equal(of(Float32Array.of(-3, -1, -3, -1), -2), Math.fround(-2 + 2 ** -23));
  assert.equal(of(Float64Array.of(-3, -1, -3, -1), -2), -2 + 2 ** -52);
});

test('nodata that is rounded to the type of the samples takes no part in a mean', () => {
  const data = Float32Array.of(-3.4e38, 1, 3, -3.4e38);
  const pixels = { data, widthPx: 2, heightPx: 2, bandCount: 1, interleave: 'band' } as const;
  assert.equal(downsample(pixels, 2, 'average', -3.4e38).data[0], 2);
});
