/**
 * Locks between processes, and between the calls of one process: `flock(2)` on a file of its own, `<path>.lock`, that
 * is never replaced. Other programs share it by the same call: flock(1), Python's fcntl.flock, Go's and Rust's.
 *
 * 1. resolve the lock file's one canonical path (lock-path.ts)
 * 2. a chain of calls that holds the lock already is refused, it would wait for itself (held-locks.ts)
 * 3. wait in this process's queue, whose first one asks the kernel (lock-queue.ts)
 *
 * A process that dies frees its locks at once, since the kernel closes its files: there is no stale lock to time out.
 */
import { HoldfastError } from '../errors.js';
import { aborted } from '../failure.js';
import { checkOptions, invalidArgument } from '../options.js';
import type { Fs, LockMode } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { locksOfThisChain, runHolding, type Lock } from './held-locks.js';
import { resolveLockPath } from './lock-path.js';
import { LockQueue, notFree, type Hold, type LockRequest } from './lock-queue.js';

export type { Lock };

export interface LockOptions {
  /** `exclusive` (the default) for a writer, `shared` for those who only read. */
  readonly mode?: LockMode | undefined;
  /** How long to wait, in milliseconds; 0 tries once; without it the wait has no end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait. A lock that was granted stays granted. */
  readonly signal?: AbortSignal | undefined;
  /** The lock file, in place of `<path>.lock`. */
  readonly lockPath?: string | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** The names of {@link LockOptions}, for calls that take them among their own. */
export const lockOptionNames = ['mode', 'timeoutMs', 'signal', 'lockPath', 'fs'] as const;

/**
 * Takes the lock of a path: waits until nobody holds `<path>.lock` in a conflicting mode. The path itself need not
 * exist, its directory does. Symlinks are followed, so that all names of one file share one lock.
 *
 * After success the lock is held until `release`, or until the process dies, however. After a failure it is not held.
 * The lock file stays where it is for ever: deleting it is what would split the lock.
 *
 * Calls of one process are served in order. Not promised: order among processes (a fair one is aimed at on local
 * filesystems), protection from programs that do not take the lock, and a notice to a holder whose lock file was
 * deleted (see `assertHeld`). A chain of calls that holds the lock by `acquireLock` and asks for it again waits for
 * itself: use {@link withLock}, which is told apart, or give a time.
 *
 * @throws HoldfastError LOCK_TIMEOUT; ABORTED; LOCK_NESTED when called inside {@link withLock} of the same lock (shared
 *   inside shared is granted); NOT_FOUND when the directory is missing; DIRECTORY_NOT_WRITABLE when the lock file is
 *   missing and cannot be made; UNSUPPORTED_PLATFORM where flock(2) cannot be called; LOCK_LOST; INVALID_ARGUMENT; IO
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  checkLockOptions('acquireLock', path, options);
  const lockPath = await resolveLockPath(options.fs ?? nodeFileSystem, path, options.lockPath);
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
  options: Omit<LockOptions, 'lockPath'>,
): Promise<Lock> {
  const { fs = nodeFileSystem, mode = 'exclusive', signal } = options;
  if (signal?.aborted) throw aborted('lock', lockPath, signal);
  const queue = queueOf(fs, lockPath);
  const hold = joinOwnChain(queue, mode) ?? (await waitFor(queue, mode, options));
  return new HeldLock(path, mode, queue, hold);
}

/**
 * Runs a function while it holds the lock of a path, and resolves to what it returns. The lock is released when the
 * function has settled, also when it fails; its own error is passed on as it is.
 *
 * Everything that the function calls, awaits or starts belongs to one chain of calls, and if one of these asks for the
 * same lock it gets LOCK_NESTED. Otherwise as {@link acquireLock}, with the same options and errors.
 */
export async function withLock<T>(
  path: string,
  fn: (lock: Lock) => T | Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  if (typeof fn !== 'function')
    throw invalidArgument('withLock', 'withLock needs a function', path);
  const lock = await acquireLock(path, options);
  try {
    return await runHolding(lock, () => fn(lock));
  } finally {
    await lock.release();
  }
}

class HeldLock implements Lock {
  readonly path: string;
  readonly mode: LockMode;
  readonly queue: LockQueue;
  readonly #hold: Hold;
  #held = true;

  constructor(path: string, mode: LockMode, queue: LockQueue, hold: Hold) {
    this.path = path;
    this.mode = mode;
    this.queue = queue;
    this.#hold = hold;
  }

  get lockPath(): string {
    return this.queue.lockPath;
  }

  get held(): boolean {
    return this.#held;
  }

  async assertHeld(): Promise<void> {
    if (await this.#hold.isCurrent()) return;
    const why = this.#held
      ? 'The lock file was deleted or replaced while the lock was held, so another process may hold it too.'
      : 'The lock was used after it was released.';
    throw new HoldfastError('LOCK_LOST', {
      message: why,
      outcome: 'unchanged',
      step: 'lock',
      path: this.lockPath,
    });
  }

  async release(): Promise<void> {
    this.#held = false;
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
function joinOwnChain(queue: LockQueue, mode: LockMode): Hold | undefined {
  const own = locksOfThisChain().find(
    (lock) => lock instanceof HeldLock && lock.held && lock.queue === queue,
  );
  if (own === undefined) return undefined;
  if (own.mode === 'shared' && mode === 'shared') return queue.joinShared();
  throw new HoldfastError('LOCK_NESTED', {
    message:
      `This chain of calls holds the lock already (${own.mode}) and would wait for itself. ` +
      'Do the work under the lock that it has, or ask for the lock after it was released.',
    outcome: 'unchanged',
    step: 'lock',
    path: queue.lockPath,
  });
}

function waitFor(queue: LockQueue, mode: LockMode, options: LockOptions): Promise<Hold> {
  const { timeoutMs = Infinity, signal } = options;
  return new Promise((resolve, reject) => {
    const request: LockRequest = {
      mode,
      tryOnce: timeoutMs === 0,
      grant: (hold) => {
        settle();
        resolve(hold);
      },
      refuse: (error) => {
        settle();
        reject(error);
      },
    };
    const giveUp = (error: HoldfastError): void => {
      queue.leave(request);
      request.refuse(error);
    };
    const onAbort = (): void => giveUp(aborted('lock', queue.lockPath, signal as AbortSignal));
    const timer = startTimer(timeoutMs, () => giveUp(notFree(queue.lockPath, timeoutMs)));
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    queue.enter(request);
  });
}

/** setTimeout(3) takes at most 2^31 - 1 ms, which is 24 days; a longer wait needs no timer. */
const MAX_TIMER_MS = 0x7fffffff;

function startTimer(timeoutMs: number, onTimeout: () => void): NodeJS.Timeout | undefined {
  if (timeoutMs === 0 || timeoutMs > MAX_TIMER_MS) return undefined;
  return setTimeout(onTimeout, timeoutMs);
}

function checkLockOptions(call: string, path: string, options: LockOptions): void {
  checkOptions(call, options, lockOptionNames);
  const { mode } = options;
  if (mode !== undefined && mode !== 'shared' && mode !== 'exclusive') {
    throw invalidArgument(call, `mode is 'shared' or 'exclusive', not '${String(mode)}'`, path);
  }
}
