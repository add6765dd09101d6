/**
 * Locks under which nobody sees a commit half done. A process that dies in the middle of its commit
 * loses its locks; so whoever gets one of them next first brings the commit to its end, and only
 * then goes on.
 */
import { followSymlinks } from '../os/follow-symlinks.js';
import { LOCK_SUFFIX } from '../lock/lock-path.js';
import {
  acquireCheckedLock as acquireCheckedBareLock,
  acquireLock as acquireBareLock,
  withLock as withBareLock,
  type Lock,
  type LockOptions,
} from '../lock/lock.js';
import type { WaitOptions } from '../lock/waiting.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { basename } from '../os/paths.js';
import { recoverPending } from './pending.js';

/**
 * Takes the lock of a path: waits until nobody holds `<path>.lock` in a conflicting mode. The path
 * itself need not exist, its directory does. Symlinks are followed, so that all names of one file
 * share one lock.
 *
 * After success the lock is held until `release`, or until the process dies, however; and no
 * transaction that names the path is half done: one whose process died has been brought to its end.
 * After a failure the lock is not held. The lock file stays where it is for ever: deleting it is
 * what would split the lock.
 *
 * Calls of one process are served in order. Not promised: order among processes (a fair one is
 * aimed at on local filesystems), protection from programs that do not take the lock, and a notice
 * to a holder whose lock file was deleted (see `assertHeld`). A chain of calls that holds the lock
 * by `acquireLock` and asks for it again waits for itself: use {@link withLock}, which is told
 * apart, or give a time.
 *
 * @throws HoldfastError LOCK_TIMEOUT; ABORTED; LOCK_NESTED when called inside {@link withLock} of
 *   the same lock, or in a process that was started under it with `lockEnvironment()` (shared
 *   inside shared is granted); NOT_FOUND when the directory is missing; DIRECTORY_NOT_WRITABLE when
 *   the lock file is missing and cannot be made; NAME_TAKEN, at once, when its name has a symlink,
 *   FIFO, device or directory; UNSUPPORTED_PLATFORM where flock(2) cannot be called; LOCK_LOST;
 *   INVALID_ARGUMENT; IO; DAMAGED_JOURNAL when a transaction above the path cannot be brought to
 *   its end
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  return await settled(await acquireBareLock(path, options), options);
}

/** {@link acquireLock}, for a caller that has checked the options. */
export async function acquireCheckedLock(
  path: string,
  options: LockOptions & WaitOptions,
): Promise<Lock> {
  return settled(await acquireCheckedBareLock(path, options), options);
}

async function settled(lock: Lock, options: LockOptions): Promise<Lock> {
  try {
    await settle(lock, options);
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
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
  if (typeof fn !== 'function') return withBareLock(path, fn, options);
  const settledFn = async (lock: Lock): Promise<T> => {
    await settle(lock, options);
    return fn(lock);
  };
  return withBareLock(path, settledFn, options);
}

/**
 * A lock file beside its path lies under the same roots; one somewhere else says nothing about
 * them.
 */
async function settle(lock: Lock, options: LockOptions): Promise<void> {
  const { fs = nodeFileSystem, lockPath } = options;
  const isBeside = lockPath === undefined && isLockBeside(lock.lockPath, lock.path);
  const path = isBeside
    ? lock.lockPath.slice(0, -LOCK_SUFFIX.length)
    : (await followSymlinks(fs, lock.path)).path;
  await recoverPending(fs, path, options);
}

/**
 * Without a look: the name of the lock file is that of the path, and a file is locked beside it
 * unless a symlink leads on.
 */
function isLockBeside(lockPath: string, path: string): boolean {
  return basename(lockPath) === basename(path) + LOCK_SUFFIX;
}
