/**
 * Removes the temporary files that dead processes left in a directory. The first write of a process into a directory
 * does so, which is often enough: a crash is followed by a new process. It is a courtesy to the directory, never a
 * reason for the write to fail: what cannot be read, locked or removed stays. Where other machines may share the
 * filesystem, their locks may not be seen here, so nothing is taken for an orphan there.
 */
import { filesystemType } from '../os/filesystem-type.js';
import type { Fs } from '../os/fs.js';
import { isTemporaryName } from './names.js';
import { removeIfOrphan } from './ownership.js';

/** Above this many directories the set starts anew, and sweeps them once more. */
const MAX_REMEMBERED = 4096;
const swept = new WeakMap<Fs, Set<string>>();

/** Sweeps the directory unless this process has done so before. */
export async function sweepOnce(fs: Fs, directory: string): Promise<void> {
  const known = swept.get(fs) ?? new Set<string>();
  swept.set(fs, known);
  if (known.has(directory)) return;
  if (known.size >= MAX_REMEMBERED) known.clear();
  known.add(directory);
  await sweepTemporaryFiles(fs, directory);
}

/** Removes the orphaned temporary files of a directory, and resolves to the paths that it removed. */
export async function sweepTemporaryFiles(fs: Fs, directory: string): Promise<string[]> {
  const removed: string[] = [];
  for (const path of await temporaryFilesIn(fs, directory)) {
    if (await isRemoved(fs, path)) removed.push(path);
  }
  return removed;
}

async function temporaryFilesIn(fs: Fs, directory: string): Promise<string[]> {
  try {
    const { type } = await fs.statFilesystem(directory);
    if (!filesystemType(type).isLocal) return [];
    const entries = await fs.readDirectory(directory);
    return entries
      .filter(({ name, kind }) => isTemporaryName(name) && ['file', 'unknown'].includes(kind))
      .map(({ name }) => `${directory}/${name}`);
  } catch {
    return [];
  }
}

async function isRemoved(fs: Fs, path: string): Promise<boolean> {
  try {
    return await removeIfOrphan(
      fs,
      () => fs.open(path, { access: 'readWrite', noFollow: true }),
      () => fs.unlink(path),
    );
  } catch {
    return false;
  }
}
