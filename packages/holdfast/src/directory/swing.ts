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
 * The lock on the old tree is kept: under the name of the stage, it now proves that the old tree has an owner.
 * A crash between 2 and 3 leaves the new tree at the target and the other one as an orphan.
 */
import { setTimeout } from 'node:timers/promises';
import { errnoOf, HoldfastError } from '../errors.js';
import type { Fs } from '../os/fs.js';
import { isSameFile, lstatIfThere, type OwnedDirectory } from '../stage/staged-directory.js';
import { stepFailed, targetChanged, targetExists } from './directory-error.js';
import type { DirectoryTarget, OpenedTree } from './directory-target.js';

/** How long another program may hold the tree to be replaced; a publisher holds it for the time of a directory sync. */
const OWN_TIMEOUT_MS = 10_000;
const OWN_POLL_MS = 5;

/** Publishes the stage. The old tree, if there was one, then lies where the stage was, and its handle holds its lock. */
export async function swing(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  ifExists: 'fail' | 'replace',
): Promise<void> {
  if (!target.old) return renameOntoNothing(fs, target, stage, ifExists);
  await ownOldTree(fs, target, target.old);
  await exchange(fs, target, stage);
  await checkWhatCameOut(fs, target, stage, target.old);
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
  const named = await lstatIfThere(fs, target.path);
  if (named && isSameFile(named, old.stat)) return;
  throw targetChanged(target.path, 'Another program replaced or removed the target meanwhile.');
}

async function exchange(fs: Fs, target: DirectoryTarget, stage: OwnedDirectory): Promise<void> {
  try {
    await fs.exchange(stage.path, target.path);
  } catch (error) {
    throw errnoOf(error) === 'ENOENT'
      ? targetChanged(target.path, 'Another program removed the target meanwhile.', error)
      : stepFailed(error, 'publish', target.path);
  }
}

async function checkWhatCameOut(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  old: OpenedTree,
): Promise<void> {
  const cameOut = await lstatIfThere(fs, stage.path);
  if (cameOut && isSameFile(cameOut, old.stat)) return;
  await exchange(fs, target, stage);
  const cameBack = await lstatIfThere(fs, stage.path);
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
