/** Where the locks of a file lie. */
import { resolve } from 'node:path';
import type { UnlockOptions } from './options.js';

/** Of one file. */
export interface LockPlace {
  /** By which the holder of a lock is known in this process. */
  readonly file: string;
  /** The directory of proper-lockfile. */
  readonly directory: string;
  /**
   * The file of Holdfast, which is there for good. Programs that call Holdfast with this guard have
   * the same.
   */
  readonly lockPath: string;
}

/** @param file - canonical, or as it was given where that was asked for */
export function placeOf(file: string, { lockfilePath }: UnlockOptions): LockPlace {
  return lockfilePath === undefined
    ? { file, directory: `${file}.lock`, lockPath: `${file}.flock` }
    : { file, directory: resolve(lockfilePath), lockPath: `${resolve(lockfilePath)}.flock` };
}
