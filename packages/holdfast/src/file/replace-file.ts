/**
 * Replaces one file whole.
 *
 * 1. resolve the target: symlinks are followed, dangling ones too; a directory, FIFO or device is refused
 * 2. stage beside it: written, complete in attributes, synced (stage/staged-file.ts)
 * 3. publish: rename, sync the directory
 *
 * Invariant: whoever opens the path reads the old file or the new one, never a mix. Nothing falls back to a write into
 * the existing file, unless the caller asks for it by name (in-place.ts).
 */
import { isHoldfastError } from '../errors.js';
import { readingFrom } from '../failure.js';
import { recoverPending } from '../journal/pending.js';
import { checkOptions, invalidArgument } from '../options.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import type { FileData } from '../stage/file-data.js';
import {
  alreadyExists,
  stageFile,
  type Durability,
  type StagedFile,
  type StageTarget,
} from '../stage/staged-file.js';
import { overwriteFromStage, overwriteInPlace } from './in-place.js';
import { resolveTarget } from './resolve-target.js';

export interface ReplaceFileOptions {
  /** The exact permission bits, whatever the umask. Without it: those of the existing file, or 0666 less the umask. */
  readonly mode?: number | undefined;
  /** Readable by its owner alone from the first byte: mode 0600, also when the existing file is wider. */
  readonly secret?: boolean | undefined;
  /** `durable` (the default): survives a power loss when the call has resolved. `atomic`: survives a process kill. */
  readonly durability?: Durability | undefined;
  /** `follow` (the default): write to what a symlink leads to. `refuse`: an error. */
  readonly symlinks?: 'follow' | 'refuse' | undefined;
  /** `fail`: of several that make the same file, one succeeds; nothing is replaced. */
  readonly ifExists?: 'replace' | 'fail' | undefined;
  /**
   * `ifNeeded`: a target that cannot be replaced whole (it is a mount point, or its directory allows no new files) is
   * overwritten in place. That is **not crash safe**: a crash or a full disk leaves a mix of old and new.
   */
  readonly inPlace?: 'never' | 'ifNeeded' | undefined;
  /** Ends the call, until the new file is published. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

const optionNames = [
  'mode',
  'secret',
  'durability',
  'symlinks',
  'ifExists',
  'inPlace',
  'signal',
  'fs',
] as const;

/**
 * Replaces a file whole, or makes it: string (UTF-8), bytes, or an iterable of bytes of any length.
 *
 * After success the path holds exactly the data, with the mode, owner (where this user may give it), extended
 * attributes and ACL of the file it replaced, and that survives a power loss (`durability: 'durable'`). After a failure
 * with outcome `unchanged` the old file is as it was and nothing is left beside it; with outcome `unknown` (the
 * directory could not be synced) the new file is in place and may be lost by a power loss.
 *
 * Not promised: order between calls on the same path (the last to publish wins; use `updateJson` or `withLock` to read,
 * change and write), that hard links to the old file see the new one (they keep the old), and the owner's rights if
 * this user may not give them.
 *
 * @throws HoldfastError NO_SPACE (also for a short count); SYNC_FAILED; TARGET_IS_MOUNT; DIRECTORY_NOT_WRITABLE;
 *   ALREADY_EXISTS; UNSUPPORTED_TARGET; NOT_FOUND when the directory is missing; UPDATER_FAILED when the iterable fails;
 *   UNREPRESENTABLE for half a surrogate pair; ABORTED; INVALID_ARGUMENT; UNSUPPORTED_PLATFORM; IO;
 *   DAMAGED_JOURNAL when a transaction above the path cannot be brought to its end
 */
export async function replaceFile(
  path: string,
  data: FileData,
  options: ReplaceFileOptions = {},
): Promise<void> {
  return readingFrom(data, async () => {
    checkReplaceOptions(path, options);
    const { fs = nodeFileSystem } = options;
    await replaceTarget(fs, await settledTarget(fs, path, options), data, options);
  });
}

/** Steps 2 and 3, for a caller that has done the first and excludes transactions on the target by its lock. */
export async function replaceTarget(
  fs: Fs,
  target: StageTarget,
  data: FileData,
  options: Omit<ReplaceFileOptions, 'fs' | 'symlinks'>,
): Promise<void> {
  const { ifExists = 'replace', inPlace = 'never' } = options;
  if (ifExists === 'fail' && target.existing) throw alreadyExists(target.path);
  const mayOverwrite = inPlace === 'ifNeeded' && target.existing !== undefined;
  const staged = await stageOr(mayOverwrite, fs, target, data, options);
  if (staged === undefined) return;
  try {
    await staged.publish({ ifExists });
  } catch (error) {
    if (!mayOverwrite || !isHoldfastError(error, 'TARGET_IS_MOUNT')) throw error;
    await overwriteFromStage(fs, staged, options);
  } finally {
    await staged.discard();
  }
}

/** The target, after a commit that died on it, or on anything beside it, has been brought to its end. */
async function settledTarget(
  fs: Fs,
  path: string,
  options: ReplaceFileOptions,
): Promise<StageTarget> {
  const target = await resolveTarget(fs, path, options);
  const wasPending = await recoverPending(fs, target.path, options);
  return wasPending ? resolveTarget(fs, path, options) : target;
}

/** Stages the data; or, if that is impossible and allowed, overwrites the target with it, and there is no stage. */
async function stageOr(
  mayOverwrite: boolean,
  fs: Fs,
  target: StageTarget,
  data: FileData,
  options: ReplaceFileOptions,
): Promise<StagedFile | undefined> {
  try {
    return await stageFile(fs, target, data, { ...options, mode: modeOf(options) });
  } catch (error) {
    if (!mayOverwrite || !isHoldfastError(error, 'DIRECTORY_NOT_WRITABLE')) throw error;
    await overwriteInPlace(fs, target.path, data, options);
    return undefined;
  }
}

function modeOf(options: ReplaceFileOptions): number | undefined {
  return options.mode ?? (options.secret ? 0o600 : undefined);
}

function checkReplaceOptions(path: string, options: ReplaceFileOptions): void {
  checkOptions('replaceFile', options, optionNames);
  checkReplacement('replaceFile', path, options);
  checkWord('replaceFile', path, 'symlinks', options.symlinks, ['follow', 'refuse']);
  checkWord('replaceFile', path, 'ifExists', options.ifExists, ['replace', 'fail']);
}

/** Refuses wrong values of the options that say what the new file is to be like, on behalf of `call`. */
export function checkReplacement(
  call: string,
  path: string,
  { mode, secret, durability, inPlace }: ReplaceFileOptions,
): void {
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)) {
    throw invalidArgument(call, 'mode is a number from 0 to 0o7777', path);
  }
  if (secret && mode !== undefined && (mode & 0o077) !== 0) {
    throw invalidArgument(call, 'a secret file cannot be open to group or others', path);
  }
  checkWord(call, path, 'durability', durability, ['durable', 'atomic']);
  checkWord(call, path, 'inPlace', inPlace, ['never', 'ifNeeded']);
}

function checkWord(
  call: string,
  path: string,
  name: string,
  value: string | undefined,
  words: readonly string[],
): void {
  if (value === undefined || words.includes(value)) return;
  const known = words.map((word) => `'${word}'`).join(' or ');
  throw invalidArgument(call, `${name} is ${known}, not '${value}'`, path);
}
