/** Which file is the lock of a path. */
import { invalidArgument } from '../options.js';
import type { Fs } from '../os/fs.js';
import { basename } from '../os/paths.js';
import { canonicalName, followSymlinks, spelled } from './follow-symlinks.js';

/** The ending of every lock file. */
export const LOCK_SUFFIX = '.lock';

/**
 * The canonical path of the lock file: the one given, or `<path>.lock` beside the file that `path` leads to, so that
 * every name of one file (a symlink, a path with `..`, on Windows another letter case) means one lock. Neither file needs to exist, their directory does.
 */
export async function resolveLockPath(
  fs: Fs,
  path: string,
  lockPath: string | undefined,
): Promise<string> {
  if (lockPath !== undefined) return (await canonicalName(fs, lockPath)).path;
  const { path: canonical } = await followSymlinks(fs, path);
  if (basename(canonical) === '') {
    throw invalidArgument(
      'lock',
      'the root directory has no name beside which a lock file could lie',
      path,
    );
  }
  return await lockPathBeside(fs, canonical);
}

/** The lock file of a file whose canonical path is known. */
export function lockPathBeside(fs: Fs, canonicalPath: string): string | Promise<string> {
  return spelled(fs, canonicalPath + LOCK_SUFFIX);
}
