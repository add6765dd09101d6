/**
 * The directories in which the names stand that lead to a file: whoever changes one of them may
 * change what the path leads to.
 */
import { errnoOf } from '../errors.js';
import type { Fs } from '../os/fs.js';
import { absolute, dirname, isAbsolute, join, rootOf, withSlashes } from '../os/paths.js';
import { MAX_SYMLINKS } from '../os/symlinks.js';

/**
 * @returns the directories, from the root on and through each symlink on the way, and which of
 *   their names count
 */
export async function wayTo(
  fs: Fs,
  path: string,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const directories = new Map<string, Set<string>>();
  const whole = absolute(path);
  let at = rootOf(whole);
  let names = partsOf(whole.slice(at.length));
  for (let followed = 0; names.length > 0;) {
    const [name, ...rest] = names as [string, ...string[]];
    names = rest;
    if (name === '..') {
      at = dirname(at);
      continue;
    }
    directories.set(at, (directories.get(at) ?? new Set()).add(name));
    const link = await linkAt(fs, join(at, name));
    if (link === undefined) {
      at = join(at, name);
      continue;
    }
    followed += 1;
    if (followed > MAX_SYMLINKS) break;
    const root = isAbsolute(link) ? rootOf(link) : '';
    names = [...partsOf(withSlashes(link).slice(root.length)), ...names];
    if (root !== '') at = root;
  }
  return directories;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** Windows has an error without a name for what is no link. */
async function linkAt(fs: Fs, path: string): Promise<string | undefined> {
  try {
    return await fs.readlink(path);
  } catch (error) {
    if (['EINVAL', 'ENOENT', 'ENOTDIR', 'EACCES', 'UNKNOWN'].includes(errnoOf(error) ?? ''))
      return undefined;
    throw error;
  }
}
