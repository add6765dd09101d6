/** Finds the one name behind a path: symlinks followed, dangling ones too, and the parent directory made canonical. */
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import { checkPath } from '../options.js';
import type { FileStat, Fs } from '../os/fs.js';
import { basename, dirname, isAbsolute, join } from '../os/paths.js';

/** The kernel's own limit (path_resolution(7)). */
const MAX_SYMLINKS = 40;

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
 * Resolves a path to the name that a write to it would make or replace. The last part may be missing, also at the end
 * of a chain of symlinks; its directory may not. With `follow` false, a symlink at the end is given back as it is.
 *
 * @throws HoldfastError NOT_FOUND when the directory is missing; UNSUPPORTED_TARGET after 40 symlinks;
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
    if (name.existing?.kind !== 'symlink' || !options.follow) return name;
    const link = await readLink(fs, name.path);
    path = isAbsolute(link) ? link : `${name.directory}/${link}`;
  }
  throw failure('resolve', given, Object.assign(new Error('too many symlinks'), { code: 'ELOOP' }));
}

async function readLink(fs: Fs, path: string): Promise<string> {
  try {
    return await fs.readlink(path);
  } catch (error) {
    throw failure('resolve', path, error);
  }
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
function resolveDirectory(fs: Fs, path: string): Promise<string> {
  const directory = dirname(path);
  return fs.realpath(directory).catch((error: unknown) => {
    throw failure('resolve', directory, error);
  });
}

/** What is at a path now; a symlink is not followed. */
export function lstatIfThere(fs: Fs, path: string): Promise<FileStat | undefined> {
  return fs.lstat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw failure('resolve', path, error);
  });
}
