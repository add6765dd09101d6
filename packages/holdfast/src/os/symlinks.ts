/**
 * The kernel's rule for symlinks in directories where everybody may make names (protected_symlinks,
 * proc_sys_fs(5)), whatever the machine is set to: a stranger's link would say which of our files
 * is meant. The kernel keeps it in open(2) alone, and only where it is set; what a link says can be
 * read by everyone, and is then a path like any other.
 */
import { HoldfastError } from '../errors.js';
import type { FileStat, Fs } from './fs.js';
import { userOf } from './owner.js';
import { dirname } from './paths.js';

/** The kernel's own limit (path_resolution(7)). */
export const MAX_SYMLINKS = 40;

/** The sticky bit, and the right of others to write (inode(7)). */
const FOR_ALL = 0o1002;

/**
 * As may_follow_link() of the kernel (fs/namei.c): a link is followed if it is ours, or the
 * directory's owner's.
 *
 * @throws HoldfastError UNSUPPORTED_TARGET for another one in a sticky directory that all may write
 *   to
 */
export async function refuseStrangersLink(fs: Fs, path: string, link: FileStat): Promise<void> {
  const directory = await fs.stat(dirname(path));
  if ((directory.mode & FOR_ALL) !== FOR_ALL) return;
  if (link.uid === directory.uid || link.uid === userOf(fs)) return;
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message:
      `The symlink belongs to another user (${link.uid}), in a directory where everybody may make names, so it is not ` +
      'followed. Name the file that it leads to, or remove the link.',
    step: 'resolve',
    path,
  });
}
