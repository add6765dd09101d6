/**
 * Puts a file that is not JSON aside before the document is begun anew. A hard link does it where there are any, so
 * the document's own name never goes missing: a crash before the replacement leaves the broken file under both names.
 */
import { Buffer } from 'node:buffer';
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import { crypto } from '../os/lazy-modules.js';
import type { Fs } from '../os/fs.js';
import { basename, dirname, join } from '../os/paths.js';

/** The longest name that Linux filesystems hold. */
const MAX_NAME_BYTES = 255;
const NO_HARD_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/**
 * Gives the file the second name `<name>.corrupt-<id>`. The caller's own replacement of the document syncs the
 * directory, and the new name with it.
 */
export async function quarantine(fs: Fs, path: string): Promise<string> {
  const aside = quarantineName(path);
  try {
    await fs.link(path, aside);
  } catch (error) {
    if (!NO_HARD_LINKS.includes(errnoOf(error) ?? '')) throw failure('quarantine', path, error);
    await moveAside(fs, path, aside);
  }
  return aside;
}

async function moveAside(fs: Fs, path: string, aside: string): Promise<void> {
  try {
    await fs.renameNoReplace(path, aside);
  } catch (error) {
    throw failure('quarantine', path, error);
  }
}

/** A long name is cut, between two characters, so that the ending fits. */
function quarantineName(path: string): string {
  const ending = `.corrupt-${crypto().randomBytes(6).toString('hex')}`;
  let name = basename(path);
  while (Buffer.byteLength(name + ending) > MAX_NAME_BYTES) {
    name = Array.from(name).slice(0, -1).join('');
  }
  return join(dirname(path), name + ending);
}
