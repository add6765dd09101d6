/**
 * Orphans: staged things whose owner is dead.
 *
 * Sweeping one: open → lock without waiting → check that the path still names what was locked → sync the parent →
 * remove while the lock is held. The parent is synced first because an orphan may be an old tree that a publisher
 * exchanged and had no time to sync: after a power loss it could be the target again, and must not lack a file then.
 *
 * A lock proves something only where it reaches every process that could own the stage. On a filesystem that other
 * machines share it does not (flock(2) on a directory of NFS stays on the client), so nothing is swept there.
 */
import { join } from 'node:path';
import type { Fs } from '../os/fs.js';
import {
  isStagedDirectoryName,
  ownDirectory,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import { filesystemType } from './filesystem-type.js';
import { removeTree } from './tree.js';

/** Removes the orphans of one target. What cannot be removed stays for the next time. */
export async function sweepStagedDirectories(
  fs: Fs,
  parent: string,
  targetName: string,
): Promise<void> {
  const entries = await fs.readDirectory(parent);
  const staged = entries.filter(({ name }) => isStagedDirectoryName(name, targetName));
  if (staged.length === 0 || !(await locksProveOwners(fs, parent))) return;
  for (const { name } of staged) {
    await sweep(fs, join(parent, name), (owned) => removeTree(fs, owned.path)).catch(
      () => undefined,
    );
  }
}

async function locksProveOwners(fs: Fs, directory: string): Promise<boolean> {
  return filesystemType((await fs.statFilesystem(directory)).type).isLocal;
}

/** Owns one staged directory, if its owner is dead, and disposes of it. Tells whether it did. */
async function sweep(
  fs: Fs,
  path: string,
  dispose: (owned: OwnedDirectory) => Promise<void>,
): Promise<boolean> {
  const owned = await ownDirectory(fs, path);
  if (!owned) return false;
  try {
    await syncDirectory(fs, join(path, '..'));
    await dispose(owned);
    return true;
  } finally {
    await owned.handle.close();
  }
}

async function syncDirectory(fs: Fs, path: string): Promise<void> {
  const directory = await fs.openDirectory(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
