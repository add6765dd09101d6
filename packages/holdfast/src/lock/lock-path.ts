/** Which file is the lock of a path. */
import { invalidArgument } from '../options.js';
import type { FileStat, Fs } from '../os/fs.js';
import { crypto } from '../os/lazy-modules.js';
import { basename, isAbsolute, join } from '../os/paths.js';
import { canonicalName, followSymlinks, spelled } from '../os/follow-symlinks.js';
import { makeStateDirectory } from '../os/state-directory.js';

/** The ending of a lock file that nobody has named. */
export const LOCK_SUFFIX = '.lock';

/**
 * The canonical path of the lock file: the one given, or `<path>.lock` beside the file that `path`
 * leads to, so that every name of one file (a symlink, a path with `..`, on Windows another letter
 * case) means one lock. Neither file needs to exist, their directory does.
 */
export async function resolveLockPath(
  fs: Fs,
  path: string,
  lockPath: string | undefined,
  suffix: string = LOCK_SUFFIX,
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
  return await lockPathBeside(fs, canonical, suffix);
}

/**
 * The lock file of a file whose canonical path is known: beside it, or in the directory that the
 * environment names for the locks of a whole program.
 *
 * @param suffix - the ending of one beside it
 */
export function lockPathBeside(
  fs: Fs,
  canonicalPath: string,
  suffix: string = LOCK_SUFFIX,
): string | Promise<string> {
  const directory = process.env[LOCK_DIRECTORY];
  return directory === undefined || directory === ''
    ? spelled(fs, canonicalPath + suffix)
    : lockPathIn(fs, directory, canonicalPath);
}

/** Names the directory for all lock files that a call does not name itself. */
const LOCK_DIRECTORY = 'HOLDFAST_LOCK_DIRECTORY';
const NAME_BYTES_KEPT = 100;

async function lockPathIn(fs: Fs, directory: string, canonicalPath: string): Promise<string> {
  if (!isAbsolute(directory)) {
    throw invalidArgument('lock', `${LOCK_DIRECTORY} is an absolute path`, directory);
  }
  const name = (await nameByPath(fs, canonicalPath)) + LOCK_SUFFIX;
  return (await canonicalName(fs, join(directory, name))).path;
}

/**
 * A name for what belongs to a file and lies in a directory with that of others: it tells people
 * which file, and is another one for every path.
 */
export async function nameByPath(fs: Fs, canonicalPath: string): Promise<string> {
  const path = await spelled(fs, canonicalPath);
  const digest = crypto().createHash('sha256').update(path).digest('hex').slice(0, 32);
  const readable = Buffer.from(basename(path)).subarray(0, NAME_BYTES_KEPT).toString();
  return `${readable.replaceAll('\uFFFD', '')}-${digest}`;
}

/**
 * The lock file of a file whose directory lets this user make none: in the state directory, by its
 * inode, so that it excludes the processes of this user alone. `undefined` where there is no state
 * directory.
 */
export async function lockPathInState(fs: Fs, { ino }: FileStat): Promise<string | undefined> {
  const directory = await makeStateDirectory(fs);
  return directory && join(directory, `.holdfast-${ino.toString(16)}${LOCK_SUFFIX}`);
}
