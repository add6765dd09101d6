/**
 * Everything about a mosaic that is known before the first byte: checked options, names, the grid
 * of its tiles.
 */
import { basename } from 'node:path';
import type { Durability } from 'holdfast';
import { checkOptions, checkWords, invalidArgument } from 'holdfast/options';
import { type Fs, nodeFileSystem } from 'holdfast/os';
import { srsText } from '../crs/crs.js';
import { wantsGti } from '../gti/gti.js';
import { dataTypes, hasMask, type Transform, type Window } from '../model.js';
import { type Cell, columnCount, type Grid, largestCell, rowCount } from '../source/grid.js';
import { type OverviewOptions, planPyramid, type Pyramid } from '../overview/pyramid.js';
import { asAlpha } from '../source/mask.js';
import { movedTo } from '../source/moved-to.js';
import type { RasterSource } from '../source/raster-source.js';
import { type StacOptions, wantedItem, type WantedItem } from '../stac/stac-options.js';
import type { WantedStatistics } from '../statistics/band-statistics.js';
import {
  tileFormat,
  tileOptionNames,
  type TileFormat,
  type TileOptions,
} from '../tiff/tile-format.js';
import type { ReadableStore } from '../remote/store-ranges.js';
import { vrtLines } from '../vrt/vrt-text.js';
import type { MosaicPlace } from '../mosaic-place.js';
import { tileGrid } from './tile-grid.js';
import { firstTilesPath } from './tiles-directory.js';

/** How far a write has come. */
export interface WriteProgress {
  readonly tilesDone: number;
  readonly tileCount: number;
  /** Bytes of samples read so far, before compression. */
  readonly sampleBytes: number;
  /** Bytes of tile files written so far. */
  readonly fileBytes: number;
}

/** What a caller may say about the writing of a mosaic. */
export interface WriteOptions extends Omit<TileOptions, 'interleave'>, OverviewOptions {
  /**
   * Width and height of a tile in pixels, a multiple of 16 from 16 to 4096; 512 by default. For a
   * source of chunks, whose chunks are the tiles, it is the size of the blocks inside them.
   */
  readonly tileSizePx?: number | undefined;
  /** How several bands lie in a tile file; as the source gives them by default. */
  readonly interleave?: TileOptions['interleave'] | undefined;
  /**
   * `fail` (the default) refuses an index that exists. `replace` writes new tiles beside those of
   * the old index and then replaces the index, so that readers read on throughout.
   */
  readonly ifExists?: 'fail' | 'replace' | undefined;
  /**
   * How many tiles directories of earlier indexes stay after a replacement; 1 by default, for
   * readers that have the old index open. Those that an opened mosaic of `openVrt` reads stay in
   * any case.
   */
  readonly keepPrevious?: number | undefined;
  /**
   * How long, in milliseconds, the tiles of an earlier index stay besides those of `keepPrevious`,
   * from its replacement on; 0 by default. For programs that hold an index for as long as they
   * live, as those of GDAL do. By the clocks of the machines that write the mosaic.
   */
  readonly keepForMs?: number | undefined;
  /**
   * Keeps the tiles that a failed, cancelled or killed run has finished, and takes over those that
   * such a run of the same job kept, after reading them again; false by default. The source must
   * have a fingerprint.
   */
  readonly resume?: boolean | undefined;
  /**
   * How the mask of a source that has one is written: `band` (the default), a mask in each tile and
   * one over them in the index, or `alpha`, a last band of uint8 or uint16.
   */
  readonly mask?: 'band' | 'alpha' | undefined;
  /**
   * Leaves out tiles that hold nothing but nodata, or that the mask leaves empty; readers see
   * nodata there.
   */
  readonly skipEmpty?: boolean | undefined;
  /**
   * Puts minimum, maximum, mean, standard deviation and valid share of each band into the index,
   * where GDAL and QGIS look for them; `true` by default. A GDAL program that misses them computes
   * them, and writes the index as it had opened it back over whatever index is there by then.
   */
  readonly statistics?: boolean | undefined;
  /** Puts a histogram of each band there as well; `false` by default. */
  readonly histogram?: boolean | undefined;
  /**
   * Writes a STAC item of the mosaic into its tiles directory, as `<index>.stac.json`: part of the
   * same commit, and gone with its tiles; with `tiles` an item of each tile too. `true` where the
   * raster says when it was taken; `false` by default.
   */
  readonly stac?: boolean | StacOptions | undefined;
  /**
   * Writes GDAL's tile index as well (GTI, read from 3.9 on), for mosaics of very many tiles:
   * `<name>.gti.gpkg` in the tiles directory, part of the same commit, and gone with its tiles.
   * Needs the package sql.js; `false` by default.
   */
  readonly gti?: boolean | undefined;
  /** Threads that encode, one a processor by default; 0 encodes on the calling thread. */
  readonly threads?: number | undefined;
  /**
   * Tiles read, encoded or written at once; by default what keeps the threads busy, fewer for very
   * large tiles.
   */
  readonly concurrency?: number | undefined;
  /** Ends the call; nothing of it is left then, but what `resume` keeps. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each tile; must not throw. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  /**
   * How long to wait for another writer of the same mosaic, in milliseconds; without end by
   * default.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * `durable` (the default): survives power loss once acknowledged. `atomic`: whole or not at all,
   * and nothing is synced.
   */
  readonly durability?: Durability | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
  /**
   * For `s3://bucket/dem.vrt`: the store, as `s3Store` and `sdkStore` of `@holdfast/objectstore`
   * give one; by default that of the environment, for which the package has to be installed.
   */
  readonly store?: ReadableStore | undefined;
  /** Whether the endpoint of the environment may be of `http:`; false by default. */
  readonly allowHttp?: boolean | undefined;
}

const ownOptionNames = [
  'tileSizePx',
  'ifExists',
  'keepPrevious',
  'keepForMs',
  'resume',
  'skipEmpty',
  'mask',
  'statistics',
  'histogram',
  'stac',
  'gti',
  'overviews',
  'resampling',
  'threads',
  'concurrency',
  'signal',
  'onProgress',
  'timeoutMs',
  'durability',
  'fs',
] as const;

/** What a caller has said of the steps, and what holds where nothing was said. */
type Settled = Pick<WriteOptions, 'signal' | 'onProgress' | 'timeoutMs'> & {
  readonly [Name in Defaulted]-?: NonNullable<WriteOptions[Name]>;
};
type Defaulted =
  'ifExists' | 'keepPrevious' | 'keepForMs' | 'resume' | 'skipEmpty' | 'durability' | 'fs';

/** A mosaic to be written: all that can be refused has been, and every default is applied. */
export interface MosaicPlan extends Settled {
  readonly source: RasterSource;
  readonly indexPath: string;
  /** Where the tiles of a first write go; those of a replacement go beside it. */
  readonly tilesPath: string;
  /** The tiles directory as the index names it, where that is not the last name of its path. */
  readonly tilesName?: string | undefined;
  readonly grid: Grid;
  readonly tileCount: number;
  /** Tiles under way at once; `undefined` for as many as keep the encoder busy. */
  readonly concurrency: number | undefined;
  readonly format: TileFormat;
  readonly srs: string | undefined;
  readonly pyramid: Pyramid | undefined;
  readonly statistics: WantedStatistics;
  /** What its STAC item is to say of it, if there is to be one. */
  readonly item: WantedItem | undefined;
  readonly gti: boolean;
  /** The name of a tile's file. */
  tileName(cell: Cell): string;
  /** The geotransform of a tile, if the mosaic has one. */
  tileTransform(window: Window): Transform | undefined;
}

/** Enough for readers of the old index to finish what they read. */
const DEFAULT_KEEP_PREVIOUS = 1;
/** Decoded samples that may be in flight; what a tile takes while it is compressed comes on top. */
const IN_FLIGHT_BYTES = 64 * 1024 * 1024;
const LEAST_DIGITS = 2;

/**
 * Checks a write and plans it.
 *
 * @throws HoldfastError INVALID_ARGUMENT, before anything has been touched
 */
export function planMosaic(
  path: string,
  given: RasterSource,
  options: WriteOptions,
  grid: Grid = tileGrid('writeTiledVrt', given, options.tileSizePx),
): MosaicPlan {
  const call = 'writeTiledVrt';
  checkOptions(call, options, [...tileOptionNames, ...ownOptionNames]);
  const source = maskedAs(call, given, options);
  const stem = stemOf(call, path);
  checkConcurrency(call, options.concurrency);
  const settled = settledOf(call, options);
  checkResumable(call, source, settled.resume);
  const digits = digitsFor(grid);
  const format = formatOf(call, source, options);
  const { crs, transform } = source.info.georeferencing;
  const srs = crs && srsText(crs);
  checkSkipEmpty(call, source, settled.skipEmpty);
  checkTexts(source, srs, stem);
  const gti = wantsGti(call, options.gti, { info: source.info, path });
  return {
    ...settled,
    source,
    indexPath: path,
    tilesPath: firstTilesPath(path),
    grid,
    tileCount: rowCount(grid) * columnCount(grid),
    concurrency: options.concurrency ?? concurrencyFor(source, grid),
    format,
    srs,
    pyramid: planPyramid(call, { info: source.info, grid, inTiles: gti }, options),
    statistics: wantedStatistics(call, options),
    item: wantedItem(call, options.stac, { info: source.info, stem }),
    gti,
    tileName: ({ row, column }) =>
      `tile_${String(row).padStart(digits, '0')}_${String(column).padStart(digits, '0')}.tif`,
    tileTransform: (window) => transform && movedTo(transform, window),
  };
}

/**
 * The plan for where the path leads.
 *
 * @throws HoldfastError INVALID_ARGUMENT when that has no name of an index
 */
export function planAt(plan: MosaicPlan, { fs, indexPath }: MosaicPlace): MosaicPlan {
  stemOf('writeTiledVrt', indexPath);
  return { ...plan, fs, indexPath, tilesPath: firstTilesPath(indexPath) };
}

function maskedAs(call: string, source: RasterSource, { mask }: WriteOptions): RasterSource {
  checkWords(call, '', { mask }, { mask: ['band', 'alpha'] });
  return mask === 'alpha' ? asAlpha(call, source) : source;
}

function stemOf(call: string, path: string): string {
  const name = basename(path);
  if (/^.+\.vrt$/isu.test(name)) return name.slice(0, -4);
  throw invalidArgument(call, `the index must be named SOMETHING.vrt, not '${name}'`, path);
}

function checkConcurrency(call: string, concurrency: number | undefined): void {
  if (concurrency === undefined || (Number.isSafeInteger(concurrency) && concurrency > 0)) return;
  throw invalidArgument(call, `concurrency is a whole number of at least 1, not ${concurrency}`);
}

function settledOf(call: string, options: WriteOptions): Settled {
  const { keepPrevious = DEFAULT_KEEP_PREVIOUS, keepForMs = 0 } = options;
  checkWords(call, '', options, { ifExists: ['fail', 'replace'] });
  if (typeof keepForMs !== 'number' || !(keepForMs >= 0))
    throw invalidArgument(call, `keepForMs is a number of at least 0, not ${String(keepForMs)}`);
  if (!Number.isSafeInteger(keepPrevious) || keepPrevious < 0)
    throw invalidArgument(
      call,
      `keepPrevious is a whole number of at least 0, not ${keepPrevious}`,
    );
  const { ifExists = 'fail', resume = false, skipEmpty = false, durability = 'durable' } = options;
  const { fs = nodeFileSystem, signal, onProgress, timeoutMs } = options;
  const steps = { ifExists, keepPrevious, keepForMs, resume, skipEmpty, durability };
  return { ...steps, fs, signal, onProgress, timeoutMs };
}

/** Refuses a source that cannot say which samples it has. */
function checkResumable(call: string, source: RasterSource, resume: boolean): void {
  if (!resume || source.fingerprint) return;
  throw invalidArgument(
    call,
    'resume must know that the source is the same as in the run before: give the source a fingerprint, a text that changes with its samples.',
  );
}

function wantedStatistics(
  call: string,
  { statistics = true, histogram = false }: WriteOptions,
): WantedStatistics {
  if (!histogram) return statistics ? 'values' : 'none';
  if (statistics) return 'histogram';
  throw invalidArgument(call, 'a histogram goes with statistics: do not refuse these');
}

function checkSkipEmpty(call: string, source: RasterSource, skipEmpty: boolean): void {
  if (!skipEmpty || source.info.nodata !== undefined || hasMask(source.info)) return;
  throw invalidArgument(
    call,
    'skipEmpty needs a nodata value or a mask: without one no tile is empty',
  );
}

/** Makes the index once without tiles, so that a text that no XML can hold is refused now. */
function checkTexts({ info }: RasterSource, srs: string | undefined, stem: string): void {
  const window = { xPx: 0, yPx: 0, widthPx: 1, heightPx: 1 };
  const tile = { path: stem, window, blockWidthPx: 16, blockHeightPx: 16 };
  const own = { generation: '', tilesName: stem };
  const lines = vrtLines({ info, srs, own, tiles: [tile] });
  while (!lines.next().done);
}

function digitsFor(grid: Grid): number {
  const largest = Math.max(rowCount(grid), columnCount(grid)) - 1;
  return Math.max(LEAST_DIGITS, String(largest).length);
}

function formatOf(call: string, source: RasterSource, options: WriteOptions): TileFormat {
  const chunked = source.tiling === 'blocks' && options.tileSizePx !== undefined;
  const blockSizePx = options.blockSizePx ?? (chunked ? options.tileSizePx : undefined);
  const named = Object.entries(options).filter(([name]) =>
    (tileOptionNames as readonly string[]).includes(name),
  );
  // LERC takes its bands one by one, however the source gives them.
  const asGiven = options.compression === 'lerc' ? undefined : source.interleave;
  const interleave = options.interleave ?? asGiven;
  return tileFormat(call, source.info, { ...Object.fromEntries(named), blockSizePx, interleave });
}

/**
 * A bound for tiles so large that a few of them fill the memory that tiles may take; none for
 * others.
 */
function concurrencyFor(source: RasterSource, grid: Grid): number | undefined {
  const { bands, dataType } = source.info;
  const { widthPx, heightPx } = largestCell(grid);
  const tileBytes = widthPx * heightPx * bands.length * dataTypes[dataType].bytes;
  const fitting = Math.max(1, Math.floor(IN_FLIGHT_BYTES / tileBytes));
  return fitting < 16 ? fitting : undefined;
}
