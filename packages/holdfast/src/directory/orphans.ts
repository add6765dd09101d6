/**
 * Orphans: staged things whose owner is dead.
 *
 * Sweeping one: open → lock without waiting → check that the path still names what was locked, and that no journal of
 * its dead owner may still publish it → sync the parent → remove it, keep it as a previous tree or move it away, while
 * the lock is held. The parent is synced first because an orphan may be an old tree that a publisher exchanged and had no time to sync: after a power loss it could
 * be the target again, and must not lack a file then. A crash while sweeping leaves a smaller orphan.
 *
 * A lock proves something only where it reaches every process that could own the stage. On a filesystem that other
 * machines share it does not (flock(2) on a directory of NFS stays on the client), so nothing is swept there.
 */
import { errnoOf, HoldfastError } from '../errors.js';
import { isCommitPending, recoverPending } from '../journal/pending.js';
import { followSymlinks } from '../lock/follow-symlinks.js';
import { checkOptions, invalidArgument } from '../options.js';
import type { DirectoryEntry, Fs, FsHandle } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { closeQuietly } from '../os/close-quietly.js';
import { basename, dirname, join } from '../os/paths.js';
import { isTemporaryName } from '../stage/names.js';
import { claim } from '../stage/ownership.js';
import {
  isResumableStageName,
  isStagedDirectoryName,
  parseStagedName,
} from '../stage/staged-directory.js';
import { stepFailed } from './directory-error.js';
import { filesystemType } from '../os/filesystem-type.js';
import { lookAt } from '../os/look-at.js';
import { keepOrphan } from './previous.js';
import { readEntries, syncDirectory } from './tree.js';
import { isWholeOldTree, removeOldTree } from './old-tree.js';

/** A staged directory or file was never published, or was replaced; a resumable stage was kept by option `resume`. */
export type OrphanKind = 'stagedDirectory' | 'stagedFile' | 'resumableStage';

/** A staged thing, and whether anybody owns it. */
export interface Orphan {
  readonly path: string;
  readonly kind: OrphanKind;
  /** `dead`: proven by its lock. `unknown`: other machines share the filesystem, or it could not be opened. */
  readonly owner: 'dead' | 'unknown';
}

/** What a sweep did with one orphan. */
export interface SweptOrphan extends Orphan {
  /** `putBack`: an old tree whose target was missing is the target again. `kept`: it is a previous tree now. */
  readonly action: 'removed' | 'salvaged' | 'putBack' | 'kept' | 'left';
  /** Where it is now, when it was salvaged or kept. */
  readonly movedTo: string | undefined;
  /** Why it was left. */
  readonly error: HoldfastError | undefined;
}

export interface ListOrphansOptions {
  /** Also look in the directories below, not following symlinks; false by default. */
  readonly recursive?: boolean;
  readonly fs?: Fs;
}

export interface SweepOrphansOptions extends ListOrphansOptions {
  /** Move the orphans into this directory, which must exist on the same filesystem, in place of removing them. */
  readonly salvageTo?: string;
  /** Also sweep what was kept for a later run to resume; false by default. */
  readonly resumable?: boolean;
}

/**
 * Lists the orphans in a directory. What a living process owns is not among them. Changes nothing.
 *
 * @throws HoldfastError NOT_FOUND, IO, INVALID_ARGUMENT
 */
export async function listOrphans(
  directory: string,
  options: ListOrphansOptions = {},
): Promise<Orphan[]> {
  checkOptions('listOrphans', options, ['recursive', 'fs']);
  const fs = options.fs ?? nodeFileSystem;
  const orphans: Orphan[] = [];
  for await (const found of stagedThings(fs, directory, options.recursive ?? false)) {
    const owner = await ownerOf(fs, found);
    if (owner !== 'alive') orphans.push({ ...found, owner });
  }
  return orphans;
}

/**
 * Removes the orphans in a directory, or moves them away, and tells what it did with each. What has a living owner, and
 * what cannot be proven dead, is not touched.
 *
 * After an error the directory has fewer orphans, each of the others whole or partly removed. Salvaged things are
 * durable at their new place.
 *
 * @throws HoldfastError NOT_FOUND, IO, INVALID_ARGUMENT; what fails with a single orphan is told with that orphan
 */
export async function sweepOrphans(
  directory: string,
  options: SweepOrphansOptions = {},
): Promise<SweptOrphan[]> {
  checkOptions('sweepOrphans', options, ['recursive', 'salvageTo', 'resumable', 'fs']);
  const fs = options.fs ?? nodeFileSystem;
  if (options.salvageTo !== undefined) await refuseNonDirectory(fs, options.salvageTo);
  await recoverCommits(fs, directory);
  const swept: SweptOrphan[] = [];
  for (const orphan of await listOrphans(directory, {
    recursive: options.recursive ?? false,
    fs,
  })) {
    if (orphan.kind === 'resumableStage' && !options.resumable) continue;
    swept.push(await sweepOne(fs, orphan, options.salvageTo));
  }
  return swept;
}

/** What a commit that died has left is its own, until the commit has been brought to its end. */
async function recoverCommits(fs: Fs, directory: string): Promise<void> {
  const canonical = await fs.realpath(directory).catch((error: unknown) => {
    throw stepFailed(error, 'list', directory);
  });
  await recoverPending(fs, join(canonical, 'any'));
}

/**
 * Sweeps the stages of the target that a path leads to, before a publish looks at it. A commit that died comes first:
 * what it has replaced is then swept with the rest, and what it keeps is kept before what this publish will replace.
 */
export async function sweepStagesAt(fs: Fs, path: string): Promise<void> {
  const { directory, path: resolved } = await followSymlinks(fs, path);
  await recoverPending(fs, resolved);
  await sweepStagesOf(fs, directory, basename(resolved));
}

/**
 * Sweeps the orphaned stages of one target: an old tree goes back where its target is missing, or is kept if it was to
 * be kept; everything else is removed. What cannot be swept stays for the next time.
 */
export async function sweepStagesOf(fs: Fs, parent: string, targetName: string): Promise<void> {
  const entries = await entriesOf(fs, parent);
  const names = entries.map(({ name }) => name);
  const staged = names.filter((name) => isStagedDirectoryName(name, targetName));
  if (staged.length === 0) return;
  const mayRemove = await locksProveOwners(fs, parent);
  for (const name of staged) {
    const found = { path: join(parent, name), kind: 'stagedDirectory' } as const;
    if (await isPutBack(fs, found, targetName).catch(() => false)) continue;
    if (mayRemove) await sweepOne(fs, { ...found, owner: 'dead' }, undefined, targetName);
  }
}

interface StagedThing {
  readonly path: string;
  readonly kind: OrphanKind;
}

async function* stagedThings(
  fs: Fs,
  directory: string,
  recursive: boolean,
  isBelow = false,
): AsyncGenerator<StagedThing> {
  for (const entry of await entriesOf(fs, directory, isBelow)) {
    const path = join(directory, entry.name);
    const kind = orphanKindOf(entry);
    if (kind) yield { path, kind };
    else if (recursive && entry.kind === 'directory') yield* stagedThings(fs, path, true, true);
  }
}

async function entriesOf(
  fs: Fs,
  directory: string,
  isBelow = false,
): Promise<readonly DirectoryEntry[]> {
  try {
    return await readEntries(fs, directory);
  } catch (error) {
    // Removed since it was listed; or its name is not UTF-8, and Node cannot give it back to the kernel.
    if (isBelow && errnoOf(error) === 'ENOENT') return [];
    throw stepFailed(error, 'list', directory);
  }
}

function orphanKindOf({ name, kind }: DirectoryEntry): OrphanKind | undefined {
  if (kind === 'file') return isTemporaryName(name) ? 'stagedFile' : undefined;
  if (kind !== 'directory') return undefined;
  if (isResumableStageName(name)) return 'resumableStage';
  return isStagedDirectoryName(name) ? 'stagedDirectory' : undefined;
}

async function ownerOf(fs: Fs, found: StagedThing): Promise<'alive' | 'dead' | 'unknown'> {
  try {
    if (!(await locksProveOwners(fs, dirname(found.path)))) return 'unknown';
    return (await whileOwned(fs, found, async () => undefined)) ? 'dead' : 'alive';
  } catch {
    return 'unknown';
  }
}

async function sweepOne(
  fs: Fs,
  orphan: Orphan,
  salvageTo: string | undefined,
  targetName?: string,
): Promise<SweptOrphan> {
  const left = { ...orphan, action: 'left', movedTo: undefined, error: undefined } as const;
  if (orphan.owner === 'unknown') return left;
  try {
    if (await isPutBack(fs, orphan, targetName)) return { ...left, action: 'putBack' };
    let done: Disposal | undefined;
    await whileOwned(fs, orphan, async (inode) => {
      done = await dispose(fs, orphan, inode, salvageTo, targetName);
    });
    return { ...left, ...done };
  } catch (error) {
    return { ...left, error: stepFailed(error, 'sweep', orphan.path) };
  }
}

interface Disposal {
  readonly action: SweptOrphan['action'];
  readonly movedTo: string | undefined;
}

async function dispose(
  fs: Fs,
  { path, kind }: StagedThing,
  inode: bigint,
  salvageTo: string | undefined,
  targetName: string | undefined,
): Promise<Disposal> {
  await syncDirectory(fs, dirname(path));
  const staged = parseStagedName(basename(path));
  if (staged?.old?.fate === 'keep' && staged.old.inode === inode) {
    const place = { parent: dirname(path), name: targetName ?? staged.targetName };
    return { action: 'kept', movedTo: await keepOrphan(fs, place, path) };
  }
  if (salvageTo !== undefined) {
    return { action: 'salvaged', movedTo: await salvage(fs, path, salvageTo) };
  }
  if (kind === 'stagedFile') await fs.unlink(path);
  else await removeOldTree(fs, path);
  return { action: 'removed', movedTo: undefined };
}

/**
 * Moves an old tree, also one to keep, back where its target is missing: its publisher was between two renames. No lock is asked, since
 * a publisher that still lives then finds its target taken by the tree that it replaces, and gives up.
 */
async function isPutBack(
  fs: Fs,
  { path }: StagedThing,
  targetName: string | undefined,
): Promise<boolean> {
  const staged = parseStagedName(basename(path));
  if (staged?.old === undefined) return false;
  const there = await lookAt(fs, path);
  const target = join(dirname(path), targetName ?? staged.targetName);
  if (there?.ino !== staged.old.inode || (await lookAt(fs, target))) return false;
  if (!(await isWholeOldTree(fs, path)) || (await isCommitted(fs, path))) return false;
  await fs.rename(path, target);
  await syncDirectory(fs, dirname(path));
  return true;
}

/** Calls a function while owning an orphan; false when it is not one any more. */
async function whileOwned(
  fs: Fs,
  found: StagedThing,
  use: (inode: bigint) => Promise<void>,
): Promise<boolean> {
  const handle = await openIfThere(fs, found);
  if (!handle) return false;
  try {
    if (!(await claim(fs, handle)) || (await isCommitted(fs, found.path))) return false;
    await use((await handle.stat()).ino);
    return true;
  } finally {
    await closeQuietly(handle);
  }
}

/** A dead owner's journal may still publish the thing: then it is no orphan. A live owner would hold its lock. */
async function isCommitted(fs: Fs, path: string): Promise<boolean> {
  return isCommitPending(fs, join(await fs.realpath(dirname(path)), basename(path)));
}

async function openIfThere(fs: Fs, { path, kind }: StagedThing): Promise<FsHandle | undefined> {
  try {
    return await (kind === 'stagedFile'
      ? fs.open(path, { access: 'readWrite', noFollow: true })
      : fs.openDirectory(path));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The dot of the name is dropped: what was salvaged is no orphan any more. */
async function salvage(fs: Fs, path: string, salvageTo: string): Promise<string> {
  const base = join(salvageTo, basename(path).slice(1));
  for (let number = 1; ; number += 1) {
    const to = number === 1 ? base : `${base}-${number}`;
    if (await lookAt(fs, to)) continue;
    await fs.rename(path, to);
    for (const directory of [salvageTo, dirname(path)]) await syncDirectory(fs, directory);
    return to;
  }
}

async function locksProveOwners(fs: Fs, directory: string): Promise<boolean> {
  return filesystemType((await fs.statFilesystem(directory)).type).isLocal;
}

async function refuseNonDirectory(fs: Fs, path: string): Promise<void> {
  const stat = await fs.stat(path).catch((error: unknown) => {
    throw stepFailed(error, 'salvage', path);
  });
  if (stat.kind === 'directory') return;
  throw invalidArgument('sweepOrphans', 'salvageTo must be a directory', path);
}
