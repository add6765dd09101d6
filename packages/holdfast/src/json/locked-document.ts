/**
 * A document and its lock.
 *
 * 1. resolve the path to the document, once: what is locked is what is read and written, also when a symlink on the way
 *    is bent meanwhile
 * 2. take the lock beside it, or the one that the caller names
 * 3. bring to its end what a transaction that died has begun
 *
 * From then on no transaction of others can name the document, so its replacement need not look for one again.
 */
import { resolveTarget } from '../file/resolve-target.js';
import { recoverPending } from '../journal/pending.js';
import { lstatIfThere, type ResolvedName } from '../lock/follow-symlinks.js';
import { acquireLockFile, type Lock } from '../lock/lock.js';
import { lockPathBeside, resolveLockPath } from '../lock/lock-path.js';
import type { Fs } from '../os/fs.js';

export interface LockedDocument {
  readonly lock: Lock;
  /** What is there under the lock. */
  readonly target: ResolvedName;
}

export interface LockDocumentOptions {
  readonly lockPath: string | undefined;
  readonly signal: AbortSignal;
}

/** @throws HoldfastError those of `acquireLock`; UNSUPPORTED_TARGET for what is no file, or is none any more */
export async function lockDocument(
  fs: Fs,
  path: string,
  { lockPath, signal }: LockDocumentOptions,
): Promise<LockedDocument> {
  const named = await resolveTarget(fs, path);
  const lockFile = await (lockPath === undefined
    ? lockPathBeside(fs, named.path)
    : resolveLockPath(fs, path, lockPath));
  const lock = await acquireLockFile(path, lockFile, { fs, signal });
  try {
    await recoverPending(fs, named.path, { signal });
    const existing = await lstatIfThere(fs, named.path);
    if (existing?.kind !== 'symlink') return { lock, target: { ...named, existing } };
  } catch (error) {
    await lock.release();
    throw error;
  }
  // While the lock was waited for, the document became a symlink to another one, with another lock.
  await lock.release();
  return lockDocument(fs, path, { lockPath, signal });
}
