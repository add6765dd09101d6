/**
 * The overviews of a mosaic: pictures that are smaller by whole factors, each made of the one before it.
 *
 * The large ones lie in the tile files, each tile with its own part, and a small index for each factor puts them
 * together. From the factor on at which the parts would become tiny, an overview is a file of its own (`merged`). Every
 * tile gives its part of the first of these; the next ones are made of it once it is whole. A part fits in exactly, since
 * factors that do not divide the edges between tiles are not allowed for it.
 */
import { dataTypes, type Nodata, type Pixels, type RasterInfo } from '../model.js';
import { invalidArgument } from 'holdfast/options';
import type { Grid } from '../source/grid.js';
import { downsample, type OverviewMethod, overviewMethods } from './downsample.js';

/** Which overviews a mosaic gets, and how. */
export interface Pyramid {
  readonly method: OverviewMethod;
  /** The factors of the overviews inside the tiles, ascending. */
  readonly tileFactors: readonly number[];
  /** The factors of the overviews that are files of their own, ascending; each is larger than those of the tiles. */
  readonly mergedFactors: readonly number[];
}

/** What a caller may say about overviews. */
export interface OverviewOptions {
  /**
   * Factors by which overviews are smaller, ascending, each a multiple of the one before; `auto`: 2, 4, 8 and so on, until
   * the longer side has at most 256 pixels, as far as they divide the edges between tiles. None by default.
   */
  readonly overviews?: 'auto' | readonly number[] | undefined;
  /** How the pixels of an overview are made; `average` by default, `nearest` for a palette. Nodata never bleeds in. */
  readonly resampling?: OverviewMethod | undefined;
}

/** `auto` ends with an overview whose longer side has at most so many pixels. */
const SMALLEST_PX = 256;
/** An overview whose parts would have at most so many pixels a side is a file of its own, */
const SMALLEST_PART_PX = 128;
/** if all of it fits into so many bytes. */
const MERGED_BYTES = 256 * 1024 * 1024;

/** Checks what a caller said; `undefined` for no overviews. */
export function planPyramid(
  call: string,
  info: RasterInfo,
  grid: Grid,
  { overviews, resampling }: OverviewOptions,
): Pyramid | undefined {
  const method = methodOf(call, info, resampling);
  const factors =
    overviews === 'auto' ? automatic(info, grid) : checkFactors(call, overviews ?? []);
  if (factors.length === 0) return undefined;
  const firstMerged = factors.findIndex((factor) => isMerged(info, grid, factor));
  const end = firstMerged < 0 ? factors.length : firstMerged;
  const [tileFactors, mergedFactors] = [factors.slice(0, end), factors.slice(end)];
  for (const factor of [...tileFactors, ...mergedFactors.slice(0, 1)]) {
    if (dividesEdges(grid, factor)) continue;
    throw invalidArgument(
      call,
      `an overview by ${factor} does not fit: ${factor} must divide the width and height of the tiles`,
    );
  }
  return { method, tileFactors, mergedFactors };
}

/** The overviews of a tile, one a factor of its own, and its part of the first merged one. */
export function tileOverviews(
  pixels: Pixels,
  { method, tileFactors, mergedFactors }: Pyramid,
  nodata: Nodata | undefined,
): { readonly own: readonly Pixels[]; readonly part: Pixels | undefined } {
  const own = cascade(pixels, 1, tileFactors, method, nodata);
  const [firstMerged] = mergedFactors;
  const [last, lastFactor] = [own.at(-1) ?? pixels, tileFactors.at(-1) ?? 1];
  const part =
    firstMerged === undefined
      ? undefined
      : downsample(last, firstMerged / lastFactor, method, nodata);
  return { own, part };
}

/** Overviews by ascending factors, each made of the one before; `factor` is that of the picture given. */
export function cascade(
  pixels: Pixels,
  factor: number,
  factors: readonly number[],
  method: OverviewMethod,
  nodata: Nodata | undefined,
): readonly Pixels[] {
  const made: Pixels[] = [];
  let [last, lastFactor] = [pixels, factor];
  for (const next of factors) {
    last = downsample(last, next / lastFactor, method, nodata);
    lastFactor = next;
    made.push(last);
  }
  return made;
}

function methodOf(
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
  if (hasPalette && method === 'average')
    throw invalidArgument(
      call,
      'the mean of two entries of a palette means nothing: take nearest or mode',
    );
  return method;
}

function checkFactors(call: string, factors: readonly number[]): readonly number[] {
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

function automatic(info: RasterInfo, grid: Grid): readonly number[] {
  const factors: number[] = [];
  const longer = Math.max(info.widthPx, info.heightPx);
  for (let factor = 2; longer > (SMALLEST_PX * factor) / 2; factor *= 2) {
    const isFree = factors.some((each) => isMerged(info, grid, each));
    if (!isFree && !dividesEdges(grid, factor)) break;
    factors.push(factor);
  }
  return factors;
}

function isMerged(info: RasterInfo, grid: Grid, factor: number): boolean {
  const pixels = Math.ceil(info.widthPx / factor) * Math.ceil(info.heightPx / factor);
  const sizeBytes = pixels * info.bands.length * dataTypes[info.dataType].bytes;
  const tilePx = Math.max(largestStep(grid.columnEdgesPx), largestStep(grid.rowEdgesPx));
  return tilePx / factor <= SMALLEST_PART_PX && sizeBytes <= MERGED_BYTES;
}

function dividesEdges({ columnEdgesPx, rowEdgesPx }: Grid, factor: number): boolean {
  const inner = [...columnEdgesPx.slice(0, -1), ...rowEdgesPx.slice(0, -1)];
  return inner.every((edge) => edge % factor === 0);
}

function largestStep(edges: readonly number[]): number {
  return edges.reduce((most, edge, index) => Math.max(most, edge - (edges[index - 1] ?? 0)), 0);
}
