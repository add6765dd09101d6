/** What the values of a band are like: for the tones of the map, and to be shown beside it. */
import { messageOf } from 'holdfast/errors';
import type { Mosaic } from '../read/open-vrt.js';
import type { Window } from '../model.js';
import { numbersOf, rangeOf, type ValueRange } from '../preview/paint.js';
import { isReadAtOnce, type MapGrid } from './map-grid.js';

/** The longer side of the picture that is looked at. */
const LOOK_PX = 512;
/** Where that is too dear: so many windows along each side, of so many pixels. */
const WINDOWS = 8;
const WINDOW_PX = 64;
const BIN_COUNT = 64;

/** Figures of a band. */
export interface Figures {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly standardDeviation: number;
}

/** What is known of the values of a band. Of a band without any, figures and histogram are missing. */
export interface BandSummary {
  readonly band: number;
  readonly range: ValueRange;
  /** How many pixels were looked at, and how many of them are valid. */
  readonly lookedAt: number;
  readonly valid: number;
  readonly figures: Figures | undefined;
  /** Why some pixels could not be looked at. */
  readonly failure: string | undefined;
  /** Whether the figures are the index's, of all pixels, or those of what was looked at. */
  readonly figuresAre: 'of the index' | 'of a sample';
  /** Of what was looked at, from the least value to the greatest. */
  readonly histogram:
    { readonly from: number; readonly to: number; readonly counts: readonly number[] } | undefined;
}

/** Looks at a band, numbered from 1. */
export async function summaryOf(mosaic: Mosaic, grid: MapGrid, band: number): Promise<BandSummary> {
  const { values, failure } = await sampleOf(mosaic, grid, band);
  const finite = values.filter((value) => Number.isFinite(value));
  const own = finite.length === 0 ? undefined : figuresOf(finite);
  const told = toldFigures(mosaic.info.bands[band - 1]?.metadata ?? {});
  return {
    band,
    failure,
    range: rangeOf(values),
    lookedAt: values.length,
    valid: values.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0),
    figures: told ?? own,
    figuresAre: told ? 'of the index' : 'of a sample',
    histogram: own && histogramOf(finite, own),
  };
}

/** What was read of a band, and why some was not. */
interface Sample {
  readonly values: Float64Array;
  readonly failure: string | undefined;
}

async function sampleOf(mosaic: Mosaic, grid: MapGrid, band: number): Promise<Sample> {
  const { widthPx, heightPx } = mosaic.info;
  const parts: Float64Array[] = [];
  let failure: string | undefined;
  const look = async (window: Window, scale: number): Promise<void> => {
    try {
      parts.push(await valuesOf(mosaic, window, band, scale));
    } catch (error) {
      failure ??= messageOf(error);
    }
  };
  if (isReadAtOnce(grid, LOOK_PX)) {
    const scale = Math.min(1, LOOK_PX / Math.max(widthPx, heightPx));
    await look({ xPx: 0, yPx: 0, widthPx, heightPx }, scale);
  }
  // A broken tile leaves the windows elsewhere.
  if (parts.length === 0)
    for (const yPx of starts(heightPx))
      for (const xPx of starts(widthPx)) await look(windowAt(xPx, yPx, grid), 1);
  return { values: joined(parts), failure };
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const values = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

function starts(lengthPx: number): readonly number[] {
  const last = Math.max(0, lengthPx - WINDOW_PX);
  const all = Array.from({ length: WINDOWS }, (_, n) => Math.round((last * n) / (WINDOWS - 1)));
  return [...new Set(all)];
}

function windowAt(xPx: number, yPx: number, { widthPx, heightPx }: MapGrid): Window {
  return {
    xPx,
    yPx,
    widthPx: Math.min(WINDOW_PX, widthPx),
    heightPx: Math.min(WINDOW_PX, heightPx),
  };
}

async function valuesOf(
  mosaic: Mosaic,
  window: Window,
  band: number,
  scale: number,
): Promise<Float64Array> {
  const { data } = await mosaic.read(window, { band, scale });
  const valid = mosaic.hasMask
    ? ((await mosaic.read(window, { band: 'mask', scale })).data as Uint8Array)
    : undefined;
  return numbersOf(data, valid ? undefined : mosaic.document.bands[band - 1]?.nodata, valid);
}

function toldFigures(metadata: Readonly<Record<string, string>>): Figures | undefined {
  const [minimum = Number.NaN, maximum = Number.NaN, mean = Number.NaN, deviation = Number.NaN] = [
    'MINIMUM',
    'MAXIMUM',
    'MEAN',
    'STDDEV',
  ].map((name) => Number(metadata[`STATISTICS_${name}`] ?? Number.NaN));
  const isTold = [minimum, maximum, mean, deviation].every((value) => Number.isFinite(value));
  return isTold ? { minimum, maximum, mean, standardDeviation: deviation } : undefined;
}

function figuresOf(values: Float64Array): Figures {
  let [minimum, maximum, mean, squares] = [Infinity, -Infinity, 0, 0];
  for (const [index, value] of values.entries()) {
    minimum = Math.min(minimum, value);
    maximum = Math.max(maximum, value);
    // Welford's method: sums of large values would lose small differences.
    const before = value - mean;
    mean += before / (index + 1);
    squares += before * (value - mean);
  }
  return { minimum, maximum, mean, standardDeviation: Math.sqrt(squares / values.length) };
}

function histogramOf(
  values: Float64Array,
  { minimum: from, maximum: to }: Figures,
): BandSummary['histogram'] {
  const counts = Array.from({ length: BIN_COUNT }, () => 0);
  for (const value of values) {
    const share = to > from ? (value - from) / (to - from) : 0;
    const bin = Math.min(BIN_COUNT - 1, Math.floor(share * BIN_COUNT));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { from, to, counts };
}
