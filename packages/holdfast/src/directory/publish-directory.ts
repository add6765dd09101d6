/**
 * Publishes a whole directory: its target names the old tree or the new one, never a part of
 * either.
 *
 * 1. sweep what dead publishers of this target left, and put back an old tree that one of them had
 *    moved aside
 * 2. resolve the target (symlinks are followed) and refuse early what the rename would refuse
 * 3. stage, fill and sync the new tree beside the target, owned for as long as we live
 *    (prepare-tree.ts)
 * 4. publish: the commit point (publish-stage.ts)
 *      nothing there, or an empty directory: rename
 *      a tree: lock it (target-turn.ts where other machines share the filesystem), check that it is the one of step 2,
 *      exchange the two
 *      another one by now: again with that one, unless the caller wants to be told
 * 5. sync the parent: from here on durable
 * 6. retire the old tree: keep it under its documented name (previous.ts), or give up the new one,
 *    which the next publisher may replace from then on, and remove it
 *
 * Invariant: the target is never without its old or its new tree, and neither is touched while it
 * may be the answer. A crash before 4 leaves the old tree and an unlocked stage, which the next
 * publish sweeps. A crash between 4 and 6 leaves the new tree and the old one as an orphan, whose
 * name says so if it is to be kept. The old tree loses its first file only after 5: before, a power
 * loss could bring it back as the target.
 */
import { HoldfastError, isHoldfastError } from '../errors.js';
import {
  checkOtherLockers,
  chosenLockPathBeside,
  otherLockerNames,
  type OtherLockers,
} from '../lock/lock-choice.js';
import { acquireUnlessHeld, type Lock } from '../lock/lock.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { basename } from '../os/paths.js';
import { disown } from '../stage/staged-directory.js';
import { invalidArgument } from '../options.js';
import { isLocal } from '../os/freshen.js';
import { checkPublishOptions } from './check-publish-options.js';
import { stepFailed, targetChanged } from './directory-error.js';
import { closeTarget, findAgain, findTarget, type DirectoryTarget } from './directory-target.js';
import { removeOldTree } from './old-tree.js';
import { sweepStagesAt } from './orphans.js';
import {
  discardTree,
  giveOwnName,
  keepForResume,
  prepareTree,
  refuseAborted,
  type Fill,
  type FillOptions,
  type PreparedTree,
} from './prepare-tree.js';
import { keepAsPrevious } from './previous.js';
import { OWN_TIMEOUT_MS, publishStage, refuseWithoutExchange } from './publish-stage.js';
import { takeSharedTurn } from './target-turn.js';

export interface PublishDirectoryOptions extends FillOptions, OtherLockers {
  /** `fail` (the default) refuses a target that is not empty; `replace` replaces it whole. */
  readonly ifExists?: 'fail' | 'replace' | undefined;
  /**
   * With `ifExists: 'replace'`, when the target is another one at the end than at the beginning,
   * since somebody has replaced, made or removed it meanwhile: `replace` (the default) what is
   * there by then, so that several publishers all succeed, one after the other; or `fail` with
   * TARGET_CHANGED and leave it.
   */
  readonly ifChanged?: 'replace' | 'fail' | undefined;
  /**
   * How many replaced trees to keep, as `<name>.previous-<n>`, the highest n being the latest; 0 by
   * default.
   */
  readonly keepPrevious?: number | undefined;
  /**
   * Where the filesystem has no exchange: `fail` with UNSUPPORTED_PLATFORM (the default on NFS), or
   * replace a tree by two renames (the default on Windows, where no filesystem has one). Then the
   * target is missing for an instant; a crash in it is mended by the next publish or sweep.
   */
  readonly withoutExchange?: 'fail' | 'twoRenames' | undefined;
  /**
   * With `guard` or `alsoFcntl`: how long to wait for the lock of the target, in milliseconds; 0
   * tries once; without it the wait has no end. It is taken when the tree is filled, and held until
   * the old one is retired.
   */
  readonly timeoutMs?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** What a publish did. */
export interface PublishedDirectory<T> {
  /** What `fill` returned. */
  readonly value: T;
  /** The target, with symlinks resolved. */
  readonly path: string;
  readonly fileCount: number;
  /** Where the replaced tree is now, with `keepPrevious`. */
  readonly previousPath: string | undefined;
}

const optionNames = [
  'ifExists',
  'ifChanged',
  'keepPrevious',
  'withoutExchange',
  'signal',
  'durability',
  'sync',
  'resume',
  'onProgress',
  'concurrency',
  'timeoutMs',
  'fs',
  ...otherLockerNames,
] as const;

/**
 * Fills a directory where nobody reads and publishes it whole: readers and crashes see the tree
 * that was there, or the new one. A missing or empty target is filled, another one refused or, with
 * `ifExists: 'replace'`, replaced in one exchange.
 *
 * After success the tree is at the target and durable, and nothing else is left but what
 * `keepPrevious` keeps. After an error of outcome `unchanged` the target is as it was and the stage
 * is gone. Of two publishers one wins; with `ifExists: 'replace'` both succeed, and the last wins.
 *
 * The first failure of anything that `fill` started is what the caller gets, after all of it has
 * settled: an error of Holdfast as it is, any other as the `cause` of UPDATER_FAILED; what failed
 * besides is in `others`.
 *
 * Not promised: one view for a reader that opens several files of the target while it is replaced
 * (open the directory once and read below it); anything for programs that write into the target
 * itself.
 *
 * @param path - the target; symlinks are followed, its parent must exist
 * @param fill - writes into the stage through its helpers, or by any other means into `stage.path`
 * @throws HoldfastError ALREADY_EXISTS, TARGET_CHANGED, UPDATER_FAILED, ABORTED, NO_SPACE,
 *   SYNC_FAILED, UNSUPPORTED_TARGET (a FIFO, socket or device in the stage; a target that is no
 *   directory), UNSUPPORTED_PLATFORM (no exchange here), CROSS_DEVICE, TARGET_IS_MOUNT,
 *   DIRECTORY_NOT_WRITABLE, NOT_FOUND, IO, INVALID_ARGUMENT
 */
export async function publishDirectory<T>(
  path: string,
  fill: Fill<T>,
  options: PublishDirectoryOptions = {},
): Promise<PublishedDirectory<T>> {
  checkPublishOptions('publishDirectory', options, optionNames);
  checkOtherLockers('publishDirectory', path, options);
  refuseTimeoutAlone(path, options);
  const fs = options.fs ?? nodeFileSystem;
  refuseAborted(options.signal, path);
  await sweepStagesAt(fs, path);
  const target = await findTarget(fs, path, options);
  try {
    return await publishOnto(fs, target, fill, options);
  } finally {
    await closeTarget(fs, target);
  }
}

/** Steps 3 to 6. */
async function publishOnto<T>(
  fs: Fs,
  target: DirectoryTarget,
  fill: Fill<T>,
  options: PublishDirectoryOptions,
): Promise<PublishedDirectory<T>> {
  await refuseEarly(fs, target, options);
  const tree = await prepareTree(fs, target, fill, options);
  let published: Published | undefined;
  try {
    let previousPath: string | undefined;
    try {
      published = await publish(fs, target, tree, options);
      if (options.durability !== 'atomic') await syncParent(target.parent);
      previousPath = await keepOld(fs, target, published, options.keepPrevious ?? 0);
    } finally {
      await disown(fs, tree.stage);
    }
    if (previousPath === undefined) await removeOld(fs, target, published);
    return { value: tree.value, path: target.path, fileCount: tree.fileCount, previousPath };
  } finally {
    await published?.turn?.release();
  }
}

/** What step 4 leaves to be done. */
interface Published {
  /** Where the old tree is now, if there was one. */
  readonly oldPath: string | undefined;
  /** The turn at the target, to be kept until the old tree is retired. */
  readonly turn: Lock | undefined;
}

/** Step 4. */
async function publish(
  fs: Fs,
  target: DirectoryTarget,
  tree: PreparedTree<unknown>,
  options: PublishDirectoryOptions,
): Promise<Published> {
  const { ifExists = 'fail' } = options;
  const withoutExchange = wayWithoutExchange(fs, options);
  let { stage } = tree;
  let turn: Lock | undefined;
  try {
    refuseAborted(options.signal, target.path);
    options.onProgress?.({ phase: 'publish', fileCount: tree.fileCount, sizeBytes: 0 });
    if (options.resume && target.old) {
      stage = await giveOwnName(fs, stage, target.parent, target.freshName());
    }
    for (;;) {
      turn ??= await takeTurn(fs, target, options);
      await turn?.assertHeld();
      try {
        const oldPath = await publishStage(fs, target, stage, { ifExists, withoutExchange });
        return { oldPath, turn };
      } catch (error) {
        if (!(await isOvertaken(fs, target, error, options))) throw error;
      }
      refuseAborted(options.signal, target.path);
      // It may say which tree it replaces, or that it is a stage to be resumed.
      if (options.keepPrevious || options.resume) {
        stage = await giveOwnName(fs, stage, target.parent, target.freshName());
      }
    }
  } catch (error) {
    await turn?.release();
    if (options.resume) await keepForResume(fs, stage, target);
    else await discardTree(fs, stage, target.parent);
    throw stepFailed(error, 'publish', target.path);
  }
}

/**
 * Whether the stage was not published since another tree is the target by now, which then is the
 * one to be replaced.
 */
async function isOvertaken(
  fs: Fs,
  target: DirectoryTarget,
  error: unknown,
  { ifExists, ifChanged }: PublishDirectoryOptions,
): Promise<boolean> {
  if (ifExists !== 'replace' || ifChanged === 'fail') return false;
  if (!isHoldfastError(error, 'TARGET_CHANGED') || error.outcome !== 'unchanged') return false;
  return findAgain(fs, target);
}

async function takeTurn(
  fs: Fs,
  target: DirectoryTarget,
  options: PublishDirectoryOptions,
): Promise<Lock | undefined> {
  if (hasOtherLockers(options)) {
    const lockPath = await chosenLockPathBeside(fs, target.path, { guard: options.guard });
    const { timeoutMs, signal, guard, alsoFcntl } = options;
    return acquireUnlessHeld(target.path, lockPath, { fs, timeoutMs, signal, guard, alsoFcntl });
  }
  if (!target.old) return undefined;
  try {
    return await takeSharedTurn(fs, target.path, OWN_TIMEOUT_MS);
  } catch (error) {
    if (!isHoldfastError(error, 'LOCK_TIMEOUT')) throw error;
    throw targetChanged(target.path, 'Another program holds the lock of the target.', error);
  }
}

/** Step 5. When it fails, both trees are left alone: a power loss may bring back either. */
async function syncParent(parent: FsDirectory): Promise<void> {
  try {
    await parent.sync();
  } catch (error) {
    throw new HoldfastError('SYNC_FAILED', {
      message: 'The new tree is in place, but the directory that names it could not be synced.',
      outcome: 'unknown',
      step: 'syncParent',
      path: parent.path,
      cause: error,
    });
  }
}

/** Step 6, of a tree that is to be kept. */
async function keepOld(
  fs: Fs,
  target: DirectoryTarget,
  { oldPath }: Published,
  keepPrevious: number,
): Promise<string | undefined> {
  if (oldPath === undefined || keepPrevious === 0) return undefined;
  return keepAsPrevious(fs, target, basename(oldPath), keepPrevious);
}

/** Step 6, of any other. What cannot be removed now is an orphan, which a later publish sweeps. */
async function removeOld(
  fs: Fs,
  { old, parent }: DirectoryTarget,
  { oldPath }: Published,
): Promise<void> {
  if (old === undefined || oldPath === undefined) return;
  await removeOldTree(fs, old.stat, { parent, name: basename(oldPath) }).catch(() => undefined);
}

function wayWithoutExchange(fs: Fs, options: PublishDirectoryOptions): 'fail' | 'twoRenames' {
  return options.withoutExchange ?? (fs.hasExchange === false ? 'twoRenames' : 'fail');
}

/** What the exchange would refuse after all the work. */
async function refuseEarly(
  fs: Fs,
  target: DirectoryTarget,
  options: PublishDirectoryOptions,
): Promise<void> {
  await refuseSharedGuard(fs, target, options);
  if (!target.old || wayWithoutExchange(fs, options) === 'twoRenames') return;
  try {
    await refuseWithoutExchange(fs, target);
  } catch (error) {
    throw stepFailed(error, 'stage', target.parent.path);
  }
}

function hasOtherLockers({ guard, alsoFcntl }: OtherLockers): boolean {
  return guard !== undefined || alsoFcntl === true;
}

function refuseTimeoutAlone(path: string, options: PublishDirectoryOptions): void {
  if (options.timeoutMs === undefined || hasOtherLockers(options)) return;
  const why = 'timeoutMs is for guard and alsoFcntl; without them no lock is waited for';
  throw invalidArgument('publishDirectory', why, path);
}

/**
 * Where several machines share the filesystem all publishers and sweepers, with a guard or not, take
 * turns by the lock file that the guard is to be a directory at.
 */
async function refuseSharedGuard(
  fs: Fs,
  { path, parent }: DirectoryTarget,
  { guard }: OtherLockers,
): Promise<void> {
  if (guard === undefined || (await isLocal(fs, parent.path))) return;
  throw new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      'A directory on a filesystem that several machines share is not published with a guard of proper-lockfile: its publishers ' +
      'take turns by the lock file whose name the guard needs. Leave the guard out, or publish on a local filesystem.',
    step: 'take guard',
    path,
  });
}
