/**
 * The overviews of a mosaic: pictures that are smaller by whole factors, each made of the one
 * before it, in one file.
 *
 * Where the first factor divides the sizes of the mosaic and its tiles, and a pixel is made of its
 * own square alone, each tile gives its part of the first overview while it is written. Else that
 * is made once the tiles are there, since its pixels reach over the edges between them.
 */
import type { Nodata, Pixels, RasterInfo } from '../model.js';
import { invalidArgument } from 'holdfast/options';
import type { Grid } from '../source/grid.js';
import { downsample } from './downsample.js';
import { type OverviewMethod, overviewMethods } from './taps.js';

/** Which overviews a mosaic gets, and how. */
export interface Pyramid {
  readonly method: OverviewMethod;
  /** Ascending, each a multiple of the one before. */
  readonly factors: readonly [number, ...number[]];
  /** Whether every tile gives its part of the first one. */
  readonly hasParts: boolean;
  /** The first of the factors, by which each tile has overviews inside as well. */
  readonly tileFactors: readonly number[];
}

/** What a caller may say about overviews. */
export interface OverviewOptions {
  /**
   * Factors by which overviews are smaller, ascending, each a multiple of the one before; `auto`:
   * 2, 4, 8 and so on, until the longer side has at most 256 pixels. None by default.
   */
  readonly overviews?: 'auto' | readonly number[] | undefined;
  /** How the pixels of an overview are made; `average` by default, `nearest` for a palette. */
  readonly resampling?: OverviewMethod | undefined;
}

/** `auto` ends with an overview whose longer side has at most so many pixels. */
const SMALLEST_PX = 256;
/** A tile has overviews inside until they have at most so many pixels a side. */
const SMALLEST_PART_PX = 128;

/**
 * Checks what a caller said; `undefined` for no overviews.
 *
 * @param inTiles - whether tiles get overviews inside, too
 */
export function planPyramid(
  call: string,
  { info, grid, inTiles }: { info: RasterInfo; grid: Grid; inTiles: boolean },
  { overviews, resampling }: OverviewOptions,
): Pyramid | undefined {
  const method = methodOf(call, info, resampling);
  const factors = overviews === 'auto' ? automatic(info) : checkFactors(call, overviews ?? []);
  const [first, ...others] = factors;
  if (first === undefined) return undefined;
  const isExact = (factor: number): boolean => isOfSquares(method) && divides(info, grid, factor);
  const fits = (factor: number): boolean => isExact(factor) && hasLargeParts(grid, factor);
  const count = factors.findIndex((factor) => !fits(factor));
  return {
    method,
    factors: [first, ...others],
    hasParts: isExact(first),
    tileFactors: inTiles ? factors.slice(0, count < 0 ? undefined : count) : [],
  };
}

/** The overviews of a tile, one a factor of its own, and its part of the first of the mosaic. */
export function tileOverviews(
  pixels: Pixels,
  { method, factors, hasParts, tileFactors }: Pyramid,
  nodata: Nodata | undefined,
): { readonly own: readonly Pixels[]; readonly part: Pixels | undefined } {
  const own = cascade(pixels, tileFactors, { method, nodata });
  const part = hasParts ? (own[0] ?? downsample(pixels, factors[0], method, nodata)) : undefined;
  return { own, part };
}

/** Overviews by ascending factors, each made of the one before. */
export function cascade(
  pixels: Pixels,
  factors: readonly number[],
  { method, nodata }: { readonly method: OverviewMethod; readonly nodata: Nodata | undefined },
): readonly Pixels[] {
  const made: Pixels[] = [];
  let [last, lastFactor] = [pixels, 1];
  for (const next of factors) {
    last = downsample(last, next / lastFactor, method, nodata);
    lastFactor = next;
    made.push(last);
  }
  return made;
}

/** How overviews are made, of what a caller said and the bands are. */
export function methodOf(
  call: string,
  { bands }: RasterInfo,
  resampling: OverviewMethod | undefined,
): OverviewMethod {
  const hasPalette = bands.some(({ palette }) => palette !== undefined);
  const method = resampling ?? (hasPalette ? 'nearest' : 'average');
  if (!overviewMethods.includes(method)) {
    const known = overviewMethods.join(', ');
    throw invalidArgument(call, `resampling is one of ${known}, not '${String(resampling)}'`);
  }
  if (hasPalette && isMean(method))
    throw invalidArgument(
      call,
      'the mean of two entries of a palette means nothing: take nearest or mode',
    );
  return method;
}

/** Refuses factors that are none. */
export function checkFactors(call: string, factors: readonly number[]): readonly number[] {
  const fits = (factor: number, index: number): boolean => {
    const before = factors[index - 1] ?? 1;
    return Number.isSafeInteger(factor) && factor > before && factor % before === 0;
  };
  if (Array.isArray(factors) && factors.every(fits)) return factors;
  throw invalidArgument(
    call,
    `overviews are 'auto', or whole factors from 2 up, each a multiple of the one before, not ${String(factors)}`,
  );
}

function automatic({ widthPx, heightPx }: RasterInfo): readonly number[] {
  const factors: number[] = [];
  const longer = Math.max(widthPx, heightPx);
  for (let factor = 2; longer > (SMALLEST_PX * factor) / 2; factor *= 2) factors.push(factor);
  return factors;
}

/** Whether an overview has values that the raster has not. */
export function isMean(method: OverviewMethod): boolean {
  return method !== 'nearest' && method !== 'mode';
}

/** Whether a pixel of an overview is made of nothing but the square that it stands for. */
export function isOfSquares(method: OverviewMethod): boolean {
  return method === 'nearest' || method === 'average' || method === 'rms' || method === 'mode';
}

/** Whether the squares of an overview's pixels lie in one tile each. */
function divides(
  { widthPx, heightPx }: RasterInfo,
  { columnEdgesPx, rowEdgesPx }: Grid,
  factor: number,
): boolean {
  const edges = [widthPx, heightPx, ...columnEdgesPx, ...rowEdgesPx];
  return edges.every((edge) => edge % factor === 0);
}

function hasLargeParts({ columnEdgesPx, rowEdgesPx }: Grid, factor: number): boolean {
  const tilePx = Math.max(largestStep(columnEdgesPx), largestStep(rowEdgesPx));
  return tilePx / factor > SMALLEST_PART_PX;
}

function largestStep(edges: readonly number[]): number {
  return edges.reduce((most, edge, index) => Math.max(most, edge - (edges[index - 1] ?? 0)), 0);
}
