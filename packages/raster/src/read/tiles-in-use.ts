/**
 * Keeps the tiles of an opened mosaic from being retired: whoever reads a mosaic of ours holds a
 * shared lock on the manifest of its tiles, and the writer that retires them takes the exclusive
 * one first. The lock is on a file, since one on a directory is not seen by other machines (flock
 * on NFS), and on the manifest, since every tiles directory has one.
 *
 * 1. read the index, which names its tiles directory
 * 2. open the manifest there and lock it, shared
 * 3. the path must still name the file that was locked
 * Where 2 or 3 finds it gone, the index has been replaced since 1: again from there.
 *
 * Where locks are not to be had (no native calls, a filesystem without them), mosaics are read
 * without one.
 */
import { dirname, join } from 'node:path';
import type { Fs, FsFile } from 'holdfast/os';
import { errnoOf, freshenWay, isSameFile, openOwn } from 'holdfast/os';
import { vrtDomain } from '../vrt/vrt-text.js';
import { manifestName } from '../write/manifest.js';
import { type IndexSettings, readIndex } from './read-index.js';
import type { VrtDocument } from './vrt-document.js';

/** An index that is replaced each time it is read is read without a lock in the end. */
const MOST_TRIES = 20;

/** Reads an index, and keeps its tiles for as long as the file that is given with it is open. */
export async function readInUse(
  path: string,
  settings: IndexSettings,
): Promise<{ document: VrtDocument; tilesInUse: FsFile | undefined }> {
  const { fs } = settings;
  for (let tries = 1; ; tries += 1) {
    const document = await readIndex(path, settings);
    const name = document.metadata.get(vrtDomain)?.['TILES'];
    const plain = name !== undefined && !/[/\0]/u.test(name);
    if (!plain || tries === MOST_TRIES) return { document, tilesInUse: undefined };
    const manifestPath = join(dirname(path), name, manifestName);
    const used = await useTiles(fs, manifestPath);
    if (used !== 'gone') return { document, tilesInUse: used };
    // Gone for good, with an index that still names them: reading will say which tile is missing.
    if (await isUnchanged(path, document, settings)) return { document, tilesInUse: undefined };
  }
}

async function useTiles(fs: Fs, manifestPath: string): Promise<FsFile | 'gone' | undefined> {
  let manifest: FsFile;
  try {
    const flags = { access: 'read' } as const;
    ({ handle: manifest } = await openOwn(fs, manifestPath, flags, { owner: 'anyone' }));
  } catch (error) {
    return isGone(error) ? 'gone' : undefined;
  }
  const locked = await lockShared(fs, manifest);
  if (locked === 'locked') return manifest;
  await manifest.close();
  return locked === 'gone' ? 'gone' : undefined;
}

/** `gone`: it is being removed, or was replaced; `impossible`: no locks here. */
async function lockShared(fs: Fs, manifest: FsFile): Promise<'locked' | 'gone' | 'impossible'> {
  try {
    if (!manifest.tryLock('shared')) return 'gone';
  } catch (error) {
    return isGone(error) ? 'gone' : 'impossible';
  }
  try {
    await freshenWay(fs, dirname(manifest.path));
    const [locked, named] = [await manifest.stat(), await fs.stat(manifest.path)];
    return isSameFile(locked, named) ? 'locked' : 'gone';
  } catch {
    return 'gone';
  }
}

/** ESTALE: another machine removed what this one still knew (NFS). */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ESTALE'].includes(errnoOf(error) ?? '');
}

async function isUnchanged(
  path: string,
  document: VrtDocument,
  settings: IndexSettings,
): Promise<boolean> {
  const now = await readIndex(path, settings);
  const [before, after] = [document, now].map((each) => each.metadata.get(vrtDomain)?.['TILES']);
  return before === after;
}
