/** Everything about a Cloud Optimized GeoTIFF that is known before the first byte. */
import { basename } from 'node:path';
import type { Durability } from 'holdfast';
import { checkOptions, checkPath, checkWords, invalidArgument } from 'holdfast/options';
import { type Fs, nodeFileSystem } from 'holdfast/os';
import { dataTypes, hasMask, type RasterInfo } from '../model.js';
import { checkFactors, isOfSquares, methodOf, type OverviewOptions } from '../overview/pyramid.js';
import { Reduction, type Size } from '../overview/downsample.js';
import type { OverviewMethod } from '../overview/taps.js';
import { columnCount, type Grid, regularGrid, rowCount } from '../source/grid.js';
import { asAlpha } from '../source/mask.js';
import type { ReadableStore } from '../remote/store-ranges.js';
import type { RasterSource } from '../source/raster-source.js';
import { type StacOptions, wantedItem, type WantedItem } from '../stac/stac-options.js';
import {
  tileFormat,
  type TileFormat,
  tileOptionNames,
  type TileOptions,
} from '../tiff/tile-format.js';
import type { WriteProgress } from '../write/mosaic-plan.js';

/** What a caller may say about a Cloud Optimized GeoTIFF. */
export interface CogOptions extends Omit<TileOptions, 'blockSizePx'>, OverviewOptions {
  /**
   * Width and height of a block, a multiple of 16 from 16 to 4096; 512 by default, less for a
   * smaller raster.
   */
  readonly blockSizePx?: number | undefined;
  /**
   * Factors by which overviews are smaller, ascending, each a multiple of the one before; `auto`
   * (the default): 2, 4, 8 and so on, until one block holds the overview. An empty list makes none.
   */
  readonly overviews?: 'auto' | readonly number[] | undefined;
  /**
   * `fail` (the default) refuses a file that exists; `replace` replaces it whole, and what lies
   * beside it and spoke of it.
   */
  readonly ifExists?: 'fail' | 'replace' | undefined;
  /**
   * How the mask of a source that has one is written: `band` (the default), as a mask, or `alpha`,
   * a last band of uint8 or uint16.
   */
  readonly mask?: 'band' | 'alpha' | undefined;
  /**
   * Leaves out blocks that hold nothing but nodata, or that the mask leaves empty; readers see
   * nodata there.
   */
  readonly skipEmpty?: boolean | undefined;
  /**
   * Puts minimum, maximum, mean, standard deviation and valid share of each band into the file;
   * `true` by default.
   */
  readonly statistics?: boolean | undefined;
  /**
   * Writes a STAC item beside the file, `<file>.stac.json`, in the same commit. `true` where the
   * raster says when it was taken; `false` by default.
   */
  readonly stac?: boolean | StacOptions | undefined;
  /** Threads that encode, one a processor by default; 0 encodes on the calling thread. */
  readonly threads?: number | undefined;
  /**
   * Blocks read, encoded or written at once; by default what keeps the threads busy, fewer for very
   * large blocks.
   */
  readonly concurrency?: number | undefined;
  /** Ends the call; nothing of it is left then. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each block, of which the overviews have some too; must not throw. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  /**
   * `durable` (the default): survives power loss once acknowledged. `atomic`: whole or not at all,
   * and nothing is synced.
   */
  readonly durability?: Durability | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
  /**
   * For `s3://bucket/dem.tif`: the store, as `s3Store` and `sdkStore` of `@holdfast/objectstore`
   * give one; by default that of the environment, for which the package has to be installed.
   */
  readonly store?: ReadableStore | undefined;
  /** Whether the endpoint of the environment may be of `http:`; false by default. */
  readonly allowHttp?: boolean | undefined;
}

const ownOptionNames = [
  'overviews',
  'resampling',
  'ifExists',
  'mask',
  'skipEmpty',
  'statistics',
  'stac',
  'threads',
  'concurrency',
  'signal',
  'onProgress',
  'durability',
  'fs',
] as const;

/** The raster itself, or an overview: one image of the file. */
export interface CogLevel extends Size {
  /** 1 for the raster itself. */
  readonly factor: number;
  /** Its blocks. */
  readonly grid: Grid;
  /** How it is made of the level before; `undefined` for the raster itself. */
  readonly reduction: Reduction | undefined;
  /** Whether each block of the level before is looked at by one block of this one alone. */
  readonly isExact: boolean;
}

/** A file to be written: all that can be refused has been, and every default is applied. */
export interface CogPlan {
  readonly source: RasterSource;
  readonly path: string;
  readonly format: TileFormat;
  readonly blockSizePx: number;
  readonly method: OverviewMethod;
  /** The raster itself, then its overviews in falling size. */
  readonly levels: readonly CogLevel[];
  readonly blockCount: number;
  readonly concurrency: number | undefined;
  /**
   * Samples that are kept for the next levels at most, twice: half of it of the raster, a quarter
   * of the first overview.
   */
  readonly keptBytes: number;
  readonly ifExists: 'fail' | 'replace';
  readonly skipEmpty: boolean;
  readonly statistics: boolean;
  /** What its STAC item is to say of it, if there is to be one. */
  readonly item: WantedItem | undefined;
  readonly durability: Durability;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: CogOptions['onProgress'];
  readonly fs: Fs;
}

const CALL = 'writeCog';
const BLOCK_PX = 512;
/**
 * Decoded samples that may be in flight; what a block takes while it is compressed comes on top.
 */
const IN_FLIGHT_BYTES = 64 * 1024 * 1024;
const KEPT_BYTES = 128 * 1024 * 1024;

/**
 * Checks a write and plans it.
 *
 * @throws HoldfastError INVALID_ARGUMENT, UNSUPPORTED_PLATFORM, before anything has been touched
 */
export function planCog(path: string, given: RasterSource, options: CogOptions): CogPlan {
  checkOptions(CALL, options, [...tileOptionNames, ...ownOptionNames]);
  checkName(path);
  checkWords(CALL, '', options, { ifExists: ['fail', 'replace'], mask: ['band', 'alpha'] });
  checkCount('concurrency', options.concurrency);
  const source = options.mask === 'alpha' ? asAlpha(CALL, given) : given;
  const { info } = source;
  const { skipEmpty = false, fs = nodeFileSystem } = options;
  if (skipEmpty && info.nodata === undefined && !hasMask(info))
    throw invalidArgument(
      CALL,
      'skipEmpty needs a nodata value or a mask: without one no block is empty',
    );
  const blockSizePx = blockSizeOf(info, options.blockSizePx);
  const format = formatOf(info, options, blockSizePx);
  const method = methodOf(CALL, info, options.resampling);
  const levels = levelsOf(info, blockSizePx, method, options.overviews ?? 'auto');
  return {
    source,
    path,
    format,
    blockSizePx,
    method,
    levels,
    blockCount: blockCountOf(levels),
    concurrency: options.concurrency ?? concurrencyFor(info, blockSizePx),
    keptBytes: KEPT_BYTES,
    ifExists: options.ifExists ?? 'fail',
    skipEmpty,
    statistics: options.statistics ?? true,
    item: itemFor(info, path, options.stac),
    durability: options.durability ?? 'durable',
    signal: options.signal,
    onProgress: options.onProgress,
    fs,
  };
}

/**
 * The plan of a file that whoever has planned all else puts in its place.
 *
 * @param overviews - factors by which its overviews are smaller than it is
 */
export function planPlaced(
  given: Pick<
    CogPlan,
    'source' | 'path' | 'format' | 'method' | 'skipEmpty' | 'durability' | 'signal' | 'fs'
  >,
  overviews: readonly number[],
): CogPlan {
  const { info } = given.source;
  const blockSizePx = blockSizeOf(info, given.format.blockSizePx);
  const levels = levelsOf(info, blockSizePx, given.method, overviews);
  return {
    ...given,
    format: { ...given.format, blockSizePx },
    blockSizePx,
    levels,
    blockCount: blockCountOf(levels),
    concurrency: concurrencyFor(info, blockSizePx),
    keptBytes: KEPT_BYTES,
    ifExists: 'replace',
    statistics: false,
    item: undefined,
    onProgress: undefined,
  };
}

function blockCountOf(levels: readonly CogLevel[]): number {
  return levels.reduce((sum, { grid }) => sum + rowCount(grid) * columnCount(grid), 0);
}

/** Refuses a name that is none of a TIFF. */
export function checkName(path: string): void {
  // The address of an object was looked at before.
  if (typeof path !== 'string' || !path.startsWith('s3://')) checkPath(CALL, path);
  const name = basename(path);
  if (/^.+\.tiff?$/isu.test(name)) return;
  throw invalidArgument(CALL, `the file must be named SOMETHING.tif, not '${name}'`, path);
}

function itemFor(info: RasterInfo, path: string, stac: CogOptions['stac']): WantedItem | undefined {
  const item = wantedItem(CALL, stac, { info, stem: stemOf(path) });
  if (!item?.tiles) return item;
  throw invalidArgument(CALL, 'stac.tiles is for mosaics and indexes: a single file has no tiles');
}

function stemOf(path: string): string {
  return basename(path).replace(/\.tiff?$/iu, '');
}

function checkCount(name: string, count: number | undefined): void {
  if (count === undefined || (Number.isSafeInteger(count) && count > 0)) return;
  throw invalidArgument(CALL, `${name} is a whole number of at least 1, not ${count}`);
}

function blockSizeOf({ widthPx, heightPx }: RasterInfo, wanted: number | undefined): number {
  const needed = Math.ceil(Math.max(widthPx, heightPx) / 16) * 16;
  return wanted ?? Math.min(BLOCK_PX, needed);
}

/** Control points have a CRS of their own, which becomes that of the file. */
function formatOf(info: RasterInfo, options: CogOptions, blockSizePx: number): TileFormat {
  const named = Object.entries(options).filter(([name]) =>
    (tileOptionNames as readonly string[]).includes(name),
  );
  const { georeferencing, gcps } = info;
  const crs = georeferencing.crs ?? (georeferencing.transform ? undefined : gcps?.crs);
  const placed = { ...info, georeferencing: { ...georeferencing, crs } };
  return tileFormat(CALL, placed, { ...Object.fromEntries(named), blockSizePx });
}

function levelsOf(
  info: RasterInfo,
  blockSizePx: number,
  method: OverviewMethod,
  wanted: NonNullable<CogOptions['overviews']>,
): readonly CogLevel[] {
  const { nodata } = info;
  const factors = wanted === 'auto' ? automatic(info, blockSizePx) : checkFactors(CALL, wanted);
  const gridOf = ({ widthPx, heightPx }: Size): Grid =>
    regularGrid(widthPx, heightPx, blockSizePx, blockSizePx);
  const { widthPx, heightPx } = info;
  const whole = { widthPx, heightPx, factor: 1, grid: gridOf(info) };
  const levels: CogLevel[] = [{ ...whole, reduction: undefined, isExact: true }];
  for (const factor of factors) {
    const from = levels.at(-1) as CogLevel;
    const to = {
      widthPx: Math.ceil(widthPx / factor),
      heightPx: Math.ceil(heightPx / factor),
    };
    const step = factor / from.factor;
    const isExact =
      isOfSquares(method) &&
      [from.widthPx, from.heightPx, blockSizePx].every((length) => length % step === 0);
    const reduction = new Reduction({ from, to, method, nodata });
    levels.push({ ...to, factor, grid: gridOf(to), reduction, isExact });
  }
  return levels;
}

function automatic({ widthPx, heightPx }: RasterInfo, blockSizePx: number): readonly number[] {
  const factors: number[] = [];
  const longer = Math.max(widthPx, heightPx);
  // What one block of the usual size holds needs no smaller picture, however small its own blocks
  // are.
  const enoughPx = Math.max(blockSizePx, BLOCK_PX / 2);
  for (let factor = 2; longer > (enoughPx * factor) / 2; factor *= 2) factors.push(factor);
  return factors;
}

/**
 * A bound for blocks so large that a few of them fill the memory that they may take; none for
 * others.
 */
function concurrencyFor({ bands, dataType }: RasterInfo, blockSizePx: number): number | undefined {
  const blockBytes = blockSizePx ** 2 * bands.length * dataTypes[dataType].bytes;
  const fitting = Math.max(1, Math.floor(IN_FLIGHT_BYTES / blockBytes));
  return fitting < 16 ? fitting : undefined;
}
