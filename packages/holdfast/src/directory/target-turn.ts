/**
 * Whose turn it is at a name that several machines may reach. There the lock of a directory is seen
 * by its own machine alone (flock(2) on a directory of NFS is not told to the server), so what is
 * decided by it elsewhere is decided by the lock of a file: of a target that is replaced
 * `<target>.lock`, which transactions take too.
 */
import { acquireUnlessHeld, type Lock } from '../lock/lock.js';
import { lockPathBeside } from '../lock/lock-path.js';
import { isLocal } from '../os/freshen.js';
import type { Fs } from '../os/fs.js';
import { dirname } from '../os/paths.js';

/**
 * Takes the lock file of a path where other machines may share the filesystem. `undefined` where
 * the lock of a directory says enough, and for a chain of calls that holds the lock already.
 *
 * @param path - canonical
 * @throws HoldfastError LOCK_TIMEOUT, and the other errors of `acquireLock`
 */
export async function takeSharedTurn(
  fs: Fs,
  path: string,
  timeoutMs: number,
): Promise<Lock | undefined> {
  if (await isLocal(fs, dirname(path))) return undefined;
  return acquireUnlessHeld(path, await lockPathBeside(fs, path), { fs, timeoutMs });
}
