/**
 * The overviews of a mosaic: pictures that are smaller by whole factors, each made of the one
 * before it.
 *
 * Where a factor divides the sizes of the mosaic and its tiles, and a pixel is made of its own
 * square alone, each tile has its part of an overview inside its file, and a small index puts them
 * together. From the factor on at which such parts would become tiny, an overview is a file of its
 * own; every tile gives its part of the first of these. All other overviews are made once the tiles
 * are there, since their pixels reach over the edges between tiles: as one file, or if that would
 * take much memory as tiles of their own.
 */
import { dataTypes, type Nodata, type Pixels, type RasterInfo } from '../model.js';
import { invalidArgument } from 'holdfast/options';
import type { Grid } from '../source/grid.js';
import { downsample } from './downsample.js';
import { type OverviewMethod, overviewMethods } from './taps.js';

/** Where the pixels of an overview lie: inside the tiles, in tiles of its own, or in one file. */
export type OverviewPlace = 'inTiles' | 'ownTiles' | 'file';

/** One overview. */
export interface OverviewLevel {
  readonly factor: number;
  readonly place: OverviewPlace;
}

/** Which overviews a mosaic gets, and how. */
export interface Pyramid {
  readonly method: OverviewMethod;
  /** By ascending factor, and in the order of `OverviewPlace`. */
  readonly levels: readonly OverviewLevel[];
  /** The factor of the first `file`, if every tile gives its part of it. */
  readonly partFactor: number | undefined;
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
/** An overview whose parts would have at most so many pixels a side is a file of its own, */
const SMALLEST_PART_PX = 128;
/** if all of it fits into so many bytes; made of others, it is one in any case then. */
const FILE_BYTES = 256 * 1024 * 1024;

/** Checks what a caller said; `undefined` for no overviews. */
export function planPyramid(
  call: string,
  info: RasterInfo,
  grid: Grid,
  { overviews, resampling }: OverviewOptions,
): Pyramid | undefined {
  const method = methodOf(call, info, resampling);
  const factors = overviews === 'auto' ? automatic(info) : checkFactors(call, overviews ?? []);
  if (factors.length === 0) return undefined;
  const levels: OverviewLevel[] = [];
  let partFactor: number | undefined;
  for (const factor of factors) {
    const isExact = isOfSquares(method) && divides(info, grid, factor);
    const isFirst = levels.every(({ place }) => place === 'inTiles');
    const isWhole =
      fitsInFile(info, factor) && !(isFirst && isExact && hasLargeParts(grid, factor));
    if (isWhole && isFirst && isExact) partFactor = factor;
    const place = isWhole ? 'file' : isFirst && isExact ? 'inTiles' : 'ownTiles';
    levels.push({ factor, place });
  }
  return { method, levels, partFactor };
}

/** The same overviews of a mosaic whose tiles are there already, and have no parts of them. */
export function withoutParts(pyramid: Pyramid, info: RasterInfo): Pyramid {
  const levels = pyramid.levels.map(({ factor }) => {
    const place: OverviewPlace = fitsInFile(info, factor) ? 'file' : 'ownTiles';
    return { factor, place };
  });
  return { ...pyramid, levels, partFactor: undefined };
}

/** The factors of the overviews that lie in some place. */
function factorsIn({ levels }: Pyramid, place: OverviewPlace): readonly number[] {
  return levels.filter((level) => level.place === place).map(({ factor }) => factor);
}

/** The overviews of a tile, one a factor of its own, and its part of the first merged one. */
export function tileOverviews(
  pixels: Pixels,
  pyramid: Pyramid,
  nodata: Nodata | undefined,
): { readonly own: readonly Pixels[]; readonly part: Pixels | undefined } {
  const { method, partFactor } = pyramid;
  const factors = factorsIn(pyramid, 'inTiles');
  const own = cascade(pixels, factors, { method, nodata });
  const [last, lastFactor] = [own.at(-1) ?? pixels, factors.at(-1) ?? 1];
  const part =
    partFactor === undefined
      ? undefined
      : downsample(last, partFactor / lastFactor, method, nodata);
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

function fitsInFile({ widthPx, heightPx, bands, dataType }: RasterInfo, factor: number): boolean {
  const pixels = Math.ceil(widthPx / factor) * Math.ceil(heightPx / factor);
  return pixels * bands.length * dataTypes[dataType].bytes <= FILE_BYTES;
}

function hasLargeParts({ columnEdgesPx, rowEdgesPx }: Grid, factor: number): boolean {
  const tilePx = Math.max(largestStep(columnEdgesPx), largestStep(rowEdgesPx));
  return tilePx / factor > SMALLEST_PART_PX;
}

function largestStep(edges: readonly number[]): number {
  return edges.reduce((most, edge, index) => Math.max(most, edge - (edges[index - 1] ?? 0)), 0);
}
