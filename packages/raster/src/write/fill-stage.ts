/**
 * Fills the stage of a mosaic: each tile read, encoded and written, several at once, and the manifest last. In a stage
 * that an earlier run kept, tiles that are whole are taken as they are. The first tile that fails stops the others; when
 * this returns, none of them runs any more.
 */
import { basename, join } from 'node:path';
import { type ErrorCode, HoldfastError, isHoldfastError, type Stage } from 'holdfast';
import type { EncoderPool } from '../encode/encoder-pool.js';
import { dataTypes } from '../model.js';
import { type Cell, cells } from '../source/grid.js';
import {
  type BandStatistics,
  joinStatistics,
  noStatistics,
} from '../statistics/band-statistics.js';
import type { FinishedTiles } from './finished-tiles.js';
import type { KeptWork } from './kept-work.js';
import { generationOf, type Manifest, manifestBytes, manifestName } from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';
import type { FinishedTile } from './resume-record.js';
import { MergedOverview, writeOverviews } from './write-overviews.js';

/** A tile that failed: while the source was read, or while the file was encoded and written. */
export interface TileFailure {
  readonly cell: Cell;
  readonly step: 'read' | 'write';
  readonly error: unknown;
}

/** What was staged. */
export interface FilledStage extends Manifest {
  /** Of each band of the whole mosaic, when wanted. */
  readonly statistics: readonly BandStatistics[] | undefined;
  /** Tiles that an earlier run had finished. */
  readonly resumedTileCount: number;
  readonly tileCount: number;
}

/** Writes all tiles, then the manifest that lists them in the order of the grid. */
export async function fillStage(
  plan: MosaicPlan,
  stage: Stage,
  pool: EncoderPool,
  failures: TileFailure[],
  kept: KeptWork | undefined,
): Promise<FilledStage> {
  const tilesName = basename(plan.tilesPath);
  const finished = kept && (await openFinished(plan, tilesName, stage, kept));
  try {
    const merged = MergedOverview.of(plan);
    const writer = { plan, stage, pool, finished, merged, failures };
    const { tiles: written, resumedTileCount } = await writeTiles(writer);
    if (failures[0]) throw failures[0].error;
    stage.signal.throwIfAborted();
    const tiles = inOrder(plan, written);
    const names = new Set(written.keys());
    const overviews = await writeOverviews(plan, stage, pool, merged, names);
    const files = [...tiles, ...overviews];
    const manifest = { generation: generationOf(files), tiles: files };
    const overwrite = stage.resumed;
    await stage.write(manifestName, manifestBytes(manifest), { overwrite });
    const statistics = plan.options.statistics ? joined(plan, tiles) : undefined;
    return { ...manifest, statistics, resumedTileCount, tileCount: tiles.length };
  } finally {
    await finished?.close();
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
  ...about: Parameters<typeof FinishedTiles.open>
): Promise<FinishedTiles> {
  const { FinishedTiles: Finished } = await import('./finished-tiles.js');
  return Finished.open(...about);
}

/** Joined in the order of the grid, so that the same samples give the same digits. */
function joined({ source }: MosaicPlan, tiles: readonly FinishedTile[]): readonly BandStatistics[] {
  const { bands, widthPx, heightPx } = source.info;
  return bands.map((_, band) => {
    const found = tiles.map(({ statistics }) => statistics?.[band] ?? noStatistics);
    // Tiles that were left out as empty count too, as pixels that are not valid.
    return { ...found.reduce(joinStatistics, noStatistics), pixels: widthPx * heightPx };
  });
}

/** What the tiles of a stage are written with. */
interface TileWriter {
  readonly plan: MosaicPlan;
  readonly stage: Stage;
  readonly pool: EncoderPool;
  readonly finished: FinishedTiles | undefined;
  readonly merged: MergedOverview | undefined;
  readonly failures: TileFailure[];
}

/** Tiles by name, without those that were empty and left out. */
interface WrittenTiles {
  readonly tiles: ReadonlyMap<string, FinishedTile>;
  readonly resumedTileCount: number;
}

/** Never rejects: see `failures`. */
async function writeTiles(writer: TileWriter): Promise<WrittenTiles> {
  const { plan, stage, pool, failures } = writer;
  const tiles = new Map<string, FinishedTile>();
  let resumedTileCount = 0;
  const failed = new AbortController();
  const signal = AbortSignal.any([stage.signal, failed.signal]);
  const tell = progressTeller(plan);
  const todo = cells(plan.grid);
  const work = async (): Promise<void> => {
    for (const cell of todo) {
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
  { plan, stage, pool, finished, merged }: TileWriter,
  cell: Cell,
  signal: AbortSignal,
): Promise<TileOutcome | TileFailure> {
  const name = plan.tileName(cell);
  let step: TileFailure['step'] = 'read';
  try {
    const taken = await finished?.take(name);
    if (taken) {
      if (taken.tile) await merged?.addFromFile(cell, join(stage.path, name));
      return { ...taken, resumed: true };
    }
    const samples = pool.readsRaw
      ? cell.window
      : await plan.source.read(cell.window, signal, pool.takeBuffer);
    signal.throwIfAborted();
    step = 'write';
    const transform = plan.tileTransform(cell.window);
    const written = await pool.writeTile(join(stage.path, name), samples, transform);
    if (!written) {
      await finished?.add(name, undefined);
      return { tile: undefined, resumed: false };
    }
    const { part, ...facts } = written;
    if (part) merged?.add(cell, part);
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
  const { source, options, tileCount } = plan;
  const pixelBytes = dataTypes[source.info.dataType].bytes * source.info.bands.length;
  let [tilesDone, sampleBytes, fileBytes] = [0, 0, 0];
  return ({ window }, tile) => {
    tilesDone += 1;
    sampleBytes += window.widthPx * window.heightPx * pixelBytes;
    fileBytes += tile?.sizeBytes ?? 0;
    options.onProgress?.({ tilesDone, tileCount, sampleBytes, fileBytes });
  };
}

/** The error for the caller: it names the first tile that failed, with that tile's own error as its cause. */
export function tileError(
  plan: MosaicPlan,
  failures: readonly TileFailure[],
): HoldfastError | undefined {
  const [first, ...others] = failures;
  if (!first) return undefined;
  const { cell, error } = first;
  const name = plan.tileName(cell);
  const reason = error instanceof Error ? error.message : String(error);
  return new HoldfastError(codeOf(first), {
    message: `Tile ${name} (row ${cell.row}, column ${cell.column}) failed: ${reason}`,
    outcome: 'unchanged',
    step: first.step,
    path: join(plan.tilesPath, name),
    cause: error,
    others: others.map((failure) => failure.error),
  });
}

function codeOf({ step, error }: TileFailure): ErrorCode {
  if (isHoldfastError(error)) return error.code;
  if (step === 'read') return 'UPDATER_FAILED';
  const full = ['ENOSPC', 'EDQUOT'];
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return full.includes(code) ? 'NO_SPACE' : 'IO';
}
