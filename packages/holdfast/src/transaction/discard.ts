/** Discards what a commit has replaced or removed, once its journal is gone. */
import { keepOrphan, removeTooMany, type Place } from '../directory/previous.js';
import { removeTree } from '../directory/tree.js';
import { lookAt } from '../os/look-at.js';
import type { Discard } from '../journal/roll-forward.js';
import { closeQuietly } from '../os/close-quietly.js';
import type { Fs } from '../os/fs.js';
import { basename, dirname } from '../os/paths.js';
import { parseStagedName } from '../stage/staged-directory.js';

/** What cannot be removed now is an orphan for a later sweep; the commit is done, so this never fails. */
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
async function discardOne(fs: Fs, { path, inode, was }: Discard): Promise<void> {
  const stat = await lookAt(fs, path);
  if (stat?.ino !== inode) return;
  if (stat.kind !== 'directory') return fs.unlink(path);
  if (parseStagedName(basename(path))?.old?.inode !== inode) return removeTree(fs, path);
  await keepOrphan(fs, { parent: dirname(was), name: basename(was) }, path);
}

/** Of the trees that a place keeps, removes all but the latest; this never fails either. */
export async function discardTooMany(
  fs: Fs,
  { place, count }: { readonly place: Place; readonly count: number },
): Promise<void> {
  try {
    const parent = await fs.openDirectory(place.parent);
    try {
      await removeTooMany(fs, place, parent, count);
    } finally {
      await closeQuietly(parent);
    }
  } catch {
    // The next publish that keeps some looks again.
  }
}
