/**
 * What root makes in another user's directory, given to that user: otherwise `sudo` once, and the
 * program's lock, document or tree is root's, and the next run without it fails. Only where the
 * filesystem says so (`Fs.givesToDirectory`), only what root owns, and by its descriptor. A file
 * with a second name is kept: whoever may make names there could have linked to any file of root's.
 * So is a directory that has something in it.
 */
import type { FileStat, Fs, FsDirectory, FsHandle } from './fs.js';
import { closeQuietly, lookAt, openOwn } from './handles.js';
import { userOf } from './owner.js';
import { readEntries, walkTree } from './tree.js';

const SET_ID_BITS = 0o6000;
const CONCURRENCY = 8;

/**
 * Gives what was made to the owner of the directory that it lies in, or of what it is to replace.
 */
export async function giveTo(fs: Fs, owner: FileStat, made: FsHandle): Promise<void> {
  if (gives(fs, owner)) await give(made, owner);
}

/** The same for a directory that was made, by its path. */
export async function giveDirectory(fs: Fs, parent: FsDirectory, name: string): Promise<void> {
  const owner = await parent.stat();
  if (!gives(fs, owner)) return;
  const directory = await fs.openDirectory(parent.at(name), { noFollow: true });
  try {
    // Another one may have its name by now.
    if ((await readEntries(fs, directory)).length === 0) await give(directory, owner);
  } finally {
    await closeQuietly(directory);
  }
}

/**
 * The same for all that lies in a tree, and the tree. Symlinks stay root's, which changes nothing
 * for who follows them.
 */
export async function giveTree(fs: Fs, owner: FileStat, root: FsDirectory): Promise<void> {
  if (!gives(fs, owner)) return;
  const entry = async (inside: FsDirectory, name: string, kind: string): Promise<void> => {
    if (kind !== 'file') return;
    const flags = { access: 'read' } as const;
    const { handle } = await openOwn(fs, inside.at(name), flags, { owner: 'anyone' });
    try {
      await give(handle, owner);
    } finally {
      await closeQuietly(handle);
    }
  };
  await walkTree(
    fs,
    root,
    { entry, leave: (directory) => give(directory, owner) },
    { concurrency: CONCURRENCY },
  );
}

/** Whose directory, or tree to be replaced, decides about what has a name in a directory. */
export async function ownerFor(fs: Fs, parent: FsDirectory, name: string): Promise<FileStat> {
  return (await lookAt(fs, parent.at(name))) ?? (await parent.stat());
}

function gives(fs: Fs, owner: FileStat): boolean {
  return fs.givesToDirectory === true && owner.uid !== 0 && userOf(fs) === 0;
}

async function give(made: FsHandle, { uid, gid }: FileStat): Promise<void> {
  const stat = await made.stat();
  if (stat.uid !== 0 || (stat.kind === 'file' && stat.linkCount !== 1)) return;
  await made.chown(uid, gid);
  // A change of owner clears them (chown(2)).
  if ((stat.mode & SET_ID_BITS) !== 0) await made.chmod(stat.mode);
}
