/**
 * The locks of other kinds of programs, taken when this program has its own lock and freed before
 * it: a lock of bytes (fcntl(2)) and a directory of proper-lockfile. Who waits for them keeps the
 * lock meanwhile, so of all programs that use Holdfast one at most waits here.
 */
import { HoldfastError } from '../errors.js';
import { aborted, failure } from '../failure.js';
import { filesystemOf } from '../os/filesystem.js';
import type { Fs, LockMode } from '../os/fs.js';
import { NAMES_ONLY, closeQuietly, inDirectoryOf, openOwn } from '../os/handles.js';
import { dirname } from '../os/paths.js';
import { pause } from '../os/pause.js';
import { completeGuard, type LockChoice } from './lock-choice.js';
import { DirectoryLock } from './proper-lockfile.js';
import { notFree, type WaitOptions } from './waiting.js';

const FIRST_POLL_MS = 1;
const LAST_POLL_MS = 24;
const POLL_GROWTH = 1.15;

/** A lock of another kind that is held. */
export interface OtherLock {
  /** @throws HoldfastError LOCK_LOST */
  assertHeld(): Promise<void>;
  /** Never fails. */
  release(): Promise<void>;
}

/** Whose lock is to be taken, and how. */
export interface OtherLockersRequest extends WaitOptions, Pick<LockChoice, 'guard' | 'alsoFcntl'> {
  /** Whose lock it is; with a guard, canonical or not. */
  readonly path: string;
  /** Canonical. Its lock is held. */
  readonly lockPath: string;
  readonly mode: LockMode;
  /** When the wait began, as `performance.now()` has it. */
  readonly beganMs: number;
}

/** Takes all of them, in one order everywhere; none after a failure. */
export async function takeOtherLocks(
  fs: Fs,
  { path, lockPath, mode, guard, alsoFcntl, ...wait }: OtherLockersRequest,
): Promise<readonly OtherLock[]> {
  const taken: OtherLock[] = [];
  try {
    if (alsoFcntl) {
      const tryTake = (): Promise<OtherLock | undefined> => tryByteLock(fs, lockPath, mode);
      taken.push(await poll(lockPath, wait, tryTake, notFree));
    }
    if (guard !== undefined) {
      const complete = await completeGuard(fs, path, lockPath, guard);
      const tryTake = (): Promise<OtherLock | undefined> => DirectoryLock.tryTake(fs, complete);
      taken.push(await poll(complete.path, wait, tryTake, guardNotFree));
    }
    return taken;
  } catch (error) {
    await releaseOthers(taken);
    throw error;
  }
}

/** Frees them, the last one first. */
export async function releaseOthers(locks: readonly OtherLock[]): Promise<void> {
  for (const lock of locks.toReversed()) await lock.release();
}

async function poll(
  lockPath: string,
  { timeoutMs = Infinity, signal, beganMs }: WaitOptions & { readonly beganMs: number },
  tryTake: () => Promise<OtherLock | undefined>,
  refusal: (lockPath: string, waitedMs: number) => HoldfastError,
): Promise<OtherLock> {
  const endsAt = beganMs + timeoutMs;
  for (let delayMs = FIRST_POLL_MS; ; delayMs = Math.min(delayMs * POLL_GROWTH, LAST_POLL_MS)) {
    if (signal?.aborted) throw aborted('lock', lockPath, signal);
    const taken = await tryTake();
    if (taken !== undefined) return taken;
    if (performance.now() >= endsAt) throw refusal(lockPath, timeoutMs);
    await pause(Math.min(delayMs, endsAt - performance.now()));
  }
}

/** The kernel knows nothing of who holds such a lock. */
function guardNotFree(path: string, waitedMs: number): HoldfastError {
  const when = waitedMs === 0 ? 'is there' : `was there for ${waitedMs} ms`;
  return new HoldfastError('LOCK_TIMEOUT', {
    message:
      `The directory by which proper-lockfile locks ${when}, and is not old: a program of that kind holds the lock, or was ` +
      'killed a moment ago. Try again, or wait longer.',
    step: 'take guard',
    path,
  });
}

/**
 * The lock file is opened once more: such a lock belongs to what was opened. Where a server makes
 * flock(2) of locks of bytes (NFS, SMB) the lock that is held is one already.
 */
async function tryByteLock(
  fs: Fs,
  lockPath: string,
  mode: LockMode,
): Promise<OtherLock | undefined> {
  if (!(await filesystemOf(fs, dirname(lockPath))).isLocal) return nothingToDo;
  const access = mode === 'exclusive' ? 'readWrite' : 'read';
  const { handle } = await inDirectoryOf(
    fs,
    lockPath,
    (directory, name) => openOwn(fs, directory.at(name), { access }, { owner: 'anyone' }),
    NAMES_ONLY,
  ).catch((error: unknown) => {
    throw failure('open lock file', lockPath, error);
  });
  try {
    if (handle.tryLockBytes === undefined) throw noByteLocks(lockPath);
    if (!handle.tryLockBytes(mode)) {
      await closeQuietly(handle);
      return undefined;
    }
    return { assertHeld: async () => undefined, release: () => closeQuietly(handle) };
  } catch (error) {
    await closeQuietly(handle);
    throw failure('lock bytes', lockPath, error);
  }
}

const nothingToDo: OtherLock = {
  assertHeld: async () => undefined,
  release: async () => undefined,
};

function noByteLocks(lockPath: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      'Locks of bytes that belong to an open file (fcntl(2), F_OFD_SETLK) are known of 64-bit Linux only, so alsoFcntl cannot ' +
      'keep its promise here. Leave it out where no other program takes such locks.',
    step: 'lock bytes',
    path: lockPath,
  });
}
