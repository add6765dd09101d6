/**
 * Publishes a whole directory: its target names the old tree or the new one, never a part of either.
 *
 * 1. sweep what dead publishers of this target left, and put back an old tree that one of them had moved aside
 * 2. resolve the target (symlinks are followed) and refuse early what the rename would refuse
 * 3. stage, fill and sync the new tree beside the target, owned for as long as we live (prepare-tree.ts)
 * 4. publish: the commit point (swing.ts)
 *      nothing there, or an empty directory: rename
 *      a tree: lock it, check that it is the one of step 2, exchange the two
 * 5. sync the parent: from here on durable
 * 6. retire the old tree: remove it, or keep it under its documented name (previous.ts)
 *
 * Invariant: the target is never without its old or its new tree, and neither is touched while it may be the answer.
 * A crash before 4 leaves the old tree and an unlocked stage, which the next publish sweeps. A crash between 4 and 6
 * leaves the new tree and the old one as an orphan, whose name says so if it is to be kept. The old tree loses its first file only after 5: before, a power
 * loss could bring it back as the target.
 */
import { HoldfastError } from '../errors.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { closeQuietly } from '../os/close-quietly.js';
import { checkPublishOptions } from './check-publish-options.js';
import { stepFailed } from './directory-error.js';
import { findTarget, stageNameFor, type DirectoryTarget } from './directory-target.js';
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
import { refuseWithoutExchange, swing } from './swing.js';

export interface PublishDirectoryOptions extends FillOptions {
  /** `fail` (the default) refuses a target that is not empty; `replace` replaces it whole. */
  readonly ifExists?: 'fail' | 'replace';
  /** How many replaced trees to keep, as `<name>.previous-<n>`, the highest n being the latest; 0 by default. */
  readonly keepPrevious?: number;
  /**
   * Where the filesystem has no exchange: `fail` with UNSUPPORTED_PLATFORM (the default on NFS), or replace a tree by two
   * renames (the default on Windows, where no filesystem has one). Then the target is missing for an instant; a crash in
   * it is mended by the next publish or sweep.
   */
  readonly withoutExchange?: 'fail' | 'twoRenames';
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
  'withoutExchange',
  'signal',
  'durability',
  'sync',
  'resume',
  'onProgress',
  'concurrency',
  'fs',
];

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
  fill: Fill<T>,
  options: PublishDirectoryOptions = {},
): Promise<PublishedDirectory<T>> {
  checkPublishOptions('publishDirectory', options, optionNames);
  const fs = options.fs ?? nodeFileSystem;
  refuseAborted(options.signal, path);
  await sweepStagesAt(fs, path);
  const target = await findTarget(fs, path, options.ifExists ?? 'fail');
  try {
    return await publishOnto(fs, target, fill, options);
  } finally {
    if (target.old) await closeQuietly(target.old.handle);
  }
}

/** Steps 3 to 6. */
async function publishOnto<T>(
  fs: Fs,
  target: DirectoryTarget,
  fill: Fill<T>,
  options: PublishDirectoryOptions,
): Promise<PublishedDirectory<T>> {
  const parent = await openParent(fs, target);
  try {
    await refuseEarly(fs, target, options);
    const freshName = (): string => stageNameFor(target, options.keepPrevious ?? 0);
    const tree = await prepareTree(fs, target.parent, target.name, fill, options, freshName);
    try {
      const oldPath = await publish(fs, target, tree, freshName, options);
      if (options.durability !== 'atomic') await syncParent(parent);
      const previousPath = oldPath && (await retire(fs, target, oldPath, parent, options));
      return { value: tree.value, path: target.path, fileCount: tree.fileCount, previousPath };
    } finally {
      await closeQuietly(tree.stage.handle);
    }
  } finally {
    await closeQuietly(parent);
  }
}

/** Step 4. Gives the path of the old tree, if there was one. */
async function publish(
  fs: Fs,
  target: DirectoryTarget,
  tree: PreparedTree<unknown>,
  freshName: () => string,
  options: PublishDirectoryOptions,
): Promise<string | undefined> {
  const { ifExists = 'fail' } = options;
  const withoutExchange = wayWithoutExchange(fs, options);
  let { stage } = tree;
  try {
    refuseAborted(options.signal, target.path);
    options.onProgress?.({ phase: 'publish', fileCount: tree.fileCount, sizeBytes: 0 });
    if (options.resume && target.old) {
      stage = await giveOwnName(fs, stage, target.parent, freshName());
    }
    return await swing(fs, target, stage, { ifExists, withoutExchange });
  } catch (error) {
    if (options.resume) await keepForResume(fs, stage, target.parent, target.name);
    else await discardTree(fs, stage);
    throw stepFailed(error, 'publish', target.path);
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

/** Step 6. What cannot be removed now is an orphan, which a later publish sweeps. */
async function retire(
  fs: Fs,
  target: DirectoryTarget,
  oldPath: string,
  parent: FsDirectory,
  options: PublishDirectoryOptions,
): Promise<string | undefined> {
  const keepCount = options.keepPrevious ?? 0;
  if (keepCount > 0) return keepAsPrevious(fs, target, oldPath, parent, keepCount);
  await removeOldTree(fs, oldPath).catch(() => undefined);
  return undefined;
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
  if (!target.old || wayWithoutExchange(fs, options) === 'twoRenames') return;
  try {
    await refuseWithoutExchange(fs, target);
  } catch (error) {
    throw stepFailed(error, 'stage', target.parent);
  }
}

/** Opened before anything is changed, so that not being able to open it changes nothing. */
async function openParent(fs: Fs, target: DirectoryTarget): Promise<FsDirectory> {
  try {
    return await fs.openDirectory(target.parent);
  } catch (error) {
    throw stepFailed(error, 'stage', target.parent);
  }
}
