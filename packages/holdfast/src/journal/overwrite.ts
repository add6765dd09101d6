/**
 * Overwriting a file where it is, all or nothing for everyone who uses Holdfast. A file that cannot
 * be replaced (it is a mount point, has hard links, its directory forbids new names, somebody
 * follows its inode) has this in place of a rename:
 *
 * 1. take the redo lock of its inode, `.holdfast-<inode>.redo.lock`
 * 2. write a redo copy, durable under the name `.holdfast-<inode>.redo` (redo-copy.ts): the commit
 *    point
 * 3. write what the new content has more than the old, then over the old; cut; sync
 * 4. remove the copy, sync its directory; free the lock
 *
 * Both names lie beside the file, or in the state directory of this user where the file has hard
 * links (whose names lie elsewhere) or its directory forbids new names.
 *
 * Invariant: whenever the file is neither old nor new, there is a copy that is whole. A crash
 * before 2 leaves the old file; after it, a copy, which the next call that locks the path or writes
 * to it follows first. A reader never waits for what a crash has left: under the shared lock it
 * reads the copy. The lock file stays, so a reader that finds none after it has read knows that
 * nobody has overwritten the file meanwhile.
 *
 * Inode numbers are used again, and in the state directory they are those of every filesystem. So
 * whoever overwrites a file makes its lock there no older than the file, and a lock there that is
 * older than a file is not about it.
 */
import type { Buffer } from 'node:buffer';
import { errnoOf, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { acquireLockFile, type Lock } from '../lock/lock.js';
import { LOCK_SUFFIX } from '../lock/lock-path.js';
import type { WaitOptions } from '../lock/waiting.js';
import { canonicalName } from '../os/follow-symlinks.js';
import type { FileStat, Fs, FsFile } from '../os/fs.js';
import {
  closeQuietly,
  lookAt,
  openResolved,
  readAll,
  syncAt,
  type Opened,
  type Readable,
} from '../os/handles.js';
import { dirname, join } from '../os/paths.js';
import { isBelieved, RedoCopy } from './redo-copy.js';

/** A reader is not to wait for ever for an overwrite whose process is stopped. */
const PATIENCE_MS = 60_000;
const redoName = /^\.holdfast-[0-9a-f]{1,16}\.redo$/;
const NOT_ALLOWED = ['EACCES', 'EPERM', 'EROFS', 'ETXTBSY'];

/**
 * What became of an overwrite that died. `superseded`: another program has written the file since.
 */
export type OverwriteState = 'pending' | 'finished' | 'superseded';

/** An overwrite that died, and what became of it. */
export interface OverwriteReport {
  /** The file that was being overwritten. */
  readonly path: string;
  readonly state: OverwriteState;
}

export function isRedoName(name: string): boolean {
  return redoName.test(name);
}

/** The name of the redo copy of an inode. */
export function redoNameOf({ ino }: FileStat): string {
  return `.holdfast-${ino.toString(16)}.redo`;
}

/** Where the copy of a file may lie, beside it first. */
function placesOf(fs: Fs, path: string, stat: FileStat): readonly string[] {
  const directories = [dirname(path), fs.stateDirectory];
  return directories.flatMap((each) => (each === undefined ? [] : [join(each, redoNameOf(stat))]));
}

/**
 * Those places that have a name with one of these endings which is to be believed, as canonical
 * paths of the copy.
 */
async function placesWith(
  fs: Fs,
  path: string,
  target: Partial<Opened<FsFile>> & Pick<Opened<FsFile>, 'stat'>,
  endings: readonly string[],
): Promise<readonly RedoPlace[]> {
  const found: RedoPlace[] = [];
  for (const place of placesOf(fs, path, target.stat)) {
    for (const ending of endings) {
      if (!(await isFound(fs, place + ending))) continue;
      const { path: canonical } = await canonicalName(fs, place);
      const stat = await lookAt(fs, canonical + ending);
      if (!stat || !(await isBelieved(fs, canonical + ending, stat, target.stat))) continue;
      const redo = { fs, path, redoPath: canonical };
      if (ending === LOCK_SUFFIX && (await ageMs(redo, target.handle)) > 0) continue;
      found.push(redo);
      break;
    }
  }
  return found;
}

/**
 * A state directory that this user may not look into (root's, by its $HOME) holds nothing of
 * theirs.
 */
async function isFound(fs: Fs, path: string): Promise<boolean> {
  try {
    return await fs.exists(path);
  } catch (error) {
    if (NOT_ALLOWED.includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

/**
 * How much older a lock is than a file; then it is about one that had the inode number before. 0
 * where that is not known, and beside the file, where a lock may be another user's, who alone could
 * make it younger.
 */
async function ageMs(place: RedoPlace, file: FsFile | undefined): Promise<number> {
  const { fs, path, redoPath } = place;
  if (dirname(redoPath) === dirname(path)) return 0;
  const bornMs = (await file?.bornMs?.()) ?? 0;
  const lockMs = (await fs.modifiedMs?.(redoPath + LOCK_SUFFIX)) ?? bornMs;
  return Math.max(bornMs - lockMs, 0);
}

/** Times may be kept in steps of two seconds (FAT). */
const TIME_STEP_MS = 2000;

/**
 * Makes a lock that the caller holds one about a file, before a copy is made.
 *
 * @param file - the one that is to be overwritten
 */
export async function makeLockAbout(place: RedoPlace, file: FsFile): Promise<void> {
  if ((await ageMs(place, file)) === 0) return;
  const bornMs = (await file.bornMs?.()) ?? 0;
  await place.fs.setModified?.(place.redoPath + LOCK_SUFFIX, bornMs + TIME_STEP_MS);
}

/**
 * What of a file's own says that it may be half overwritten. A power loss may take the lock and
 * leave the copy.
 */
const LOCK = [LOCK_SUFFIX, ''];
const COPY = [''];

/** A file, and where a redo copy of it lies. */
export interface RedoPlace {
  readonly fs: Fs;
  /** Of the file, canonical. */
  readonly path: string;
  /** Canonical. */
  readonly redoPath: string;
}

/** Whoever may read a file may take its lock, whatever the umask. */
const LOCK_FILE_MODE = 0o644;

/** Takes the redo lock of an inode. A writer that holds it waits for no other lock. */
export function lockRedo(
  { fs, path, redoPath }: RedoPlace,
  mode: 'shared' | 'exclusive',
  { timeoutMs, signal }: WaitOptions = {},
): Promise<Lock> {
  const fileMode = mode === 'exclusive' ? LOCK_FILE_MODE : undefined;
  return acquireLockFile(path, redoPath + LOCK_SUFFIX, { fs, mode, timeoutMs, signal, fileMode });
}

type Read<T> = (file: Readable, sizeBytes: number) => Promise<T>;

/**
 * What a file holds, never half of an overwrite.
 *
 * @param path - canonical
 * @param read - reads from the beginning; called again when an overwrite may have come in between
 */
export async function readWhole<T>(
  fs: Fs,
  path: string,
  opened: Opened<FsFile>,
  read: Read<T>,
): Promise<T> {
  const value = await read(opened.handle, opened.stat.sizeBytes);
  const places = await placesWith(fs, path, opened, LOCK);
  return places.length === 0 ? value : readLocked(opened.handle, read, places);
}

/**
 * What an open file holds if it has ever been overwritten where it is; then it may be again before
 * it is read.
 */
export async function contentIfOverwritten(
  fs: Fs,
  path: string,
  opened: Opened<FsFile>,
): Promise<Buffer | undefined> {
  const places = await placesWith(fs, path, opened, LOCK);
  return places.length === 0 ? undefined : readLocked(opened.handle, readAll, places);
}

/** All locks are shared ones, so the order in which they are taken does not matter. */
async function readLocked<T>(
  handle: FsFile,
  read: Read<T>,
  [place, ...others]: readonly RedoPlace[],
): Promise<T> {
  const stat = await handle.stat('fresh');
  if (place === undefined) return read(handle, stat.sizeBytes);
  const lock = await lockToRead(place);
  try {
    const copy = await RedoCopy.open(place.fs, place.redoPath, stat);
    if (typeof copy === 'string') return await readLocked(handle, read, others);
    try {
      const isHalf = await copy.isAbout(place.path, { handle, stat: await handle.stat('fresh') });
      if (!isHalf) return await readLocked(handle, read, others);
      return await read(copy.content, copy.facts.newBytes);
    } finally {
      await copy.close();
    }
  } finally {
    await lock?.release();
  }
}

/**
 * Where a power loss has taken the lock file, and this user may not make it anew, no writer holds
 * it either.
 */
async function lockToRead(place: RedoPlace): Promise<Lock | undefined> {
  try {
    return await lockRedo(place, 'shared', { timeoutMs: PATIENCE_MS });
  } catch (error) {
    if (isHoldfastError(error, 'DIRECTORY_NOT_WRITABLE')) return undefined;
    throw error;
  }
}

/**
 * Brings an overwrite of a file that died to its end. A file that this user may not write stays as
 * it is: readers see the copy.
 *
 * @param path - canonical; it need not exist
 */
export async function finishOverwrite(
  fs: Fs,
  path: string,
  wait: WaitOptions = {},
): Promise<OverwriteReport | undefined> {
  try {
    const stat = await lookAt(fs, path);
    if (stat?.kind !== 'file') return undefined;
    for (const place of await placesWith(fs, path, { stat }, COPY)) {
      const lock = await lockRedo(place, 'exclusive', wait);
      try {
        const state = await finishAt(place);
        if (state) return { path, state };
      } finally {
        await lock.release();
      }
    }
    return undefined;
  } catch (error) {
    throw failure('finish overwrite', path, error);
  }
}

/**
 * The same for a place whose lock the caller holds. `undefined` when there is nothing to follow, or
 * this user may not.
 */
export function finishAt(place: RedoPlace): Promise<OverwriteState | undefined> {
  const { fs, path, redoPath } = place;
  return withTarget(fs, path, async (target) => {
    const copy = await RedoCopy.open(fs, redoPath, target.stat);
    if (copy === 'none') return undefined;
    const state = copy === 'torn' ? 'superseded' : await follow(place, copy, target);
    await removeRedo(place, true);
    return state;
  });
}

/** Closes the copy. */
async function follow(
  { fs, path, redoPath }: RedoPlace,
  copy: RedoCopy,
  target: Opened<FsFile>,
): Promise<OverwriteState> {
  try {
    if (!(await copy.isAbout(path, target))) return 'superseded';
    // The process that made it may have died before it was durable, or made it with `atomic`.
    await copy.sync();
    await syncAt(fs, dirname(redoPath));
    await copy.extend(target.handle);
    await copy.overwrite(target.handle);
    await target.handle.sync();
    return 'finished';
  } finally {
    await copy.close();
  }
}

/**
 * Opens a file to overwrite it, for as long as the work on it takes; `undefined` where that cannot
 * be.
 */
async function withTarget<T>(
  fs: Fs,
  path: string,
  work: (target: Opened<FsFile>) => Promise<T>,
): Promise<T | undefined> {
  let target: Opened<FsFile>;
  try {
    target = await openResolved(fs, path, { access: 'readWrite' });
  } catch (error) {
    if ([...NOT_ALLOWED, 'ENOENT'].includes(errnoOf(error) ?? '')) return undefined;
    if (isHoldfastError(error, 'UNSUPPORTED_TARGET')) return undefined;
    throw error;
  }
  try {
    return await work(target);
  } finally {
    await closeQuietly(target.handle);
  }
}

/**
 * Takes the copy away; for good, before anybody may write the file anew and find it followed after
 * the next power loss.
 */
export async function removeRedo({ fs, redoPath }: RedoPlace, isDurable: boolean): Promise<void> {
  await fs.unlink(redoPath);
  if (isDurable) await syncAt(fs, dirname(redoPath));
}

/**
 * Brings every overwrite that died in a directory to its end, or, with `isTrial`, only says what
 * would be done. Of the copies in the state directory those count whose files lie in the directory.
 *
 * @param directory - canonical
 */
export async function finishOverwrites(
  fs: Fs,
  directory: string,
  isTrial: boolean,
  wait: WaitOptions = {},
): Promise<readonly OverwriteReport[]> {
  const reports: OverwriteReport[] = [];
  for (const redoPath of await copiesIn(fs, [directory, fs.stateDirectory])) {
    const path = await pathSaidBy(fs, redoPath);
    if (path === undefined || dirname(path) !== directory) continue;
    const place = { fs, path, redoPath };
    const lock = await lockRedo(place, 'exclusive', wait);
    try {
      const state = await (isTrial ? lookAtCopy(place) : finishAt(place));
      if (state) reports.push({ path, state });
    } finally {
      await lock.release();
    }
  }
  return reports;
}

async function copiesIn(
  fs: Fs,
  directories: readonly (string | undefined)[],
): Promise<readonly string[]> {
  const places: string[] = [];
  for (const directory of directories) {
    // A directory without the right to search it is looked into only by its name in another one.
    if (directory === undefined || !(await isFound(fs, join(directory, '.')))) continue;
    const canonical = await fs.realpath(directory);
    const names = (await fs.readDirectory(canonical)).map(({ name }) => name);
    places.push(...names.filter(isRedoName).map((name) => join(canonical, name)));
  }
  return places;
}

/** Which file a copy is about, whoever made it: that is judged when it is followed. */
async function pathSaidBy(fs: Fs, redoPath: string): Promise<string | undefined> {
  const own = await lookAt(fs, redoPath);
  const copy = own && (await RedoCopy.open(fs, redoPath, own));
  if (copy === undefined || typeof copy === 'string') return undefined;
  await copy.close();
  return copy.facts.path;
}

function lookAtCopy({ fs, path, redoPath }: RedoPlace): Promise<OverwriteState | undefined> {
  return withTarget(fs, path, async (target) => {
    const copy = await RedoCopy.open(fs, redoPath, target.stat);
    if (typeof copy === 'string') return undefined;
    try {
      return (await copy.isAbout(path, target)) ? 'pending' : 'superseded';
    } finally {
      await copy.close();
    }
  });
}
