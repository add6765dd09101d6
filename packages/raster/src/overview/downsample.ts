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

/** One square of one band: the sample at column `x` and row `y` lies at `first + y * rowStep + x * step`. */
interface Square {
  readonly data: RasterArray;
  readonly first: number;
  readonly step: number;
  readonly rowStep: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** The value of a square; `undefined` where nothing in it is valid. */
type Choose = (square: Square, nodata: Nodata | undefined) => Sample | undefined;

/** The smaller picture; the bands lie as they lay. */
export function downsample(
  pixels: Pixels,
  factor: number,
  method: OverviewMethod,
  nodata: Nodata | undefined,
): Pixels {
  const { data, bandCount, interleave } = pixels;
  const widthPx = Math.ceil(pixels.widthPx / factor);
  const heightPx = Math.ceil(pixels.heightPx / factor);
  const result = new (data.constructor as new (length: number) => RasterArray)(
    widthPx * heightPx * bandCount,
  );
  const step = interleave === 'pixel' ? bandCount : 1;
  const bandStep = interleave === 'pixel' ? 1 : pixels.widthPx * pixels.heightPx;
  const resultBandStep = interleave === 'pixel' ? 1 : widthPx * heightPx;
  const rowStep = pixels.widthPx * step;
  const choose = chooser(method, data, factor);
  for (let band = 0; band < bandCount; band += 1) {
    let to = band * resultBandStep;
    for (let y = 0; y < heightPx; y += 1) {
      for (let x = 0; x < widthPx; x += 1) {
        const first = band * bandStep + y * factor * rowStep + x * factor * step;
        const square = {
          data,
          first,
          step,
          rowStep,
          widthPx: Math.min(factor, pixels.widthPx - x * factor),
          heightPx: Math.min(factor, pixels.heightPx - y * factor),
        };
        // Nothing valid: nodata, or not-a-number where the samples are that without a nodata value being set.
        result[to] = (choose(square, nodata) ?? nodata ?? data[first]) as never;
        to += step;
      }
    }
  }
  return { data: result, widthPx, heightPx, bandCount, interleave };
}

function chooser(method: OverviewMethod, data: RasterArray, factor: number): Choose {
  if (method === 'nearest') return (square) => middleOf(square, factor);
  if (method === 'mode') return modeOf;
  const type = dataTypeOf(data);
  if (type === 'int64' || type === 'uint64') return meanOfBigints;
  return type !== undefined && dataTypes[type].sampleFormat === 3 ? meanOf : roundedMeanOf;
}

function middleOf(
  { data, first, step, rowStep, widthPx, heightPx }: Square,
  factor: number,
): Sample {
  const half = Math.floor(factor / 2);
  const [column, row] = [Math.min(widthPx - 1, half), Math.min(heightPx - 1, half)];
  return data[first + row * rowStep + column * step] as Sample;
}

function meanOf(square: Square, nodata: Nodata | undefined): number | undefined {
  const { data, first, step, rowStep, widthPx, heightPx } = square;
  let [sum, count] = [0, 0];
  for (let row = 0; row < heightPx; row += 1) {
    const end = first + row * rowStep + widthPx * step;
    for (let at = first + row * rowStep; at < end; at += step) {
      const value = data[at] as number;
      if (value === nodata || Number.isNaN(value)) continue;
      sum += value;
      count += 1;
    }
  }
  return count > 0 ? sum / count : undefined;
}

/** Halves are rounded away from zero, as GDAL rounds. */
function roundedMeanOf(square: Square, nodata: Nodata | undefined): number | undefined {
  const mean = meanOf(square, nodata);
  return mean === undefined ? undefined : Math.sign(mean) * Math.floor(Math.abs(mean) + 0.5);
}

function meanOfBigints(square: Square, nodata: Nodata | undefined): bigint | undefined {
  const valid = validOf(square, nodata) as bigint[];
  if (valid.length === 0) return undefined;
  const sum = valid.reduce((total, value) => total + value, 0n);
  const count = BigInt(valid.length);
  const away = sum < 0n ? -count : count;
  return (2n * sum + away) / (2n * count);
}

function modeOf(square: Square, nodata: Nodata | undefined): Sample | undefined {
  const counts = new Map<Sample, number>();
  let best: Sample | undefined;
  let most = 0;
  for (const value of validOf(square, nodata)) counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const [value, count] of counts) if (count > most) [best, most] = [value, count];
  return best;
}

function validOf(square: Square, nodata: Nodata | undefined): Sample[] {
  const { data, first, step, rowStep, widthPx, heightPx } = square;
  const valid: Sample[] = [];
  for (let row = 0; row < heightPx; row += 1) {
    for (let column = 0; column < widthPx; column += 1) {
      const sample = data[first + row * rowStep + column * step] as Sample;
      if (sample !== nodata && !Number.isNaN(sample)) valid.push(sample);
    }
  }
  return valid;
}
