/** Recovery by name, for those who do not want to wait for the next call that would do it. */
import { failure } from '../failure.js';
import { finishOverwrites } from '../journal/overwrite.js';
import { lookAtRoot, recoverRoot } from '../journal/pending.js';
import type { Recovery } from '../journal/tell-of-recovery.js';
import { canonicalDirectory } from '../os/follow-symlinks.js';
import { checkOptions } from '../options.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { discardAll } from './discard.js';

/** How a dead commit is brought to its end. */
export interface RecoverOptions {
  /** Only says what would be done; nothing is changed. */
  readonly dryRun?: boolean | undefined;
  /**
   * How long to wait, in milliseconds, for a commit that is under way; without it the wait has no
   * end.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

const optionNames = ['dryRun', 'timeoutMs', 'signal', 'fs'] as const;

/**
 * Brings a transaction on this root whose process died to its end: a journal that is whole is
 * rolled forward, and a torn one is thrown away. So too an overwrite in place (`inPlace`) of a file
 * in this directory. Every other call of Holdfast on a path below the root does the same first;
 * nobody needs to call this, but an operator may want to, and to see what was found.
 *
 * May be killed at any point and called again; a second call does what the first one left. Two at
 * once wait for each other. After a failure the journal is still there. Staged things without a
 * journal are orphans: see `sweepOrphans`.
 *
 * @param root - the root that was given to `transaction`
 * @throws HoldfastError DAMAGED_JOURNAL, with nothing touched, for a journal that is not ours, not
 *   of this directory, of another user, or damaged as no crash can damage it; NOT_FOUND;
 *   LOCK_TIMEOUT; ABORTED; IO
 */
export async function recover(root: string, options: RecoverOptions = {}): Promise<Recovery> {
  checkOptions('recover', options, optionNames);
  const fs = options.fs ?? nodeFileSystem;
  const directory = await canonicalDirectory(fs, root).catch((error: unknown) => {
    throw failure('open root', root, error);
  });
  const { dryRun = false } = options;
  const recovery = await recoverTransaction(fs, directory, options);
  const overwrites = await finishOverwrites(fs, directory, dryRun, options).catch(
    (error: unknown) => {
      throw failure('finish overwrite', directory, error);
    },
  );
  return { ...recovery, overwrites };
}

async function recoverTransaction(
  fs: Fs,
  root: string,
  options: RecoverOptions,
): Promise<Recovery> {
  const found = await lookAtRoot(fs, root);
  if (found.journal === 'none' || options.dryRun) return found;
  const { discards, ...recovery } = await recoverRoot(fs, root, options);
  await discardAll(fs, discards);
  return recovery;
}
