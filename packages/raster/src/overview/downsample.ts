/**
 * Makes a smaller picture of samples: each result pixel stands for a square of `factor` by `factor` pixels, cut at the
 * right and bottom edges. Nodata never bleeds in: it takes no part in an average or a vote, and a result pixel is nodata
 * only where all of its square is.
 */
import { dataTypeOf, dataTypes, type Nodata, type Pixels, type RasterArray } from '../model.js';

/**
 * `nearest` takes the pixel in the middle of the square (lower right of the middle when it is even), also when it is
 * nodata; `average` the mean of the valid ones, rounded for integers; `mode` the most frequent one, of equals the first.
 */
export type OverviewMethod = 'nearest' | 'average' | 'mode';

export const overviewMethods: readonly OverviewMethod[] = ['nearest', 'average', 'mode'];

type Sample = number | bigint;

/** The pixels of one square that are valid, in a list that is used again for the next square. */
type Choose = (valid: readonly Sample[]) => Sample;

/** The smaller picture; the bands lie as they lay. */
export function downsample(
  pixels: Pixels,
  factor: number,
  method: OverviewMethod,
  nodata: Nodata | undefined,
): Pixels {
  const widthPx = Math.ceil(pixels.widthPx / factor);
  const heightPx = Math.ceil(pixels.heightPx / factor);
  const { bandCount, interleave } = pixels;
  const data = pixels.data.constructor as new (length: number) => RasterArray;
  const result = new data(widthPx * heightPx * bandCount);
  const step = interleave === 'pixel' ? bandCount : 1;
  for (let band = 0; band < bandCount; band += 1) {
    const from = interleave === 'pixel' ? band : band * pixels.widthPx * pixels.heightPx;
    const to = interleave === 'pixel' ? band : band * widthPx * heightPx;
    const source = {
      data: pixels.data,
      start: from,
      step,
      widthPx: pixels.widthPx,
      heightPx: pixels.heightPx,
    };
    fillBand(source, { data: result, start: to, step, widthPx, heightPx }, factor, method, nodata);
  }
  return { data: result, widthPx, heightPx, bandCount, interleave };
}

/** Where the samples of one band lie in an array. */
interface Plane {
  readonly data: RasterArray;
  readonly start: number;
  readonly step: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

function fillBand(
  source: Plane,
  target: Plane,
  factor: number,
  method: OverviewMethod,
  nodata: Nodata | undefined,
): void {
  const choose = chooser(method, source.data);
  for (let y = 0; y < target.heightPx; y += 1) {
    for (let x = 0; x < target.widthPx; x += 1) {
      const value =
        method === 'nearest'
          ? middleOf(source, x, y, factor)
          : chosenOf(source, x, y, factor, nodata, choose);
      target.data[target.start + (y * target.widthPx + x) * target.step] = value as never;
    }
  }
}

function middleOf(source: Plane, x: number, y: number, factor: number): Sample {
  const half = Math.floor(factor / 2);
  const column = Math.min(source.widthPx - 1, x * factor + half);
  const row = Math.min(source.heightPx - 1, y * factor + half);
  return sampleAt(source, column, row);
}

function chosenOf(
  source: Plane,
  x: number,
  y: number,
  factor: number,
  nodata: Nodata | undefined,
  choose: Choose,
): Sample {
  const valid: Sample[] = [];
  const right = Math.min(source.widthPx, (x + 1) * factor);
  const bottom = Math.min(source.heightPx, (y + 1) * factor);
  for (let row = y * factor; row < bottom; row += 1) {
    for (let column = x * factor; column < right; column += 1) {
      const sample = sampleAt(source, column, row);
      if (sample !== nodata && !Number.isNaN(sample)) valid.push(sample);
    }
  }
  // Nothing valid: nodata, or not-a-number where the samples are that without a nodata value being set.
  return valid.length > 0 ? choose(valid) : (nodata ?? sampleAt(source, x * factor, y * factor));
}

function sampleAt(source: Plane, column: number, row: number): Sample {
  return source.data[source.start + (row * source.widthPx + column) * source.step] as Sample;
}

function chooser(method: OverviewMethod, data: RasterArray): Choose {
  if (method === 'mode') return modeOf;
  const type = dataTypeOf(data);
  if (type === 'int64' || type === 'uint64') return meanOfBigints;
  return type !== undefined && dataTypes[type].sampleFormat === 3 ? meanOf : roundedMeanOf;
}

function meanOf(valid: readonly Sample[]): number {
  let sum = 0;
  for (const value of valid) sum += value as number;
  return sum / valid.length;
}

/** Halves are rounded away from zero, as GDAL rounds. */
function roundedMeanOf(valid: readonly Sample[]): number {
  const mean = meanOf(valid);
  return Math.sign(mean) * Math.floor(Math.abs(mean) + 0.5);
}

function meanOfBigints(valid: readonly Sample[]): bigint {
  let sum = 0n;
  for (const value of valid) sum += value as bigint;
  const count = BigInt(valid.length);
  const away = sum < 0n ? -count : count;
  return (2n * sum + away) / (2n * count);
}

function modeOf(valid: readonly Sample[]): Sample {
  const counts = new Map<Sample, number>();
  let [best, most] = [valid[0] as Sample, 0];
  for (const value of valid) counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const [value, count] of counts) if (count > most) [best, most] = [value, count];
  return best;
}
