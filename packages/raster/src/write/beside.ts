/**
 * What lies beside an index is moved and removed through the directory of the index, which is
 * opened without following a symlink that has come to lie on the way: whatever is exchanged for it
 * meanwhile, nothing goes elsewhere.
 */
import { basename, dirname, join } from 'node:path';
import { type Fs, type FsDirectory, inDirectoryOf } from 'holdfast/os';

/**
 * Works on a name in its directory, which is open until the promise settles. The path may lead
 * there through symlinks.
 */
export async function inItsDirectory<T>(
  fs: Fs,
  path: string,
  work: (directory: FsDirectory, name: string) => Promise<T>,
): Promise<T> {
  return inDirectoryOf(fs, join(await fs.realpath(dirname(path)), basename(path)), work);
}

/** Removes an empty directory. */
export function removeEmptyDirectory(fs: Fs, path: string): Promise<void> {
  return inItsDirectory(fs, path, (directory, name) => fs.rmdir(directory.at(name)));
}

/** Removes a file. */
export function removeFile(fs: Fs, path: string): Promise<void> {
  return inItsDirectory(fs, path, (directory, name) => fs.unlink(directory.at(name)));
}
