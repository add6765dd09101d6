/**
 * The commit point of a publish: the one rename that makes the staged tree the target.
 *
 * Nothing or an empty directory at the target: rename(2), which refuses a directory that is not
 * empty (ENOTEMPTY on ext4 and btrfs, EEXIST on xfs). So of two publishers the second is refused by
 * the kernel.
 *
 * A tree at the target:
 * 1. lock the tree that is there (flock on its own descriptor; where other machines share the
 *    filesystem, the caller has the lock of a file, target-turn.ts) and check that it is still the
 *    one that was found. Of several publishers one gets here at a time, and the others then find
 *    another tree.
 * 2. exchange the two (renameat2(2), RENAME_EXCHANGE)
 * 3. look at what came out. Only a program that takes no locks can have put another tree there
 *    between 1 and 2: then exchange back and give up.
 *
 * In all cases the name of the stage is looked at right before, and the target right after: who may
 * make names beside them may have exchanged the stage for something else.
 *
 * Where the filesystem has no exchange (NFS), step 2 may be asked to be two renames: the old tree
 * moves to a name that says what it is (stage/staged-directory.ts), then the stage takes its place.
 * For an instant the target names nothing. A crash in that instant leaves the old tree under that
 * name, and the next publish or sweep moves it back.
 *
 * All names are reached through the open directory of the target, so whatever is exchanged for it,
 * or above it, meanwhile, nothing is moved elsewhere.
 *
 * The lock on the old tree is kept: under the name of the stage, it now proves that the old tree
 * has an owner. A crash between 2 and 3 leaves the new tree at the target and the other one as an
 * orphan.
 */
import { errnoOf, HoldfastError } from '../errors.js';
import { filesystemOf } from '../os/filesystem.js';
import { freshenNames } from '../os/freshen.js';
import type { FileStat, Fs } from '../os/fs.js';
import { isSameFile, lookAt, pathIn } from '../os/handles.js';
import { basename } from '../os/paths.js';
import { pause } from '../os/pause.js';
import {
  createStagedDirectory,
  disown,
  oldTreeName,
  parseStagedName,
  stagedDirectoryName,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import { stepFailed, targetChanged, targetExists } from './directory-error.js';
import { noteOwned, type DirectoryTarget, type OpenedTree } from './directory-target.js';
import { refuseToWaitForOwn } from './own-trees.js';

/**
 * How long another program may hold the tree to be replaced; a publisher holds it for the time of a
 * directory sync.
 */
export const OWN_TIMEOUT_MS = 10_000;
const OWN_POLL_MS = 5;

interface PublishStageOptions {
  readonly ifExists: 'fail' | 'replace';
  readonly withoutExchange: 'fail' | 'twoRenames';
}

/**
 * Publishes the stage. Gives the path where the old tree now lies, if there was one: that of the
 * stage, or with two renames a name of its own. The handle of the old tree holds its lock.
 */
export async function publishStage(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  options: PublishStageOptions,
): Promise<string | undefined> {
  const full = isFull(target) ? target : undefined;
  if (full) await ownOldTree(fs, full);
  if (await isOther(fs, target, basename(stage.path), stage)) {
    throw targetChanged(
      stage.path,
      'Another program put something else in the place of the stage.',
    );
  }
  const oldPath = full
    ? await replaceTree(fs, full, stage, options.withoutExchange)
    : await renameOntoNothing(fs, target, stage, options.ifExists);
  await checkWhatWentIn(fs, target, stage);
  return oldPath;
}

/** A target with a tree that is to be replaced. */
type FullTarget = DirectoryTarget & { readonly old: OpenedTree };

function isFull(target: DirectoryTarget): target is FullTarget {
  return target.old !== undefined;
}

async function replaceTree(
  fs: Fs,
  target: FullTarget,
  stage: OwnedDirectory,
  withoutExchange: PublishStageOptions['withoutExchange'],
): Promise<string> {
  if (!(await isExchanged(fs, target, stage, withoutExchange)))
    return replaceByTwoRenames(fs, target, stage);
  await checkWhatCameOut(fs, target, stage);
  return stage.path;
}

/** Whether a name leads to something else than the stage. */
async function isOther(
  fs: Fs,
  { parent }: DirectoryTarget,
  name: string,
  { stat }: OwnedDirectory,
): Promise<boolean> {
  const named = await lookAt(fs, parent.at(name));
  if (!named || isSameFile(named, stat)) return false;
  // Elsewhere a directory may have another number under another name.
  return named.kind !== 'directory' || (await filesystemOf(fs, parent.at('.'))).isLocal;
}

/**
 * Tries an exchange of two directories beside the target, so that one that cannot work is refused
 * before all the work.
 */
export async function refuseWithoutExchange(fs: Fs, target: DirectoryTarget): Promise<void> {
  const freshName = (): string => stagedDirectoryName(target.name);
  const made: OwnedDirectory[] = [];
  try {
    const left = await createStagedDirectory(fs, target.parent, freshName);
    made.push(left);
    const right = await createStagedDirectory(fs, target.parent, freshName);
    made.push(right);
    await isExchanged(fs, { ...target, name: basename(right.path) }, left, 'fail');
  } finally {
    await removeProbes(fs, target, made);
  }
}

/**
 * They may have changed names, so neither is given up before both are gone: a sweeper would take
 * it.
 */
async function removeProbes(
  fs: Fs,
  { parent }: DirectoryTarget,
  made: readonly OwnedDirectory[],
): Promise<void> {
  try {
    for (const { path } of made) await fs.rmdir(parent.at(basename(path)));
  } finally {
    for (const each of made) await disown(fs, each);
  }
}

/** The name of a stage, for a call. */
function namedIn({ parent }: DirectoryTarget, { path }: OwnedDirectory): string {
  return parent.at(basename(path));
}

async function renameOntoNothing(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  ifExists: 'fail' | 'replace',
): Promise<undefined> {
  try {
    await fs.rename(namedIn(target, stage), target.parent.at(target.name));
    return undefined;
  } catch (error) {
    if (!(await isRefusal(fs, error, target.path))) throw stepFailed(error, 'publish', target.path);
    throw ifExists === 'fail'
      ? targetExists(target.path, 'publish', error)
      : targetChanged(target.path, 'Something appeared at the target meanwhile.', error);
  }
}

/**
 * Whether a rename failed because of what lies at the target; sshfs says EPERM of whatever its
 * server refuses.
 */
async function isRefusal(fs: Fs, error: unknown, path: string): Promise<boolean> {
  const code = errnoOf(error) ?? '';
  if (code !== 'EPERM') return ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code);
  try {
    return (await fs.readDirectory(path)).length > 0;
  } catch {
    return false;
  }
}

/**
 * Waits for the lock on the tree to be replaced: whoever published it last may still be syncing.
 */
async function ownOldTree(fs: Fs, target: FullTarget): Promise<void> {
  const { old } = target;
  const deadline = performance.now() + OWN_TIMEOUT_MS;
  while (!old.handle.tryLock('exclusive')) {
    if (performance.now() > deadline) {
      throw targetChanged(target.path, 'Another program holds a lock on the target.');
    }
    refuseToWaitForOwn(fs, old);
    await pause(OWN_POLL_MS);
    // Who has replaced it keeps its lock until it is gone.
    await refuseOther(fs, target, old);
  }
  noteOwned(fs, old);
  await refuseOther(fs, target, old);
}

async function refuseOther(fs: Fs, target: DirectoryTarget, old: OpenedTree): Promise<void> {
  await freshenNames(fs, target.parent.path);
  const named = await lookAt(fs, target.parent.at(target.name));
  if (named && isSameFile(named, old.stat) && (await isStillThere(old))) return;
  throw targetGone(target.path, undefined);
}

/**
 * A server does not know that the tree is held open here: when another machine has removed it, its
 * inode number may have been given to the tree that is the target now.
 */
async function isStillThere({ handle }: OpenedTree): Promise<boolean> {
  try {
    await handle.stat('fresh');
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ESTALE') return false;
    throw error;
  }
}

/** Exchanges the two; false when the filesystem cannot and the caller allows another way. */
async function isExchanged(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
  otherwise: PublishStageOptions['withoutExchange'],
): Promise<boolean> {
  try {
    await fs.exchange(namedIn(target, stage), target.parent.at(target.name));
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
  target: FullTarget,
  stage: OwnedDirectory,
): Promise<string> {
  // A stage that was named after the tree to keep says what is to become of that tree, if we die.
  const fate = parseStagedName(basename(stage.path))?.old?.fate ?? 'aside';
  const { parent, name, old } = target;
  const asideName = oldTreeName(name, old.stat.ino, fate);
  const aside = parent.at(asideName);
  try {
    await fs.rename(parent.at(name), aside);
  } catch (error) {
    throw errnoOf(error) === 'ENOENT'
      ? targetGone(target.path, error)
      : stepFailed(error, 'publish', target.path);
  }
  try {
    await freshenNames(fs, parent.path);
    const moved = await lookAt(fs, aside);
    if (!moved || !isSameFile(moved, old.stat)) throw targetGone(target.path, undefined);
    await renameOntoNothing(fs, target, stage, 'replace');
    return pathIn(parent, asideName);
  } catch (error) {
    await putBack(fs, target, asideName);
    throw error;
  }
}

/**
 * If something is there by now, that is the target, and the old tree becomes an orphan; it may be
 * the old tree itself, which a sweeper has found missing there.
 */
async function putBack(
  fs: Fs,
  { path, parent, name, old }: FullTarget,
  asideName: string,
): Promise<void> {
  try {
    await fs.rename(parent.at(asideName), parent.at(name));
  } catch (error) {
    if (await isRefusal(fs, error, path)) return;
    const named = await lookAt(fs, parent.at(name)).catch(() => undefined);
    if (named && isSameFile(named, old.stat)) return;
    throw new HoldfastError('IO', {
      message: `The replaced tree could not be moved back. It lies at ${pathIn(parent, asideName)}; the next publish tries again.`,
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
      'The filesystem cannot exchange two directories (NFS, FAT, most of FUSE and SMB cannot). ' +
      "With withoutExchange: 'twoRenames' the target is missing for an instant " +
      'while it is replaced.',
    step: 'publish',
    path,
    cause,
  });
}

async function checkWhatCameOut(fs: Fs, target: FullTarget, stage: OwnedDirectory): Promise<void> {
  const cameOut = await lookAfterExchange(fs, target, stage);
  if (cameOut && isSameFile(cameOut, target.old.stat)) return;
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

async function checkWhatWentIn(
  fs: Fs,
  target: DirectoryTarget,
  stage: OwnedDirectory,
): Promise<void> {
  const isNoStage = await isOther(fs, target, target.name, stage).catch((error: unknown) => {
    throw stepFailed(error, 'publish', target.path, 'unknown');
  });
  if (!isNoStage) return;
  throw new HoldfastError('TARGET_CHANGED', {
    message:
      'Another program put something else in the place of the stage, or of the target, in this very moment. Look at what lies there.',
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
    return await lookAt(fs, namedIn(target, stage));
  } catch (error) {
    throw stepFailed(error, 'publish', target.path, 'unknown');
  }
}
