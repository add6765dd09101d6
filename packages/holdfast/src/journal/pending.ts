/**
 * Finds the journal of a commit that died, and brings the commit to its end before anything else happens below its
 * root. Every call of Holdfast that reads under a lock, writes or sweeps asks this first; on nearly every call the
 * answer is one look per directory between the path and `/`.
 *
 * Who holds the journal's lock never waits for another lock, so waiting for it cannot deadlock, whatever the waiting
 * caller holds. A journal whose owner lives is gone, or free to be rolled forward, by the time the lock is had.
 */
import { HoldfastError, errnoOf } from '../errors.js';
import { LOCK_SUFFIX } from '../lock/lock-path.js';
import { acquireLock, type Lock } from '../lock/lock.js';
import { failure } from '../failure.js';
import type { Fs } from '../os/fs.js';
import { basename, dirname } from '../os/paths.js';
import { lookAt } from '../os/look-at.js';
import {
  JOURNAL_NAME,
  isTrusted,
  journalPathOf,
  readJournal,
  syncDirectory,
} from './journal-file.js';
import {
  discardsOf,
  lookAtMoves,
  rollForward,
  type ChangeReport,
  type Discard,
} from './roll-forward.js';
import type { Journal } from './journal.js';

/** How long to wait for a commit that is under way. */
export interface PendingOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a recovery found, and what became of it. */
export interface Recovery {
  readonly root: string;
  /** `none`: nothing to do. `torn`: a journal to be thrown away. `whole`: one to be rolled forward. */
  readonly journal: 'none' | 'torn' | 'whole';
  /** The changes of a journal that is whole. */
  readonly changes: readonly ChangeReport[];
}

/** A recovery that was made, and what it leaves to be discarded. */
export interface RecoveryMade extends Recovery {
  readonly discards: readonly Discard[];
}

/**
 * Brings every commit that died in a directory above the path to its end.
 *
 * @param path - absolute and canonical; it need not exist
 * @returns whether there was one, so that what the caller knew of the path may have changed
 * @throws HoldfastError PATH_CONFLICT when the path is itself that of a journal; DAMAGED_JOURNAL; LOCK_TIMEOUT or ABORTED
 *   while another process commits or recovers; IO when a step of the recovery fails, and then the next call tries again
 */
export async function recoverPending(
  fs: Fs,
  path: string,
  options: PendingOptions = {},
): Promise<boolean> {
  refuseJournal(path);
  const root = await pendingRoot(fs, path);
  if (root === undefined) return false;
  await recoverRoot(fs, root, options);
  await recoverPending(fs, path, options);
  return true;
}

/** Who holds the lock of a journal's own path would wait for itself, and what is written there stops every other call. */
function refuseJournal(path: string): void {
  if (!basename(path).startsWith(JOURNAL_NAME)) return;
  throw new HoldfastError('PATH_CONFLICT', {
    message: 'Holdfast keeps this name for the journals of transactions.',
    outcome: 'unchanged',
    step: 'look for a journal',
    path,
  });
}

/**
 * Whether a commit that is under way, or died, has its journal above the path. What is staged there may be part of it,
 * owned or not.
 */
export async function isCommitPending(fs: Fs, path: string): Promise<boolean> {
  return (await pendingRoot(fs, path)) !== undefined;
}

/** What {@link recoverRoot} would do. */
export async function lookAtRoot(fs: Fs, root: string): Promise<Recovery> {
  try {
    const journal = await readJournal(fs, root);
    if (journal === undefined) return { root, journal: 'none', changes: [] };
    if (journal === 'torn') return { root, journal, changes: [] };
    return { root, journal: 'whole', changes: await lookAtMoves(fs, root, journal) };
  } catch (error) {
    throw failure('recover', journalPathOf(root), error);
  }
}

/** Recovers one root, if there is a journal in it. */
export async function recoverRoot(
  fs: Fs,
  root: string,
  options: PendingOptions = {},
): Promise<RecoveryMade> {
  const lock = await lockJournal(fs, root, options);
  try {
    return await recoverLocked(fs, root);
  } catch (error) {
    throw failure('recover', journalPathOf(root), error);
  } finally {
    await lock.release();
  }
}

/** Takes the lock of the journal of a root: `.holdfast-journal.lock`. */
export function lockJournal(fs: Fs, root: string, options: PendingOptions): Promise<Lock> {
  const path = journalPathOf(root);
  const { timeoutMs, signal } = options;
  return acquireLock(path, { timeoutMs, signal, lockPath: path + LOCK_SUFFIX, fs });
}

/**
 * Recovers one root whose journal the caller has locked. Removed files are discarded; directories are left to the caller
 * or to the next sweep, since a tree may take long.
 */
export async function recoverLocked(fs: Fs, root: string): Promise<RecoveryMade> {
  const journal = await readJournal(fs, root);
  if (journal === undefined) return { root, journal: 'none', changes: [], discards: [] };
  if (journal === 'torn') {
    await fs.unlink(journalPathOf(root));
    return { root, journal, changes: [], discards: [] };
  }
  return finish(fs, root, journal);
}

/** The process that gave the journal its name may have died before that was durable, so that comes first. */
async function finish(fs: Fs, root: string, journal: Journal): Promise<RecoveryMade> {
  await lookAtMoves(fs, root, journal);
  await syncDirectory(fs, root, 'unchanged');
  const changes = await rollForward(fs, root, journal).catch((error: unknown) => {
    throw failure('recover', journalPathOf(root), error, 'unchanged');
  });
  const discards = discardsOf(root, journal);
  for (const discard of discards) await discardFile(fs, discard);
  return { root, journal: 'whole', changes, discards };
}

async function discardFile(fs: Fs, { path, inode }: Discard): Promise<void> {
  const stat = await lookAt(fs, path);
  if (stat?.ino === inode && stat.kind !== 'directory') await fs.unlink(path);
}

async function pendingRoot(fs: Fs, path: string): Promise<string | undefined> {
  for (let root = dirname(path); ; root = dirname(root)) {
    try {
      if ((await fs.exists(journalPathOf(root))) && (await concernsUs(fs, root))) return root;
    } catch (error) {
      // A directory that this user may not search holds nothing that this user could recover.
      if (errnoOf(error) !== 'EACCES')
        throw failure('look for a journal', journalPathOf(root), error);
    }
    if (root === dirname(root)) return undefined;
  }
}

/** In a directory where everyone may put files, like /tmp, the journal of another user is no business of ours. */
async function concernsUs(fs: Fs, root: string): Promise<boolean> {
  const stat = await lookAt(fs, journalPathOf(root));
  if (stat === undefined || isTrusted(stat)) return stat !== undefined;
  return ((await fs.stat(root)).mode & STICKY) === 0;
}

/** S_ISVTX, inode(7). */
const STICKY = 0o1000;
