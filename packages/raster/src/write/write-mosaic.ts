/**
 * Writes a raster as a mosaic: `<stem>_tiles/` full of GeoTIFFs, and the index `<stem>.vrt` that
 * names them.
 *
 * 1. check everything that can be refused; look, without changing it, at what is there
 * 2. lock `<stem>.vrt.lock`: one writer of a mosaic at a time; look again, also for what a run with
 *    `resume` kept
 * 3. remove the tiles of a run that died between 5 and 7: a directory of ours that no index names,
 *    nor the record of generations. Its number is recorded first, where an index may have named it
 * 4. fill a stage beside `<stem>_tiles`: tiles side by side, all settled; then their manifest, and
 *    the index
 * 5. sync the stage and publish it (the core's publishDirectory): tiles that no index names yet.
 *    Beside those of an index that is to be replaced, they go to `<stem>_tiles.2` and so on, above
 *    every number that was ever used
 * 6. take companions of the old index (`.ovr`, `.aux.xml`) to its tiles
 * 7. put the index that lies with the tiles in place (the core's replaceFile): the commit point
 * 8. record the generation (generations.ts), so that an older index which another program puts back
 *    is noticed
 * 9. retire the tiles of earlier indexes: all but the youngest `keepPrevious`, those that are
 *    younger than `keepForMs`, and those that somebody reads; discard what runs with `resume` kept
 *
 * Invariant: an index that exists names tiles that are whole. A crash before 5 leaves an orphaned
 * stage, which the next write sweeps; one between 5 and 7 leaves tiles that step 3 of the next
 * write removes; one after 7 leaves old tiles that step 9 of the next write retires, and a record
 * that speaks of the index before, which is in order. With `resume` the stage of 4 and the tiles of
 * 5 are kept for the next such write (kept-work.ts). A directory that is not ours is never touched.
 */
import { basename, dirname, join } from 'node:path';
import {
  HoldfastError,
  isHoldfastError,
  type Lock,
  publishDirectory,
  type Stage,
  withLock,
} from 'holdfast';
import type { Fs } from 'holdfast/os';
import type { EncoderPool } from '../encode/encoder-pool.js';
import type { NotCarried } from '../model.js';
import { toldOf } from '../source/told.js';
import { removeEmptyDirectory } from './beside.js';
import {
  type FilledStage,
  fillStage,
  tileError,
  type MadeTiles,
  type TileFailure,
} from './fill-stage.js';
import {
  type Generations,
  readGenerations,
  recordCommitted,
  writeGenerations,
} from './generations.js';
import {
  putInPlace,
  restoreCompanions,
  retireCompanions,
  tilesNamedBy,
} from './index-with-tiles.js';
import { findLostIndex } from './lost-index.js';
import { discardKeptWork, findKeptWork, type KeptWork, offerKeptWork } from './kept-work.js';
import { lockedPlaceOf, placeOf } from '../mosaic-place.js';
import { type MosaicPlan, planAt } from './mosaic-plan.js';
import {
  inTheWay,
  leftoversOf,
  listTilesDirectories,
  numberedPath,
  numberOf,
  removeTiles,
  type TilesDirectory,
} from './tiles-directory.js';

export { planMosaic } from './mosaic-plan.js';

/** What a write left on disk. */
export interface WrittenMosaic {
  /** The index, with symlinks resolved; its tiles lie beside it. */
  readonly path: string;
  readonly tilesPath: string;
  /** Tile files; fewer than the grid has cells when empty tiles were left out. */
  readonly tileCount: number;
  /** Bytes of all tile files and overviews, and of what `stac` and `gti` add. */
  readonly sizeBytes: number;
  /** Names these tiles: the same tiles always have the same generation. */
  readonly generation: string;
  /** Tiles that were taken over from a run before, with `resume`. */
  readonly resumedTileCount: number;
  /**
   * The tiles directory of the mosaic that was to be replaced, where its index did not name that
   * any more: another program had put back an older index, or written one of its own.
   */
  readonly lostIndexOf: string | undefined;
  /**
   * Names of files beside the old index that spoke of its pixels (`.ovr`, `.aux.xml`); they lie
   * among its tiles now.
   */
  readonly retiredCompanions: readonly string[];
  /**
   * What the source says and the mosaic does not; what decides where it lies, or which pixels are
   * valid, was refused instead.
   */
  readonly notCarried: readonly NotCarried[];
  /**
   * Bands, from 1, of integers of so few values that they look like classes, whose overviews are
   * means all the same: these mean nothing, and `resampling` is better `mode` or `nearest`. Looked
   * for in some samples of each tile that this run wrote.
   */
  readonly averagedClasses: readonly number[];
  /** The STAC item, if there is one. */
  readonly stacPath: string | undefined;
  /** The STAC items of its tiles, in one file, if there are some. */
  readonly stacItemsPath: string | undefined;
  /** GDAL's tile index, if there is one. */
  readonly gtiPath: string | undefined;
}

/** Fills a stage as `fillStage` does. */
export type Filler = typeof fillStage;

/**
 * Steps 1 to 9 of what has been planned, by a pool that whoever opened it closes.
 *
 * @param fill - step 4, where it is not the tiles of a source that are written
 */
export async function writeMosaic(
  given: MosaicPlan,
  pool: EncoderPool,
  fill?: Filler,
): Promise<WrittenMosaic> {
  const { fs, indexPath, signal, timeoutMs } = given;
  await preparePool(given, pool);
  await asTyped(given, async () => checkWay(planAt(given, await placeOf(fs, indexPath))));
  const write = async (lock: Lock): Promise<WrittenMosaic> => {
    // The path is resolved for the last time.
    const place = await asTyped(given, () => lockedPlaceOf(fs, lock));
    return writeLocked(planAt(given, place), pool, { fill });
  };
  return withLock(indexPath, write, { fs, signal, timeoutMs });
}

/** Where the tiles come from, if not from the plan's source. */
interface TilesFrom {
  readonly fill?: Filler | undefined;
  /** Tiles that were made elsewhere, in parts (mosaic-parts.ts). */
  readonly made?: MadeTiles | undefined;
}

/** Tells the encoder what it is to make of samples. */
export async function preparePool(plan: MosaicPlan, pool: EncoderPool): Promise<void> {
  const { format, pyramid, statistics, skipEmpty, source } = plan;
  const writeOut = plan.durability !== 'atomic';
  const options = { writeOut, skipEmpty, statistics, pyramid };
  await pool.prepare({ format, options, raw: source.raw });
}

/** Steps 3 to 9, and again what step 1 looked at. */
export async function writeLocked(
  plan: MosaicPlan,
  pool: EncoderPool,
  from: TilesFrom = {},
): Promise<WrittenMosaic> {
  const { placed, kept, before } = await asTyped(plan, () => clearWay(plan));
  const manifest = await publishTiles(placed, pool, { ...from, kept });
  const retiredCompanions = await publishIndex(placed, manifest, before);
  const retired = await record(plan, placed.tilesPath, manifest, before);
  await retire(plan, placed.tilesPath, retired, before);
  const sizeBytes = manifest.tiles.reduce((sum, tile) => sum + tile.sizeBytes, 0);
  const { generation, tileCount, resumedTileCount, averagedClasses } = manifest;
  const among = (name: string | undefined): string | undefined =>
    name && join(placed.tilesPath, name);
  return {
    path: plan.indexPath,
    tilesPath: placed.tilesPath,
    tileCount,
    sizeBytes,
    generation,
    resumedTileCount,
    lostIndexOf: before.lostIndexOf,
    retiredCompanions,
    averagedClasses,
    stacPath: among(manifest.stacName),
    stacItemsPath: among(manifest.stacItemsName),
    gtiPath: among(manifest.gtiName),
    notCarried: [...toldOf(plan.source), ...manifest.notCarried],
  };
}

/** The mosaic as it was before this write. */
interface Before {
  readonly generations: Generations | undefined;
  /** The tiles directories that stay, the oldest first. */
  readonly directories: readonly TilesDirectory[];
  /** The path of the tiles that the index names. */
  readonly namedPath: string | undefined;
  readonly lostIndexOf: string | undefined;
}

/** Step 3: the place of the new tiles, and what an earlier run has finished of them. */
async function clearWay(plan: MosaicPlan): Promise<{
  readonly placed: MosaicPlan;
  readonly kept: KeptWork | undefined;
  readonly before: Before;
}> {
  const { fs, indexPath } = plan;
  const found = await checkWay(plan);
  const generations = await readGenerations(fs, indexPath);
  const named = await tilesNamedBy(fs, indexPath);
  const leftovers = leftoversOf(found, generations?.acknowledged?.tilesName);
  const kept = plan.resume ? await findKeptWork(plan, leftovers) : undefined;
  const others = leftovers.filter(({ path }) => path !== kept?.path);
  const mayBeKnown = generations !== undefined || (await fs.exists(indexPath));
  const remembered = mayBeKnown ? await rememberNumbers(plan, generations, others) : generations;
  const directories = await removeLeftovers(
    fs,
    found.filter(({ path }) => path !== kept?.path),
    others,
  );
  const placed = { ...plan, tilesPath: freePath(plan, directories, remembered?.youngest ?? 0) };
  if (kept) await offerKeptWork(fs, kept, placed.tilesPath);
  const namedPath = await pathOf(plan, named?.tilesName);
  const lostIndexOf = (await findLostIndex(fs, indexPath, directories))?.tilesPath;
  return { placed, kept, before: { generations: remembered, directories, namedPath, lostIndexOf } };
}

/** Where the tiles lie that an index names, as ours do: beside it. */
async function pathOf(
  { fs, indexPath }: MosaicPlan,
  tilesName: string | undefined,
): Promise<string | undefined> {
  if (tilesName === undefined || /[/\0]|^\.+$/u.test(tilesName)) return undefined;
  const path = join(dirname(indexPath), tilesName);
  return (await fs.exists(path)) ? path : undefined;
}

/**
 * Before tiles are removed that an index may have named for a moment: their names must not come
 * back.
 */
async function rememberNumbers(
  { fs, indexPath, durability }: MosaicPlan,
  generations: Generations | undefined,
  leftovers: readonly TilesDirectory[],
): Promise<Generations | undefined> {
  const youngest = leftovers.at(-1)?.number ?? 0;
  if (youngest <= (generations?.youngest ?? 0)) return generations;
  const unknown: Generations = { youngest, acknowledged: undefined, retired: new Map() };
  const remembered = { ...(generations ?? unknown), youngest };
  await writeGenerations(fs, indexPath, remembered, durability);
  return remembered;
}

/** Step 8: where there was a mosaic before. Gives since when which tiles have not been named. */
async function record(
  { fs, indexPath, tilesPath: firstPath, durability }: MosaicPlan,
  tilesPath: string,
  { generation }: FilledStage,
  { generations, directories, namedPath, lostIndexOf }: Before,
): Promise<ReadonlyMap<string, number>> {
  const tilesName = basename(tilesPath);
  const number = numberOf(tilesName, basename(firstPath)) ?? 1;
  const youngest = Math.max(generations?.youngest ?? 0, number);
  const now = Date.now();
  const retired = new Map<string, number>();
  for (const { path, state } of directories) {
    const wasRead = path === namedPath || path === lostIndexOf;
    const since = wasRead ? undefined : generations?.retired.get(basename(path));
    if (state.kind === 'dead' || wasRead) retired.set(basename(path), since ?? now);
  }
  if (generations || youngest > 1) {
    const acknowledged = { tilesName, generation };
    const next = { youngest, acknowledged, retired };
    await recordCommitted(fs, indexPath, next, durability);
  }
  return retired;
}

/**
 * What the system says while old tiles are looked at or removed, as a typed error: the mosaic is as
 * it was.
 */
async function asTyped<T>(plan: MosaicPlan, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    throw new HoldfastError('IO', {
      message: 'The tiles directories of the mosaic could not be looked at or tidied up.',
      step: 'check',
      path: plan.tilesPath,
      cause,
    });
  }
}

/** Refuses what is in the way; otherwise says which tiles directories there are. */
async function checkWay(plan: MosaicPlan): Promise<readonly TilesDirectory[]> {
  const { fs, indexPath, tilesPath, ifExists } = plan;
  const replaces = ifExists === 'replace';
  if (!replaces && (await fs.exists(indexPath))) {
    throw new HoldfastError('ALREADY_EXISTS', {
      message:
        "There is an index of this name. Replace it (ifExists: 'replace'), or write to another name.",
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
  leftovers: readonly TilesDirectory[],
): Promise<readonly TilesDirectory[]> {
  const left: TilesDirectory[] = [];
  for (const directory of found) {
    const { path, state } = directory;
    const leftover = leftovers.includes(directory) && state.kind === 'dead';
    if (!leftover || !(await removeTiles(fs, path, state.manifest))) left.push(directory);
  }
  return left;
}

/**
 * Where new tiles go: the first path if this mosaic never had tiles, else one number above all
 * there is and ever was.
 */
function freePath(plan: MosaicPlan, left: readonly TilesDirectory[], youngest: number): string {
  const first = left.find(({ number }) => number === 1);
  const ours = left.some(
    ({ state }) => state.kind === 'dead' || (state.kind === 'taken' && state.live),
  );
  if (!ours && youngest === 0 && first?.state.kind !== 'taken') return plan.tilesPath;
  return numberedPath(plan.tilesPath, Math.max(left.at(-1)?.number ?? 1, youngest) + 1);
}

/**
 * Step 9. What cannot be removed now goes with a later replacement; the new mosaic is in place in
 * any case.
 */
async function retire(
  plan: MosaicPlan,
  tilesPath: string,
  retired: ReadonlyMap<string, number>,
  { lostIndexOf }: Before,
): Promise<void> {
  const { fs, keepPrevious, keepForMs } = plan;
  // Readers of the index that was put back, and of the one before, are both to be left their tiles.
  const kept = keepPrevious > 0 && lostIndexOf !== undefined ? keepPrevious + 1 : keepPrevious;
  const now = Date.now();
  try {
    const found = await listTilesDirectories(fs, plan.tilesPath, tilesPath);
    const dead = found.filter(({ state }) => state.kind === 'dead');
    for (const { path, state } of dead.slice(0, Math.max(0, dead.length - kept))) {
      // A time that is yet to come: another machine's clock goes otherwise.
      const ageMs = Math.max(0, now - (retired.get(basename(path)) ?? now));
      if (state.kind === 'dead' && ageMs >= keepForMs) await removeTiles(fs, path, state.manifest);
    }
    // What is left of one whose removal was killed right before its end.
    for (const { path, state } of found)
      if (state.kind === 'empty') await removeEmptyDirectory(fs, path);
    await discardKeptWork(fs, plan.indexPath, tilesPath);
  } catch {
    // Nothing that a caller of a finished write could act on.
  }
}

/** Steps 4 and 5. */
async function publishTiles(
  plan: MosaicPlan,
  pool: EncoderPool,
  { fill: fillWith = fillStage, made, kept }: TilesFrom & { readonly kept: KeptWork | undefined },
): Promise<FilledStage> {
  const { fs, tilesPath, durability, resume, signal } = plan;
  const failures: TileFailure[] = [];
  try {
    const fill = async (stage: Stage) => {
      const filled = await fillWith(plan, stage, { pool, failures, kept, made });
      // The threads end while the stage is synced; whoever opened the pool waits for them.
      pool.close().catch(() => undefined);
      return filled;
    };
    return (await publishDirectory(tilesPath, fill, { fs, durability, resume, signal })).value;
  } catch (error) {
    throw (signal?.aborted ? undefined : tileError(plan, failures)) ?? error;
  }
}

/**
 * Steps 6 and 7. When nothing names the new tiles after all, they go, or wait for the next run with
 * `resume`.
 */
async function publishIndex(
  plan: MosaicPlan,
  manifest: FilledStage,
  { namedPath }: Before,
): Promise<readonly string[]> {
  const { fs, indexPath, tilesPath, durability, ifExists, signal, resume } = plan;
  try {
    const companions = await asTyped(plan, () => retireCompanions(fs, indexPath, namedPath));
    const how = { fs, signal, durability, ifExists };
    await asTyped(plan, () => putInPlace(tilesPath, indexPath, { oneLink: true }, how));
    return companions;
  } catch (error) {
    if (isHoldfastError(error) && error.outcome !== 'unchanged') throw error;
    // What cannot be put back or removed now is left to the next write.
    await restoreCompanions(fs, indexPath, namedPath).catch(() => undefined);
    if (!resume) await removeTiles(fs, tilesPath, manifest).catch(() => undefined);
    throw error;
  }
}
