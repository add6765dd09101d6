/**
 * A smaller picture by a separable kernel: along the rows first, then down the columns, as GDAL has
 * it.
 */
import type { Making, Plane, PlaneTarget } from './plane.js';
import { roundingOf } from './rounding.js';
import type { Taps } from './taps.js';

/** NaN marks what is not valid between the two passes. */
export function convolve(
  plane: Plane,
  target: PlaneTarget,
  { columns, rows, method, missing }: Making,
): void {
  const { data, first, rowStep } = plane;
  const rounding = roundingOf(data, missing);
  // A cubic kernel weighs some samples negatively: with few valid ones it would go astray.
  const needsRun = method === 'cubic';
  const last = rows.at(-1) as Taps;
  const rowCount = last.start + last.weights.length;
  const between = new Float64Array(rowCount * columns.length);
  const row = new Float64Array(plane.widthPx);
  for (let y = 0; y < rowCount; y += 1) {
    takeRow({ ...plane, first: first + y * rowStep }, row, missing);
    for (const [x, taps] of columns.entries())
      between[y * columns.length + x] = weigh(row, taps.start, 1, taps.weights, needsRun);
  }
  let to = target.first;
  for (const { start, weights } of rows) {
    for (let x = 0; x < columns.length; x += 1, to += target.step) {
      const at = start * columns.length + x;
      const value = weigh(between, at, columns.length, weights, needsRun);
      // Nothing valid: nodata, or not-a-number where the samples are that without a nodata value
      // being set.
      target.data[to] = (value === value ? rounding(value) : (missing ?? Number.NaN)) as never;
    }
  }
}

function takeRow(
  { data, first, step }: Plane,
  row: Float64Array,
  missing: number | bigint | undefined,
): void {
  for (let x = 0, at = first; x < row.length; x += 1, at += step) {
    const sample = data[at] as number | bigint;
    row[x] = sample === missing ? Number.NaN : Number(sample);
  }
}

/** The weighted mean of the valid samples; NaN for none. */
function weigh(
  values: Float64Array,
  first: number,
  step: number,
  weights: Float64Array,
  needsRun: boolean,
): number {
  let [sum, total, run, longest] = [0, 0, 0, 0];
  for (let index = 0, at = first; index < weights.length; index += 1, at += step) {
    const value = values[at] as number;
    if (value !== value) {
      run = 0;
      continue;
    }
    run += 1;
    if (run > longest) longest = run;
    sum += (weights[index] as number) * value;
    total += weights[index] as number;
  }
  if (!(total > 0) || (needsRun && longest < weights.length >> 1)) return Number.NaN;
  return sum / total;
}
