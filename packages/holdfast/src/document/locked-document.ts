/**
 * A document and its lock.
 *
 * 1. resolve the path to the document, once: what is locked is what is read and written, also when
 *    a symlink on the way is changed meanwhile
 * 2. take the lock beside it, or the one that the caller names
 * 3. bring to its end what a transaction that died has begun
 *
 * From then on no transaction of others can name the document, so its replacement need not look for
 * one again.
 */
import { lockOf, type InPlace } from '../file/file-turn.js';
import { resolveTarget } from '../file/resolve-target.js';
import { recoverPending } from '../journal/pending.js';
import { lstatIfThere, type ResolvedName } from '../os/follow-symlinks.js';
import { acquireLockFile, type Lock } from '../lock/lock.js';
import type { LockChoice } from '../lock/lock-choice.js';
import type { WaitOptions } from '../lock/waiting.js';
import { askAgain } from '../os/ask-again.js';
import type { Fs } from '../os/fs.js';

export interface LockedDocument {
  readonly lock: Lock;
  /** What is there under the lock. */
  readonly target: ResolvedName;
}

interface LockDocumentOptions extends WaitOptions, LockChoice {
  /**
   * Whether the document need not be replaced, so that its directory may forbid a lock file too.
   */
  readonly inPlace?: InPlace | undefined;
}

/**
 * @throws HoldfastError those of `acquireLock`; UNSUPPORTED_TARGET for what is no file, or is none
 *   any more
 */
export async function lockDocument(
  fs: Fs,
  path: string,
  options: LockDocumentOptions,
): Promise<LockedDocument> {
  const named = await resolveTarget(fs, path);
  const { timeoutMs, signal, onWait } = options;
  const wait = { timeoutMs, signal };
  const lock = await lockOf(fs, named, options, (lockFile, others) =>
    acquireLockFile(named.path, lockFile, { fs, ...wait, onWait, ...others }),
  );
  try {
    await recoverPending(fs, named.path, wait);
    const existing = await askAgain(fs, named.path, () => lstatIfThere(fs, named.path));
    if (existing?.kind !== 'symlink') return { lock, target: { ...named, existing } };
  } catch (error) {
    await lock.release();
    throw error;
  }
  // While the lock was waited for, the document became a symlink to another one, with another lock.
  await lock.release();
  return lockDocument(fs, path, options);
}
