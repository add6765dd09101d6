/**
 * Finds the one name behind a path: symlinks followed, dangling ones too, and the parent directory
 * made canonical.
 *
 * A link at the end of a path is read with readlink(2), which the kernel does not guard as it
 * guards open(2): its rule is kept here (symlinks.ts).
 */
import { errnoOf, HoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { checkPath } from '../options.js';
import { unlessStale } from './ask-again.js';
import { freshenWay } from './freshen.js';
import type { FileStat, Fs } from './fs.js';
import { basename, dirname, isAbsolute, join } from './paths.js';
import { MAX_SYMLINKS, refuseStrangersLink } from './symlinks.js';

/** The name that a path leads to. */
export interface ResolvedName {
  /** Absolute, without a symlink in any part of it. */
  readonly path: string;
  /** The canonical path of its directory. */
  readonly directory: string;
  /** What is there now; `undefined` when nothing is. */
  readonly existing: FileStat | undefined;
}

/**
 * Resolves a path to the name that a write to it would make or replace. The last part may be
 * missing, also at the end of a chain of symlinks; its directory may not. With `follow` false, a
 * symlink at the end is given back as it is.
 *
 * @throws HoldfastError NOT_FOUND when the directory is missing; UNSUPPORTED_TARGET after 40
 *   symlinks, and for a stranger's symlink in a sticky directory that all may write to;
 *   INVALID_ARGUMENT for a path that cannot name anything
 */
export async function followSymlinks(
  fs: Fs,
  given: string,
  options: { readonly follow: boolean } = { follow: true },
): Promise<ResolvedName> {
  checkPath('resolve', given);
  let path = given;
  for (let followed = 0; followed < MAX_SYMLINKS; followed += 1) {
    const name = await resolveName(fs, path);
    if (followed > 0 && !name.existing) await refuseMagicLink(fs, given);
    if (name.existing?.kind !== 'symlink' || !options.follow) return name;
    await refuseStrangersLink(fs, name.path, name.existing).catch((error: unknown) => {
      throw failure('resolve', name.path, error);
    });
    const link = await readLink(fs, name.path);
    path = isAbsolute(link) ? link : `${name.directory}/${link}`;
  }
  throw failure('resolve', given, Object.assign(new Error('too many symlinks'), { code: 'ELOOP' }));
}

/**
 * Links in /proc lead to what has no path: a pipe, a socket, a deleted file (proc_pid_fd(5)). They
 * are not dangling.
 */
async function refuseMagicLink(fs: Fs, path: string): Promise<void> {
  const behind = await fs.stat(path).catch(() => undefined);
  if (behind === undefined) return;
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message: `The path leads to a ${behind.kind} that has no name of its own, as /dev/stdin in a pipe does. Name a file.`,
    step: 'resolve',
    path,
  });
}

async function readLink(fs: Fs, path: string): Promise<string> {
  try {
    return await unlessStale(() => fs.readlink(path));
  } catch (error) {
    throw failure('resolve', path, error);
  }
}

/**
 * The canonical path of a directory that is there. System errors of the last step pass as they are.
 */
export async function canonicalDirectory(fs: Fs, path: string): Promise<string> {
  return fs.realpath((await followSymlinks(fs, path)).path);
}

/** The canonical path of a directory and a name in it, which need not exist. */
export async function canonicalName(fs: Fs, path: string): Promise<ResolvedName> {
  checkPath('resolve', path);
  return resolveName(fs, path);
}

async function resolveName(fs: Fs, path: string): Promise<ResolvedName> {
  const directory = await resolveDirectory(fs, path);
  const full = join(directory, basename(path));
  const existing = await lstatIfThere(fs, full);
  const hasSpelling = fs.spelling !== undefined && existing && existing.kind !== 'symlink';
  return { path: hasSpelling ? await spelled(fs, full) : full, directory, existing };
}

/** The one spelling of a path on a filesystem where several name one file. */
export function spelled(fs: Fs, path: string): string | Promise<string> {
  return fs.spelling?.(path) ?? path;
}

/** The parent of the path as the kernel sees it: `a/link/../b` lies beside what `link` leads to. */
async function resolveDirectory(fs: Fs, path: string): Promise<string> {
  const directory = dirname(path);
  try {
    await freshenWay(fs, directory);
    return await unlessStale(() => fs.realpath(directory));
  } catch (error) {
    throw errnoOf(error) === 'ENOENT'
      ? directoryMissing(directory, error)
      : failure('resolve', directory, error);
  }
}

function directoryMissing(directory: string, cause: unknown): HoldfastError {
  return new HoldfastError('NOT_FOUND', {
    message:
      'The directory does not exist. Make it first (mkdir -p): only updateJson and its kin make the directory of their document.',
    step: 'resolve',
    path: directory,
    cause,
  });
}

/** What is at a path now; a symlink is not followed. */
export function lstatIfThere(fs: Fs, path: string): Promise<FileStat | undefined> {
  return unlessStale(() => fs.lstat(path)).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw failure('resolve', path, error);
  });
}
