/**
 * Makes the directories that a file needs, so that they survive a power loss with it.
 *
 * From the top down: mkdir, then sync the directory that holds the new name. A crash in between leaves empty
 * directories, which the next call finds and uses.
 */
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import type { Fs } from '../os/fs.js';
import { dirname } from '../os/paths.js';

/** Makes a missing directory and its missing parents. */
export async function makeDirectories(fs: Fs, directory: string): Promise<void> {
  try {
    await makeBelow(fs, directory);
  } catch (error) {
    throw failure('mkdir', directory, error);
  }
}

async function makeBelow(fs: Fs, directory: string): Promise<void> {
  const parent = dirname(directory);
  try {
    await fs.mkdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && parent !== directory) {
      await makeBelow(fs, parent);
      await fs.mkdir(directory).catch(ignoreExisting);
    } else {
      ignoreExisting(error);
    }
  }
  // Also for a directory that another process has just made: it may not have come to its own sync yet.
  await syncPath(fs, parent);
}

function ignoreExisting(error: unknown): void {
  if (errnoOf(error) !== 'EEXIST') throw error;
}

async function syncPath(fs: Fs, path: string): Promise<void> {
  const directory = await fs.openDirectory(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
