/**
 * What names lead to on a filesystem that other machines share. Such a filesystem answers from what
 * it has once looked up, also that a name is missing, without an error and for up to a minute
 * (nfs(5), DIRECTORY ENTRY CACHING): a lock orders only what it locks, and the file beside it may
 * be found as it was before the last rename of another machine. Opening a directory asks its server
 * whether names in it have changed (close-to-open consistency), and if they have, each is looked up
 * anew.
 *
 * So whoever has taken a lock, and whoever is to tell what is there now, first opens the directory,
 * and then looks below it. On a local filesystem one stat(2) tells that there is nothing to ask.
 */
import { errnoOf } from '../errors.js';
import { filesystemOf } from './filesystem.js';
import type { Fs } from './fs.js';
import { dirname } from './paths.js';

/** By the number of its device: one filesystem is asked once. */
const verdicts = new WeakMap<Fs, Map<bigint, boolean>>();

/**
 * A directory that cannot be opened is not asked about its names; whoever looks for one is told
 * why.
 */
const CANNOT_BE_OPENED = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'];

/**
 * Whether only this machine can reach what lies in a directory; of one that cannot be looked at, in
 * the nearest one above it that can. Never fails: whoever uses the directory is told what is wrong
 * with it.
 */
export async function isLocal(fs: Fs, directory: string): Promise<boolean> {
  for (let existing = directory; ; existing = dirname(existing)) {
    try {
      return await isLocalDevice(fs, (await fs.stat(existing)).dev, existing);
    } catch {
      if (existing === dirname(existing)) return false;
    }
  }
}

async function isLocalDevice(fs: Fs, dev: bigint, path: string): Promise<boolean> {
  const ofFs = verdicts.get(fs) ?? new Map<bigint, boolean>();
  verdicts.set(fs, ofFs);
  const known = ofFs.get(dev);
  if (known !== undefined) return known;
  const verdict = (await filesystemOf(fs, path)).isLocal;
  ofFs.set(dev, verdict);
  return verdict;
}

/**
 * From here on, names in the directory are looked up as its server has them. System errors pass as
 * they are.
 */
export async function freshenNames(fs: Fs, directory: string): Promise<void> {
  if (!(await isLocal(fs, directory))) await askServer(fs, directory);
}

/** The same for every name on the way to the directory as well: those above it are asked first. */
export async function freshenWay(fs: Fs, directory: string): Promise<void> {
  if (await isLocal(fs, directory)) return;
  const way = [directory];
  for (let above = dirname(directory); above !== way[0]; above = dirname(above)) way.unshift(above);
  for (const each of way) await askServer(fs, each);
}

async function askServer(fs: Fs, path: string): Promise<void> {
  try {
    const directory = await fs.openDirectory(path);
    await directory.close().catch(() => undefined);
  } catch (error) {
    if (!CANNOT_BE_OPENED.includes(errnoOf(error) ?? '')) throw error;
  }
}
