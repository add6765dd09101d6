/**
 * Removes replaced trees.
 *
 * One whose name says that it goes back where its target is missing (stage/staged-directory.ts) must not be taken for
 * whole any more before its first file goes, not even after a power loss that brings back a part of it:
 *
 * 1. mark: make the file `.holdfast-discarded` in it, and sync the tree's own directory
 * 2. remove everything else
 * 3. sync the directory again, then remove the mark and the directory
 *
 * A crash after 1 leaves a tree with the mark; a crash after 3 an empty one. Neither goes back.
 */
import { errnoOf } from '../errors.js';
import type { Fs } from '../os/fs.js';
import { basename, join } from '../os/paths.js';
import { parseStagedName } from '../stage/staged-directory.js';
import { makeWritable, readEntries, removeTree, syncDirectory } from './tree.js';

const MARK = '.holdfast-discarded';

/** Removes a tree that was staged or replaced. */
export async function removeOldTree(fs: Fs, path: string): Promise<void> {
  if (parseStagedName(basename(path))?.old?.fate !== 'aside') return removeTree(fs, path);
  await mark(fs, path);
  const others = (await readEntries(fs, path)).filter(({ name }) => name !== MARK);
  for (const { name, kind } of others) {
    const child = join(path, name);
    await (kind === 'directory' ? removeTree(fs, child) : fs.unlink(child));
  }
  await syncDirectory(fs, path);
  await removeTree(fs, path);
}

/** Whether a tree that was moved aside has all that it had. */
export async function isWholeOldTree(fs: Fs, path: string): Promise<boolean> {
  const entries = await fs.readDirectory(path);
  return entries.length > 0 && entries.every(({ name }) => name !== MARK);
}

async function mark(fs: Fs, path: string): Promise<void> {
  await makeWritable(fs, path);
  try {
    const file = await fs.open(join(path, MARK), { access: 'write', create: 'exclusive' });
    await file.close();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  await syncDirectory(fs, path);
}
