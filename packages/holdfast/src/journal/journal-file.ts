/**
 * The journal on disk: `.holdfast-journal` in the root directory of its transaction.
 *
 * Publishing it: create a temporary file beside it, locked while it is written → write → fsync →
 * rename → fsync the root directory. The rename is the commit point; from then on a recovery finds
 * the journal whole.
 *
 * A crash before the rename leaves a temporary file and staged things without an owner: orphans,
 * which are swept. A crash after it leaves a journal that the next call under this root rolls
 * forward.
 */
import { HoldfastError, errnoOf, isHoldfastError, type Outcome } from '../errors.js';
import { failure } from '../failure.js';
import { crypto } from '../os/lazy-modules.js';
import type { FileStat, Fs, FsDirectory, FsFile } from '../os/fs.js';
import {
  closeQuietly,
  isNamed,
  openCanonical,
  openOwnIfThere,
  readAll,
  syncAt,
  writeAll,
  type Opened,
} from '../os/handles.js';
import { hasMode, isTrusted } from '../os/owner.js';
import { decodeJournal, encodeJournal, type Journal } from './journal.js';

/** The name of the journal in its root; its lock is `.holdfast-journal.lock`. */
export const JOURNAL_NAME = '.holdfast-journal';
/** Nobody else may read what moves, or say so. */
const JOURNAL_MODE = 0o600;
/** A hundred thousand moves with long names; a longer file is none of ours. */
const LARGEST_BYTES = 256 * 1024 * 1024;

/** A path below a directory; `/` has no slash to add. */
export function below(directory: string, relative: string): string {
  return directory.endsWith('/') ? directory + relative : `${directory}/${relative}`;
}

/** Where the journal of a root lies. */
export function journalPathOf(root: string): string {
  return below(root, JOURNAL_NAME);
}

/**
 * Writes the journal and gives it its name. The caller holds the journal's lock and has looked that
 * there is none.
 *
 * @throws HoldfastError `unchanged` when it has no name yet; `unknown`, SYNC_FAILED, when it has,
 *   but a power loss may take it away: the next call under this root finds out and finishes or
 *   forgets it
 */
export async function publishJournal(fs: Fs, root: string, journal: Journal): Promise<void> {
  const directory = await openCanonical(fs, root).catch((error: unknown) => {
    throw failure('write journal', journalPathOf(root), error);
  });
  try {
    await writeIn(fs, directory, journal);
    await directory.sync().catch((error: unknown) => {
      throw directoryNotSynced(root, 'unknown', error);
    });
  } finally {
    await closeQuietly(directory);
  }
}

async function writeIn(fs: Fs, root: FsDirectory, journal: Journal): Promise<void> {
  const { file, path } = await createTemporary(fs, root);
  try {
    await writeAll(file, encodeJournal(journal));
    await file.sync();
    await fs.rename(path, root.at(JOURNAL_NAME));
  } catch (error) {
    await fs.unlink(path).catch(() => undefined);
    throw failure('write journal', journalPathOf(root.path), error);
  } finally {
    await closeQuietly(file);
  }
}

interface Temporary {
  readonly file: FsFile;
  /** For calls, as long as the root is open. */
  readonly path: string;
}

/** What is locked is not swept; one that a sweeper found before it was locked is given up. */
async function createTemporary(fs: Fs, root: FsDirectory): Promise<Temporary> {
  for (;;) {
    const path = root.at(`.holdfast-${crypto().randomBytes(10).toString('hex')}.tmp`);
    const file = await createFile(fs, root, path);
    if (await isOurs(fs, file, path)) return { file, path };
    await closeQuietly(file);
  }
}

async function isOurs(fs: Fs, file: FsFile, path: string): Promise<boolean> {
  try {
    if (!file.tryLock('exclusive')) return false;
    return await isNamed(fs, path, file);
  } catch (error) {
    await fs.unlink(path).catch(() => undefined);
    await closeQuietly(file);
    throw failure('write journal', file.path, error);
  }
}

async function createFile(fs: Fs, root: FsDirectory, path: string): Promise<FsFile> {
  const flags = { access: 'write', create: 'exclusive', noFollow: true } as const;
  try {
    return await fs.open(path, flags, JOURNAL_MODE);
  } catch (error) {
    throw failure('write journal', journalPathOf(root.path), error);
  }
}

/** Takes the journal away for good: what it says has been done and is durable. */
export async function removeJournal(fs: Fs, root: FsDirectory): Promise<void> {
  await fs.unlink(root.at(JOURNAL_NAME));
  await root.sync().catch((error: unknown) => {
    throw directoryNotSynced(root.path, 'committed', error);
  });
}

/** Syncs a directory; one that is gone has nothing to be synced. */
export async function syncDirectory(fs: Fs, path: string, outcome: Outcome): Promise<void> {
  try {
    await syncAt(fs, path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw directoryNotSynced(path, outcome, error);
  }
}

/** The error for a directory that could not be synced. */
export function directoryNotSynced(path: string, outcome: Outcome, cause: unknown): HoldfastError {
  return new HoldfastError('SYNC_FAILED', {
    message: 'The directory could not be synced.',
    outcome,
    step: 'sync directory',
    path,
    cause,
  });
}

/**
 * Reads the journal of a root: `undefined` when there is none, `torn` when there is the beginning
 * of one. What a recovery follows it follows with the rights of its user, so a journal is believed
 * only if its descriptor says that it is one that Holdfast has made for this user (or root): a
 * regular file of theirs, which nobody else may read or write and which has no other name.
 *
 * @throws HoldfastError DAMAGED_JOURNAL for one that is foreign, damaged, of another user or of
 *   another directory
 */
export async function readJournal(
  fs: Fs,
  root: FsDirectory,
): Promise<Journal | 'torn' | undefined> {
  const path = journalPathOf(root.path);
  const opened = await openJournal(fs, root);
  if (opened === undefined) return undefined;
  const { handle, stat } = opened;
  try {
    const objection = await objectionTo(fs, root, stat);
    if (objection !== undefined) throw refusal(path, objection);
    const read = decodeJournal(await readAll(handle, stat.sizeBytes));
    if (read.state === 'refused') throw refusal(path, read.reason);
    if (read.state === 'torn') return 'torn';
    const { ino } = await root.stat();
    if (read.journal.root !== ino) throw refusal(path, 'it was written for another directory');
    return read.journal;
  } finally {
    await closeQuietly(handle);
  }
}

async function openJournal(fs: Fs, root: FsDirectory): Promise<Opened<FsFile> | undefined> {
  const path = journalPathOf(root.path);
  try {
    // Whose it is, is asked below, to say it in other words.
    const demands = { owner: 'anyone' } as const;
    return await openOwnIfThere(fs, root.at(JOURNAL_NAME), { access: 'read' }, demands);
  } catch (error) {
    if (isHoldfastError(error, 'NAME_TAKEN')) throw refusal(path, 'it is no regular file', error);
    if (errnoOf(error) !== 'EACCES') throw error;
    throw refusal(path, 'it belongs to another user, who alone may read it', error);
  }
}

async function objectionTo(fs: Fs, root: FsDirectory, stat: FileStat): Promise<string | undefined> {
  const path = root.at(JOURNAL_NAME);
  if (!(await isTrusted(fs, path, stat))) return `it belongs to another user (${stat.uid})`;
  if (!(await hasMode(fs, path, stat, JOURNAL_MODE))) {
    return `its mode is 0${stat.mode.toString(8)}, so others may have written it`;
  }
  if (stat.linkCount > 1) return 'it has another name, so it may be a file of another purpose';
  return stat.sizeBytes > LARGEST_BYTES ? 'it is too large to be one' : undefined;
}

/**
 * The error for a journal that must not be followed, nor be removed by anyone but a human who has
 * looked at it.
 */
export function refusal(path: string, reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError('DAMAGED_JOURNAL', {
    message:
      `The journal of a transaction cannot be followed: ${reason}. It was not touched, and neither was what it speaks ` +
      `of. Look at it; moving it away gives up what was not finished.`,
    step: 'read journal',
    path,
    cause,
  });
}
