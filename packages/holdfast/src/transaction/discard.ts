/** Discards what a commit has replaced or removed, once its journal is gone. */
import { removeTree } from '../directory/tree.js';
import { lookAt } from '../journal/inode.js';
import type { Discard } from '../journal/roll-forward.js';
import type { Fs } from '../os/fs.js';

/** What cannot be removed now is an orphan for a later sweep; the commit is done, so this never fails. */
export async function discardAll(fs: Fs, discards: readonly Discard[]): Promise<void> {
  for (const { path, inode } of discards) {
    try {
      const stat = await lookAt(fs, path);
      if (stat?.ino !== inode) continue;
      await (stat.kind === 'directory' ? removeTree(fs, path) : fs.unlink(path));
    } catch {
      // Removing it is no part of what was promised.
    }
  }
}
