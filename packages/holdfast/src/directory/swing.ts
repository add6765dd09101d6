/**
 * The commit point of a publish: the one rename that makes the staged tree the target.
 *
 * Nothing or an empty directory at the target: rename(2), which refuses a directory that is not empty (ENOTEMPTY on ext4
 * and btrfs, EEXIST on xfs). So of two publishers the second is refused by the kernel.
 *
 * A tree at the target:
 * 1. lock the tree that is there (flock on its own descriptor) and check that it is still the one that was found when
 *    the publish began. Of several publishers one gets here at a time, and the others then find another tree.
 * 2. exchange the two (renameat2(2), RENAME_EXCHANGE)
 * 3. look at what came out. Only a program that takes no locks can have put another tree there between 1 and 2: then
 *    exchange back and give up.
 *
 * Where the filesystem has no exchange (NFS), step 2 may be asked to be two renames: the old tree moves to a name that
 * says what it is (stage/staged-directory.ts), then the stage takes its place. For an instant the target names nothing.
 * A crash in that instant leaves the old tree under that name, and the next publish or sweep moves it back.
 *
 * The lock on the old tree is kept: under the name of the stage, it now proves that the old tree has an owner.
 * A crash between 2 and 3 leaves the new tree at the target and the other one as an orphan.
 */
import { setTimeout } from 'node:timers/promises';
import { errnoOf, HoldfastError } from '../errors.js';
import type { FileStat, Fs } from '../os/fs.js';
import { closeQuietly } from '../os/close-quietly.js';
import { basename, join } from '../os/paths.js';
import { lookAt } from '../os/look-at.js';
import {
  createStagedDirectory,
  isSameFile,
  oldTreeName,
  parseStagedName,
  stagedDirectoryName,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import { stepFailed, targetChanged, targetExists } from './directory-error.js';
import type { DirectoryTarget, OpenedTree } from './directory-target.js';

/** How long another program may hold the tree to be replaced; a publisher holds it for the time of a directory sync. */
const OWN_TIMEOUT_MS = 10_000;
const OWN_POLL_MS = 5;

export interface SwingOptions {
  readonly ifExists: 'fail' | 'replace';
  readonly withoutExchange: 'fail' | 'twoRenames';
}

/**
 * Publishes the stage. Gives the path where the old tree now lies, if there was one: that of the stage, or with two
 * renames a name of its own. The handle of the old tree holds its lock.
 */
export async function swing(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  options: SwingOptions,
): Promise<string | undefined> {
  if (!target.old) {
    await renameOntoNothing(fs, target, stage, options.ifExists);
    return undefined;
  }
  await ownOldTree(fs, target, target.old);
  if (await isExchanged(fs, target, stage, options.withoutExchange)) {
    await checkWhatCameOut(fs, target, stage, target.old);
    return stage.path;
  }
  return replaceByTwoRenames(fs, target, stage, target.old);
}

/** Tries an exchange of two directories beside the target, so that one that cannot work is refused before all the work. */
export async function refuseWithoutExchange(fs: Fs, target: DirectoryTarget): Promise<void> {
  const freshName = (): string => stagedDirectoryName(target.name);
  const made: OwnedDirectory[] = [];
  try {
    const left = await createStagedDirectory(fs, target.parent, freshName);
    made.push(left);
    const right = await createStagedDirectory(fs, target.parent, freshName);
    made.push(right);
    await isExchanged(fs, { ...target, path: right.path }, left, 'fail');
  } finally {
    await removeProbes(fs, made);
  }
}

/** They may have changed names, so neither is given up before both are gone: a sweeper would take it. */
async function removeProbes(fs: Fs, made: readonly OwnedDirectory[]): Promise<void> {
  try {
    for (const { path } of made) await fs.rmdir(path);
  } finally {
    for (const { handle } of made) await closeQuietly(handle);
  }
}

async function renameOntoNothing(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  ifExists: 'fail' | 'replace',
): Promise<void> {
  try {
    await fs.rename(stage.path, target.path);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(error) ?? '')) {
      throw stepFailed(error, 'publish', target.path);
    }
    throw ifExists === 'fail'
      ? targetExists(target.path, 'publish', error)
      : targetChanged(target.path, 'Something appeared at the target meanwhile.', error);
  }
}

/** Waits for the lock on the tree to be replaced: whoever published it last may still be syncing. */
async function ownOldTree(fs: Fs, target: DirectoryTarget, old: OpenedTree): Promise<void> {
  const deadline = performance.now() + OWN_TIMEOUT_MS;
  while (!old.handle.tryLock('exclusive')) {
    if (performance.now() > deadline) {
      throw targetChanged(target.path, 'Another program holds a lock on the target.');
    }
    await setTimeout(OWN_POLL_MS);
  }
  const named = await lookAt(fs, target.path);
  if (named && isSameFile(named, old.stat)) return;
  throw targetGone(target.path, undefined);
}

/** Exchanges the two; false when the filesystem cannot and the caller allows another way. */
async function isExchanged(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  otherwise: SwingOptions['withoutExchange'],
): Promise<boolean> {
  try {
    await fs.exchange(stage.path, target.path);
    return true;
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (code === 'ENOENT') throw targetGone(target.path, error);
    const cannot = ['EINVAL', 'ENOSYS', 'ENOTSUP'].includes(code);
    if (cannot && otherwise === 'twoRenames') return false;
    throw cannot ? noExchange(target.path, error) : stepFailed(error, 'publish', target.path);
  }
}

async function replaceByTwoRenames(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  old: OpenedTree,
): Promise<string> {
  // A stage that was named after the tree to keep says what is to become of that tree, if we die.
  const fate = parseStagedName(basename(stage.path))?.old?.fate ?? 'aside';
  const aside = join(target.parent, oldTreeName(target.name, old.stat.ino, fate));
  try {
    await fs.rename(target.path, aside);
  } catch (error) {
    throw errnoOf(error) === 'ENOENT'
      ? targetGone(target.path, error)
      : stepFailed(error, 'publish', target.path);
  }
  try {
    const moved = await fs.lstat(aside);
    if (!isSameFile(moved, old.stat)) throw targetGone(target.path, undefined);
    await renameOntoNothing(fs, target, stage, 'replace');
    return aside;
  } catch (error) {
    await putBack(fs, aside, target.path);
    throw error;
  }
}

/** If something is there by now, that is the target, and the old tree becomes an orphan. */
async function putBack(fs: Fs, aside: string, path: string): Promise<void> {
  try {
    await fs.rename(aside, path);
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return;
    throw new HoldfastError('IO', {
      message: `The replaced tree could not be moved back. It lies at ${aside}; the next publish tries again.`,
      outcome: 'unknown',
      step: 'publish',
      path,
      cause: error,
    });
  }
}

function targetGone(path: string, cause: unknown): HoldfastError {
  return targetChanged(path, 'Another program replaced or removed the target meanwhile.', cause);
}

function noExchange(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      'The filesystem cannot exchange two directories (NFS cannot). ' +
      "With withoutExchange: 'twoRenames' the target is missing for an instant while it is replaced.",
    outcome: 'unchanged',
    step: 'publish',
    path,
    cause,
  });
}

async function checkWhatCameOut(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  old: OpenedTree,
): Promise<void> {
  const cameOut = await lookAfterExchange(fs, target, stage);
  if (cameOut && isSameFile(cameOut, old.stat)) return;
  await isExchanged(fs, target, stage, 'fail');
  const cameBack = await lookAfterExchange(fs, target, stage);
  if (cameBack && isSameFile(cameBack, stage.stat)) {
    throw targetChanged(target.path, 'Another program replaced the target in this very moment.');
  }
  throw new HoldfastError('TARGET_CHANGED', {
    message: `Another program keeps replacing the target. One of its trees may lie at ${stage.path}.`,
    outcome: 'unknown',
    step: 'publish',
    path: target.path,
  });
}

/** Not being able to look says nothing about which of the two trees is the target now. */
async function lookAfterExchange(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
): Promise<FileStat | undefined> {
  try {
    return await lookAt(fs, stage.path);
  } catch (error) {
    throw stepFailed(error, 'publish', target.path, 'unknown');
  }
}
