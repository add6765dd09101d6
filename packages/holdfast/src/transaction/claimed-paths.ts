/**
 * Which paths a transaction names, and what is refused before anything is staged for them: a path
 * outside the root, two names of one file, a path inside another, and a name that Holdfast keeps
 * for itself.
 *
 * Paths are compared as they really lie on disk, with every symlink above them followed, and
 * without regard to letter case or to how Unicode composes a letter. So `A.json` and `a.json` are
 * refused on every filesystem: a transaction means the same wherever it runs, and on a filesystem
 * that folds case the two are one file.
 */
import { HoldfastError } from '../errors.js';
import { below, JOURNAL_NAME } from '../journal/journal-file.js';
import { followSymlinks, type ResolvedName } from '../os/follow-symlinks.js';
import { LOCK_SUFFIX } from '../lock/lock-path.js';
import { checkPath, invalidArgument } from '../options.js';
import type { Fs } from '../os/fs.js';
import { basename, dirname, isAbsolute, normalize } from '../os/paths.js';
import { isTemporaryName } from '../stage/names.js';
import { isStagedDirectoryName } from '../stage/staged-directory.js';

export class ClaimedPaths {
  readonly #fs: Fs;
  readonly #root: string;
  /** Folded paths, each with the name that the caller gave. */
  readonly #claimed = new Map<string, string>();
  /**
   * What no other claim may name: the claimed paths, their lock files, and every directory above
   * them.
   */
  readonly #taken = new Map<string, string>();

  constructor(fs: Fs, root: string) {
    this.#fs = fs;
    this.#root = root;
  }

  /**
   * Finds where a path really leads, and claims it for one change.
   *
   * @param given - relative to the root, or absolute
   * @param options - whether a symlink at the end of the path is followed
   * @throws HoldfastError PATH_ESCAPES, PATH_CONFLICT, INVALID_ARGUMENT; NOT_FOUND when its
   *   directory is missing
   */
  async claim(given: string, options: { readonly follow: boolean }): Promise<ResolvedName> {
    checkGiven(given);
    const path = isAbsolute(given) ? given : below(this.#root, given);
    const name = await followSymlinks(this.#fs, path, options);
    if (!name.path.startsWith(below(this.#root, ''))) throw escapes(given);
    if (isOurs(basename(name.path))) throw reserved(given);
    this.#take(given, fold(name.path));
    return name;
  }

  #take(given: string, path: string): void {
    const above = directoriesAbove(path);
    const other =
      this.#taken.get(path) ??
      [path + LOCK_SUFFIX, ...above].map((near) => this.#claimed.get(near)).find(isString);
    if (other !== undefined) throw conflict(given, other);
    this.#claimed.set(path, given);
    for (const near of [path, path + LOCK_SUFFIX, ...above]) this.#taken.set(near, given);
  }
}

function checkGiven(given: string): void {
  checkPath('transaction', given);
  const path = normalize(given);
  if (['.', './', '/'].includes(path) || /^\.\.(\/|$)/.test(path)) throw escapes(given);
  if (['.', '..'].includes(basename(given))) {
    throw invalidArgument('transaction', "a path must end in a name, not in '.' or '..'", given);
  }
}

/**
 * Letter case and composition of letters are folded, as a filesystem may do that has one name for
 * all of them.
 */
function fold(path: string): string {
  return path.normalize('NFD').toUpperCase().toLowerCase().normalize('NFC');
}

function directoriesAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [above, ...directoriesAbove(above)];
}

function isOurs(name: string): boolean {
  return (
    fold(name).startsWith(JOURNAL_NAME) || isTemporaryName(name) || isStagedDirectoryName(name)
  );
}

function isString(value: string | undefined): value is string {
  return value !== undefined;
}

function escapes(given: string): HoldfastError {
  return refused('PATH_ESCAPES', given, 'The path leads out of the root of the transaction.');
}

function conflict(given: string, other: string): HoldfastError {
  const message =
    given === other
      ? 'The transaction names this path twice.'
      : `The transaction also names ${other}, which is the same file, its lock, or lies inside or above it.`;
  return refused('PATH_CONFLICT', given, message);
}

function reserved(given: string): HoldfastError {
  return refused('PATH_CONFLICT', given, 'Holdfast keeps this name for files of its own.');
}

function refused(
  code: 'PATH_ESCAPES' | 'PATH_CONFLICT',
  path: string,
  message: string,
): HoldfastError {
  return new HoldfastError(code, { message, step: 'name', path });
}
