/**
 * Looks for a thing by its name where a name that somebody replaces can lead nowhere for a moment.
 *
 * On a local filesystem a name leads to the old file or to the new one at every instant, so what is
 * not found is not there. FUSE filesystems, SMB and NFS keep names and attributes for a while and
 * hear of changes late: ENOENT, and ESTALE for a file that is no longer the one that the name led
 * to, mean "ask again" there.
 */
import { errnoOf, isError } from '../errors.js';
import { filesystemOf } from './filesystem.js';
import type { Fs } from './fs.js';
import { dirname } from './paths.js';
import { pause } from './pause.js';

/**
 * 31 ms in all: a rename takes less, and a thing that is really missing is not looked for without
 * need.
 */
const PAUSES_MS = [1, 2, 4, 8, 16];

/**
 * What `look` gives; `undefined`, which means that nothing is there, is believed at once on a local
 * filesystem, and elsewhere when it stays so for 31 ms. An ESTALE that `look` throws is tried again
 * too, and thrown in the end.
 */
export async function askAgain<T>(
  fs: Fs,
  path: string,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const found = await unlessStale(look);
  if (found !== undefined || (await isLocal(fs, path))) return found;
  return repeat(look, (again) => again !== undefined);
}

/** The same where a thing that is missing may well be: only ESTALE is tried again. */
export async function unlessStale<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (!isStale(error)) throw error;
    return repeat(look, () => true);
  }
}

/**
 * After a pause each, until a look gives what is wanted; the last one counts, whatever it gives.
 */
async function repeat<T>(look: () => Promise<T>, isWanted: (found: T) => boolean): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    await pause(pauseMs);
    try {
      const found = await look();
      if (isWanted(found)) return found;
    } catch (error) {
      if (!isStale(error)) throw error;
    }
  }
  return look();
}

function isStale(error: unknown): boolean {
  return errnoOf(error) === 'ESTALE' || (isError(error) && errnoOf(error.cause) === 'ESTALE');
}

/** Where not even the directory can be asked, there is nothing to be found. */
async function isLocal(fs: Fs, path: string): Promise<boolean> {
  try {
    return (await filesystemOf(fs, dirname(path))).isLocal;
  } catch {
    return true;
  }
}
