/**
 * The files that an index is to name: those that were given, and those below directories that were
 * given.
 */
import { join } from 'node:path';
import { HoldfastError } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { errnoOf, type Fs } from 'holdfast/os';

/**
 * The paths of all files, in the order in which they were given; those of a directory by name,
 * without what is none of a TIFF.
 *
 * @throws HoldfastError NOT_FOUND; INVALID_ARGUMENT for a directory that is not to be gone through,
 *   or without TIFFs; IO
 */
export async function findTiles(
  fs: Fs,
  given: readonly string[],
  isRecursive: boolean,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of given) {
    const kind = await kindOf(fs, path);
    if (kind !== 'directory') found.push(path);
    else if (!isRecursive)
      throw invalidArgument(
        'indexTiles',
        'this is a directory: name its files, or have all TIFFs below it taken (recursive, --recursive).',
        path,
      );
    else {
      const below = await tiffsBelow(fs, path);
      if (below.length === 0)
        throw invalidArgument('indexTiles', 'there is no TIFF below this directory.', path);
      found.push(...below);
    }
  }
  return found;
}

/** A file that is missing is told with all others that cannot be read. */
async function kindOf(fs: Fs, path: string): Promise<string> {
  try {
    return (await fs.stat(path)).kind;
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(errnoOf(cause) ?? '')) return 'missing';
    throw unreadable(path, cause);
  }
}

async function tiffsBelow(fs: Fs, directory: string): Promise<readonly string[]> {
  const entries = await fs.readDirectory(directory).catch((cause: unknown) => {
    throw unreadable(directory, cause);
  });
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const found: string[] = [];
  for (const { name, kind } of sorted) {
    const path = join(directory, name);
    // What waits to be published is none of anybody's yet.
    if (kind === 'directory' && !name.startsWith('.')) found.push(...(await tiffsBelow(fs, path)));
    else if (kind !== 'directory' && /\.tiff?$/iu.test(name)) found.push(path);
  }
  return found;
}

function unreadable(path: string, cause: unknown): HoldfastError {
  const message = 'What lies there could not be looked at. Nothing was written.';
  return new HoldfastError('IO', { message, step: 'find tiles', path, cause });
}
