import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  bandStatistics,
  joinStatistics,
  noStatistics,
  tileStatistics,
  type BandStatistics,
} from '#src/statistics/band-statistics.js';
import { type Histogram, MOST_BUCKETS } from '#src/statistics/histogram.js';

const ofAll = (values: Float64Array, nodata?: number): BandStatistics =>
  bandStatistics({ data: values, start: 0, step: 1, pixels: values.length }, nodata, 'histogram');

const values = fc.array(
  fc.oneof(
    fc.integer({ min: -9999, max: 9000 }),
    fc.double({ min: -1e12, max: 1e12 }).map((value) => (Math.abs(value) < 1e-270 ? 0 : value)),
    fc.constant(Number.NaN),
  ),
  { maxLength: 60 },
);
const close = (a: number, b: number, scale: number): boolean =>
  Math.abs(a - b) <= 1e-9 * Math.max(1, scale);

test('statistics of parts joined in any order are those of the whole', () => {
  fc.assert(
    fc.property(fc.array(values, { maxLength: 6 }), (parts) => {
      const whole = ofAll(Float64Array.from(parts.flat()), -9999);
      const found = parts.map((part) => ofAll(Float64Array.from(part), -9999));
      for (const order of [found, found.toReversed()]) {
        const joined = order.reduce(joinStatistics, noStatistics);
        assert.equal(joined.pixels, whole.pixels);
        assert.equal(joined.valid, whole.valid);
        assert.equal(joined.values?.minimum, whole.values?.minimum);
        assert.equal(joined.values?.maximum, whole.values?.maximum);
        assert.deepEqual(joined.values?.histogram, whole.values?.histogram);
        if (!joined.values || !whole.values) continue;
        assert.ok(close(joined.values.mean, whole.values.mean, 1e12));
        assert.ok(close(joined.values.squares, whole.values.squares, whole.values.squares));
      }
    }),
  );
});

test('a histogram counts every valid value once, each in the bucket that holds it', () => {
  fc.assert(
    fc.property(values, (all) => {
      const { values: found, valid } = ofAll(Float64Array.from(all));
      if (!found) return;
      const { exponent, first, counts } = found.histogram as Histogram;
      assert.ok(counts.length <= MOST_BUCKETS);
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        valid,
      );
      const expected = counts.map(() => 0);
      for (const value of all.filter(Number.isFinite)) {
        const index = Math.floor(value / 2 ** exponent) - first;
        expected[index] = (expected[index] ?? 0) + 1;
      }
      assert.deepEqual([...counts], expected);
    }),
  );
});

test('a value too near to zero for any bucket counts as zero', () => {
  const [tiny, zero] = [ofAll(Float64Array.of(-5e-324)), ofAll(Float64Array.of(0))];
  assert.deepEqual(tiny.values?.histogram, zero.values?.histogram);
});

test('bytes have a bucket for every value', () => {
  const bytes = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
  const samples = { data: bytes, start: 0, step: 1, pixels: 512 };
  const { values: found } = bandStatistics(samples, undefined, 'histogram');
  assert.deepEqual(found?.histogram, {
    exponent: 0,
    first: 0,
    counts: Array.from({ length: 256 }, () => 2),
  });
});

test('nodata, not-a-number and infinity are not valid, and a band of nothing else has no values', () => {
  const found = ofAll(Float64Array.of(-9999, Number.NaN, Infinity), -9999);
  assert.deepEqual(found, { pixels: 3, valid: 0 });
});

test('nodata is the value that it is among samples of their type', () => {
  const samples = { start: 0, step: 1, pixels: 3 };
  const float = { ...samples, data: Float32Array.of(-3.4e38, 1, 3) };
  assert.equal(bandStatistics(float, -3.4e38).values?.minimum, 1);
  const wide = { ...samples, data: BigInt64Array.of(-9999n, 1n, 3n) };
  assert.equal(bandStatistics(wide, -9999).values?.minimum, 1);
  assert.equal(bandStatistics(wide, -9999n).valid, 2);
});

test('a large mean costs the deviation no digits', () => {
  const found = ofAll(Float64Array.of(1e9 + 1, 1e9 + 2, 1e9 + 3));
  assert.equal(found.values?.squares, 2);
});

test('a first value far from all others costs the deviation no digits that anybody reads', () => {
  const others = Array.from({ length: 100_000 }, (_, index) => index % 10);
  const found = ofAll(Float64Array.of(-1e12, ...others));
  const mean = (-1e12 + 450_000) / 100_001;
  const near = others.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  assert.ok(Math.abs((found.values?.squares ?? 0) / ((-1e12 - mean) ** 2 + near) - 1) < 1e-9);
  assert.equal(ofAll(Float64Array.of(1e200, -1e200)).values?.squares, Infinity);
  assert.equal(ofAll(Float64Array.of(0.1, 0.1, 0.1)).values?.squares, 0);
});

test('each band is gone over on its own, however the bands lie', () => {
  const pixel = tileStatistics(
    { data: Uint8Array.of(1, 10, 2, 20), bandCount: 2, interleave: 'pixel' },
    undefined,
  );
  const band = tileStatistics(
    { data: Uint8Array.of(1, 2, 10, 20), bandCount: 2, interleave: 'band' },
    undefined,
  );
  assert.deepEqual(pixel, band);
  assert.equal(pixel[1]?.values?.mean, 15);
});
