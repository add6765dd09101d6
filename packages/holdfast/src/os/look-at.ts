import { errnoOf } from '../errors.js';
import type { FileStat, Fs } from './fs.js';

/** The stat of what a path names, symlinks not followed; `undefined` when it names nothing. */
export async function lookAt(fs: Fs, path: string): Promise<FileStat | undefined> {
  try {
    return await fs.lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
