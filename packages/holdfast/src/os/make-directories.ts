/**
 * Makes the directories that a file needs, so that they survive a power loss with it.
 *
 * From the top down: mkdir, then sync the directory that holds the new name. A crash in between
 * leaves empty directories, which the next call finds and uses.
 */
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import type { Fs } from './fs.js';
import { giveDirectory } from './give.js';
import { inDirectoryOf, syncAt } from './handles.js';
import { dirname } from './paths.js';

/**
 * Makes a missing directory and its missing parents.
 *
 * @param mode - of all that are made; 0777 less the umask by default
 */
export async function makeDirectories(fs: Fs, directory: string, mode?: number): Promise<void> {
  try {
    await makeBelow(fs, directory, mode);
  } catch (error) {
    throw failure('mkdir', directory, error);
  }
}

async function makeBelow(fs: Fs, directory: string, mode: number | undefined): Promise<void> {
  const parent = dirname(directory);
  try {
    await make(fs, directory, mode);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && parent !== directory) {
      await makeBelow(fs, parent, mode);
      await make(fs, directory, mode).catch(ignoreExisting);
    } else {
      ignoreExisting(error);
    }
  }
  // Also for a directory that another process has just made: it may not have come to its own sync
  // yet.
  await syncAt(fs, parent);
}

async function make(fs: Fs, directory: string, mode: number | undefined): Promise<void> {
  await fs.mkdir(directory, mode);
  if (!fs.givesToDirectory) return;
  await inDirectoryOf(fs, directory, (parent, name) => giveDirectory(fs, parent, name), {});
}

function ignoreExisting(error: unknown): void {
  if (errnoOf(error) !== 'EEXIST') throw error;
}
