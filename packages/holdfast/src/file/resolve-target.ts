/** Finds the file that a write to a path replaces, and refuses what cannot be replaced whole. */
import { HoldfastError } from '../errors.js';
import type { Fs } from '../os/fs.js';
import { withSlashes } from '../os/paths.js';
import { followSymlinks, lstatIfThere, type ResolvedName } from '../os/follow-symlinks.js';

interface ResolveOptions {
  /**
   * `follow` (the default): write to what the symlink leads to, also if nothing is there. `refuse`:
   * an error.
   */
  readonly symlinks?: 'follow' | 'refuse' | undefined;
}

/**
 * Resolves a path to the regular file, or to the free name, that a write replaces.
 *
 * @throws HoldfastError NOT_FOUND when the directory is missing; UNSUPPORTED_TARGET for a
 *   directory, FIFO, socket, device, or a refused symlink; INVALID_ARGUMENT for a name that the
 *   filesystem cannot hold
 */
export async function resolveTarget(
  fs: Fs,
  path: string,
  options: ResolveOptions = {},
): Promise<ResolvedName> {
  const name = await followSymlinks(fs, path, { follow: options.symlinks !== 'refuse' });
  const kind = name.existing?.kind ?? 'file';
  if (kind !== 'file') throw unsupportedTarget(name.path, kind);
  if (withSlashes(path).endsWith('/')) throw endsInSlash(path);
  return name;
}

/**
 * Looks again at a name that was resolved some time ago, and is to be replaced now. A symlink that
 * has taken its place is refused: it leads to another file, with another lock.
 */
export async function lookAgain(fs: Fs, { path, directory }: ResolvedName): Promise<ResolvedName> {
  const existing = await lstatIfThere(fs, path);
  if (existing && existing.kind !== 'file') throw unsupportedTarget(path, existing.kind);
  return { path, directory, existing };
}

/** The kernel takes such a path for a directory, also where nothing is. */
function endsInSlash(path: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED_TARGET', {
    message:
      'The path ends in a slash, so it names a directory. Leave the slash out to name a file.',
    step: 'resolve',
    path,
  });
}

function unsupportedTarget(path: string, kind: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED_TARGET', {
    message: `The target is a ${kind}; only a regular file can be replaced whole. Name a file.`,
    step: 'resolve',
    path,
  });
}
