/**
 * Commits the changes of a transaction, all or none.
 *
 * 1. take the lock of every path, in the order of their names: the one order that all transactions
 *    share, so no two of them wait for each other
 * 2. bring to their end other commits that died on these paths
 * 3. run the updaters, one after the other, and stage what they give
 * 4. sync the directories that name what was staged
 * 5. take the journal's lock; whoever has it waits for no other lock
 * 6. look at every path once more: each move must be possible
 * 7. publish the journal (journal/journal-file.ts): the commit point
 * 8. roll it forward (journal/roll-forward.ts): make the moves, sync, remove the journal
 * 9. free the locks, discard what was replaced or removed
 *
 * Invariant: whoever holds the lock of one of the paths sees all changes or none, since the locks
 * are held from 1 to 9, and who gets one of them from a dead process first finds and rolls forward
 * its journal. A crash before 7 leaves stages without an owner, which are swept; a crash after 7
 * leaves a journal that holds the one right end.
 *
 * A failure before 7 is `unchanged`. If a move fails in 8 (the kernel refuses one that looked
 * possible in 6), those made are taken back, and it is `unchanged` too; if even that fails it is
 * `committed`, and the journal stays until the next call under the root, or `recover`, has finished
 * it.
 */
import { mountPoints } from '../directory/mount-info.js';
import { HoldfastError, isHoldfastError, type Outcome } from '../errors.js';
import { aborted, failure } from '../failure.js';
import { below, journalPathOf, publishJournal } from '../journal/journal-file.js';
import type { Journal, Move } from '../journal/journal.js';
import { lockJournal, recoverLocked, recoverPending } from '../journal/pending.js';
import {
  discardsOf,
  lookAtMoves,
  rollForward,
  syncDirectories,
  takeBack,
  type Discard,
} from '../journal/roll-forward.js';
import { runHolding } from '../lock/held-locks.js';
import { chosenLockPathBeside, guardOf, type OtherLockers } from '../lock/lock-choice.js';
import { acquireLock, type Lock } from '../lock/lock.js';
import { crypto } from '../os/lazy-modules.js';
import { followSymlinks } from '../os/follow-symlinks.js';
import type { Fs } from '../os/fs.js';
import type { Change } from './changes.js';

interface CommitOptions extends OtherLockers {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Commits; gives what is to be discarded now. The caller discards or releases the stages. */
export async function commit(
  fs: Fs,
  root: string,
  changes: readonly Change[],
  options: CommitOptions,
): Promise<readonly Discard[]> {
  const deadline = new Deadline(options);
  const locks = await lockAll(fs, changes, options, deadline);
  try {
    for (const path of changes.flatMap(({ paths }) => paths)) {
      await recoverPending(fs, path, deadline.left());
    }
    await holdingAll(locks, async () => {
      for (const change of changes) {
        await change.prepare(await lockOf(fs, locks, change, options));
      }
    });
    await syncStages(fs, changes);
    const journalLock = await lockJournal(fs, root, deadline.left());
    try {
      for (const lock of locks) await lock.assertHeld();
      return await commitLocked(fs, root, changes, deadline);
    } finally {
      await journalLock.release();
    }
  } finally {
    await releaseAll(locks);
  }
}

/** Steps 6 to 8. */
async function commitLocked(
  fs: Fs,
  root: string,
  changes: readonly Change[],
  deadline: Deadline,
): Promise<readonly Discard[]> {
  await recoverLocked(fs, root);
  const journal = await planJournal(fs, root, changes);
  if (journal.moves.length === 0) return [];
  await checkPossible(fs, root, journal);
  deadline.refuseAborted(root);
  await publishJournal(fs, root, journal);
  await finish(fs, root, journal);
  return discardsOf(root, journal);
}

async function planJournal(fs: Fs, root: string, changes: readonly Change[]): Promise<Journal> {
  const mounts = await mountPoints(fs);
  const moves: Move[] = [];
  for (const change of changes) {
    const move = await change.plan(mounts);
    if (move) moves.push(belowRoot(root, move));
  }
  const { ino } = await fs.stat(root);
  return { id: crypto().randomBytes(8).toString('hex'), root: ino, moves };
}

async function checkPossible(fs: Fs, root: string, journal: Journal): Promise<void> {
  try {
    const reports = await lookAtMoves(fs, root, journal);
    const taken = reports.find(({ state }) => state !== 'pending');
    if (taken) throw new Error(`what was staged for ${taken.path} is gone`);
  } catch (cause) {
    throw new HoldfastError('TARGET_CHANGED', {
      message: 'Another program interfered with the transaction while it was staged.',
      step: 'check',
      path: root,
      cause,
    });
  }
}

async function finish(fs: Fs, root: string, journal: Journal): Promise<void> {
  try {
    await rollForward(fs, root, journal);
  } catch (error) {
    if (isHoldfastError(error, 'SYNC_FAILED')) throw error;
    const outcome = await takeBack(fs, root, journal);
    throw withOutcome(failure('publish', journalPathOf(root), error, outcome), outcome);
  }
}

/** An error that was told where it arose does not know what has become of the commit. */
function withOutcome(error: HoldfastError, outcome: Outcome): HoldfastError {
  if (error.outcome === outcome) return error;
  const { code, step, path } = error;
  const message = `A step of the commit failed: ${error.message}`;
  return new HoldfastError(code, { message, outcome, step, path, cause: error });
}

/** A directory that is synced once makes all names in it durable. */
async function syncStages(fs: Fs, changes: readonly Change[]): Promise<void> {
  const directories = new Set(changes.flatMap(({ stagedIn }) => stagedIn ?? []));
  await syncDirectories(fs, directories, 'unchanged');
}

async function lockAll(
  fs: Fs,
  changes: readonly Change[],
  { guard, alsoFcntl }: OtherLockers,
  deadline: Deadline,
): Promise<Lock[]> {
  const targets = new Map<string, string>();
  for (const path of changes.flatMap(({ paths }) => paths)) {
    const { target, lockPath } = await lockPlaceOf(fs, path, { guard });
    targets.set(lockPath, target);
  }
  const locks: Lock[] = [];
  try {
    for (const [lockPath, target] of [...targets].toSorted(([a], [b]) => byCodeUnit(a, b))) {
      const others = { guard: guardOf(target, guard), alsoFcntl };
      const take = (): Promise<Lock> =>
        acquireLock(target, { ...deadline.left(), ...others, lockPath, fs });
      locks.push(await holdingAll(locks, take));
    }
    return locks;
  } catch (error) {
    await releaseAll(locks);
    throw error;
  }
}

/** The lock of the first path of a change, which is among those that are held. */
async function lockOf(
  fs: Fs,
  locks: readonly Lock[],
  change: Change,
  others: OtherLockers,
): Promise<Lock> {
  const { lockPath } = await lockPlaceOf(fs, change.paths[0] as string, others);
  return locks.find((lock) => lock.lockPath === lockPath) as Lock;
}

/**
 * The lock that everyone takes for this path, and whose it is: of a symlink that is removed or
 * renamed, its target.
 */
async function lockPlaceOf(
  fs: Fs,
  path: string,
  { guard }: OtherLockers,
): Promise<{ readonly target: string; readonly lockPath: string }> {
  const target = await targetOf(fs, path);
  return { target, lockPath: await chosenLockPathBeside(fs, target, { guard }) };
}

async function targetOf(fs: Fs, path: string): Promise<string> {
  try {
    return (await followSymlinks(fs, path)).path;
  } catch (error) {
    // A symlink that leads into a directory that is not there has no target that anyone could lock.
    if (isHoldfastError(error, 'NOT_FOUND')) return path;
    throw error;
  }
}

async function releaseAll(locks: readonly Lock[]): Promise<void> {
  for (const lock of locks.toReversed()) await lock.release();
}

/**
 * Runs a function in a chain of calls that holds all the locks, so that one that asks for them
 * again is told.
 */
function holdingAll<T>(locks: readonly Lock[], fn: () => Promise<T>): Promise<T> {
  const [first, ...rest] = locks;
  return first ? runHolding(first, () => holdingAll(rest, fn)) : fn();
}

/** The same order on every machine, whatever its language. */
function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function belowRoot(root: string, move: Move): Move {
  const skip = below(root, '').length;
  const { from, to, trash } = move;
  return {
    ...move,
    from: from.slice(skip),
    to: to.slice(skip),
    trash: trash === null ? null : trash.slice(skip),
  };
}

/** One time limit for all the locks of a commit. */
class Deadline {
  readonly #signal: AbortSignal | undefined;
  readonly #endMs: number | undefined;

  constructor({ timeoutMs, signal }: CommitOptions) {
    this.#signal = signal;
    this.#endMs = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
  }

  /** What is left of it for the next lock. */
  left(): CommitOptions {
    const leftMs = this.#endMs === undefined ? undefined : this.#endMs - performance.now();
    return {
      timeoutMs: leftMs === undefined ? undefined : Math.max(0, leftMs),
      signal: this.#signal,
    };
  }

  refuseAborted(path: string): void {
    if (this.#signal?.aborted) throw aborted('commit', path, this.#signal);
  }
}
