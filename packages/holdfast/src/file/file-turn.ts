/**
 * Whose turn it is at one file, for calls that are no updates: its lock, unless the chain of calls
 * holds it already.
 */
import { recoverPending } from '../journal/pending.js';
import { chosenLockPathBeside, lockChoiceOf, type LockChoice } from '../lock/lock-choice.js';
import { acquireUnlessHeld, besideOrInState, type Lock } from '../lock/lock.js';
import type { ResolvedName } from '../os/follow-symlinks.js';
import type { Fs } from '../os/fs.js';

export interface FileTurnOptions extends LockChoice {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly inPlace?: InPlace | undefined;
}

/** When an existing file is overwritten where it is, in place of being replaced. */
export type InPlace = 'never' | 'ifNeeded' | 'always';

/** Whether a file may be overwritten where it is. */
export function isOverwrite(inPlace: InPlace | undefined): boolean {
  return inPlace !== undefined && inPlace !== 'never';
}

/**
 * Takes the lock of a file by `take`: the one that the caller names, or the one beside it; with
 * `inPlace`, where its directory lets this user make none, one in the state directory.
 */
export async function lockOf<T>(
  fs: Fs,
  { path, existing }: ResolvedName,
  options: FileTurnOptions,
  take: (lockPath: string, others: ReturnType<typeof lockChoiceOf>) => Promise<T>,
): Promise<T> {
  const lockFile = await chosenLockPathBeside(fs, path, options);
  const takeAt = (lockPath: string): Promise<T> => take(lockPath, lockChoiceOf(options));
  return options.lockPath === undefined && isOverwrite(options.inPlace)
    ? besideOrInState(fs, existing, lockFile, takeAt)
    : takeAt(lockFile);
}

/**
 * Takes the lock, and brings to its end what a transaction that died has begun. `undefined` when
 * the chain holds it, which has done so.
 *
 * @throws HoldfastError those of `acquireLock`
 */
export async function takeFileTurn(
  fs: Fs,
  target: ResolvedName,
  options: FileTurnOptions,
): Promise<Lock | undefined> {
  const { path } = target;
  const wait = pick(options);
  const lock = await lockOf(fs, target, options, (lockFile, others) =>
    acquireUnlessHeld(path, lockFile, { fs, ...wait, ...others }),
  );
  try {
    await recoverPending(fs, path, wait);
    return lock;
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

/** The options of a call may hold others, too. */
function pick({
  timeoutMs,
  signal,
}: FileTurnOptions): Pick<FileTurnOptions, 'timeoutMs' | 'signal'> {
  return { timeoutMs, signal };
}
