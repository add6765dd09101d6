/**
 * Keeps the tiles of an opened mosaic from being retired: whoever reads a mosaic of ours holds a shared lock on its tiles
 * directory, and the writer that retires a directory takes the exclusive one first.
 *
 * 1. read the index, which names its tiles directory
 * 2. open that directory and lock it, shared
 * 3. the path must still name the directory that was locked
 * Where 2 or 3 finds the directory gone, the index has been replaced since 1: again from there.
 *
 * Where locks are not to be had (a network filesystem, no native calls), mosaics are read without one.
 */
import { dirname, join } from 'node:path';
import type { Fs, FsDirectory } from 'holdfast/os';
import { errnoOf } from 'holdfast/os';
import { vrtDomain } from '../vrt/vrt-text.js';
import { readIndex } from './read-index.js';
import type { VrtDocument } from './vrt-document.js';

/** An index that is replaced each time it is read is read without a lock in the end. */
const MOST_TRIES = 20;

/** Reads an index, and keeps its tiles for as long as the directory is open. */
export async function readInUse(
  fs: Fs,
  path: string,
  maximumBytes: number,
): Promise<{ document: VrtDocument; tilesInUse: FsDirectory | undefined }> {
  for (let tries = 1; ; tries += 1) {
    const document = await readIndex(fs, path, maximumBytes);
    const name = document.metadata.get(vrtDomain)?.['TILES'];
    const plain = name !== undefined && !/[/\0]/u.test(name);
    if (!plain || tries === MOST_TRIES) return { document, tilesInUse: undefined };
    const tilesPath = join(dirname(path), name);
    const used = await useTiles(fs, tilesPath);
    if (used !== 'gone') return { document, tilesInUse: used };
    // Gone for good, with an index that still names them: reading will say which tile is missing.
    if (await isUnchanged(fs, path, document, maximumBytes))
      return { document, tilesInUse: undefined };
  }
}

async function useTiles(fs: Fs, tilesPath: string): Promise<FsDirectory | 'gone' | undefined> {
  let directory: FsDirectory;
  try {
    directory = await fs.openDirectory(tilesPath);
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? 'gone' : undefined;
  }
  const locked = await lockShared(fs, directory);
  if (locked === 'locked') return directory;
  await directory.close();
  return locked === 'gone' ? 'gone' : undefined;
}

/** `gone`: it is being removed, or was replaced; `impossible`: no locks here. */
async function lockShared(
  fs: Fs,
  directory: FsDirectory,
): Promise<'locked' | 'gone' | 'impossible'> {
  try {
    if (!directory.tryLock('shared')) return 'gone';
  } catch {
    return 'impossible';
  }
  try {
    const [locked, named] = [await directory.stat(), await fs.stat(directory.path)];
    return locked.ino === named.ino && locked.dev === named.dev ? 'locked' : 'gone';
  } catch {
    return 'gone';
  }
}

async function isUnchanged(
  fs: Fs,
  path: string,
  document: VrtDocument,
  maximumBytes: number,
): Promise<boolean> {
  const now = await readIndex(fs, path, maximumBytes);
  const [before, after] = [document, now].map((each) => each.metadata.get(vrtDomain)?.['TILES']);
  return before === after;
}
