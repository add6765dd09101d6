/**
 * Finds the journal of a commit that died, and brings the commit to its end before anything else
 * happens below its root. Every call of Holdfast that reads under a lock, writes or sweeps asks
 * this first; on nearly every call the answer is one look per directory between the path and `/`.
 *
 * The holder of the journal's lock never waits for another lock, so waiting for it cannot deadlock,
 * whatever the waiting caller holds. A journal whose owner lives is gone, or free to be rolled
 * forward, by the time the lock is had.
 */
import { HoldfastError, errnoOf } from '../errors.js';
import { lockPathBeside } from '../lock/lock-path.js';
import { acquireLock, type Lock } from '../lock/lock.js';
import { failure } from '../failure.js';
import { freshenWay } from '../os/freshen.js';
import type { Fs } from '../os/fs.js';
import { basename, dirname } from '../os/paths.js';
import { lookAt } from '../os/handles.js';
import { isTrusted } from '../os/owner.js';
import { JOURNAL_NAME, below, journalPathOf, readJournal, syncDirectory } from './journal-file.js';
import { OpenRoot } from './open-root.js';
import { finishOverwrite } from './overwrite.js';
import {
  discardsOf,
  isDiscarded,
  lookAtMoves,
  refuseMovesOfOthers,
  rollForward,
  type Discard,
} from './roll-forward.js';
import type { Journal } from './journal.js';
import { tellOfRecovery, type Recovery } from './tell-of-recovery.js';

/** How long to wait for a commit that is under way. */
export interface PendingOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A recovery that was made, and what it leaves to be discarded. */
interface RecoveryMade extends Recovery {
  readonly discards: readonly Discard[];
}

/**
 * Brings every commit that died in a directory above the path to its end, and then an overwrite of
 * the path itself that died.
 *
 * @param path - absolute and canonical; it need not exist
 * @returns whether there was one, so that what the caller knew of the path may have changed
 * @throws HoldfastError PATH_CONFLICT when the path is itself that of a journal; DAMAGED_JOURNAL;
 *   LOCK_TIMEOUT or ABORTED while another process commits or recovers; IO when a step of the
 *   recovery fails, and then the next call tries again
 */
export async function recoverPending(
  fs: Fs,
  path: string,
  options: PendingOptions = {},
): Promise<boolean> {
  refuseJournal(path);
  const root = await pendingRoot(fs, path);
  if (root === undefined) return finishPath(fs, path, options);
  await recoverRoot(fs, root, options);
  await recoverPending(fs, path, options);
  return true;
}

async function finishPath(fs: Fs, path: string, options: PendingOptions): Promise<boolean> {
  const report = await finishOverwrite(fs, path, options);
  if (report === undefined) return false;
  tellOfRecovery({ root: dirname(path), journal: 'none', changes: [], overwrites: [report] });
  return true;
}

/**
 * A holder of the lock of a journal's own path would wait for itself, and what is written there
 * stops every other call.
 */
function refuseJournal(path: string): void {
  if (!basename(path).startsWith(JOURNAL_NAME)) return;
  throw new HoldfastError('PATH_CONFLICT', {
    message: 'Holdfast keeps this name for the journals of transactions.',
    step: 'look for a journal',
    path,
  });
}

/**
 * Whether a commit that is under way, or died, has its journal above the path. What is staged there
 * may be part of it, owned or not.
 */
export async function isCommitPending(fs: Fs, path: string): Promise<boolean> {
  return (await pendingRoot(fs, path)) !== undefined;
}

/** What {@link recoverRoot} would do. */
export async function lookAtRoot(fs: Fs, root: string): Promise<Recovery> {
  try {
    const journal = await OpenRoot.use(fs, root, ({ handle }) => readJournal(fs, handle));
    if (journal === undefined) return { root, journal: 'none', changes: [], overwrites: [] };
    if (journal === 'torn') return { root, journal, changes: [], overwrites: [] };
    await refuseMovesOfOthers(fs, root, journal);
    const changes = await lookAtMoves(fs, root, journal);
    return { root, journal: 'whole', changes, overwrites: [] };
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
export async function lockJournal(fs: Fs, root: string, options: PendingOptions): Promise<Lock> {
  const path = journalPathOf(root);
  const { timeoutMs, signal } = options;
  const lockPath = await lockPathBeside(fs, path);
  return acquireLock(path, { timeoutMs, signal, lockPath, fs });
}

/**
 * Recovers one root whose journal the caller has locked. Removed files are discarded; directories
 * are left to the caller or to the next sweep, since a tree may take long.
 */
export async function recoverLocked(fs: Fs, root: string): Promise<RecoveryMade> {
  const journal = await OpenRoot.use(fs, root, async ({ handle }) => {
    const read = await readJournal(fs, handle);
    if (read === 'torn') await fs.unlink(handle.at(JOURNAL_NAME));
    return read;
  });
  if (journal === undefined)
    return { root, journal: 'none', changes: [], overwrites: [], discards: [] };
  const made: RecoveryMade =
    journal === 'torn'
      ? { root, journal, changes: [], overwrites: [], discards: [] }
      : await finish(fs, root, journal);
  tellOfRecovery(made);
  return made;
}

/**
 * The process that gave the journal its name may have died before that was durable, so that comes
 * first.
 */
async function finish(fs: Fs, root: string, journal: Journal): Promise<RecoveryMade> {
  await refuseMovesOfOthers(fs, root, journal);
  await lookAtMoves(fs, root, journal);
  await syncDirectory(fs, root, 'unchanged');
  const changes = await rollForward(fs, root, journal).catch((error: unknown) => {
    throw failure('recover', journalPathOf(root), error, 'unchanged');
  });
  const discards = discardsOf(root, journal);
  await discardFiles(fs, root, discards);
  return { root, journal: 'whole', changes, overwrites: [], discards };
}

/** Directories are left to the caller. */
function discardFiles(fs: Fs, path: string, discards: readonly Discard[]): Promise<void> {
  return OpenRoot.use(fs, path, async (root) => {
    for (const discard of discards) {
      await root.beginMove();
      const name = discard.path.slice(below(path, '').length);
      const stat = await root.lookAt(name);
      if (!isDiscarded(discard, stat) || stat?.kind === 'directory') continue;
      await fs.unlink(await root.at(name));
    }
  });
}

async function pendingRoot(fs: Fs, path: string): Promise<string | undefined> {
  await freshenAbove(fs, path);
  for (let root = dirname(path); ; root = dirname(root)) {
    try {
      if ((await fs.exists(journalPathOf(root))) && (await concerns(fs, root, path))) return root;
    } catch (error) {
      // A directory that this user may not search holds nothing that this user could recover.
      if (errnoOf(error) !== 'EACCES')
        throw failure('look for a journal', journalPathOf(root), error);
    }
    if (root === dirname(root)) return undefined;
  }
}

/** A journal that another machine has left, or has taken away, is found as it is. */
async function freshenAbove(fs: Fs, path: string): Promise<void> {
  try {
    await freshenWay(fs, dirname(path));
  } catch (error) {
    throw failure('look for a journal', path, error);
  }
}

/**
 * Whether the journal of a root says something about a path, as far as its owner tells. One that
 * this user may follow does. What another user has called a journal is no business of ours, unless
 * the path is that user's own: then it may be half of a commit, and nobody but that user can finish
 * it.
 */
async function concerns(fs: Fs, root: string, path: string): Promise<boolean> {
  const journal = await lookAt(fs, journalPathOf(root));
  if (journal === undefined) return false;
  if (await isTrusted(fs, root, journal)) return true;
  return (await lookAt(fs, path))?.uid === journal.uid;
}
