/**
 * Writes a raster as a mosaic: `<stem>_tiles/` full of GeoTIFFs, and the index `<stem>.vrt` that names them.
 *
 * 1. check everything that can be refused; look, without changing it, at what is there
 * 2. lock `<stem>.vrt.lock`: one writer of a mosaic at a time; look again, also for what a run with `resume` kept
 * 3. remove the tiles of a run that died between 5 and 6: a directory of ours that no index names
 * 4. fill a stage beside `<stem>_tiles`: tiles side by side, all settled; then their manifest
 * 5. sync the stage and publish it (the core's publishDirectory): tiles that no index names yet. Beside those of an index
 *    that is to be replaced, they go to `<stem>_tiles.2` and so on
 * 6. replace the index (the core's replaceFile), which names the directory and generation of its tiles: the commit point
 * 7. retire the tiles of earlier indexes: all but the youngest `keepPrevious`, and those that somebody reads; discard
 *    what runs with `resume` kept
 *
 * Invariant: an index that exists names tiles that are whole. A crash before 5 leaves an orphaned stage, which the next
 * write sweeps; one between 5 and 6 leaves tiles that step 3 of the next write removes; one after 6 leaves old tiles that
 * step 7 of the next write retires. With `resume` the stage of 4 and the tiles of 5 are kept for the next such write
 * (kept-work.ts). A directory that is not ours is never touched.
 */
import { basename } from 'node:path';
import {
  HoldfastError,
  isHoldfastError,
  publishDirectory,
  replaceFile,
  type Stage,
  withLock,
} from 'holdfast';
import type { Fs } from 'holdfast/os';
import type { EncoderPool } from '../encode/encoder-pool.js';
import { cells } from '../source/grid.js';
import type { RasterSource } from '../source/raster-source.js';
import { blockGrid } from '../tiff/block-grid.js';
import { type IndexedTile, vrtBytes } from '../vrt/vrt-text.js';
import { type FilledStage, fillStage, tileError, type TileFailure } from './fill-stage.js';
import { checkResumable } from './job.js';
import { discardKeptWork, findKeptWork, type KeptWork, offerKeptWork } from './kept-work.js';
import type { Manifest } from './manifest.js';
import { type MosaicPlan, planMosaic, type WriteOptions } from './mosaic-plan.js';
import { overviewFiles } from './write-overviews.js';
import {
  inTheWay,
  leftoversOf,
  listTilesDirectories,
  numberedPath,
  removeTiles,
  type TilesDirectory,
} from './tiles-directory.js';

/** Enough for readers of the old index to finish what they read. */
const DEFAULT_KEEP_PREVIOUS = 1;

/** What a write left on disk. */
export interface WrittenMosaic {
  /** The index. */
  readonly path: string;
  readonly tilesPath: string;
  /** Tile files; fewer than the grid has cells when empty tiles were left out. */
  readonly tileCount: number;
  /** Bytes of all tile files and overviews. */
  readonly sizeBytes: number;
  /** Names these tiles: the same tiles always have the same generation. */
  readonly generation: string;
  /** Tiles that were taken over from a run before, with `resume`. */
  readonly resumedTileCount: number;
}

/** Steps 1 to 7, by a pool that whoever opened it closes. */
export async function writeMosaic(
  path: string,
  source: RasterSource,
  options: WriteOptions,
  pool: EncoderPool,
): Promise<WrittenMosaic> {
  const plan = planMosaic(path, source, options);
  checkResumable('writeTiledVrt', plan);
  const { fs, format, pyramid } = plan;
  const { skipEmpty = false, statistics = false, signal } = options;
  const writeOut = options.durability !== 'atomic';
  const tileOptions = { writeOut, skipEmpty, statistics, pyramid };
  await pool.prepare({ format, options: tileOptions, raw: source.raw });
  await typed(plan, () => checkWay(plan));
  const timeoutMs = options.lockTimeoutMs;
  return withLock(path, () => writeLocked(plan, pool), { fs, signal, timeoutMs });
}

/** Steps 3 to 7, and again what step 1 looked at. */
async function writeLocked(plan: MosaicPlan, pool: EncoderPool): Promise<WrittenMosaic> {
  const { placed, kept } = await typed(plan, () => makeWay(plan));
  const manifest = await publishTiles(placed, pool, kept);
  await publishIndex(placed, manifest);
  await retire(plan, placed.tilesPath);
  const sizeBytes = manifest.tiles.reduce((sum, tile) => sum + tile.sizeBytes, 0);
  const { generation, tileCount, resumedTileCount } = manifest;
  return {
    path: plan.indexPath,
    tilesPath: placed.tilesPath,
    tileCount,
    sizeBytes,
    generation,
    resumedTileCount,
  };
}

/** Step 3: the place of the new tiles, and what an earlier run has finished of them. */
async function makeWay(
  plan: MosaicPlan,
): Promise<{ readonly placed: MosaicPlan; readonly kept: KeptWork | undefined }> {
  const { fs } = plan;
  const found = await checkWay(plan);
  const kept = plan.options.resume ? await findKeptWork(plan, leftoversOf(found)) : undefined;
  const others = found.filter(({ path }) => path !== kept?.path);
  const placed = { ...plan, tilesPath: freePath(plan, await removeLeftovers(fs, others)) };
  if (kept) await offerKeptWork(fs, kept, placed.tilesPath);
  return { placed, kept };
}

/** What the system says while old tiles are looked at or removed, as a typed error: the mosaic is as it was. */
async function typed<T>(plan: MosaicPlan, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    throw new HoldfastError('IO', {
      message: 'The tiles directories of the mosaic could not be looked at or tidied up.',
      outcome: 'unchanged',
      step: 'check',
      path: plan.tilesPath,
      cause,
    });
  }
}

/** Refuses what is in the way; otherwise says which tiles directories there are. */
async function checkWay(plan: MosaicPlan): Promise<readonly TilesDirectory[]> {
  const { fs, indexPath, tilesPath, options } = plan;
  const replaces = options.ifExists === 'replace';
  if (!replaces && (await fs.exists(indexPath))) {
    throw new HoldfastError('ALREADY_EXISTS', {
      message:
        "There is an index of this name. Replace it with ifExists: 'replace', or write to another name.",
      outcome: 'unchanged',
      step: 'check',
      path: indexPath,
    });
  }
  const found = await listTilesDirectories(fs, tilesPath);
  const first = found.find(({ number }) => number === 1);
  if (!replaces && first?.state.kind === 'taken') throw inTheWay(tilesPath, first.state);
  return found;
}

/** Removes leftovers; gives what is left. */
async function removeLeftovers(
  fs: Fs,
  found: readonly TilesDirectory[],
): Promise<readonly TilesDirectory[]> {
  const leftovers = leftoversOf(found);
  const left: TilesDirectory[] = [];
  for (const directory of found) {
    const { path, state } = directory;
    const leftover = leftovers.includes(directory) && state.kind === 'dead';
    if (!leftover || !(await removeTiles(fs, path, state.manifest))) left.push(directory);
  }
  return left;
}

/** Where new tiles go: the first path if no tiles of this mosaic are left, else one number above all there is. */
function freePath(plan: MosaicPlan, left: readonly TilesDirectory[]): string {
  const first = left.find(({ number }) => number === 1);
  const ours = left.some(
    ({ state }) => state.kind === 'dead' || (state.kind === 'taken' && state.live),
  );
  if (!ours && first?.state.kind !== 'taken') return plan.tilesPath;
  return numberedPath(plan.tilesPath, (left.at(-1)?.number ?? 1) + 1);
}

/** Step 7. What cannot be removed now goes with a later replacement; the new mosaic is in place in any case. */
async function retire(plan: MosaicPlan, tilesPath: string): Promise<void> {
  const { fs, options } = plan;
  try {
    const found = await listTilesDirectories(fs, plan.tilesPath, tilesPath);
    const dead = found.filter(({ state }) => state.kind === 'dead');
    const kept = options.keepPrevious ?? DEFAULT_KEEP_PREVIOUS;
    for (const { path, state } of dead.slice(0, Math.max(0, dead.length - kept)))
      if (state.kind === 'dead') await removeTiles(fs, path, state.manifest);
    // What is left of one whose removal was killed right before its end.
    for (const { path, state } of found) if (state.kind === 'empty') await fs.rmdir(path);
    await discardKeptWork(fs, plan.indexPath, tilesPath);
  } catch {
    // Nothing that a caller of a finished write could act on.
  }
}

/** Steps 4 and 5. */
async function publishTiles(
  plan: MosaicPlan,
  pool: EncoderPool,
  kept: KeptWork | undefined,
): Promise<FilledStage> {
  const { fs, tilesPath, options } = plan;
  const { signal } = options;
  const { durability = 'durable', resume = false } = options;
  const failures: TileFailure[] = [];
  try {
    const fill = async (stage: Stage) => {
      const filled = await fillStage(plan, stage, pool, failures, kept);
      // The threads end while the stage is synced; whoever opened the pool waits for them.
      pool.close().catch(() => undefined);
      return filled;
    };
    const published = await publishDirectory(tilesPath, fill, {
      fs,
      durability,
      resume,
      ...(signal && { signal }),
    });
    return published.value;
  } catch (error) {
    throw (signal?.aborted ? undefined : tileError(plan, failures)) ?? error;
  }
}

/** Step 6. When nothing names the new tiles after all, they go, or wait for the next run with `resume`. */
async function publishIndex(plan: MosaicPlan, manifest: FilledStage): Promise<void> {
  const { fs, indexPath, tilesPath, options, source, srs } = plan;
  const { generation, statistics } = manifest;
  const tilesName = basename(tilesPath);
  const tiles = { [Symbol.iterator]: () => indexedTiles(plan, manifest) };
  const overviews = overviewFiles(plan.pyramid).map(({ factor, name }) => ({
    factor,
    path: `${tilesName}/${name}`,
  }));
  const own = { generation, tilesName, overviews };
  const index = vrtBytes({ info: source.info, srs, own, tiles, statistics });
  const { durability = 'durable' } = options;
  try {
    const { signal } = options;
    const ifExists = options.ifExists ?? 'fail';
    await replaceFile(indexPath, index, { fs, signal, durability, ifExists });
  } catch (error) {
    const committed = isHoldfastError(error) && error.outcome !== 'unchanged';
    // What cannot be removed now is removed by the next write.
    if (!committed && !options.resume)
      await removeTiles(fs, tilesPath, manifest).catch(() => undefined);
    throw error;
  }
}

function* indexedTiles(plan: MosaicPlan, manifest: Manifest): Generator<IndexedTile> {
  const written = new Set(manifest.tiles.map(({ name }) => name));
  const directory = basename(plan.tilesPath);
  for (const cell of cells(plan.grid)) {
    const name = plan.tileName(cell);
    if (!written.has(name)) continue;
    const { window } = cell;
    const blocks = blockGrid(plan.format, window.widthPx, window.heightPx);
    const { blockWidthPx, blockHeightPx } = blocks;
    yield { path: `${directory}/${name}`, window, blockWidthPx, blockHeightPx };
  }
}
