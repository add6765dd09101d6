/**
 * Fills the stage of a mosaic: each tile read, encoded and written, several at once, then their
 * manifest and the index. In a stage that an earlier run kept, tiles that are whole are taken as
 * they are. The first tile that fails stops the others; when this returns, none of them runs any
 * more.
 */
import { messageOf } from 'holdfast/errors';
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { basename, join } from 'node:path';
import { type ErrorCode, HoldfastError, isHoldfastError, type Stage } from 'holdfast';
import { codeOfFailure } from 'holdfast/os';
import type { EncoderPool } from '../encode/encoder-pool.js';
import { GTI_ENDING } from '../gti/gti.js';
import { type BandInfo, dataTypes, type NotCarried } from '../model.js';
import { isAddress } from '../remote/address.js';
import { type Cell, cells } from '../source/grid.js';
import { isMean } from '../overview/pyramid.js';
import { ValueTally } from '../statistics/few-values.js';
import { blockGrid } from '../tiff/block-grid.js';
import { type FilesBeside, type IndexedTile, vrtBytes } from '../vrt/vrt-text.js';
import { digestFile } from './file-digest.js';
import { keptIndexName } from './index-with-tiles.js';
import type { KeptWork } from './kept-work.js';
import {
  generationOf,
  type Manifest,
  manifestBytes,
  manifestName,
  nameEnding,
} from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';
import { MosaicStatistics } from './mosaic-statistics.js';
import type { FinishedTile } from './resume-record.js';
import { ITEM_ENDING, ITEMS_ENDING } from '../stac/item-names.js';
import type { CataloguedTile } from '../stac/tile-items.js';
import { untilEnded } from './until-ended.js';
import { writeGti } from './write-gti.js';
import { writeItem } from './write-item.js';
import { TileParts } from './tile-parts.js';
import { indexedOverviews, writeOverviews } from './write-overviews.js';

/** A tile that failed: while the source was read, or while the file was encoded and written. */
export interface TileFailure {
  readonly cell: Cell;
  readonly step: 'read' | 'write';
  readonly error: unknown;
}

/** What was staged. */
export interface FilledStage extends Manifest {
  /** Tiles that an earlier run had finished. */
  readonly resumedTileCount: number;
  readonly tileCount: number;
  /** See `WrittenMosaic`. */
  readonly averagedClasses: readonly number[];
  readonly stacName: string | undefined;
  readonly stacItemsName: string | undefined;
  readonly gtiName: string | undefined;
  /** What files beside the tiles do not say. */
  readonly notCarried: readonly NotCarried[];
}

/** What a stage is filled by, and what becomes known of it. */
interface FillingOptions {
  readonly pool: EncoderPool;
  /** Gets the tiles that fail. */
  readonly failures: TileFailure[];
  /** What an earlier run has finished. */
  readonly kept?: KeptWork | undefined;
  /** Where all tiles come from, or go when they are made. */
  readonly made?: (TileStore & Partial<MadeTiles>) | undefined;
}

/** Tiles that need not be made. */
export interface TileStore {
  /**
   * Puts a tile into the stage; without one it is empty and left out. `undefined` when it is to be
   * made.
   */
  take(
    name: string,
    stage: Stage,
  ): Promise<{ readonly tile: FinishedTile | undefined } | undefined>;
  /** Told of each tile that was just made; without one, that it is empty and left out. */
  add(name: string, tile: FinishedTile | undefined): Promise<void>;
  close(): Promise<void>;
}

/** All tiles of a mosaic, made elsewhere. */
export interface MadeTiles extends TileStore {
  /** Of all of them: what each is made of is not held. */
  readonly statistics: MosaicStatistics;
}

/**
 * Writes all tiles, then the manifest that lists them in the order of the grid, and the index that
 * will name them.
 */
export async function fillStage(
  plan: MosaicPlan,
  stage: Stage,
  { pool, failures, kept, made }: FillingOptions,
): Promise<FilledStage> {
  const tilesName = basename(plan.tilesPath);
  const finished = made ?? (kept && (await openFinished(plan, tilesName, stage, kept)));
  let parts: TileParts | undefined;
  try {
    parts = await TileParts.open(plan, stage);
    const values = new ValueTally();
    const writer = { plan, stage, pool, finished, parts, values, failures };
    const { tiles: written, resumedTileCount } = await writeTiles(writer);
    if (failures[0]) throw failures[0].error;
    stage.signal.throwIfAborted();
    const tiles = inOrder(plan, written);
    const names = new Set(written.keys());
    const overviews = await writeOverviews(writer, parts, names);
    const placed = { [Symbol.iterator]: () => tilesOf(plan, names) };
    const item = await writeItem(plan, stage, placed);
    const gti = await writeGti(plan, stage, placed);
    const files = [...tiles, ...overviews, ...item.files, ...gti];
    const manifest = { generation: generationOf(files), tiles: files };
    const overwrite = stage.resumed;
    await stage.write(manifestName, manifestBytes(manifest), { overwrite });
    const { bands } = made?.statistics ?? MosaicStatistics.of(plan, tiles);
    await stage.write(keptIndexName, indexBytes(plan, manifest, bands), { overwrite });
    const averagedClasses = averaged(plan, values);
    const told = {
      averagedClasses,
      stacName: item.files[0]?.name,
      stacItemsName: item.files[1]?.name,
      gtiName: gti[0]?.name,
      notCarried: item.notCarried,
    };
    return { ...manifest, resumedTileCount, tileCount: tiles.length, ...told };
  } finally {
    await parts?.close();
    await finished?.close();
  }
}

/** Writes some of the tiles alone; gives them in the order of the grid. */
export async function fillPart(
  plan: MosaicPlan,
  stage: Stage,
  { pool, failures, range }: FillingOptions & { readonly range: readonly Cell[] },
): Promise<readonly FinishedTile[]> {
  const values = new ValueTally();
  const writer = { plan, stage, pool, failures, range, values };
  const { tiles } = await writeTiles({ ...writer, finished: undefined, parts: undefined });
  if (failures[0]) throw failures[0].error;
  stage.signal.throwIfAborted();
  return range.flatMap((cell) => tiles.get(plan.tileName(cell)) ?? []);
}

/** Whether the index that is in place is the one that these tiles get. */
export async function isIndexOf(
  plan: MosaicPlan,
  manifest: Manifest,
  { bands }: MosaicStatistics,
): Promise<boolean> {
  const hash = createHash('sha256');
  for await (const piece of indexBytes(plan, manifest, bands)) hash.update(piece);
  const found = await digestFile(plan.fs, plan.indexPath, {
    isWorthReading: () => true,
    owner: 'anyone',
  });
  return found.sha256 === hash.digest('hex');
}

function isImage(band: BandInfo | undefined): boolean {
  return band?.colour !== 'Alpha' && band?.isMask !== true;
}

function averaged({ pyramid, source }: MosaicPlan, values: ValueTally): readonly number[] {
  if (!pyramid || !isMean(pyramid.method)) return [];
  const { bands, nodata } = source.info;
  return values.bandsOfClasses(nodata).filter((band) => isImage(bands[band - 1]));
}

function indexBytes(
  plan: MosaicPlan,
  manifest: Manifest,
  statistics: MosaicStatistics['bands'],
): AsyncGenerator<Uint8Array> {
  const { source, srs } = plan;
  const tilesName = nameOfTiles(plan);
  const overviews = indexedOverviews(plan, tilesName);
  return vrtBytes({
    info: source.info,
    srs,
    own: { generation: manifest.generation, tilesName, overviews },
    beside: besideOf(manifest),
    tiles: { [Symbol.iterator]: () => indexedTiles(plan, manifest) },
    statistics,
  });
}

/** As the index has it. */
function nameOfTiles({ tilesName, tilesPath }: MosaicPlan): string {
  return tilesName ?? basename(tilesPath);
}

function besideOf(manifest: Manifest): FilesBeside {
  const endings = { STAC: ITEM_ENDING, ITEMS: ITEMS_ENDING, GTI: GTI_ENDING };
  return Object.fromEntries(
    Object.entries(endings).flatMap(([kind, ending]) => {
      const name = nameEnding(manifest, ending);
      return name === undefined ? [] : [[kind, name]];
    }),
  );
}

function* indexedTiles(plan: MosaicPlan, manifest: Manifest): Generator<IndexedTile> {
  const written = new Set(manifest.tiles.map(({ name }) => name));
  const directory = nameOfTiles(plan);
  for (const cell of cells(plan.grid)) {
    const name = plan.tileName(cell);
    if (!written.has(name)) continue;
    const { window } = cell;
    const blocks = blockGrid(plan.format, window.widthPx, window.heightPx);
    const { blockWidthPx, blockHeightPx } = blocks;
    yield { path: `${directory}/${name}`, window, blockWidthPx, blockHeightPx };
  }
}

/** By their names alone, as seen from their own directory. */
function* tilesOf(plan: MosaicPlan, names: ReadonlySet<string>): Generator<CataloguedTile> {
  for (const cell of cells(plan.grid)) {
    const path = plan.tileName(cell);
    if (names.has(path)) yield { path, window: cell.window };
  }
}

function inOrder(
  plan: MosaicPlan,
  written: ReadonlyMap<string, FinishedTile>,
): readonly FinishedTile[] {
  const tiles: FinishedTile[] = [];
  for (const cell of cells(plan.grid)) {
    const tile = written.get(plan.tileName(cell));
    if (tile) tiles.push(tile);
  }
  return tiles;
}

async function openFinished(
  ...about: Parameters<typeof import('./finished-tiles.js').FinishedTiles.open>
): Promise<TileStore> {
  const { FinishedTiles: Finished } = await import('./finished-tiles.js');
  return Finished.open(...about);
}

/** What the tiles of a stage are written with. */
interface TileWriter {
  readonly plan: MosaicPlan;
  readonly stage: Stage;
  readonly pool: EncoderPool;
  readonly finished: TileStore | undefined;
  /** The tiles to write; all of them by default. */
  readonly range?: readonly Cell[] | undefined;
  readonly parts: TileParts | undefined;
  readonly values: ValueTally;
  readonly failures: TileFailure[];
}

/** Tiles by name, without those that were empty and left out. */
interface WrittenTiles {
  readonly tiles: ReadonlyMap<string, FinishedTile>;
  readonly resumedTileCount: number;
}

/** Never rejects: see `failures`. */
async function writeTiles(writer: TileWriter): Promise<WrittenTiles> {
  const { plan, stage, pool, failures, range } = writer;
  const tiles = new Map<string, FinishedTile>();
  let resumedTileCount = 0;
  const failed = new AbortController();
  const signal = AbortSignal.any([stage.signal, failed.signal]);
  // Each read under way listens, and its source may too.
  setMaxListeners(0, signal);
  const tell = progressTeller(plan);
  const todo = (range ?? cells(plan.grid))[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = todo.next(); !next.done; next = todo.next()) {
      const cell = next.value;
      if (signal.aborted) return;
      const outcome = await takeOrWriteTile(writer, cell, signal);
      if ('error' in outcome) {
        if (outcome.error !== signal.reason) failures.push(outcome);
        failed.abort(outcome.error);
        return;
      }
      if (outcome.tile) tiles.set(outcome.tile.name, outcome.tile);
      if (outcome.resumed) resumedTileCount += 1;
      tell(cell, outcome.tile);
    }
  };
  await Promise.all(Array.from({ length: plan.concurrency ?? pool.capacity + 1 }, work));
  return { tiles, resumedTileCount };
}

/** A tile that is in the stage now, or was left out since it is empty. */
interface TileOutcome {
  readonly tile: FinishedTile | undefined;
  readonly resumed: boolean;
}

async function takeOrWriteTile(
  { plan, stage, pool, finished, parts, values }: TileWriter,
  cell: Cell,
  signal: AbortSignal,
): Promise<TileOutcome | TileFailure> {
  const name = plan.tileName(cell);
  let step: TileFailure['step'] = 'write';
  try {
    const taken = await finished?.take(name, stage);
    if (taken) {
      if (taken.tile) await parts?.addFromFile(cell, stage, name);
      return { ...taken, resumed: true };
    }
    step = 'read';
    const samples = pool.readsRaw
      ? cell.window
      : await untilEnded(plan.source.read(cell.window, signal, pool.takeBuffer), signal);
    signal.throwIfAborted();
    step = 'write';
    const transform = plan.tileTransform(cell.window);
    const written = await pool.writeTile(stage.at(name), samples, transform);
    if (!written) {
      await finished?.add(name, undefined);
      return { tile: undefined, resumed: false };
    }
    const { part, fewValues, ...facts } = written;
    values.add(fewValues);
    if (part) await parts?.add(cell, part);
    const tile = { name, ...facts };
    await finished?.add(name, tile);
    return { tile, resumed: false };
  } catch (error) {
    // A thread of the pool may have read the samples.
    const failedStep = isHoldfastError(error) && error.step === 'read' ? 'read' : step;
    return { cell, step: failedStep, error };
  }
}

function progressTeller(plan: MosaicPlan): (cell: Cell, tile: FinishedTile | undefined) => void {
  const { source, onProgress, tileCount } = plan;
  const pixelBytes = dataTypes[source.info.dataType].bytes * source.info.bands.length;
  let [tilesDone, sampleBytes, fileBytes] = [0, 0, 0];
  return ({ window }, tile) => {
    tilesDone += 1;
    sampleBytes += window.widthPx * window.heightPx * pixelBytes;
    fileBytes += tile?.sizeBytes ?? 0;
    onProgress?.({ tilesDone, tileCount, sampleBytes, fileBytes });
  };
}

/**
 * The error for the caller: it names the first tile that failed, with that tile's own error as its
 * cause.
 */
export function tileError(
  plan: MosaicPlan,
  failures: readonly TileFailure[],
): HoldfastError | undefined {
  const [first, ...others] = failures;
  if (!first) return undefined;
  const { cell, error } = first;
  const name = plan.tileName(cell);
  const reason = messageOf(error);
  return new HoldfastError(codeOf(first), {
    message: `Tile ${name} (row ${cell.row}, column ${cell.column}) failed: ${reason}`,
    step: first.step,
    path: isAddress(plan.tilesPath) ? `${plan.tilesPath}/${name}` : join(plan.tilesPath, name),
    cause: error,
    others: others.map((failure) => failure.error),
  });
}

function codeOf({ step, error }: TileFailure): ErrorCode {
  return step === 'read' && !isHoldfastError(error) ? 'UPDATER_FAILED' : codeOfFailure(error);
}
