/**
 * Makes a smaller picture of samples (taps.ts says of which). Nodata never bleeds in: it takes no
 * part in a mean or a vote, and a value that equals nodata by accident, or rounds to it, becomes
 * the next larger one. NaN is left out as nodata is.
 */
import { types } from 'node:util';
import { type Nodata, type Pixels, type RasterArray, type Window } from '../model.js';
import { validityOf } from '../source/mask.js';
import { convolve } from './convolve.js';
import { makeMeans } from './means.js';
import type { Making, Plane, PlaneTarget } from './plane.js';
import { type Rounding, roundingOf } from './rounding.js';
import { type OverviewMethod, type Taps, tapsOf } from './taps.js';

type Sample = number | bigint;

/** The samples of one band that a result pixel is made of: the first lies at `first`. */
interface Square {
  readonly data: RasterArray;
  readonly step: number;
  readonly rowStep: number;
  first: number;
  columns: Taps;
  rows: Taps;
}

/** The value of a square; `undefined` where nothing in it is valid. */
type Choose = (square: Square, nodata: Nodata | undefined) => Sample | undefined;

/** The size of a picture, in pixels. */
export type Size = Pick<Window, 'widthPx' | 'heightPx'>;

/** Where a part of a picture begins, in its pixels. */
export type Origin = Pick<Window, 'xPx' | 'yPx'>;

const ORIGIN: Origin = { xPx: 0, yPx: 0 };

/** What a smaller picture is to be. */
interface ReductionOptions {
  readonly from: Size;
  readonly to: Size;
  readonly method: OverviewMethod;
  readonly nodata: Nodata | undefined;
}

/** Makes any part of a smaller picture. */
export class Reduction {
  readonly #options: ReductionOptions;

  constructor(options: ReductionOptions) {
    this.#options = options;
  }

  /** The window of the larger picture that a window of the smaller one is made of. */
  needs({ xPx, yPx, widthPx, heightPx }: Window): Window {
    const { from, to, method } = this.#options;
    const [left, right] = [xPx, xPx + widthPx - 1].map((x) =>
      tapsOf(method, x, from.widthPx, to.widthPx),
    ) as [Taps, Taps];
    const [top, bottom] = [yPx, yPx + heightPx - 1].map((y) =>
      tapsOf(method, y, from.heightPx, to.heightPx),
    ) as [Taps, Taps];
    return {
      xPx: left.start,
      yPx: top.start,
      widthPx: right.start + right.weights.length - left.start,
      heightPx: bottom.start + bottom.weights.length - top.start,
    };
  }

  /**
   * A window of the smaller picture; the bands lie as they lay.
   *
   * @param pixels - those that it needs, or more, from `origin` on
   */
  make(pixels: Pixels, window: Window, origin: Origin = this.needs(window)): Pixels {
    if (pixels.hasMask) return this.#makeMasked(pixels, window, origin);
    const { from, to, method, nodata } = this.#options;
    const { data, bandCount, interleave } = pixels;
    const { widthPx, heightPx } = window;
    const columns = axisOf(widthPx, origin.xPx, (x) =>
      tapsOf(method, window.xPx + x, from.widthPx, to.widthPx),
    );
    const rows = axisOf(heightPx, origin.yPx, (y) =>
      tapsOf(method, window.yPx + y, from.heightPx, to.heightPx),
    );
    const result = new (data.constructor as new (length: number) => RasterArray)(
      widthPx * heightPx * bandCount,
    );
    const [bandStep, resultBandStep] =
      interleave === 'pixel' ? [1, 1] : [pixels.widthPx * pixels.heightPx, widthPx * heightPx];
    const step = interleave === 'pixel' ? bandCount : 1;
    const rowStep = pixels.widthPx * step;
    const missing = sampleOf(data, nodata);
    const make = makerOf(method);
    for (let band = 0; band < bandCount; band += 1) {
      const plane = { data, first: band * bandStep, step, rowStep, widthPx: pixels.widthPx };
      const target = { data: result, first: band * resultBandStep, step };
      make(plane, target, { columns, rows, method, missing });
    }
    return { data: result, widthPx, heightPx, bandCount, interleave };
  }

  /**
   * With a mask: its samples are not-a-number where it is 0, and so is what is made of nothing
   * else.
   */
  #makeMasked(pixels: Pixels, window: Window, origin: Origin): Pixels {
    const { data, bandCount, interleave } = pixels;
    const count = pixels.widthPx * pixels.heightPx;
    const validity = validityOf(pixels) as Uint8Array;
    const reduction = new Reduction({ ...this.#options, nodata: undefined });
    const { widthPx, heightPx } = window;
    const resultCount = widthPx * heightPx;
    const result = new (data.constructor as new (length: number) => RasterArray)(
      resultCount * bandCount,
    );
    const invalid = Number(this.#options.nodata ?? 0);
    for (let band = 0; band < bandCount; band += 1) {
      const isMask = band === bandCount - 1;
      const [first, step] = interleave === 'pixel' ? [band, bandCount] : [band * count, 1];
      const plane = Float64Array.from({ length: count }, (_, at) =>
        validity[at] === 0 ? Number.NaN : Number(data[first + at * step]),
      );
      const made = reduction.make(
        { ...pixels, data: plane, bandCount: 1, interleave: 'pixel', hasMask: false },
        window,
        origin,
      ).data as Float64Array;
      const values = made.map((value) => (Number.isNaN(value) ? (isMask ? 0 : invalid) : value));
      putRounded(values, result, (at) =>
        interleave === 'pixel' ? at * bandCount + band : band * resultCount + at,
      );
    }
    return { data: result, widthPx, heightPx, bandCount, interleave, hasMask: true };
  }
}

/**
 * Numbers as samples of the type of others: rounded, halves away from zero, and kept in their
 * range.
 */
function putRounded(
  values: Float64Array,
  samples: RasterArray,
  to: (index: number) => number,
): void {
  const isFloat = types.isFloat32Array(samples) || types.isFloat64Array(samples);
  const areWide = isWide(samples);
  const { least, most } = rangeOf(samples);
  for (const [index, value] of values.entries()) {
    const whole = Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
    const kept = isFloat ? value : Math.min(most, Math.max(least, whole));
    samples[to(index)] = (areWide ? BigInt(kept) : kept) as never;
  }
}

function rangeOf(samples: RasterArray): { readonly least: number; readonly most: number } {
  const bits = samples.BYTES_PER_ELEMENT * 8;
  const isSigned = samples.constructor.name.startsWith('Int') || types.isBigInt64Array(samples);
  // 64 bits: the largest number below 2^63 or 2^64 that a double holds.
  const ulp = bits === 64 ? 2048 : 1;
  return isSigned
    ? { least: -(2 ** (bits - 1)), most: 2 ** (bits - 1) - ulp / (bits === 64 ? 2 : 1) }
    : { least: 0, most: 2 ** bits - ulp };
}

/**
 * The samples of each result pixel along an axis, counted from where the pixels begin that are
 * given.
 */
function axisOf(
  countPx: number,
  originPx: number,
  tapsAt: (index: number) => Taps,
): readonly Taps[] {
  return Array.from({ length: countPx }, (_, index) => {
    const taps = tapsAt(index);
    return { ...taps, start: taps.start - originPx };
  });
}

/** All of a picture, smaller by a factor, each side rounded up. */
export function downsample(
  pixels: Pixels,
  factor: number,
  method: OverviewMethod,
  nodata: Nodata | undefined,
): Pixels {
  const to = {
    widthPx: Math.ceil(pixels.widthPx / factor),
    heightPx: Math.ceil(pixels.heightPx / factor),
  };
  const reduction = new Reduction({ from: pixels, to, method, nodata });
  return reduction.make(pixels, { ...ORIGIN, ...to }, ORIGIN);
}

function makerOf(
  method: OverviewMethod,
): (plane: Plane, target: PlaneTarget, making: Making) => void {
  if (method === 'bilinear' || method === 'cubic') return convolve;
  return method === 'average' || method === 'gauss' ? makeAverages : makeBySquares;
}

function makeAverages(plane: Plane, target: PlaneTarget, making: Making): void {
  const { data } = plane;
  if (isWide(data) || isByQuarters(data, making)) makeBySquares(plane, target, making);
  else makeMeans({ ...plane, data }, target, making);
}

function isWide(data: RasterArray): data is BigInt64Array | BigUint64Array {
  return types.isBigInt64Array(data) || types.isBigUint64Array(data);
}

/** GDAL adds up four equal floats in their own type. */
function isByQuarters(data: RasterArray, { columns, rows, method, missing }: Making): boolean {
  const isEqual = columns[0]?.areEqual === true && rows[0]?.areEqual === true;
  return types.isFloat32Array(data) && missing === undefined && method === 'average' && isEqual;
}

function makeBySquares(
  { data, first, step, rowStep }: Plane,
  target: PlaneTarget,
  { columns, rows, method, missing }: Making,
): void {
  const choose = chooser(method, data, missing);
  const [firstTaps] = columns as [Taps];
  const square: Square = { data, step, rowStep, first, columns: firstTaps, rows: firstTaps };
  let to = target.first;
  for (const row of rows) {
    square.rows = row;
    for (const column of columns) {
      square.columns = column;
      square.first = first + row.start * rowStep + column.start * step;
      // Nothing valid: nodata, or not-a-number where the samples are that without a nodata value
      // being set.
      target.data[to] = (choose(square, missing) ?? missing ?? data[square.first]) as never;
      to += target.step;
    }
  }
}

function chooser(method: OverviewMethod, data: RasterArray, missing: Nodata | undefined): Choose {
  if (method === 'nearest') return ({ first }) => data[first];
  if (method === 'mode') return modeOf;
  const rounding = roundingOf(data, missing);
  if (method === 'rms') return (square, nodata) => rounded(rmsOf(square, nodata), rounding);
  if (isWide(data)) return (square, nodata) => avoided(meanOfBigints(square, nodata), nodata);
  return (square, nodata) => quarterOf(square) ?? rounded(meanOf(square, nodata), rounding);
}

function rounded(value: number | undefined, rounding: Rounding): Sample | undefined {
  return value === undefined ? undefined : rounding(value);
}

function avoided(value: bigint | undefined, nodata: Nodata | undefined): bigint | undefined {
  // The largest value is never the mean of smaller ones.
  return value === undefined || value !== nodata ? value : value + 1n;
}

/** The nodata value as the samples have it, of whose type it may be a rounded one. */
function sampleOf(data: RasterArray, nodata: Nodata | undefined): Nodata | undefined {
  if (nodata === undefined) return undefined;
  if (types.isBigInt64Array(data) || types.isBigUint64Array(data)) return BigInt(nodata);
  return types.isFloat32Array(data) ? Math.fround(Number(nodata)) : Number(nodata);
}

/**
 * The mean of four equal ones, as GDAL adds them up; `undefined` for other squares, and for NaN.
 */
function quarterOf({ data, first, step, rowStep, columns, rows }: Square): number | undefined {
  if (!columns.areEqual || !rows.areEqual) return undefined;
  if (columns.weights.length !== 2 || rows.weights.length !== 2) return undefined;
  const left = Math.fround((data[first] as number) + (data[first + rowStep] as number));
  const right = Math.fround(
    (data[first + step] as number) + (data[first + rowStep + step] as number),
  );
  const mean = Math.fround(Math.fround(left + right) * 0.25);
  return Number.isFinite(mean) ? mean : undefined;
}

function meanOf(square: Square, nodata: Nodata | undefined): number | undefined {
  const { data, first, step, rowStep, columns, rows } = square;
  const [across, down] = [columns.weights, rows.weights];
  let [sum, total] = [0, 0];
  for (let row = 0; row < down.length; row += 1) {
    const weight = down[row] as number;
    let at = first + row * rowStep;
    for (let column = 0; column < across.length; column += 1, at += step) {
      const value = data[at] as number;
      if (value === nodata || value !== value) continue;
      const share = weight * (across[column] as number);
      sum += share * value;
      total += share;
    }
  }
  return total > 0 ? sum / total : undefined;
}

function rmsOf(square: Square, nodata: Nodata | undefined): number | undefined {
  const { data, first, step, rowStep, columns, rows } = square;
  const [across, down] = [columns.weights, rows.weights];
  let [sum, total] = [0, 0];
  for (let row = 0; row < down.length; row += 1) {
    let at = first + row * rowStep;
    for (let column = 0; column < across.length; column += 1, at += step) {
      const sample = data[at] as Sample;
      if (sample === nodata || sample !== sample) continue;
      const value = Number(sample);
      const share = (down[row] as number) * (across[column] as number);
      sum += share * value * value;
      total += share;
    }
  }
  if (total === 0) return undefined;
  const isSmall = types.isUint8Array(data) || types.isUint16Array(data);
  return isSmall ? nearestRoot(sum / total) : Math.sqrt(sum / total);
}

/**
 * The whole number whose square is nearest, as GDAL has it for 8 and 16 bits: of 2.5, between 1 and
 * 4, it is 1.
 */
function nearestRoot(square: number): number {
  const root = Math.floor(Math.sqrt(square));
  return 2 * root * (root + 1) + 1 < 2 * square ? root + 1 : root;
}

/** Exact: weights along an axis are multiples of one fraction, and are counted in these. */
function meanOfBigints(square: Square, nodata: Nodata | undefined): bigint | undefined {
  const { data, first, step, rowStep, columns, rows } = square;
  const [across, down] = [wholeWeights(columns), wholeWeights(rows)];
  let [sum, total] = [0n, 0n];
  for (const [row, weight] of down.entries()) {
    for (const [column, other] of across.entries()) {
      const value = data[first + row * rowStep + column * step] as bigint;
      if (value === nodata) continue;
      sum += weight * other * value;
      total += weight * other;
    }
  }
  if (total === 0n) return undefined;
  return (2n * sum + (sum < 0n ? -total : total)) / (2n * total);
}

/** Sizes of pictures are below this, and so are the denominators of weights. */
const WEIGHT_UNIT = 2 ** 40;

function wholeWeights({ weights, areEqual }: Taps): readonly bigint[] {
  return Array.from(weights, (weight) =>
    areEqual ? 1n : BigInt(Math.round(weight * WEIGHT_UNIT)),
  );
}

/** The value that first reaches the highest count, row by row. */
function modeOf(square: Square, nodata: Nodata | undefined): Sample | undefined {
  const { data, first, step, rowStep, columns, rows } = square;
  const counts = new Map<Sample, number>();
  let best: Sample | undefined;
  let most = 0;
  for (let row = 0; row < rows.weights.length; row += 1) {
    for (let column = 0; column < columns.weights.length; column += 1) {
      const value = data[first + row * rowStep + column * step] as Sample;
      if (value === nodata || value !== value) continue;
      const count = (counts.get(value) ?? 0) + 1;
      counts.set(value, count);
      if (count > most) [best, most] = [value, count];
    }
  }
  return best;
}
