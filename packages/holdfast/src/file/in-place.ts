/**
 * Overwrites an existing file where it is, for one that cannot or must not be replaced: all or
 * nothing for every reader of Holdfast, by a redo copy (journal/overwrite.ts); others see what any
 * overwrite shows.
 *
 * 1. open the existing file, which keeps its owner, mode (less set-ID bits), attributes and links;
 *    a secret is not written to another user's
 * 2. take the redo lock of its inode, beside it or in the state directory; finish what has died
 *    there
 * 3. write the redo copy, durable with its name: the commit point
 * 4. write what the file is to hold more than before: where that fails (a full disk) the file is
 *    cut to what it was, and the copy goes; then write over the rest, cut, sync
 * 5. remove the copy for good
 *
 * A crash before 3 leaves the old file. One after it is finished by the next call on the path.
 */
import { types } from 'node:util';
import { HoldfastError, errnoOf, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import {
  finishAt,
  lockRedo,
  makeLockAbout,
  redoNameOf,
  removeRedo,
  type RedoPlace,
} from '../journal/overwrite.js';
import { RedoCopy, redoCopyOf, type RedoPlan } from '../journal/redo-copy.js';
import type { ResolvedName } from '../os/follow-symlinks.js';
import type { FileStat, Fs, FsFile } from '../os/fs.js';
import { closeQuietly, nameTaken, openResolved, readPieces, type Opened } from '../os/handles.js';
import { userOf } from '../os/owner.js';
import { dirname, join } from '../os/paths.js';
import { makeStateDirectory } from '../os/state-directory.js';
import { keptBits, type SetId } from '../stage/attributes.js';
import { refuseOtherMode } from '../stage/kept-mode.js';
import { encodeString, type FileData } from '../stage/file-data.js';
import { stageFile, type Durability, type StagedFile } from '../stage/staged-file.js';

interface OverwriteOptions {
  readonly durability?: Durability | undefined;
  readonly mode?: number | undefined;
  readonly secret?: boolean | undefined;
  readonly setId?: SetId | undefined;
  readonly signal?: AbortSignal | undefined;
}

const PRIVATE_MODE = 0o600;

/**
 * Overwrites the target with the content of a stage, which is complete.
 *
 * @throws HoldfastError as {@link overwriteInPlace}
 */
export function overwriteFromStage(
  fs: Fs,
  staged: StagedFile,
  options: OverwriteOptions,
): Promise<void> {
  return overwrite(fs, staged.target, options, (_, work) => withContentOf(fs, staged, work));
}

/**
 * @param path - canonical
 * @throws HoldfastError `unchanged` until the redo copy is durable; `committed` from then on:
 *   readers of Holdfast see the new content, and the next call on the path finishes what is left
 */
export function overwriteInPlace(
  fs: Fs,
  path: string,
  data: FileData,
  options: OverwriteOptions,
): Promise<void> {
  return overwrite(fs, path, options, (place, work) => withContent(place, data, options, work));
}

type Content = AsyncIterable<Uint8Array>;
type Work = (content: Content) => Promise<void>;

async function overwrite(
  fs: Fs,
  path: string,
  options: OverwriteOptions,
  withData: (place: RedoPlace, work: Work) => Promise<void>,
): Promise<void> {
  const { handle, stat } = await open(fs, path, 'readWrite');
  try {
    if (options.secret) refuseOthersFile(fs, { handle, stat });
    await atFirstPlace(fs, path, stat, (place) =>
      withData(place, (content) => overwriteAt(place, handle, content, options)),
    );
  } catch (error) {
    throw failure('overwrite', path, error);
  } finally {
    await closeQuietly(handle);
  }
}

/** Steps 2 to 5. */
async function overwriteAt(
  place: RedoPlace,
  handle: FsFile,
  content: Content,
  options: OverwriteOptions,
): Promise<void> {
  const lock = await lockRedo(place, 'exclusive', { signal: options.signal });
  try {
    await finishAt(place);
    await makeLockAbout(place, handle);
    const target = { handle, stat: await handle.stat('fresh') };
    const mode =
      options.mode ?? (options.secret ? PRIVATE_MODE : keptBits(target.stat, options.setId));
    const plan = { ...options, path: place.path, mode, dropsAcl: options.secret === true };
    const mustKeepMode = options.mode !== undefined || options.secret === true;
    if (mustKeepMode) await narrow(place.fs, target, mode);
    await publishRedo(place, redoCopyOf(plan, content, target), target.stat, plan);
    await followOwn(place, target, { ...plan, mustKeepMode }).catch((error: unknown) => {
      const isTakenBack = isHoldfastError(error) && error.step === EXTEND;
      throw isTakenBack ? error : begun(place, error);
    });
  } finally {
    await lock.release();
  }
}

/**
 * Before the copy is there: what the mode keeps from others it keeps from the first byte on, and it
 * can be kept at all.
 */
async function narrow(fs: Fs, { handle, stat }: Opened<FsFile>, mode: number): Promise<void> {
  const narrowed = stat.mode & mode;
  if (narrowed === stat.mode) return;
  await handle.chmod(narrowed);
  await refuseOtherMode(fs, handle, narrowed);
}

/** A copy is for nobody who may not read the file in its old state and in its new one. */
async function publishRedo(
  place: RedoPlace,
  content: Content,
  existing: FileStat,
  { durability, secret, signal }: OverwriteOptions & RedoPlan,
): Promise<void> {
  const { fs, path, redoPath } = place;
  // The mode of the file is narrowed by now, and set-ID bits do not pass to a copy.
  const attributes = secret ? { secret, mode: PRIVATE_MODE } : { like: { path, existing } };
  const options = { ...attributes, durability, signal };
  const staged = await stageFile(fs, targetAt(redoPath), content, options);
  try {
    await staged.publish({ ifExists: 'fail' });
  } catch (error) {
    if (isHoldfastError(error, 'ALREADY_EXISTS')) throw nameTaken(redoPath, 'something else');
    if (!isHoldfastError(error, 'SYNC_FAILED')) throw error;
    await removeRedo(place, false).catch(() => undefined);
    throw notDurable(path, error);
  } finally {
    await staged.discard();
  }
}

/** Steps 4 and 5. */
async function followOwn(
  place: RedoPlace,
  { handle, stat }: Opened<FsFile>,
  {
    mode,
    durability = 'durable',
    mustKeepMode,
  }: OverwriteOptions & RedoPlan & { readonly mustKeepMode: boolean },
): Promise<void> {
  const { fs, redoPath } = place;
  const isDurable = durability === 'durable';
  const copy = await RedoCopy.open(fs, redoPath, stat);
  if (typeof copy === 'string') throw nameTaken(redoPath, 'something else');
  try {
    await extend(place, copy, handle, isDurable);
    await copy.overwrite(handle);
    if (mustKeepMode) await refuseOtherMode(fs, handle, mode);
    if (isDurable) await handle.sync();
    await removeRedo(place, isDurable);
  } finally {
    await copy.close();
  }
}

/** The step whose failure is taken back. */
const EXTEND = 'extend';

/** A full disk shows here, before any byte of the old content is lost. */
async function extend(
  place: RedoPlace,
  copy: RedoCopy,
  file: FsFile,
  isDurable: boolean,
): Promise<void> {
  try {
    await copy.extend(file);
  } catch (error) {
    await copy.takeBack(file);
    if (isDurable) await file.sync();
    await removeRedo(place, isDurable);
    const { code } = failure(EXTEND, file.path, error);
    throw new HoldfastError(code, {
      message: 'There is no room for the new content. The file was cut to what it held.',
      step: EXTEND,
      path: file.path,
      cause: error,
    });
  }
}

function notDurable(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('SYNC_FAILED', {
    message:
      'The redo copy could not be made durable, so the file was not touched. Where the copy is still there, or is again ' +
      'after a power loss, the next call follows it. Check the disk.',
    outcome: 'unknown',
    step: 'sync',
    path,
    cause,
  });
}

/** @throws HoldfastError UNSUPPORTED_TARGET for a secret that the owner of the file could read */
function refuseOthersFile(fs: Fs, { handle, stat }: Opened<FsFile>): void {
  if ([undefined, stat.uid].includes(userOf(fs))) return;
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message:
      'The file was not overwritten in place. It belongs to another user, who could read what is to be a secret.',
    step: 'prepare',
    path: handle.path,
  });
}

/**
 * Where the redo copy lies: beside the file; in the state directory where that is impossible, and
 * first of all there for a file with hard links, whose other names may lie anywhere.
 */
async function atFirstPlace(
  fs: Fs,
  path: string,
  stat: FileStat,
  work: (place: RedoPlace) => Promise<void>,
): Promise<void> {
  const beside = async (): Promise<string> => dirname(path);
  const inState = (): Promise<string | undefined> => makeStateDirectory(fs);
  const places = stat.linkCount > 1 ? [inState, beside] : [beside, inState];
  let refused: unknown;
  for (const place of places) {
    try {
      const directory = await place();
      if (directory === undefined) continue;
      return await work({ fs, path, redoPath: join(directory, redoNameOf(stat)) });
    } catch (error) {
      if (!allowsNoNames(error)) throw error;
      refused ??= error;
    }
  }
  throw noPlace(path, refused);
}

/**
 * Whether an error says that a directory takes no lock file or copy of ours. All of them come
 * before the data is read.
 */
function allowsNoNames(error: unknown): boolean {
  if (isHoldfastError(error, 'DIRECTORY_NOT_WRITABLE')) return true;
  if (isHoldfastError(error) && ['lock', 'mkdir', 'resolve'].includes(error.step)) {
    return (
      error.code === 'UNSUPPORTED_PLATFORM' ||
      ['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'].includes(errnoOf(error.cause) ?? '')
    );
  }
  return false;
}

function noPlace(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('DIRECTORY_NOT_WRITABLE', {
    message:
      'The file was not overwritten, since there is no place for the copy that makes that safe: neither in its directory nor in ' +
      'the state directory of this user ($XDG_STATE_HOME/holdfast, by default ~/.local/state/holdfast). Allow one of them.',
    step: 'write redo copy',
    path,
    cause,
  });
}

/** A stream is stored first, so that nobody waits for its giver under the lock. */
async function withContent(
  { fs, redoPath }: RedoPlace,
  data: FileData,
  { signal }: OverwriteOptions,
  work: Work,
): Promise<void> {
  if (typeof data === 'string') return work(once(encodeString(data, redoPath)));
  if (types.isUint8Array(data)) return work(once(data));
  const options = { mode: PRIVATE_MODE, durability: 'atomic', signal } as const;
  const stored = await stageFile(fs, targetAt(redoPath), data, options);
  try {
    await withContentOf(fs, stored, work);
  } finally {
    await stored.discard();
  }
}

async function withContentOf(fs: Fs, staged: StagedFile, work: Work): Promise<void> {
  const { handle } = await open(fs, staged.path, 'read');
  try {
    await work(readPieces(handle));
  } finally {
    await closeQuietly(handle);
  }
}

function targetAt(path: string): ResolvedName {
  return { path, directory: dirname(path), existing: undefined };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function open(fs: Fs, path: string, access: 'read' | 'readWrite'): Promise<Opened<FsFile>> {
  try {
    return await openResolved(fs, path, { access });
  } catch (error) {
    throw failure('open', path, error);
  }
}

/** The copy is there, so the new content is in place for everyone who uses Holdfast. */
function begun({ path, redoPath }: RedoPlace, error: unknown): HoldfastError {
  const { code, step } = failure('overwrite', path, error);
  return new HoldfastError(code, {
    message:
      `The overwrite came to no end. The whole new content is in ${redoPath}, where readers of Holdfast find it; other programs ` +
      'may see a mix of old and new until the next call of Holdfast on the path, or `holdfast recover`, finishes it.',
    outcome: 'committed',
    step,
    path,
    cause: error,
  });
}
