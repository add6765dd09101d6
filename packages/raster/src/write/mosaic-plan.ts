/** Everything about a mosaic that is known before the first byte: checked options, names, the grid of its tiles. */
import { basename, dirname, join } from 'node:path';
import type { Durability } from 'holdfast';
import { checkOptions, invalidArgument } from 'holdfast/options';
import { type Fs, nodeFileSystem } from 'holdfast/os';
import { srsText } from '../crs/crs.js';
import { type Crs, dataTypes, type Transform, type Window } from '../model.js';
import { type Cell, columnCount, type Grid, rowCount } from '../source/grid.js';
import { type OverviewOptions, planPyramid, type Pyramid } from '../overview/pyramid.js';
import type { RasterSource } from '../source/raster-source.js';
import {
  tileFormat,
  tileOptionNames,
  type TileFormat,
  type TileOptions,
} from '../tiff/tile-format.js';
import { vrtLines } from '../vrt/vrt-text.js';
import { tileGrid } from './tile-grid.js';

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
   * Width and height of a tile in pixels, a multiple of 16 from 16 to 4096; 512 by default. For a source of chunks,
   * whose chunks are the tiles, it is the size of the blocks inside them.
   */
  readonly tileSizePx?: number | undefined;
  /** How several bands lie in a tile file; as the source gives them by default. */
  readonly interleave?: TileOptions['interleave'];
  /**
   * `fail` (the default) refuses an index that exists. `replace` writes new tiles beside those of the old index and then
   * replaces the index, so that readers read on throughout.
   */
  readonly ifExists?: 'fail' | 'replace' | undefined;
  /**
   * How many tiles directories of earlier indexes stay after a replacement; 1 by default, for readers that have the old
   * index open. Those that an opened mosaic of `openVrt` reads stay in any case.
   */
  readonly keepPrevious?: number | undefined;
  /**
   * Keeps the tiles that a failed, cancelled or killed run has finished, and takes over those that such a run of the same
   * job kept, after reading them again; false by default. The source must have a fingerprint.
   */
  readonly resume?: boolean | undefined;
  /** Leaves out tiles that hold nothing but nodata; readers see nodata there. */
  readonly skipEmpty?: boolean | undefined;
  /**
   * Puts minimum, maximum, mean, standard deviation, valid share and a histogram of each band into the index, where GDAL
   * and QGIS look for them; `false` by default.
   */
  readonly statistics?: boolean | undefined;
  /** Threads that encode, one a processor by default; 0 encodes on the calling thread. */
  readonly threads?: number | undefined;
  /** Tiles read, encoded or written at once; by default what keeps the threads busy, fewer for very large tiles. */
  readonly concurrency?: number | undefined;
  /** Ends the call; nothing of it is left then, but what `resume` keeps. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each tile; must not throw. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  /** How long to wait for another writer of the same mosaic; without end by default. */
  readonly lockTimeoutMs?: number | undefined;
  /** `durable` (the default): survives power loss once acknowledged. `atomic`: whole or not at all, and nothing is synced. */
  readonly durability?: Durability | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

const ownOptionNames = [
  'tileSizePx',
  'ifExists',
  'keepPrevious',
  'resume',
  'skipEmpty',
  'statistics',
  'overviews',
  'resampling',
  'threads',
  'concurrency',
  'signal',
  'onProgress',
  'lockTimeoutMs',
  'durability',
  'fs',
] as const;

/** A mosaic to be written: all that can be refused has been. */
export interface MosaicPlan {
  readonly fs: Fs;
  readonly source: RasterSource;
  readonly options: WriteOptions;
  readonly indexPath: string;
  /** Where the tiles of a first write go; those of a replacement go beside it. */
  readonly tilesPath: string;
  readonly grid: Grid;
  readonly tileCount: number;
  /** Tiles under way at once; `undefined` for as many as keep the encoder busy. */
  readonly concurrency: number | undefined;
  readonly format: TileFormat;
  readonly srs: string | undefined;
  readonly pyramid: Pyramid | undefined;
  /** The name of a tile's file. */
  tileName(cell: Cell): string;
  /** The geotransform of a tile, if the mosaic has one. */
  tileTransform(window: Window): Transform | undefined;
}

/** Decoded samples that may be in flight; what a tile takes while it is compressed comes on top. */
const IN_FLIGHT_BYTES = 64 * 1024 * 1024;
const LEAST_DIGITS = 2;

/**
 * Checks a write and plans it.
 *
 * @throws HoldfastError INVALID_ARGUMENT, before anything has been touched
 */
export function planMosaic(path: string, source: RasterSource, options: WriteOptions): MosaicPlan {
  const call = 'writeTiledVrt';
  checkOptions(call, options, [...tileOptionNames, ...ownOptionNames]);
  const stem = stemOf(call, path);
  checkConcurrency(call, options.concurrency);
  checkReplacement(call, options);
  const grid = tileGrid(call, source, options.tileSizePx);
  const digits = digitsFor(grid);
  const format = formatOf(call, source, options);
  const srs = checkCrs(call, source.info.georeferencing.crs);
  checkSkipEmpty(call, source, options.skipEmpty);
  checkTexts(source, srs, stem);
  return {
    fs: options.fs ?? nodeFileSystem,
    source,
    options,
    indexPath: path,
    tilesPath: join(dirname(path), `${stem}_tiles`),
    grid,
    tileCount: rowCount(grid) * columnCount(grid),
    concurrency: options.concurrency ?? concurrencyFor(source, grid),
    format,
    srs,
    pyramid: planPyramid(call, source.info, grid, options),
    tileName: ({ row, column }) =>
      `tile_${String(row).padStart(digits, '0')}_${String(column).padStart(digits, '0')}.tif`,
    tileTransform: (window) => movedTo(source.info.georeferencing.transform, window),
  };
}

function stemOf(call: string, path: string): string {
  const name = basename(path);
  if (/^.+\.vrt$/iu.test(name)) return name.slice(0, -4);
  throw invalidArgument(call, `the index must be named SOMETHING.vrt, not '${name}'`, path);
}

function checkConcurrency(call: string, concurrency: number | undefined): void {
  if (concurrency === undefined || (Number.isSafeInteger(concurrency) && concurrency > 0)) return;
  throw invalidArgument(call, `concurrency is a whole number of at least 1, not ${concurrency}`);
}

function checkReplacement(call: string, { ifExists, keepPrevious }: WriteOptions): void {
  if (ifExists !== undefined && ifExists !== 'fail' && ifExists !== 'replace')
    throw invalidArgument(call, `ifExists is 'fail' or 'replace', not '${String(ifExists)}'`);
  if (keepPrevious === undefined || (Number.isSafeInteger(keepPrevious) && keepPrevious >= 0))
    return;
  throw invalidArgument(call, `keepPrevious is a whole number of at least 0, not ${keepPrevious}`);
}

/** The CRS in the words of the index; one that the index could not say is refused, rather than lost. */
function checkCrs(call: string, crs: Crs | undefined): string | undefined {
  const srs = crs && srsText(crs);
  if (!crs || srs !== undefined) return srs;
  throw invalidArgument(
    call,
    'the GeoKeys of the input spell out a CRS that is not known here: give it an EPSG code with gdal_edit.py -a_srs',
  );
}

function checkSkipEmpty(call: string, source: RasterSource, skipEmpty = false): void {
  if (!skipEmpty || source.info.nodata !== undefined) return;
  throw invalidArgument(call, 'skipEmpty needs a nodata value: without one no tile is empty');
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

/** A bound for tiles so large that a few of them fill the memory that tiles may take; none for others. */
function concurrencyFor(source: RasterSource, grid: Grid): number | undefined {
  const { bands, dataType } = source.info;
  const pixels = largestStep(grid.columnEdgesPx) * largestStep(grid.rowEdgesPx);
  const tileBytes = pixels * bands.length * dataTypes[dataType].bytes;
  const fitting = Math.max(1, Math.floor(IN_FLIGHT_BYTES / tileBytes));
  return fitting < 16 ? fitting : undefined;
}

function largestStep(edges: readonly number[]): number {
  return edges.reduce((most, edge, index) => Math.max(most, edge - (edges[index - 1] ?? 0)), 0);
}

function movedTo(transform: Transform | undefined, { xPx, yPx }: Window): Transform | undefined {
  if (!transform) return undefined;
  const [x, a, b, y, d, e] = transform;
  return [x + xPx * a + yPx * b, a, b, y + xPx * d + yPx * e, d, e];
}
