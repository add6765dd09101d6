/**
 * Removes replaced trees.
 *
 * One whose name says that it goes back where its target is missing (stage/staged-directory.ts)
 * must not be taken for whole any more before its first file goes, not even after a power loss that
 * brings back a part of it:
 *
 * 1. mark: make the file `.holdfast-discarded` in it, and sync the tree's own directory
 * 2. remove everything else
 * 3. sync the directory again, and give it a name that says nothing of a target, durably: where an
 *    earlier removal could not be synced, what was removed may come back (fsync(2))
 * 4. remove the mark and the directory
 *
 * A crash after 1 leaves a tree with the mark; a crash after 3 one that is any orphan. Neither goes
 * back.
 */
import { errnoOf } from '../errors.js';
import type { FileStat, Fs, FsDirectory } from '../os/fs.js';
import { asNamed, emptyTree, makeWritable, removeOpenTree, type ChildName } from '../os/tree.js';
import { parseStagedName, stagedDirectoryName } from '../stage/staged-directory.js';

const MARK = '.holdfast-discarded';

/**
 * Removes a tree that was staged or replaced, and has a name in the directory given.
 *
 * @param tree - as it was when it was opened: another one of this name is left alone
 *   (TARGET_CHANGED)
 */
export async function removeOldTree(fs: Fs, tree: FileStat, child: ChildName): Promise<void> {
  const staged = parseStagedName(child.name);
  if (staged?.old?.fate !== 'aside') return removeOpenTree(fs, tree, child);
  await asNamed(fs, tree, child, async (named) => {
    await mark(fs, named);
    await emptyTree(fs, named, MARK);
    await named.sync();
  });
  const { parent } = child;
  const name = stagedDirectoryName(staged.targetName);
  await fs.rename(parent.at(child.name), parent.at(name));
  await parent.sync();
  await removeOpenTree(fs, tree, { parent, name });
}

/** Whether a tree that was moved aside has all that it had. */
export async function isWholeOldTree(fs: Fs, tree: FsDirectory): Promise<boolean> {
  const entries = await fs.readDirectory(tree.at('.'));
  return entries.length > 0 && entries.every(({ name }) => name !== MARK);
}

async function mark(fs: Fs, tree: FsDirectory): Promise<void> {
  await makeWritable(tree);
  try {
    const flags = { access: 'write', create: 'exclusive', noFollow: true } as const;
    await (await fs.open(tree.at(MARK), flags)).close();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  await tree.sync();
}
