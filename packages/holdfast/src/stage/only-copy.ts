/**
 * Where a filesystem may lose a name that is being replaced (vfat, exFAT and ext2 at a power loss,
 * SMB when a rename fails), a staged file may be the only whole copy of what its target should be.
 * There, and only there:
 *
 * - a file that is staged to replace another has a mark in its name that tells which (names.ts)
 * - one that is marked is never swept while its target is missing; nor is a staged directory
 * - a missing document or log beside one that is marked for it is not begun anew: that is an error
 *   that names the copy
 */
import { HoldfastError } from '../errors.js';
import { filesystemOf, type Filesystem } from '../os/filesystem.js';
import type { Fs } from '../os/fs.js';
import { basename, dirname, join } from '../os/paths.js';
import { markOf, newTemporaryName, targetMarkOf } from './names.js';

/** A fresh name for a file that is to replace the one at the path, or to keep what it held. */
export function newNameOfCopy({ keepsNames }: Filesystem, path: string): string {
  return newTemporaryName(keepsNames ? undefined : basename(path));
}

/**
 * Of the names of a directory, the staged files whose target is missing from it: these may be only
 * copies.
 *
 * @param names - all names of the directory
 */
export function onlyCopies(names: readonly string[]): ReadonlySet<string> {
  const marked = names.filter((name) => targetMarkOf(name) !== undefined);
  if (marked.length === 0) return new Set();
  const there = new Set(names.map(markOf));
  return new Set(marked.filter((name) => !there.has(targetMarkOf(name) as string)));
}

/**
 * Refuses to take a missing file for one that never was, when a copy beside it was to replace it.
 *
 * @param path - canonical
 * @throws HoldfastError CORRUPT_DOCUMENT, which names the copy
 */
export async function refuseLostName(fs: Fs, path: string): Promise<void> {
  const directory = dirname(path);
  const copy = await copyOf(fs, directory, basename(path)).catch(() => undefined);
  if (copy === undefined) return;
  const { name } = await filesystemOf(fs, directory);
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message:
      `There is no file of this name, but ${copy} beside it was to replace it, and ${name} may lose a name that is ` +
      'replaced (at a power loss, or by a rename that fails). So nothing is begun anew. Look at the copy: give it the ' +
      'name if it is whole, remove it if it is not.',
    step: 'look for the file',
    path,
  });
}

async function copyOf(fs: Fs, directory: string, name: string): Promise<string | undefined> {
  if ((await filesystemOf(fs, directory)).keepsNames) return undefined;
  const names = (await fs.readDirectory(directory)).map((entry) => entry.name);
  const mark = markOf(name);
  if (names.some((other) => markOf(other) === mark)) return undefined;
  const copy = names.find((other) => targetMarkOf(other) === mark);
  return copy === undefined ? undefined : join(directory, copy);
}
