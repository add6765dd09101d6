/** The directory that a publish is to fill or replace, found and judged before anything is staged. */
import { HoldfastError } from '../errors.js';
import { recoverPending } from '../journal/pending.js';
import { followSymlinks, type ResolvedName } from '../lock/follow-symlinks.js';
import { invalidArgument } from '../options.js';
import type { FileStat, Fs, FsDirectory } from '../os/fs.js';
import { basename } from '../os/paths.js';
import { oldTreeName, stagedDirectoryName } from '../stage/staged-directory.js';
import { stepFailed, targetExists } from './directory-error.js';
import { mountPoints, refuseMountPoint } from './mount-info.js';

/** Where a publish goes. */
export interface DirectoryTarget {
  /** Canonical: no symlink in any part of it. */
  readonly path: string;
  readonly parent: string;
  readonly name: string;
  /**
   * The tree to be replaced; `undefined` when nothing is there, or an empty directory. It is held open from the start,
   * since the kernel may give the inode number of a removed directory to the next one.
   */
  readonly old: OpenedTree | undefined;
}

/** A directory that is held open. */
export interface OpenedTree {
  readonly handle: FsDirectory;
  /** `dev` and `ino` identify it while it is open. */
  readonly stat: FileStat;
}

/** Finds the target, and refuses early what the rename would refuse after all the work. */
export async function findTarget(
  fs: Fs,
  path: string,
  ifExists: 'fail' | 'replace',
): Promise<DirectoryTarget> {
  refuseNameless(path);
  const { path: resolved, directory: parent, existing } = await settledName(fs, path);
  refuseNonDirectory(resolved, existing);
  if (existing) refuseMountPoint(await mountPoints(fs), resolved);
  const isEmpty = !existing || (await isEmptyDirectory(fs, resolved));
  if (!isEmpty && ifExists === 'fail') throw targetExists(resolved, 'check');
  const old = isEmpty ? undefined : await openTree(fs, resolved);
  return { path: resolved, parent, name: basename(resolved), old };
}

/**
 * A fresh name for a stage. With `keepPrevious` it is named after the tree that it replaces: when the old tree lies under
 * this name after the exchange, and we die, a sweeper knows that it is to be kept.
 */
export function stageNameFor({ name, old }: DirectoryTarget, keepPrevious: number): string {
  return old && keepPrevious > 0
    ? oldTreeName(name, old.stat.ino, 'keep')
    : stagedDirectoryName(name);
}

/** Where the path leads, after a commit that died on it, or on anything beside it, has been brought to its end. */
async function settledName(fs: Fs, path: string): Promise<ResolvedName> {
  const name = await followSymlinks(fs, path);
  try {
    return (await recoverPending(fs, name.path)) ? await followSymlinks(fs, path) : name;
  } catch (error) {
    throw stepFailed(error, 'recover', path);
  }
}

async function openTree(fs: Fs, path: string): Promise<OpenedTree> {
  try {
    const handle = await fs.openDirectory(path);
    return { handle, stat: await handle.stat() };
  } catch (error) {
    throw stepFailed(error, 'check', path);
  }
}

async function isEmptyDirectory(fs: Fs, path: string): Promise<boolean> {
  try {
    return (await fs.readDirectory(path)).length === 0;
  } catch (error) {
    throw stepFailed(error, 'check', path);
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
    outcome: 'unchanged',
    step: 'check',
    path,
  });
}
