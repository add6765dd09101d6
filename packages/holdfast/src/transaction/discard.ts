/** Discards what a commit has replaced or removed, once its journal is gone. */
import { keepOrphan, removeTooMany } from '../directory/previous.js';
import { inDirectoryOf, lookAt } from '../os/handles.js';
import { isDiscarded, type Discard } from '../journal/roll-forward.js';
import type { Fs } from '../os/fs.js';
import { basename } from '../os/paths.js';
import { removeOpenTree } from '../os/tree.js';
import { parseStagedName } from '../stage/staged-directory.js';

/**
 * What cannot be removed now is an orphan for a later sweep; the commit is done, so this never
 * fails.
 */
export async function discardAll(fs: Fs, discards: readonly Discard[]): Promise<void> {
  for (const discard of discards) {
    try {
      await discardOne(fs, discard);
    } catch {
      // Removing it is no part of what was promised.
    }
  }
}

/** A tree to be kept says so by its name (stage/staged-directory.ts). */
function discardOne(fs: Fs, discard: Discard): Promise<void> {
  const { path, inode, was } = discard;
  return inDirectoryOf(fs, path, async (parent, name) => {
    const stat = await lookAt(fs, parent.at(name));
    if (stat === undefined || !isDiscarded(discard, stat)) return;
    if (stat.kind !== 'directory') return fs.unlink(parent.at(name));
    if (parseStagedName(name)?.old?.inode !== inode) {
      return removeOpenTree(fs, stat, { parent, name });
    }
    await keepOrphan(fs, { parent, name: basename(was) }, name);
  });
}

/**
 * Of the trees that were replaced at a path, removes all but the latest; this never fails either.
 *
 * @param path - canonical
 */
export async function discardTooMany(fs: Fs, path: string, keepCount: number): Promise<void> {
  try {
    await inDirectoryOf(fs, path, (parent, name) => removeTooMany(fs, { parent, name }, keepCount));
  } catch {
    // The next publish that keeps some looks again.
  }
}
