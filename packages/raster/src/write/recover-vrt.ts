/**
 * Looks for what killed runs of `writeTiledVrt` have left of a mosaic, and clears it away; and for
 * what other programs have done to its index:
 *
 * - an index that was put back, or is broken, beside whole tiles of the last acknowledged write:
 *   the index that lies with these is put in place again
 * - a stage whose owner is dead and that nobody can resume: removed
 * - finished work, which `resume` can take up: a kept stage, or whole tiles that no index names;
 *   left, or removed when that is asked for
 *
 * Tiles of earlier indexes that `keepPrevious` keeps are no leftovers. All is looked at again under
 * the lock of the mosaic before anything is removed. A crash in between leaves less than there was,
 * for the next look.
 */
import { isHoldfastError } from 'holdfast/errors';
import { basename, dirname, join } from 'node:path';
import { HoldfastError, listOrphans, withLock } from 'holdfast';
import { checkOptions, checkPath, invalidArgument } from 'holdfast/options';
import { codeOfFailure, errnoOf, freshenWay, type Fs, nodeFileSystem } from 'holdfast/os';
import { indexBehind } from '../mosaic-place.js';
import { isAddress } from '../remote/address.js';
import type { ReadableStore } from '../remote/store-ranges.js';
import { removeFile } from './beside.js';
import { discardStage } from './kept-work.js';
import { readRecord, recordPath } from './resume-record.js';
import { bringBack, findLostIndex, type LostIndex } from './lost-index.js';
import {
  firstTilesPath,
  leftoversOf,
  listTilesDirectories,
  removeTiles,
  type TilesDirectory,
} from './tiles-directory.js';

/** How leftovers are cleared away. */
export interface RecoverVrtOptions {
  /** Only tells what would be done; false by default. */
  readonly dryRun?: boolean | undefined;
  /** Also removes finished work that could be resumed; false by default. */
  readonly discard?: boolean | undefined;
  /**
   * In a bucket: how old tiles that the index does not name are at least before they are removed,
   * in milliseconds, by the clock of the store: since another index followed theirs, or since their
   * writer began, who may still be at work. A day by default.
   */
  readonly keepForMs?: number | undefined;
  /** In a bucket: how many earlier mosaics stay, whatever their age; 0 by default. */
  readonly keepPrevious?: number | undefined;
  /** For `s3://bucket/dem.vrt`, as `openVrt` has it. */
  readonly store?: ReadableStore | undefined;
  /** Whether the endpoint of the environment may be of `http:`; false by default. */
  readonly allowHttp?: boolean | undefined;
  /** In a bucket: ends the call. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long to wait for a run that is writing the mosaic, in milliseconds; 0 by default. In a
   * bucket, which has no locks, how long a step goes on when nothing answers.
   */
  readonly timeoutMs?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** Something that a run left. */
export interface VrtLeftover {
  /** The index that it is of, which may not exist. */
  readonly mosaic: string;
  readonly path: string;
  /**
   * `index`: an older one, or a broken one, in place of the one that the last acknowledged write
   * left. `stage`: of no use to anybody. `resumableStage`: kept by `resume`. `tiles`: whole tiles
   * that no index names; in a bucket also those that are not whole. `record`: of tiles that are
   * gone.
   */
  readonly kind: 'index' | 'stage' | 'resumableStage' | 'tiles' | 'record';
  /** How many tiles a run of the same job would take, if they are still whole. */
  readonly finishedTileCount: number;
  /** `broughtBack`: the acknowledged index is in its place again. */
  readonly action: 'kept' | 'removed' | 'broughtBack';
}

const optionNames = [
  'dryRun',
  'discard',
  'keepForMs',
  'keepPrevious',
  'store',
  'allowHttp',
  'signal',
  'timeoutMs',
  'fs',
] as const;

/**
 * Finds what killed runs left, and removes what is of no use.
 *
 * In a bucket, tiles of earlier indexes and of writers that have died, which a write removes too
 * when they are old enough; a writer that is taken for dead fails with TARGET_CHANGED. An index
 * that was put back there stays until the next write.
 *
 * @param path - an index, whether it exists or not, or a directory: then every mosaic in it; or the
 *   address of an index that `writeTiledVrt` has written, `s3://bucket/dem.vrt`
 * @returns what was found, and what became of it; with `dryRun` what would become of it
 * @throws HoldfastError LOCK_TIMEOUT while a run is writing the mosaic; NOT_FOUND; IO;
 *   INVALID_ARGUMENT; in a bucket STORE_FAILED, ABORTED, CORRUPT_DOCUMENT for an index that
 *   `writeTiledVrt` has not written there, and UNSUPPORTED_PLATFORM for a store that is found to
 *   lose updates
 */
export async function recoverVrt(
  path: string,
  options: RecoverVrtOptions = {},
): Promise<readonly VrtLeftover[]> {
  checkOptions('recoverVrt', options, optionNames);
  const isInBucket = isAddress(path) && path.startsWith('s3:');
  refuseOthers(path, options, isInBucket);
  if (isInBucket) return (await import('./sweep-bucket.js')).sweepBucket(path, options);
  checkPath('recoverVrt', path);
  const fs = options.fs ?? nodeFileSystem;
  const left: VrtLeftover[] = [];
  await asTyped(path, () => freshenWay(fs, dirname(path)));
  for (const mosaic of await mosaicsAt(fs, path))
    left.push(...(await recoverOne(fs, mosaic, options)));
  return left;
}

/** Refuses what has a meaning for the other kind of place alone. */
function refuseOthers(path: string, options: RecoverVrtOptions, isInBucket: boolean): void {
  const { discard, fs, keepForMs, keepPrevious, store, allowHttp, signal } = options;
  const others = isInBucket
    ? { discard, fs }
    : { keepForMs, keepPrevious, store, allowHttp, signal };
  const wrong = Object.entries(others).find(([, value]) => value !== undefined && value !== false);
  if (wrong === undefined) return;
  const why = isInBucket ? 'is not for mosaics in s3://' : 'is for mosaics in s3:// alone';
  throw invalidArgument('recoverVrt', `${wrong[0]} ${why}`, path);
}

async function recoverOne(
  fs: Fs,
  mosaic: string,
  { dryRun = false, discard = false, timeoutMs = 0 }: RecoverVrtOptions,
): Promise<readonly VrtLeftover[]> {
  const found = await asTyped(mosaic, () => look(fs, mosaic, discard));
  if (dryRun || found.every(({ leftover }) => leftover.action === 'kept'))
    return found.map(({ leftover }) => leftover);
  const clear = async (): Promise<readonly VrtLeftover[]> => {
    const again = await look(fs, mosaic, discard);
    for (const { leftover, mend } of again) if (leftover.action !== 'kept') await mend();
    return again.map(({ leftover }) => leftover);
  };
  return withLock(mosaic, () => asTyped(mosaic, clear), { fs, timeoutMs });
}

interface Found {
  readonly leftover: VrtLeftover;
  readonly mend: () => Promise<unknown>;
}

async function look(fs: Fs, mosaic: string, discard: boolean): Promise<readonly Found[]> {
  const firstPath = firstTilesPath(mosaic);
  const record = await readRecord(fs, recordPath(mosaic));
  const finished = record?.tiles.size ?? 0;
  const directories = await listTilesDirectories(fs, firstPath);
  const lost = await findLostIndex(fs, mosaic, directories);
  const found: Found[] = lost ? [lostIndexFound(fs, mosaic, lost, directories)] : [];
  for (const { path, state } of leftoversOf(directories, lost?.acknowledged.tilesName)) {
    if (state.kind !== 'dead') continue;
    const leftover = { mosaic, path, kind: 'tiles', finishedTileCount: finished } as const;
    found.push({
      leftover: { ...leftover, action: discard ? 'removed' : 'kept' },
      mend: () => removeTiles(fs, path, state.manifest),
    });
  }
  for (const { path, kind, owner } of await listOrphans(dirname(mosaic), { fs })) {
    if (kind === 'stagedFile' || owner !== 'dead' || !isStageOf(basename(path), firstPath))
      continue;
    const isResumable = kind === 'resumableStage';
    const leftover = {
      mosaic,
      path,
      kind: isResumable ? kind : 'stage',
      finishedTileCount: isResumable ? finished : 0,
      action: isResumable && !discard ? 'kept' : 'removed',
    } as const;
    found.push({ leftover, mend: () => discardStage(fs, path) });
  }
  const work = found.filter(({ leftover: { kind } }) => kind !== 'stage' && kind !== 'index');
  return [...found, ...(await uselessRecord(fs, mosaic, discard || work.length === 0))];
}

function lostIndexFound(
  fs: Fs,
  mosaic: string,
  lost: LostIndex,
  directories: readonly TilesDirectory[],
): Found {
  const action = 'broughtBack' as const;
  return {
    leftover: { mosaic, path: mosaic, kind: 'index', finishedTileCount: 0, action },
    mend: () => bringBack(fs, mosaic, lost, directories),
  };
}

/** The record goes with the work that it speaks of. */
async function uselessRecord(fs: Fs, mosaic: string, isUseless: boolean): Promise<Found[]> {
  const path = recordPath(mosaic);
  if (!isUseless || !(await fs.exists(path))) return [];
  const leftover = {
    mosaic,
    path,
    kind: 'record',
    finishedTileCount: 0,
    action: 'removed',
  } as const;
  return [{ leftover, mend: () => removeFile(fs, path) }];
}

/** The index, or those that the names in a directory speak of. */
async function mosaicsAt(fs: Fs, path: string): Promise<readonly string[]> {
  if (/\.vrt$/iu.test(path) && !(await asTyped(path, () => isDirectory(fs, path))))
    return [await indexBehind(fs, path)];
  const entries = await asTyped(path, () => fs.readDirectory(path));
  const stems = new Set<string>();
  for (const { name } of entries) {
    const [, staged] = /^\.(.+)\.staging-[^.]+$/su.exec(name) ?? [];
    const [, recorded] = /^(.+)\.vrt\.resume$/isu.exec(name) ?? [];
    const [, tiled] = /^(.+)_tiles(?:\.\d+)?$/su.exec(staged ?? name) ?? [];
    const stem = recorded ?? tiled;
    if (stem !== undefined) stems.add(stem);
  }
  const indexes = new Map<string, string>();
  for (const { name } of entries) if (/\.vrt$/iu.test(name)) indexes.set(name.slice(0, -4), name);
  return [...stems].toSorted().map((stem) => join(path, indexes.get(stem) ?? `${stem}.vrt`));
}

async function isDirectory(fs: Fs, path: string): Promise<boolean> {
  try {
    return (await fs.stat(path)).kind === 'directory';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function isStageOf(name: string, firstPath: string): boolean {
  const [, target] = /^\.(.+)\.staging-[^.]+$/su.exec(name) ?? [];
  const first = basename(firstPath);
  return target === first || (target?.startsWith(`${first}.`) ?? false);
}

async function asTyped<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    throw new HoldfastError(codeOfFailure(cause), {
      message: 'What killed runs have left could not be looked at or removed.',
      outcome: 'unknown',
      step: 'recover',
      path,
      cause,
    });
  }
}
