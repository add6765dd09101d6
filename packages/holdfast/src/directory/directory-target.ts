/**
 * The directory that a publish is to fill or replace, found and judged before anything is staged.
 */
import { errnoOf, HoldfastError } from '../errors.js';
import { settledName } from '../journal/settled-name.js';
import { nameOfDirectory, noteFreed, noteTaken } from '../lock/held-here.js';
import { followSymlinks, type ResolvedName } from '../os/follow-symlinks.js';
import { invalidArgument } from '../options.js';
import { unlessStale } from '../os/ask-again.js';
import type { FileStat, Fs, FsDirectory } from '../os/fs.js';
import { freshenNames } from '../os/freshen.js';
import { closeQuietly, isSameFile, lookAt, openCanonical } from '../os/handles.js';
import { basename } from '../os/paths.js';
import { openChild } from '../os/tree.js';
import { oldTreeName, stagedDirectoryName } from '../stage/staged-directory.js';
import { stepFailed, targetExists } from './directory-error.js';
import { mountPoints, refuseMountPoint } from './mount-info.js';

/** Where a publish goes. */
export interface DirectoryTarget {
  /** Canonical: no symlink in any part of it. */
  readonly path: string;
  /**
   * The directory that names it, open for as long as the publish lasts: whatever is moved, is moved
   * in it.
   */
  readonly parent: FsDirectory;
  readonly name: string;
  /**
   * The tree to be replaced; `undefined` when nothing is there, or an empty directory. It is held
   * open from the start, since the kernel may give the inode number of a removed directory to the
   * next one. {@link findAgain} changes it.
   */
  old: OpenedTree | undefined;
  /**
   * A fresh name for a stage. With `keepPrevious` it is named after the tree that it replaces: when
   * the old tree lies under this name after the exchange, and we die, a sweeper knows that it is to
   * be kept.
   */
  readonly freshName: () => string;
}

/** A directory that is held open. */
export interface OpenedTree {
  readonly handle: FsDirectory;
  /** `dev` and `ino` identify it while it is open. */
  readonly stat: FileStat;
  /** Whether this process has its lock. */
  isOwned?: boolean;
}

/** Whether a tree may be there already, and how many of those that were stay. */
export interface TargetOptions {
  readonly ifExists?: 'fail' | 'replace' | undefined;
  readonly keepPrevious?: number | undefined;
}

/**
 * Finds the target, and refuses early what the rename would refuse after all the work. The caller
 * closes what is open ({@link closeTarget}).
 */
export async function findTarget(
  fs: Fs,
  path: string,
  { ifExists = 'fail', keepPrevious = 0 }: TargetOptions,
): Promise<DirectoryTarget> {
  refuseNameless(path);
  const { path: resolved, directory, existing } = await resolve(fs, path);
  refuseNonDirectory(resolved, existing);
  if (existing) refuseMountPoint(await mountPoints(fs), resolved);
  const parent = await openParent(fs, directory);
  const name = basename(resolved);
  try {
    const old = existing && (await openFullTree(fs, parent, name));
    if (old && ifExists === 'fail') {
      await closeQuietly(old.handle);
      throw targetExists(resolved, 'check');
    }
    const target: DirectoryTarget = {
      path: resolved,
      parent,
      name,
      old,
      freshName: () =>
        target.old && keepPrevious > 0
          ? oldTreeName(name, target.old.stat.ino, 'keep')
          : stagedDirectoryName(name),
    };
    return target;
  } catch (error) {
    await closeQuietly(parent);
    throw stepFailed(error, 'check', resolved);
  }
}

/**
 * Looks once more for the tree to be replaced, after what was there refused to be.
 *
 * @returns whether it is another one, or none
 */
export async function findAgain(fs: Fs, target: DirectoryTarget): Promise<boolean> {
  const { parent, name, path, old: before } = target;
  await freshenNames(fs, parent.path);
  const existing = await lookAt(fs, parent.at(name));
  refuseNonDirectory(path, existing);
  const old = existing && (await openFullTree(fs, parent, name));
  const isSame = old && before ? isSameFile(old.stat, before.stat) : existing && old === before;
  if (isSame) {
    if (old) await closeQuietly(old.handle);
    return false;
  }
  target.old = old;
  if (before) await closeTree(fs, before);
  return true;
}

/** Closes what {@link findTarget} has opened. */
export async function closeTarget(fs: Fs, { parent, old }: DirectoryTarget): Promise<void> {
  if (old) await closeTree(fs, old);
  await closeQuietly(parent);
}

/** Notes that this process has locked a tree, which {@link closeTarget} frees. */
export function noteOwned(fs: Fs, tree: OpenedTree): void {
  noteTaken(fs, nameOfDirectory(tree.stat), 'exclusive');
  tree.isOwned = true;
}

async function closeTree(fs: Fs, { handle, stat, isOwned }: OpenedTree): Promise<void> {
  await closeQuietly(handle);
  if (isOwned) noteFreed(fs, nameOfDirectory(stat), 'exclusive');
}

async function resolve(fs: Fs, path: string): Promise<ResolvedName> {
  try {
    return await settledName(fs, () => followSymlinks(fs, path));
  } catch (error) {
    throw stepFailed(error, 'recover', path);
  }
}

/** Opened before anything is changed, so that not being able to open it changes nothing. */
async function openParent(fs: Fs, path: string): Promise<FsDirectory> {
  try {
    return await openCanonical(fs, path);
  } catch (error) {
    throw stepFailed(error, 'stage', path);
  }
}

/**
 * The directory of this name, held open; `undefined` when it is empty, or not there for a moment
 * (two renames). Of another machine's tree that was removed as it was opened, the name is asked
 * again.
 */
async function openFullTree(
  fs: Fs,
  parent: FsDirectory,
  name: string,
): Promise<OpenedTree | undefined> {
  try {
    return await unlessStale(() => openIfFull(fs, parent, name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function openIfFull(
  fs: Fs,
  parent: FsDirectory,
  name: string,
): Promise<OpenedTree | undefined> {
  const handle = await openChild(fs, parent, name);
  try {
    const isEmpty = (await fs.readDirectory(handle.at('.'))).length === 0;
    if (!isEmpty) return { handle, stat: await handle.stat() };
    await closeQuietly(handle);
    return undefined;
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

function refuseNameless(path: string): void {
  if (typeof path === 'string' && !['', '.', '..'].includes(basename(path))) return;
  throw invalidArgument(
    'publishDirectory',
    "the target needs a name of its own: not the root, '.' or '..'",
    path,
  );
}

function refuseNonDirectory(path: string, existing: FileStat | undefined): void {
  if (!existing || existing.kind === 'directory') return;
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message: `The target is there and no directory but a ${existing.kind}. Remove it or name another.`,
    step: 'check',
    path,
  });
}
