/**
 * The last look of a reader that found nothing (os/ask-again.ts): under a shared lock, so that
 * nobody who takes the lock is replacing what is looked for. A reader makes no lock file: where
 * there is none, nobody has ever locked.
 */
import { filesystemOf } from '../os/filesystem.js';
import type { Fs } from '../os/fs.js';
import { dirname } from '../os/paths.js';
import { resolveLockPath } from './lock-path.js';
import { acquireLock, type Lock } from './lock.js';

/** A reader is not to wait as long as a writer may work. */
const PATIENCE_MS = 1000;

/**
 * What `look` gives; if that is nothing where names may lead nowhere for a moment, what it gives
 * under the lock.
 */
export async function lookOrLock<T>(
  fs: Fs,
  path: string,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const found = await look();
  if (found !== undefined) return found;
  const lock = await lockOfWriters(fs, path);
  if (lock === undefined) return undefined;
  try {
    return await look();
  } finally {
    await lock.release();
  }
}

/**
 * Undefined where there is no such lock, it cannot be had, or this chain of calls has it: then what
 * was seen without it has to do.
 */
async function lockOfWriters(fs: Fs, path: string): Promise<Lock | undefined> {
  try {
    if ((await filesystemOf(fs, dirname(path))).isLocal) return undefined;
    const lockPath = await resolveLockPath(fs, path, undefined);
    if (!(await fs.exists(lockPath))) return undefined;
    return await acquireLock(path, { mode: 'shared', timeoutMs: PATIENCE_MS, lockPath, fs });
  } catch {
    return undefined;
  }
}
