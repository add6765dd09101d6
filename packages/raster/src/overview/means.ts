/**
 * Means by area. The samples are taken row by row as they lie, and each is added to the pixels that
 * it is part of; those of one pixel are added up in the order of a walk through its square, which
 * decides the last bits of a sum.
 */
import { types } from 'node:util';
import type { RasterArray } from '../model.js';
import type { Making, Plane, PlaneTarget } from './plane.js';
import { type Rounding, roundingOf } from './rounding.js';
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
  const areFours = [...taps, ...rows].every(isPair);
  const values = new Float64Array(taps.length);
  const weights = new Float64Array(taps.length);
  const sums = { values, weights };
  // Not-a-number equals no sample, and is left out in any case.
  const absent = missing === undefined ? Number.NaN : Number(missing);
  const isFloat = types.isFloat32Array(target.data) || types.isFloat64Array(target.data);
  const room = { ...target, rounding, isFloat, missing };
  let to = target.first;
  // A function a row: V8 makes short ones fast sooner than a loop that goes on.
  for (const row of rows) {
    const given = { data, begin: first + row.start * rowStep, step, rowStep, absent };
    if (areFours) addFours(given, columns, sums);
    else addRows(row, given, columns, sums);
    putRow({ ...room, first: to }, sums, given, columns);
    to += taps.length * target.step;
  }
}

/** Nothing valid: nodata, or not-a-number where samples are that without a nodata value being set. */
function putRow(
  { data: target, first, step, rounding, isFloat, missing }: Room,
  { values, weights }: Sums,
  { data, begin }: Rows,
  { starts }: Columns,
): void {
  let to = first;
  for (let pixel = 0; pixel < starts.length; pixel += 1, to += step) {
    const total = weights[pixel]!;
    if (total > 0) {
      const mean = values[pixel]! / total;
      // Floats are nearly always what the array makes of them.
      target[to] = (isFloat ? mean : rounding(mean)) as never;
      if (isFloat && target[to] === missing) target[to] = rounding(mean) as never;
    } else target[to] = (missing ?? data[begin + starts[pixel]!]) as never;
  }
}

/** Where means go, and how they become samples. */
interface Room extends PlaneTarget {
  readonly rounding: Rounding;
  readonly isFloat: boolean;
  readonly missing: Making['missing'];
}

function isPair({ weights, areEqual }: Taps): boolean {
  return areEqual && weights.length === 2;
}

function columnsOf(taps: readonly Taps[], step: number): Columns {
  return {
    starts: Int32Array.from(taps, ({ start }) => start * step),
    counts: Int32Array.from(taps, ({ weights }) => weights.length),
    weights: Float64Array.from(taps.flatMap(({ weights }) => [...weights])),
  };
}

/** Rows of samples, from the first that is looked at. */
interface Rows {
  readonly data: NumberArray;
  readonly begin: number;
  readonly step: number;
  readonly rowStep: number;
  /** Not-a-number where there is none. */
  readonly absent: number;
}

function addRows(row: Taps, rows: Rows, columns: Columns, sums: Sums): void {
  sums.values.fill(0);
  sums.weights.fill(0);
  for (const [index, weight] of row.weights.entries())
    addRow({ ...rows, begin: rows.begin + index * rows.rowStep }, weight, columns, sums);
}

function addRow(
  { data, begin, step, absent }: Rows,
  weight: number,
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

/**
 * The same of two rows at once, where each pixel is made of four samples that weigh 1: what nearly
 * all overviews are made of.
 */
function addFours(
  { data, begin, step, rowStep, absent }: Rows,
  { starts }: Columns,
  { values, weights }: Sums,
): void {
  for (let pixel = 0; pixel < starts.length; pixel += 1) {
    const at = begin + starts[pixel]!;
    const a = data[at]!;
    const b = data[at + step]!;
    const c = data[at + rowStep]!;
    const d = data[at + rowStep + step]!;
    let sum = 0;
    let count = 0;
    if (a === a && a !== absent) {
      sum += a;
      count += 1;
    }
    if (b === b && b !== absent) {
      sum += b;
      count += 1;
    }
    if (c === c && c !== absent) {
      sum += c;
      count += 1;
    }
    if (d === d && d !== absent) {
      sum += d;
      count += 1;
    }
    values[pixel] = sum;
    weights[pixel] = count;
  }
}
