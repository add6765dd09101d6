/**
 * Replaces one file whole.
 *
 * 1. resolve the target: symlinks are followed, dangling ones too; a directory, FIFO or device is
 *    refused
 * 2. stage beside it: written, complete in attributes, synced (stage/staged-file.ts)
 * 3. with `keepPrevious`: take the lock of the file, and keep what is there now (previous.ts)
 * 4. publish: rename, sync the directory
 *
 * Invariant: whoever opens the path reads the old file or the new one, never a mix. Nothing falls
 * back to a write into the existing file, unless the caller asks for it by name: then a redo copy
 * takes the place of the rename (in-place.ts).
 */
import { types } from 'node:util';
import { errnoOf, isHoldfastError } from '../errors.js';
import { settledName } from '../journal/settled-name.js';
import { checkLockChoice, lockChoiceNames, type LockChoice } from '../lock/lock-choice.js';
import { inSlot } from '../lock/round-slots.js';
import { checkOptions, checkWords, invalidArgument } from '../options.js';
import type { ResolvedName } from '../os/follow-symlinks.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import type { SetId } from '../stage/attributes.js';
import type { FileData } from '../stage/file-data.js';
import { readingFrom } from '../stage/reading-from.js';
import {
  alreadyExists,
  stageFile,
  type Durability,
  type StagedFile,
  type StageOptions,
} from '../stage/staged-file.js';
import { takeFileTurn, type FileTurnOptions, type InPlace } from './file-turn.js';
import { overwriteFromStage, overwriteInPlace } from './in-place.js';
import {
  checkKeepOptions,
  keepOptionNames,
  keepPresent,
  type KeepOptions,
  type KeptPresent,
} from './previous.js';
import { resolveTarget } from './resolve-target.js';

/** How a file is replaced. */
export interface ReplaceFileOptions extends KeepOptions, LockChoice {
  /**
   * The exact permission bits, whatever the umask. Without it: those of the existing file, or 0666
   * less the umask.
   */
  readonly mode?: number | undefined;
  /**
   * For this user alone from the first byte: mode 0600, owned by who writes it, without an ACL,
   * also when the existing file is wider or another user's.
   */
  readonly secret?: boolean | undefined;
  /**
   * `drop` (the default): the existing file's setuid and setgid bits do not pass to the new
   * content. `keep`: they do, where owner and group do. A `mode` that has them gives them too.
   */
  readonly setId?: SetId | undefined;
  /**
   * `durable` (the default): survives a power loss when the call has resolved. `atomic`: survives a
   * process kill.
   */
  readonly durability?: Durability | undefined;
  /** `follow` (the default): write to what a symlink leads to. `refuse`: an error. */
  readonly symlinks?: 'follow' | 'refuse' | undefined;
  /** `fail`: of several that make the same file, one succeeds; nothing is replaced. */
  readonly ifExists?: 'replace' | 'fail' | undefined;
  /**
   * `ifNeeded`: a file that cannot be replaced without a loss (it is a mount point, has hard links,
   * or its directory does not let this user replace it) is overwritten where it is. `always`: every
   * file that is there is, for those who follow its inode. A durable redo copy comes first, so that
   * readers of Holdfast never see half, and a crash or a full disk leaves none; other programs see
   * what any overwrite shows.
   */
  readonly inPlace?: InPlace | undefined;
  /**
   * With `keepPrevious`: how long to wait for the lock, in milliseconds; 0 tries once; without it
   * the wait has no end.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the call, until the new file is published. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

const optionNames = [
  'mode',
  'secret',
  'setId',
  'durability',
  'symlinks',
  'ifExists',
  'inPlace',
  ...keepOptionNames,
  'timeoutMs',
  ...lockChoiceNames,
  'signal',
  'fs',
] as const;

/**
 * Replaces a file whole, or makes it: string (UTF-8), bytes, or an iterable of bytes of any length.
 *
 * After success the path holds exactly the data, with the mode (less set-ID bits), owner (where
 * this user may give it), extended attributes and ACL of the file it replaced, and that survives a
 * power loss (`durability: 'durable'`). After a failure with outcome `unchanged` the old file is as
 * it was and nothing is left beside it; with outcome `unknown` (the directory could not be synced)
 * the new file is in place and may be lost by a power loss.
 *
 * With `keepPrevious` what is replaced stays as a version (`listPrevious`, `restorePrevious`):
 * after a crash at any instant the path holds the old content or the new one, and with the new one
 * the old is the latest version. The call then takes the lock of the file (`<path>.lock`) when the
 * data is staged, unless its chain of calls holds it, so that of several calls each keeps what the
 * one before has written.
 *
 * With `inPlace` a failure may have the outcome `committed`: readers of Holdfast see the new
 * content, and the next call of Holdfast on the path, or `recover`, finishes what other programs
 * see half of.
 *
 * Not promised: order between calls on the same path (the last to publish wins; use `updateJson` or
 * `withLock` to read, change and write), that hard links to the old file see the new one (they keep
 * the old, unless `inPlace` is given), and the owner's rights if this user may not give them.
 *
 * @throws HoldfastError NO_SPACE (also for a short count); SYNC_FAILED; TARGET_IS_MOUNT;
 *   DIRECTORY_NOT_WRITABLE; ALREADY_EXISTS; UNSUPPORTED_TARGET; NOT_FOUND when the directory is
 *   missing; UPDATER_FAILED when the iterable fails; UNREPRESENTABLE for half a surrogate pair;
 *   ABORTED; INVALID_ARGUMENT; UNSUPPORTED_PLATFORM; IO; with `keepPrevious` those of
 *   `acquireLock`; DAMAGED_JOURNAL when a transaction above the path cannot be brought to its end
 */
export async function replaceFile(
  path: string,
  data: FileData,
  options: ReplaceFileOptions = {},
): Promise<void> {
  return readingFrom(data, async () => {
    checkReplaceOptions(path, options);
    const replace = (): Promise<void> => replaceChecked(path, data, options);
    return waitsForNobody(data, options) ? inSlot('replace', replace) : replace();
  });
}

async function replaceChecked(
  path: string,
  data: FileData,
  options: ReplaceFileOptions,
): Promise<void> {
  const { fs = nodeFileSystem } = options;
  const target = await settledName(fs, () => resolveTarget(fs, path, options), options);
  await replaceTarget(fs, target, data, { ...options, isLocked: !options.keepPrevious });
}

/** Neither for who gives the data nor for a lock: thousands of such calls may take turns. */
function waitsForNobody(data: FileData, { keepPrevious, inPlace }: ReplaceFileOptions): boolean {
  const isAtHand = typeof data === 'string' || types.isUint8Array(data);
  return isAtHand && !keepPrevious && inPlace === undefined;
}

export interface ReplaceTargetOptions
  extends Omit<ReplaceFileOptions, 'fs' | 'symlinks'>, FileTurnOptions {
  readonly like?: StageOptions['like'] | undefined;
  /** False when this call is to take the lock of the file by itself, after the data is staged. */
  readonly isLocked?: boolean | undefined;
}

/**
 * Steps 2 to 4, for a caller that has done the first and excludes transactions on the target by its
 * lock.
 *
 * @returns what was kept
 */
export async function replaceTarget(
  fs: Fs,
  target: ResolvedName,
  data: FileData,
  options: ReplaceTargetOptions,
): Promise<KeptPresent | undefined> {
  const { ifExists = 'replace', isLocked = true } = options;
  if (ifExists === 'fail' && target.existing) throw alreadyExists(target.path);
  const way = wayFor(target, options.inPlace);
  const mayOverwrite = way !== 'replace';
  const durability = way === 'overwrite' ? 'atomic' : options.durability;
  const stage = (): Promise<StagedFile> =>
    stageFile(fs, target, data, { ...options, mode: modeOf(options), durability });
  const staged = await (isStaged(way, data) ? stage() : undefined)?.catch((error: unknown) => {
    if (way === 'replace' || !isHoldfastError(error, 'DIRECTORY_NOT_WRITABLE')) throw error;
    return undefined;
  });
  try {
    const turn = isLocked ? undefined : await takeFileTurn(fs, target, options);
    try {
      return await keepAndReplace(fs, target, { ...options, isOverwritten: mayOverwrite }, () =>
        staged
          ? publish(fs, staged, way, options)
          : overwriteInPlace(fs, target.path, data, options),
      );
    } finally {
      await turn?.release();
    }
  } finally {
    await staged?.discard();
  }
}

/** Steps 3 and 4. What was not replaced is not kept. */
async function keepAndReplace(
  fs: Fs,
  { path }: ResolvedName,
  options: Parameters<typeof keepPresent>[2],
  replace: () => Promise<void>,
): Promise<KeptPresent | undefined> {
  const kept = await keepPresent(fs, path, options);
  try {
    await replace();
  } catch (error) {
    if (isHoldfastError(error) && error.outcome === 'unchanged') await kept?.discard();
    throw error;
  }
  await kept?.sweep();
  return kept;
}

async function publish(
  fs: Fs,
  staged: StagedFile,
  way: Way,
  options: ReplaceTargetOptions,
): Promise<void> {
  if (way === 'overwrite') return overwriteFromStage(fs, staged, options);
  try {
    await staged.publish(options);
  } catch (error) {
    if (way === 'replace' || !forbidsRename(error)) throw error;
    await overwriteFromStage(fs, staged, options);
  }
}

/**
 * How new content gets to its place: by a rename, over what is there, or by a rename where that can
 * be.
 */
type Way = 'replace' | 'overwrite' | 'either';

function wayFor({ existing }: ResolvedName, inPlace: InPlace = 'never'): Way {
  if (existing === undefined || inPlace === 'never') return 'replace';
  return inPlace === 'always' || existing.linkCount > 1 ? 'overwrite' : 'either';
}

/** What is overwritten for certain needs no stage, unless somebody takes their time to give it. */
function isStaged(way: Way, data: FileData): boolean {
  return way !== 'overwrite' || !(typeof data === 'string' || types.isUint8Array(data));
}

/**
 * A mount point (EBUSY, EXDEV), and a file that is another user's in a sticky directory, or
 * immutable directories (EPERM).
 */
function forbidsRename(error: unknown): boolean {
  if (!isHoldfastError(error) || error.outcome !== 'unchanged' || error.step !== 'publish')
    return false;
  return ['EBUSY', 'EXDEV', 'EPERM', 'EACCES', 'EROFS'].includes(errnoOf(error.cause) ?? '');
}

function modeOf(options: ReplaceFileOptions): number | undefined {
  return options.mode ?? (options.secret ? 0o600 : undefined);
}

function checkReplaceOptions(path: string, options: ReplaceFileOptions): void {
  checkOptions('replaceFile', options, optionNames);
  checkReplacement('replaceFile', path, options);
  checkLockChoice('replaceFile', path, options);
  const { keepPrevious, lockPath, guard, alsoFcntl, timeoutMs } = options;
  if (
    !keepPrevious &&
    [lockPath, guard, alsoFcntl, timeoutMs].some((given) => given !== undefined)
  ) {
    const why =
      'lockPath, guard, alsoFcntl and timeoutMs are for keepPrevious; without it no lock is taken';
    throw invalidArgument('replaceFile', why, path);
  }
  checkWords('replaceFile', path, options, {
    symlinks: ['follow', 'refuse'],
    setId: ['drop', 'keep'],
    ifExists: ['replace', 'fail'],
  });
}

/**
 * Refuses wrong values of the options that say what the new file is to be like, on behalf of
 * `call`.
 */
export function checkReplacement(call: string, path: string, options: ReplaceFileOptions): void {
  const { mode, secret } = options;
  checkKeepOptions(call, path, options);
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)) {
    throw invalidArgument(call, 'mode is a number from 0 to 0o7777', path);
  }
  if (secret && mode !== undefined && (mode & 0o077) !== 0) {
    throw invalidArgument(call, 'a secret file cannot be open to group or others', path);
  }
  const words = { durability: ['durable', 'atomic'], inPlace: ['never', 'ifNeeded', 'always'] };
  checkWords(call, path, options, words);
}
