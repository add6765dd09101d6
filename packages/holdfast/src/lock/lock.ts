/**
 * Locks between processes, and between the calls of one process: `flock(2)` on a file of its own,
 * `<path>.lock`, that is never replaced. Other programs share it by the same call: flock(1),
 * Python's fcntl.flock, Go's and Rust's.
 *
 * 1. resolve the lock file's one canonical path (lock-path.ts)
 * 2. a chain of calls that holds the lock already is refused, it would wait for itself
 *    (held-locks.ts)
 * 3. wait in this process's queue, whose first one asks the kernel (lock-queue.ts)
 *
 * A process that dies frees its locks at once, since the kernel closes its files: there is no stale
 * lock to time out.
 */
import { nameOfCall } from '../call-name.js';
import { HoldfastError, isHoldfastError } from '../errors.js';
import { aborted } from '../failure.js';
import { checkOptions, invalidArgument } from '../options.js';
import type { FileStat, Fs, LockMode } from '../os/fs.js';
import { isMachines, nodeFileSystem } from '../os/node-fs.js';
import { settling } from '../os/settling.js';
import { locksOfThisChain, nested, runHolding, type Lock } from './held-locks.js';
import { checkLockChoice, chosenLockPath, type LockChoice } from './lock-choice.js';
import { lockPathInState } from './lock-path.js';
import { LockQueue, type Hold, type LockRequest } from './lock-queue.js';
import { releaseOthers, takeOtherLocks, type OtherLock } from './other-lockers.js';
import { Wait, type WaitOptions } from './waiting.js';

export type { Lock };

/** How a lock is taken. */
export interface LockOptions extends LockChoice {
  /** `exclusive` (the default) for a writer, `shared` for those who only read. */
  readonly mode?: LockMode | undefined;
  /** How long to wait, in milliseconds; 0 tries once; without it the wait has no end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait. A lock that was granted stays granted. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The exact mode of the lock file if this call makes it; 0644 less the umask by default. Who may
   * read it may take the lock; on NFS who may write it. `0o664` is for a group that shares a
   * directory there.
   */
  readonly fileMode?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** The names of {@link LockOptions}, for calls that take them among their own. */
const lockOptionNames = [
  'mode',
  'timeoutMs',
  'signal',
  'lockPath',
  'guard',
  'alsoFcntl',
  'fileMode',
  'fs',
] as const;

/**
 * Takes the lock of a path: waits until nobody holds `<path>.lock` in a conflicting mode. The path
 * itself need not exist, its directory does. Symlinks are followed, so that all names of one file
 * share one lock.
 *
 * After success the lock is held until `release`, or until the process dies, however. After a
 * failure it is not held. The lock file stays where it is for ever: deleting it is what would split
 * the lock.
 *
 * Calls of one process are served in order. Not promised: order among processes (a fair one is
 * aimed at on local filesystems), protection from programs that do not take the lock, and a notice
 * to a holder whose lock file was deleted (see `assertHeld`). A chain of calls that holds the lock
 * by `acquireLock` and asks for it again waits for itself: use {@link withLock}, which is told
 * apart, or give a time.
 *
 * @throws HoldfastError LOCK_TIMEOUT; ABORTED; LOCK_NESTED when called inside {@link withLock} of
 *   the same lock (shared inside shared is granted); NOT_FOUND when the directory is missing;
 *   DIRECTORY_NOT_WRITABLE when the lock file is missing and cannot be made; NAME_TAKEN, at once,
 *   when its name has a symlink, FIFO, device or directory; UNSUPPORTED_PLATFORM where flock(2)
 *   cannot be called; LOCK_LOST; INVALID_ARGUMENT; IO
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  checkLockOptions('acquireLock', path, options);
  return await acquireCheckedLock(path, options);
}

/** {@link acquireLock}, for a caller that has checked the options. */
export async function acquireCheckedLock(
  path: string,
  options: LockOptions & WaitOptions,
): Promise<Lock> {
  const lockPath = await chosenLockPath(options.fs ?? nodeFileSystem, path, options);
  return await acquireLockFile(path, lockPath, options);
}

/**
 * Steps 2 and 3 of {@link acquireLock}, for a caller that has resolved the path.
 *
 * @param lockPath - canonical
 */
export async function acquireLockFile(
  path: string,
  lockPath: string,
  options: Omit<LockOptions, 'lockPath'> & WaitOptions,
): Promise<Lock> {
  const { fs = nodeFileSystem, mode = 'exclusive', signal } = options;
  if (signal?.aborted) throw aborted('lock', lockPath, signal);
  const queue = queueOf(fs, lockPath);
  const joined = joinOwnChain(fs, queue, mode);
  if (joined) return new HeldLock(path, mode, queue, joined);
  const beganMs = performance.now();
  const hold = await waitFor(queue, mode, options);
  const { guard, alsoFcntl, timeoutMs } = options;
  if (guard === undefined && !alsoFcntl) return new HeldLock(path, mode, queue, hold);
  const request = { path, lockPath, mode, guard, alsoFcntl, timeoutMs, signal, beganMs };
  try {
    return new HeldLock(path, mode, queue, hold, await takeOtherLocks(fs, request));
  } catch (error) {
    hold.release();
    throw error;
  }
}

/**
 * A way to take a lock, and where that is impossible because nobody has made the lock file and this
 * user may not, the same in the state directory, for a call that does not need the directory of the
 * file either (`inPlace`).
 */
export async function besideOrInState<T>(
  fs: Fs,
  existing: FileStat | undefined,
  lockPath: string,
  take: (lockPath: string) => Promise<T>,
): Promise<T> {
  try {
    return await take(lockPath);
  } catch (error) {
    if (existing === undefined || !isHoldfastError(error, 'DIRECTORY_NOT_WRITABLE')) throw error;
    const inState = await lockPathInState(fs, existing);
    if (inState === undefined) throw error;
    return take(inState);
  }
}

/**
 * {@link acquireLockFile}; `undefined` for a chain of calls that holds the lock already, and goes
 * on under it.
 */
export async function acquireUnlessHeld(
  path: string,
  lockPath: string,
  options: Omit<LockOptions, 'lockPath' | 'mode'>,
): Promise<Lock | undefined> {
  const isHeld = (lock: Lock): boolean =>
    lock.held && lock.lockPath === lockPath && lock.mode === 'exclusive';
  if (locksOfThisChain().some(isHeld)) return undefined;
  return acquireLockFile(path, lockPath, options);
}

/**
 * Runs a function while it holds the lock of a path, and resolves to what it returns. The lock is
 * released when the function has settled, also when it fails; its own error is passed on as it is.
 *
 * Everything that the function calls, awaits or starts belongs to one chain of calls, and if one of
 * these asks for the same lock it gets LOCK_NESTED. Otherwise as {@link acquireLock}, with the same
 * options and errors.
 */
export async function withLock<T>(
  path: string,
  fn: (lock: Lock) => T | Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  if (typeof fn !== 'function')
    throw invalidArgument('withLock', `${nameOfCall('withLock')} needs a function`, path);
  checkLockOptions('withLock', path, options);
  const lock = await acquireCheckedLock(path, options);
  try {
    const result = await runHolding(lock, () => fn(lock));
    // A lock that others refresh may have been lost while the function ran.
    if (options.guard !== undefined) await lock.assertHeld();
    return result;
  } finally {
    await lock.release();
  }
}

class HeldLock implements Lock {
  readonly path: string;
  readonly mode: LockMode;
  readonly queue: LockQueue;
  readonly #hold: Hold;
  readonly #others: readonly OtherLock[];
  #held = true;

  constructor(
    path: string,
    mode: LockMode,
    queue: LockQueue,
    hold: Hold,
    others: readonly OtherLock[] = [],
  ) {
    this.path = path;
    this.mode = mode;
    this.queue = queue;
    this.#hold = hold;
    this.#others = others;
  }

  get lockPath(): string {
    return this.queue.lockPath;
  }

  get held(): boolean {
    return this.#held;
  }

  async assertHeld(): Promise<void> {
    if (await this.#hold.isCurrent()) {
      for (const other of this.#others) await other.assertHeld();
      return;
    }
    const why = this.#held
      ? 'The lock file was deleted or replaced while the lock was held, so another process may hold it too.'
      : 'The lock was used after it was released.';
    throw new HoldfastError('LOCK_LOST', {
      message: why,
      step: 'lock',
      path: this.lockPath,
    });
  }

  async release(): Promise<void> {
    this.#held = false;
    if (this.#others.length > 0) await releaseOthers(this.#others);
    this.#hold.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** Queues that nobody uses are kept for their sense of whose turn it is, up to this many. */
const MAX_QUEUES = 512;
const queues = new WeakMap<Fs, Map<string, LockQueue>>();

function queueOf(fs: Fs, lockPath: string): LockQueue {
  const ofFs = queues.get(fs) ?? new Map<string, LockQueue>();
  queues.set(fs, ofFs);
  const known = ofFs.get(lockPath);
  if (known) return known;
  if (ofFs.size >= MAX_QUEUES) dropIdle(ofFs);
  const queue = new LockQueue(fs, lockPath);
  ofFs.set(lockPath, queue);
  return queue;
}

function dropIdle(ofFs: Map<string, LockQueue>): void {
  for (const [lockPath, queue] of ofFs) if (queue.isIdle) ofFs.delete(lockPath);
}

/** A chain that holds the lock would wait for itself; only a reader inside a reader need not. */
function joinOwnChain(fs: Fs, queue: LockQueue, mode: LockMode): Hold | undefined {
  // A lock by the other filesystem of this machine has another queue, and one of another copy of
  // this package one that cannot be seen here.
  const own = locksOfThisChain().find((lock) => {
    if (!lock.held) return false;
    if (lock instanceof HeldLock && lock.queue === queue) return true;
    const isOwn = !(lock instanceof HeldLock) || isMachines(lock.queue.fs);
    return isOwn && isMachines(fs) && lock.lockPath === queue.lockPath;
  });
  if (own === undefined) return undefined;
  if (own.mode === 'exclusive' || mode === 'exclusive') throw nested(own);
  return own instanceof HeldLock && own.queue === queue ? queue.joinShared() : undefined;
}

function waitFor(
  queue: LockQueue,
  mode: LockMode,
  options: LockOptions & WaitOptions,
): Promise<Hold> {
  return settling((resolve, reject) => {
    const request: LockRequest = {
      mode,
      tryOnce: options.timeoutMs === 0,
      timeoutMs: options.timeoutMs,
      fileMode: options.fileMode,
      onWait: options.onWait,
      grant: (hold) => {
        wait.end();
        resolve(hold);
      },
      refuse: (error) => {
        wait.end();
        reject(error);
      },
    };
    const wait = new Wait(options, { lockPath: queue.lockPath }, (error) => {
      queue.leave(request);
      reject(error);
    });
    wait.watchForCycle({ wanted: queue.lockPath, mode, held: locksOfThisChain() });
    queue.enter(request);
  });
}

function checkLockOptions(call: string, path: string, options: LockOptions): void {
  checkOptions(call, options, lockOptionNames);
  checkLockChoice(call, path, options);
  const { mode, fileMode } = options;
  if (
    fileMode !== undefined &&
    !(Number.isInteger(fileMode) && fileMode >= 0 && fileMode <= 0o777)
  ) {
    throw invalidArgument(call, 'fileMode is a number from 0 to 0o777', path);
  }
  if (mode !== undefined && mode !== 'shared' && mode !== 'exclusive') {
    throw invalidArgument(call, `mode is 'shared' or 'exclusive', not '${String(mode)}'`, path);
  }
}
