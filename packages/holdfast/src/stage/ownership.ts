/**
 * The owner of a staged file or directory: the process that holds an exclusive flock on the thing's
 * own descriptor. The kernel frees it when the process dies, however, so "unlocked" proves
 * "orphan", without ages or process ids, and also across containers that share a volume.
 *
 * A sweeper can find a staged thing in the instant between its creation and its lock. So both check
 * the same two facts: creator: create, lock, and the path must still name the inode (else a sweeper
 * took it: start again elsewhere). sweeper: open, judge the owner, lock without waiting, the path
 * must still name the inode, remove, close.
 */
import { isCommitPending } from '../journal/pending.js';
import type { Fs, FsDirectory, FsHandle } from '../os/fs.js';
import { isNamed, openOwn } from '../os/handles.js';
import { isOurs } from '../os/owner.js';

/**
 * Claims a thing that this process has just opened or created; false when a sweeper was faster.
 *
 * @param path - at which it must still be
 */
export async function claim(
  fs: Fs,
  handle: FsHandle,
  path: string = handle.path,
): Promise<boolean> {
  return handle.tryLock('exclusive') && (await isNamed(fs, path, handle));
}

/**
 * Removes a staged file if it is ours and its owner is dead, and tells whether it did. What a dead
 * owner has committed by a journal is no orphan; since the owner is dead, a journal that is not
 * there now will not come.
 */
export async function removeIfOrphan(fs: Fs, inside: FsDirectory, name: string): Promise<boolean> {
  const path = inside.at(name);
  // On a network filesystem an exclusive lock needs a descriptor for writing.
  const { handle, stat } = await openOwn(fs, path, { access: 'readWrite' }, { owner: 'anyone' });
  try {
    if (!(await isOurs(fs, path, stat, { directory: await inside.stat() }))) return false;
    if (!(await claim(fs, handle, path)) || (await isCommitPending(fs, handle.path))) return false;
    await fs.unlink(path);
    return true;
  } finally {
    await handle.close();
  }
}
