/**
 * Publishes a whole directory: its target names the old tree or the new one, never a part of either.
 *
 * 1. resolve the target (symlinks are followed) and refuse early what the rename would refuse
 * 2. sweep what dead publishers of this target left
 * 3. make the stage beside the target and lock it for as long as we live (stage/staged-directory.ts)
 * 4. fill it; wait until everything that was started has settled, also when one of them failed
 * 5. survey and sync the tree (sync-tree.ts)
 * 6. publish: the commit point (swing.ts)
 *      nothing there, or an empty directory: rename
 *      a tree: lock it, check that it is the one of step 1, exchange the two
 * 7. sync the parent: from here on durable
 * 8. retire the old tree: remove it, or keep it under its documented name (previous.ts)
 *
 * Invariant: the target is never without its old or its new tree, and neither is touched while it may be the answer.
 * A crash before 6 leaves the old tree and an unlocked stage, which the next publish sweeps. A crash between 6 and 8
 * leaves the new tree and the old one as an orphan. The old tree loses its first file only after 7: before, a power
 * loss could bring it back as the target.
 */
import { HoldfastError, isHoldfastError } from '../errors.js';
import { checkOptions, invalidArgument } from '../options.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import {
  createStagedDirectory,
  isSameFile,
  lstatIfThere,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import { stepFailed } from './directory-error.js';
import { findTarget, type DirectoryTarget } from './directory-target.js';
import { sweepStagedDirectories } from './orphans.js';
import { keepAsPrevious } from './previous.js';
import { makeStage, type Stage } from './stage.js';
import { swing } from './swing.js';
import { chooseStrategy, surveyTree, syncTree, type SyncStrategy } from './sync-tree.js';
import { TaskGroup } from './task-group.js';
import { removeTree } from './tree.js';

/** How far a publish has come. */
export interface PublishProgress {
  readonly phase: 'fill' | 'sync' | 'publish';
  /** Files written through the stage while it is filled; all files of the tree from then on. */
  readonly fileCount: number;
  /** Bytes written through the stage. */
  readonly sizeBytes: number;
}

export interface PublishDirectoryOptions {
  /** `fail` (the default) refuses a target that is not empty; `replace` replaces it whole. */
  readonly ifExists?: 'fail' | 'replace';
  /** How many replaced trees to keep, as `<name>.previous-<n>`, the highest n being the latest; 0 by default. */
  readonly keepPrevious?: number;
  /** Ends the call: what runs is told by `stage.signal` and awaited, the stage is discarded. Too late after step 6. */
  readonly signal?: AbortSignal;
  /** `full` (the default): survives power loss once acknowledged. `none`: nothing is synced; whole for other processes only. */
  readonly durability?: 'full' | 'none';
  /** How the tree is made durable; `auto` by default. `each` where others keep much unwritten data on the filesystem. */
  readonly sync?: SyncStrategy;
  /** Told after each file and at each phase; must not throw. */
  readonly onProgress?: (progress: PublishProgress) => void;
  /** How many tasks of `stage.spawn`, and how many syncs, run at once; 8 by default. */
  readonly concurrency?: number;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs;
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
  'keepPrevious',
  'signal',
  'durability',
  'sync',
  'onProgress',
  'concurrency',
  'fs',
];
const DEFAULT_CONCURRENCY = 8;

/**
 * Fills a directory where nobody reads and publishes it whole: readers and crashes see the tree that was there, or the
 * new one. A missing or empty target is filled, another one refused or, with `ifExists: 'replace'`, replaced in one
 * exchange.
 *
 * After success the tree is at the target and durable, and nothing else is left but what `keepPrevious` keeps. After
 * an error of outcome `unchanged` the target is as it was and the stage is gone. Of two publishers one wins.
 *
 * The first failure of anything that `fill` started is what the caller gets, after all of it has settled: an error of
 * Holdfast as it is, any other as the `cause` of UPDATER_FAILED; what failed besides is in `others`.
 *
 * Not promised: one view for a reader that opens several files of the target while it is replaced (open the directory
 * once and read below it); anything for programs that write into the target itself.
 *
 * @param path - the target; symlinks are followed, its parent must exist
 * @param fill - writes into the stage through its helpers, or by any other means into `stage.path`
 * @throws HoldfastError ALREADY_EXISTS, TARGET_CHANGED, UPDATER_FAILED, ABORTED, NO_SPACE, SYNC_FAILED,
 *   UNSUPPORTED_TARGET (a FIFO, socket or device in the stage; a target that is no directory), UNSUPPORTED_PLATFORM (no
 *   exchange here), CROSS_DEVICE, TARGET_IS_MOUNT, DIRECTORY_NOT_WRITABLE, NOT_FOUND, IO, INVALID_ARGUMENT
 */
export async function publishDirectory<T>(
  path: string,
  fill: (stage: Stage) => Promise<T> | T,
  options: PublishDirectoryOptions = {},
): Promise<PublishedDirectory<T>> {
  checkPublishOptions(options);
  const fs = options.fs ?? nodeFileSystem;
  refuseAborted(options.signal, path);
  const target = await findTarget(fs, path, options.ifExists ?? 'fail');
  try {
    await sweepStagedDirectories(fs, target.parent, target.name);
    return await publishOnto(fs, target, fill, options);
  } finally {
    await target.old?.handle.close();
  }
}

/** Steps 3 to 8. */
async function publishOnto<T>(
  fs: Fs,
  target: DirectoryTarget,
  fill: (stage: Stage) => Promise<T> | T,
  options: PublishDirectoryOptions,
): Promise<PublishedDirectory<T>> {
  const parent = await openParent(fs, target);
  try {
    const stage = await openStage(fs, target);
    try {
      const filled = await fillAndSwing(fs, target, stage, fill, options);
      if (options.durability !== 'none') await syncParent(parent);
      const previousPath = await retire(fs, target, stage.path, parent, options);
      return { ...filled, path: target.path, previousPath };
    } finally {
      await stage.handle.close();
    }
  } finally {
    await parent.close();
  }
}

/** Steps 4 to 6. Whatever fails in them leaves the target as it was, and no stage. */
async function fillAndSwing<T>(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  fill: (stage: Stage) => Promise<T> | T,
  options: PublishDirectoryOptions,
): Promise<{ value: T; fileCount: number }> {
  try {
    const value = await fillStage(fs, stage, fill, options);
    const fileCount = await makeDurable(fs, stage, options);
    refuseAborted(options.signal, target.path);
    options.onProgress?.({ phase: 'publish', fileCount, sizeBytes: 0 });
    await swing(fs, target, stage, options.ifExists ?? 'fail');
    return { value, fileCount };
  } catch (error) {
    await discard(fs, stage);
    throw stepFailed(error, 'publish', target.path);
  }
}

/** Step 4: nothing of the caller's runs any more when this ends, whichever way it ends. */
async function fillStage<T>(
  fs: Fs,
  stage: OwnedDirectory,
  fill: (stage: Stage) => Promise<T> | T,
  options: PublishDirectoryOptions,
): Promise<T> {
  const group = new TaskGroup(options.concurrency ?? DEFAULT_CONCURRENCY, options.signal);
  let fileCount = 0;
  let totalBytes = 0;
  const given = makeStage(fs, stage.path, false, group, (sizeBytes) => {
    fileCount += 1;
    totalBytes += sizeBytes;
    options.onProgress?.({ phase: 'fill', fileCount, sizeBytes: totalBytes });
  });
  const filled = group.run(async () => fill(given));
  await group.close();
  refuseAborted(options.signal, stage.path, group.errors);
  if (group.errors.length > 0) throw fillFailed(stage.path, group.errors);
  return filled;
}

/** Step 5. */
async function makeDurable(
  fs: Fs,
  stage: OwnedDirectory,
  options: PublishDirectoryOptions,
): Promise<number> {
  const survey = await surveyTree(fs, stage);
  if (options.durability === 'none') return survey.fileCount;
  options.onProgress?.({ phase: 'sync', fileCount: survey.fileCount, sizeBytes: 0 });
  const asked = options.sync ?? 'auto';
  const strategy = asked === 'auto' ? await chooseStrategy(fs, stage, survey) : asked;
  const concurrency = options.concurrency ?? DEFAULT_CONCURRENCY;
  await syncTree(fs, stage, strategy, concurrency, options.signal);
  return survey.fileCount;
}

/** Step 7. When it fails, both trees are left alone: a power loss may bring back either. */
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

/** Step 8. What cannot be removed now is an orphan, which a later publish sweeps. */
async function retire(
  fs: Fs,
  target: DirectoryTarget,
  oldPath: string,
  parent: FsDirectory,
  options: PublishDirectoryOptions,
): Promise<string | undefined> {
  if (!target.old) return undefined;
  const keepCount = options.keepPrevious ?? 0;
  if (keepCount > 0) return keepAsPrevious(fs, target, oldPath, parent, keepCount);
  await removeTree(fs, oldPath).catch(() => undefined);
  return undefined;
}

/** Opened before anything is changed, so that not being able to open it changes nothing. */
async function openParent(fs: Fs, target: DirectoryTarget): Promise<FsDirectory> {
  try {
    return await fs.openDirectory(target.parent);
  } catch (error) {
    throw stepFailed(error, 'stage', target.parent);
  }
}

async function openStage(fs: Fs, target: DirectoryTarget): Promise<OwnedDirectory> {
  try {
    return await createStagedDirectory(fs, target.parent, target.name);
  } catch (error) {
    throw stepFailed(error, 'stage', target.parent);
  }
}

/** Removes the stage, if it still is what its path names. What cannot be removed is an orphan for a later sweep. */
async function discard(fs: Fs, stage: OwnedDirectory): Promise<void> {
  try {
    const named = await lstatIfThere(fs, stage.path);
    if (named && isSameFile(named, stage.stat)) await removeTree(fs, stage.path);
  } catch {
    // The error that made us discard the stage is the one to tell.
  }
}

function fillFailed(path: string, errors: readonly unknown[]): HoldfastError {
  const [first, ...others] = errors;
  if (isHoldfastError(first) && others.length === 0) return first;
  const reason = first instanceof Error ? first.message : String(first);
  return new HoldfastError(isHoldfastError(first) ? first.code : 'UPDATER_FAILED', {
    message: `Filling the stage failed, and it was discarded: ${reason}`,
    outcome: 'unchanged',
    step: 'fill',
    path,
    cause: first,
    others,
  });
}

function refuseAborted(
  signal: AbortSignal | undefined,
  path: string,
  others: readonly unknown[] = [],
): void {
  if (!signal?.aborted) return;
  throw new HoldfastError('ABORTED', {
    message: 'The caller ended the publish.',
    outcome: 'unchanged',
    step: 'fill',
    path,
    cause: signal.reason,
    others,
  });
}

function checkPublishOptions(options: PublishDirectoryOptions): void {
  checkOptions('publishDirectory', options, optionNames);
  oneOf('ifExists', options.ifExists, ['fail', 'replace']);
  oneOf('durability', options.durability, ['full', 'none']);
  oneOf('sync', options.sync, ['auto', 'filesystem', 'each']);
  wholeNumber('keepPrevious', options.keepPrevious, 0);
  wholeNumber('concurrency', options.concurrency, 1);
}

function oneOf(name: string, value: string | undefined, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value)) return;
  throw invalidArgument(
    'publishDirectory',
    `${name} must be one of ${allowed.join(', ')}, not '${value}'.`,
  );
}

function wholeNumber(name: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw invalidArgument(
    'publishDirectory',
    `${name} must be a whole number of at least ${least}, not ${value}.`,
  );
}
