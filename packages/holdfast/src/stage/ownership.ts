/**
 * Who owns a staged file or directory: the process that holds an exclusive flock on the thing's own descriptor. The
 * kernel frees it when the process dies, however, so "unlocked" proves "orphan", without ages or process ids, and also
 * across containers that share a volume.
 *
 * A sweeper can find a staged thing in the instant between its creation and its lock. So both check the same two facts:
 * creator: create, lock, and the path must still name the inode (else a sweeper took it: start again elsewhere).
 * sweeper: open, lock without waiting, the path must still name the inode, remove, close.
 */
import { errnoOf } from '../errors.js';
import { isCommitPending } from '../journal/pending.js';
import type { Fs, FsHandle } from '../os/fs.js';

/** Claims a thing that this process has just created at `handle.path`; false when a sweeper was faster. */
export async function claim(fs: Fs, handle: FsHandle): Promise<boolean> {
  return handle.tryLock('exclusive') && (await isNamed(fs, handle));
}

/**
 * Removes a staged thing if its owner is dead, and tells whether it did. What a dead owner has committed by a journal is
 * no orphan; since the owner is dead, a journal that is not there now will not come.
 *
 * @param open - opens it; on a network filesystem an exclusive lock needs a descriptor for writing
 * @param remove - removes it, while its lock is held
 */
export async function removeIfOrphan(
  fs: Fs,
  open: () => Promise<FsHandle>,
  remove: () => Promise<void>,
): Promise<boolean> {
  const handle = await open();
  try {
    if (!(await claim(fs, handle)) || (await isCommitPending(fs, handle.path))) return false;
    await remove();
    return true;
  } finally {
    await handle.close();
  }
}

async function isNamed(fs: Fs, handle: FsHandle): Promise<boolean> {
  const own = await handle.stat();
  try {
    const named = await fs.lstat(handle.path);
    return named.ino === own.ino && named.dev === own.dev;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
