/**
 * Minimum, maximum, mean, standard deviation, share of valid pixels and histogram of a band, from the statistics of its
 * tiles. Each tile is gone over while it is in memory to be encoded; joining is cheap.
 *
 * Values that are nodata, not-a-number or infinite count as not valid. The deviation is that of the whole population
 * (divided by n), as GDAL's. Sums of squares are joined by the method of Chan, Golub and LeVeque (Updating formulae and
 * a pairwise algorithm for computing sample variances, 1979), which loses no digits to a large mean. 64-bit integers are
 * taken as the nearest doubles.
 */
import type { Nodata, RasterArray } from '../model.js';
import { countValues, joinHistograms, type Histogram } from './histogram.js';

/** What was found in some pixels of one band. Plain data, so that it can come from another thread. */
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
    readonly histogram: Histogram;
  };
}

/** What was found in no pixels. */
export const noStatistics: BandStatistics = { pixels: 0, valid: 0 };

/**
 * Goes over the samples of one band.
 *
 * @param samples - of all bands
 * @param start - index of the band's first sample
 * @param step - distance between two of its samples
 * @param pixels - how many samples the band has
 */
export function bandStatistics(
  samples: RasterArray,
  start: number,
  step: number,
  pixels: number,
  nodata: Nodata | undefined,
): BandStatistics {
  const values = validValues(samples, start, step, pixels, nodata);
  if (values.length === 0) return { pixels, valid: 0 };
  let [minimum, maximum, sum] = [Infinity, -Infinity, 0];
  for (const value of values) {
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
    sum += value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const histogram = countValues(values, minimum, maximum);
  return { pixels, valid: values.length, values: { minimum, maximum, mean, squares, histogram } };
}

/** Statistics of each band of a tile. */
export function tileStatistics(
  tile: {
    readonly data: RasterArray;
    readonly bandCount: number;
    readonly interleave: 'pixel' | 'band';
  },
  nodata: Nodata | undefined,
): BandStatistics[] {
  const { data, bandCount, interleave } = tile;
  const pixels = data.length / bandCount;
  return Array.from({ length: bandCount }, (_, band) =>
    interleave === 'pixel'
      ? bandStatistics(data, band, bandCount, pixels, nodata)
      : bandStatistics(data, band * pixels, 1, pixels, nodata),
  );
}

/** Joins what was found in two sets of pixels. */
export function joinStatistics(a: BandStatistics, b: BandStatistics): BandStatistics {
  const pixels = a.pixels + b.pixels;
  if (!a.values) return { ...b, pixels };
  if (!b.values) return { ...a, pixels };
  const valid = a.valid + b.valid;
  const distance = b.values.mean - a.values.mean;
  return {
    pixels,
    valid,
    values: {
      minimum: Math.min(a.values.minimum, b.values.minimum),
      maximum: Math.max(a.values.maximum, b.values.maximum),
      mean: a.values.mean + (distance * b.valid) / valid,
      squares: a.values.squares + b.values.squares + (distance ** 2 * a.valid * b.valid) / valid,
      histogram: joinHistograms(a.values.histogram, b.values.histogram),
    },
  };
}

function validValues(
  samples: RasterArray,
  start: number,
  step: number,
  pixels: number,
  nodata: Nodata | undefined,
): Float64Array {
  const values = new Float64Array(pixels);
  let valid = 0;
  for (let index = 0, at = start; index < pixels; index += 1, at += step) {
    const sample = samples[at] as number | bigint;
    if (sample === nodata) continue;
    const value = Number(sample);
    if (!Number.isFinite(value)) continue;
    values[valid] = value;
    valid += 1;
  }
  return values.subarray(0, valid);
}
