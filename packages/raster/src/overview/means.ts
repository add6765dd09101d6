/**
 * Means by area. The samples are taken row by row as they lie, and each is added to the pixels that
 * it is part of; those of one pixel are added up in the order of a walk through its square, which
 * decides the last bits of a sum.
 */
import type { RasterArray } from '../model.js';
import type { Making, Plane, PlaneTarget } from './plane.js';
import { roundingOf } from './rounding.js';
import type { Taps } from './taps.js';

/** Samples that are numbers. */
type NumberArray = Exclude<RasterArray, BigInt64Array | BigUint64Array>;

/** The samples of all pixels of a row, one pixel's after another's. */
interface Columns {
  /** Of a pixel's first sample, from where the row begins. */
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Float64Array;
}

/** What has been added up of each pixel of a row. */
interface Sums {
  readonly values: Float64Array;
  readonly weights: Float64Array;
}

export function makeMeans(
  { data, first, step, rowStep }: Plane & { readonly data: NumberArray },
  target: PlaneTarget,
  { columns: taps, rows, missing }: Making,
): void {
  const rounding = roundingOf(data, missing);
  const columns = columnsOf(taps, step);
  const values = new Float64Array(taps.length);
  const weights = new Float64Array(taps.length);
  // Not-a-number equals no sample, and is left out in any case.
  const absent = missing === undefined ? Number.NaN : Number(missing);
  let to = target.first;
  for (const row of rows) {
    values.fill(0);
    weights.fill(0);
    const begin = first + row.start * rowStep;
    for (const [index, weight] of row.weights.entries())
      addRow({ data, begin: begin + index * rowStep, step, weight, absent }, columns, {
        values,
        weights,
      });
    for (let pixel = 0; pixel < taps.length; pixel += 1, to += target.step) {
      const total = weights[pixel] as number;
      // Nothing valid: nodata, or not-a-number where the samples are that without a nodata value
      // being set.
      target.data[to] = (
        total > 0
          ? rounding((values[pixel] as number) / total)
          : (missing ?? data[begin + (columns.starts[pixel] as number)])
      ) as never;
    }
  }
}

function columnsOf(taps: readonly Taps[], step: number): Columns {
  return {
    starts: Int32Array.from(taps, ({ start }) => start * step),
    counts: Int32Array.from(taps, ({ weights }) => weights.length),
    weights: Float64Array.from(taps.flatMap(({ weights }) => [...weights])),
  };
}

function addRow(
  {
    data,
    begin,
    step,
    weight,
    absent,
  }: {
    readonly data: NumberArray;
    readonly begin: number;
    readonly step: number;
    readonly weight: number;
    readonly absent: number;
  },
  { starts, counts, weights: across }: Columns,
  { values, weights }: Sums,
): void {
  let next = 0;
  for (let pixel = 0; pixel < starts.length; pixel += 1) {
    let at = begin + (starts[pixel] as number);
    let sum = values[pixel] as number;
    let total = weights[pixel] as number;
    for (const end = next + (counts[pixel] as number); next < end; next += 1, at += step) {
      const value = data[at] as number;
      if (value === absent || value !== value) continue;
      const share = weight * (across[next] as number);
      sum += share * value;
      total += share;
    }
    values[pixel] = sum;
    weights[pixel] = total;
  }
}
