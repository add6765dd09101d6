/**
 * Minimum, maximum, mean, standard deviation and share of valid pixels of a band, and its histogram
 * when that is asked for, from the statistics of its tiles. Each tile is gone over while it is in
 * memory to be encoded; joining is cheap.
 *
 * Values that are nodata, not-a-number or infinite count as not valid. The deviation is that of the
 * whole population (divided by n), as GDAL's. Sums of squares are joined by the method of Chan,
 * Golub and LeVeque (Updating formulae and a pairwise algorithm for computing sample variances,
 * 1979), which loses no digits to a large mean. 64-bit integers are taken as the nearest doubles.
 */
import { types } from 'node:util';
import type { Nodata, RasterArray } from '../model.js';
import { countValues, joinHistograms, type Histogram } from './histogram.js';

/** What is to be found: nothing, all but the histogram, or that too. */
export type WantedStatistics = 'none' | 'values' | 'histogram';

/**
 * What was found in some pixels of one band. Plain data, so that it can come from another thread.
 */
export interface BandStatistics {
  readonly pixels: number;
  readonly valid: number;
  /** The rest is missing where no pixel is valid. */
  readonly values?: {
    readonly minimum: number;
    readonly maximum: number;
    readonly mean: number;
    /** Sum of the squared distances from the mean. */
    readonly squares: number;
    /** When it was asked for. */
    readonly histogram?: Histogram | undefined;
  };
}

/** What was found in no pixels. */
export const noStatistics: BandStatistics = { pixels: 0, valid: 0 };

/**
 * The samples of one band among those of all bands: `pixels` of them, `step` apart, from `start`
 * on.
 */
interface BandSamples {
  readonly data: RasterArray;
  readonly start: number;
  readonly step: number;
  readonly pixels: number;
  /** Of each pixel: 0 where it is not valid. */
  readonly validity?: Uint8Array | undefined;
}

/** Goes over the samples of one band, once. */
export function bandStatistics(
  samples: BandSamples,
  nodata: Nodata | undefined,
  wanted: WantedStatistics = 'values',
): BandStatistics {
  const { pixels } = samples;
  const numbers = asNumbers(samples, nodata);
  let all: Moments | undefined;
  for (const run of runsOf(numbers)) {
    const found = momentsOf(run);
    if (found) all = all ? joinMoments(all, found) : found;
  }
  if (!all) return { pixels, valid: 0 };
  const { valid, minimum, maximum, mean, squares } = all;
  const histogram =
    wanted === 'histogram' ? countValues(validValues(numbers), minimum, maximum) : undefined;
  return { pixels, valid, values: { minimum, maximum, mean, squares, histogram } };
}

/** Statistics of each band of a tile. */
export function tileStatistics(
  tile: {
    readonly data: RasterArray;
    readonly bandCount: number;
    readonly interleave: 'pixel' | 'band';
    /** Of each pixel, where the last band is their mask. */
    readonly validity?: Uint8Array | undefined;
  },
  nodata: Nodata | undefined,
  wanted: WantedStatistics = 'values',
): BandStatistics[] {
  const { data, bandCount, interleave, validity } = tile;
  const pixels = data.length / bandCount;
  const imageCount = validity ? bandCount - 1 : bandCount;
  const places = Array.from({ length: imageCount }, (_, band) =>
    interleave === 'pixel' ? { start: band, step: bandCount } : { start: band * pixels, step: 1 },
  );
  return places.map((place) =>
    bandStatistics({ data, pixels, validity, ...place }, nodata, wanted),
  );
}

/** Joins what was found in two sets of pixels. */
export function joinStatistics(a: BandStatistics, b: BandStatistics): BandStatistics {
  const pixels = a.pixels + b.pixels;
  if (!a.values) return { ...b, pixels };
  if (!b.values) return { ...a, pixels };
  const { valid, ...values } = joinMoments(
    { valid: a.valid, ...a.values },
    { valid: b.valid, ...b.values },
  );
  const histogram = joinedHistogram(a.values.histogram, b.values.histogram);
  return { pixels, valid, values: { ...values, histogram } };
}

/** What is found in some samples of which at least one is valid. */
interface Moments {
  readonly valid: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly squares: number;
}

function joinMoments(a: Moments, b: Moments): Moments {
  const valid = a.valid + b.valid;
  const distance = b.mean - a.mean;
  return {
    valid,
    minimum: Math.min(a.minimum, b.minimum),
    maximum: Math.max(a.maximum, b.maximum),
    mean: a.mean + (distance * b.valid) / valid,
    squares: a.squares + b.squares + (distance ** 2 * a.valid * b.valid) / valid,
  };
}

function joinedHistogram(
  a: Histogram | undefined,
  b: Histogram | undefined,
): Histogram | undefined {
  return a && b && joinHistograms(a, b);
}

/**
 * Samples as numbers, and the value among them that is no data; not-a-number where there is none.
 */
interface NumberSamples {
  readonly data: Exclude<RasterArray, BigInt64Array | BigUint64Array>;
  readonly start: number;
  readonly step: number;
  readonly end: number;
  readonly nodata: number;
}

/**
 * Those of 64 bits are compared with nodata before they become doubles, and are not-a-number where
 * they equal it.
 */
function asNumbers(
  { data, start, step, pixels, validity }: BandSamples,
  nodata: Nodata | undefined,
): NumberSamples {
  // A mask counts before nodata, as GDAL has it.
  if (validity) {
    const valid = Float64Array.from({ length: pixels }, (_, index) =>
      validity[index] === 0 ? Number.NaN : Number(data[start + index * step]),
    );
    return { data: valid, start: 0, step: 1, end: pixels, nodata: Number.NaN };
  }
  if (!(types.isBigInt64Array(data) || types.isBigUint64Array(data))) {
    const value = nodata === undefined ? Number.NaN : Number(nodata);
    const rounded = types.isFloat32Array(data) ? Math.fround(value) : value;
    return { data, start, step, end: start + pixels * step, nodata: rounded };
  }
  const missing = nodata === undefined ? undefined : BigInt(nodata);
  const numbers = Float64Array.from({ length: pixels }, (_, index) => {
    const sample = data[start + index * step] as bigint;
    return sample === missing ? Number.NaN : Number(sample);
  });
  return { data: numbers, start: 0, step: 1, end: pixels, nodata: Number.NaN };
}

/**
 * In runs of so many samples: V8 makes the function of a loop fast when it was called some times. A
 * call that goes over a whole tile it makes fast within the loop alone, and slow again at each end
 * (Node 20), which takes four times as long.
 */
const RUN_SAMPLES = 4096;

function* runsOf(numbers: NumberSamples): Generator<NumberSamples> {
  const runLength = RUN_SAMPLES * numbers.step;
  for (let start = numbers.start; start < numbers.end; start += runLength)
    yield { ...numbers, start, end: Math.min(numbers.end, start + runLength) };
}

/**
 * Sums of distances from the first valid sample: of integers of up to 32 bits they are exact, and a
 * large mean costs the squares no digits.
 */
function momentsOf({ data, start, step, end, nodata }: NumberSamples): Moments | undefined {
  let first = start;
  while (first < end && !isValid(data[first] as number, nodata)) first += step;
  if (first >= end) return undefined;
  const origin = data[first] as number;
  // One by one: taken out of an array they would stay objects for the compiler, and each step of
  // the loop make new ones.
  let valid = 0;
  let minimum = origin;
  let maximum = origin;
  let sum = 0;
  let sumOfSquares = 0;
  for (let at = first; at < end; at += step) {
    const value = data[at] as number;
    if (!isValid(value, nodata)) continue;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
    const distance = value - origin;
    sum += distance;
    sumOfSquares += distance * distance;
    valid += 1;
  }
  const squares = sumOfSquares - (sum * sum) / valid;
  return {
    valid,
    minimum,
    maximum,
    mean: origin + sum / valid,
    // Squares of numbers that are large enough are infinite, and their difference is no number.
    squares: sumOfSquares === Infinity ? Infinity : Math.max(0, squares),
  };
}

/** The second: not-a-number and the infinite ones. */
function isValid(value: number, nodata: number): boolean {
  return value !== nodata && value - value === 0;
}

function* validValues({ data, start, step, end, nodata }: NumberSamples): Generator<number> {
  for (let at = start; at < end; at += step) {
    const value = data[at] as number;
    if (value !== nodata && Number.isFinite(value)) yield value;
  }
}
