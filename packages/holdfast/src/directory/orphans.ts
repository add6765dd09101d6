/**
 * Orphans: staged things whose owner is dead.
 *
 * Sweeping one: open its directory, and it below that, following no symlink → it must be ours
 * (os/owner.ts: whoever may make names here could have made this one) → lock without waiting →
 * check that the name still leads to what was locked, and that no journal of its dead owner may
 * still publish it → sync the parent → remove it, keep it as a previous tree or move it away, while
 * the lock is held. The parent is synced first because an orphan may be an old tree that a
 * publisher exchanged and had no time to sync: after a power loss it could be the target again, and
 * must not lack a file then. A crash while sweeping leaves a smaller orphan.
 *
 * A lock proves something only where it reaches every process that could own the stage. On a
 * filesystem that other machines share it does not (flock(2) on a directory of NFS stays on the
 * client), so nothing is swept there.
 */
import { errnoOf, HoldfastError } from '../errors.js';
import { below } from '../journal/journal-file.js';
import { finishOverwrites } from '../journal/overwrite.js';
import { isCommitPending, recoverPending } from '../journal/pending.js';
import { canonicalDirectory, followSymlinks } from '../os/follow-symlinks.js';
import { checkOptions, invalidArgument } from '../options.js';
import type { Lock } from '../lock/lock.js';
import { filesystemOf } from '../os/filesystem.js';
import { isLocal } from '../os/freshen.js';
import type { DirectoryEntry, FileStat, Fs, FsDirectory, FsHandle } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import {
  closeQuietly,
  inDirectoryOf,
  lookAt,
  nameTaken,
  openCanonical,
  openOwn,
  openOwnDirectory,
  pathIn,
} from '../os/handles.js';
import { isOurs } from '../os/owner.js';
import { basename, dirname, join } from '../os/paths.js';
import { openChild, readEntries } from '../os/tree.js';
import { isTemporaryName } from '../stage/names.js';
import { onlyCopies } from '../stage/only-copy.js';
import { claim } from '../stage/ownership.js';
import {
  isResumableStageName,
  isStagedDirectoryName,
  parseStagedName,
} from '../stage/staged-directory.js';
import { stepFailed } from './directory-error.js';
import { keepOrphan } from './previous.js';
import { takeSharedTurn } from './target-turn.js';
import { isWholeOldTree, removeOldTree } from './old-tree.js';

/**
 * A staged directory or file was never published, or was replaced; a resumable stage was kept by
 * option `resume`.
 */
export type OrphanKind = 'stagedDirectory' | 'stagedFile' | 'resumableStage';

/** A staged thing, and whether anybody owns it. */
export interface Orphan {
  readonly path: string;
  readonly kind: OrphanKind;
  /**
   * `dead`: proven by its lock. `unknown`: it is another user's, other machines share the
   * filesystem, or it could not be opened.
   */
  readonly owner: 'dead' | 'unknown';
}

/** What a sweep did with one orphan. */
export interface SweptOrphan extends Orphan {
  /**
   * `putBack`: an old tree whose target was missing is the target again. `kept`: it is a previous
   * tree now.
   */
  readonly action: 'removed' | 'salvaged' | 'putBack' | 'kept' | 'left';
  /** Where it is now, when it was salvaged or kept. */
  readonly movedTo: string | undefined;
  /** Why it was left. */
  readonly error: HoldfastError | undefined;
}

/** How orphans are looked for. */
export interface ListOrphansOptions {
  /** Also look in the directories below, not following symlinks; false by default. */
  readonly recursive?: boolean | undefined;
  readonly fs?: Fs | undefined;
}

/** How orphans are swept. */
export interface SweepOrphansOptions extends ListOrphansOptions {
  /**
   * Move the orphans into this directory, which must exist on the same filesystem, in place of
   * removing them.
   */
  readonly salvageTo?: string | undefined;
  /** Also sweep what was kept for a later run to resume; false by default. */
  readonly resumable?: boolean | undefined;
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
  const canonical = await canonicalDirectoryOf(fs, directory);
  const found = await findOrphans(fs, canonical, options.recursive ?? false);
  return found.map((orphan) => ({ ...orphan, path: asGiven(orphan.path, canonical, directory) }));
}

async function findOrphans(fs: Fs, directory: string, recursive: boolean): Promise<Orphan[]> {
  const orphans: Orphan[] = [];
  for await (const found of stagedThings(fs, directory, recursive)) {
    const owner = await ownerOf(fs, found);
    if (owner !== 'alive') orphans.push({ ...found, owner });
  }
  return orphans;
}

/** Paths begin as the caller's does. */
function asGiven(path: string, canonical: string, given: string): string {
  return path.startsWith(below(canonical, ''))
    ? below(given, path.slice(below(canonical, '').length))
    : path;
}

/**
 * Removes the orphans in a directory, or moves them away, and tells what it did with each. What has
 * a living owner, and what cannot be proven dead, is not touched.
 *
 * After an error the directory has fewer orphans, each of the others whole or partly removed.
 * Salvaged things are durable at their new place.
 *
 * @throws HoldfastError NOT_FOUND, IO, INVALID_ARGUMENT; what fails with a single orphan is told
 *   with that orphan
 */
export async function sweepOrphans(
  directory: string,
  options: SweepOrphansOptions = {},
): Promise<SweptOrphan[]> {
  checkOptions('sweepOrphans', options, ['recursive', 'salvageTo', 'resumable', 'fs']);
  const fs = options.fs ?? nodeFileSystem;
  const salvageTo =
    options.salvageTo === undefined ? undefined : await openSalvage(fs, options.salvageTo);
  try {
    return await sweepAll(fs, directory, options, salvageTo);
  } finally {
    if (salvageTo) await closeQuietly(salvageTo);
  }
}

async function sweepAll(
  fs: Fs,
  directory: string,
  options: SweepOrphansOptions,
  salvageTo: FsDirectory | undefined,
): Promise<SweptOrphan[]> {
  const canonical = await canonicalDirectoryOf(fs, directory);
  // What a commit or an overwrite that died has left is its own, until that has been brought to its
  // end.
  await recoverPending(fs, join(canonical, 'any'));
  await finishOverwrites(fs, canonical, false);
  const swept: SweptOrphan[] = [];
  for (const orphan of await findOrphans(fs, canonical, options.recursive ?? false)) {
    if (orphan.kind === 'resumableStage' && !options.resumable) continue;
    const done = await sweepOne(fs, orphan, salvageTo);
    const path = asGiven(done.path, canonical, directory);
    const isKept = done.action === 'kept' && done.movedTo !== undefined;
    const movedTo = isKept ? asGiven(done.movedTo, canonical, directory) : done.movedTo;
    swept.push({ ...done, path, movedTo });
  }
  return swept;
}

function canonicalDirectoryOf(fs: Fs, directory: string): Promise<string> {
  return canonicalDirectory(fs, directory).catch((error: unknown) => {
    throw stepFailed(error, 'list', directory);
  });
}

/**
 * Sweeps the stages of the target that a path leads to, before a publish looks at it. A commit that
 * died comes first: what it has replaced is then swept with the rest, and what it keeps is kept
 * before what this publish will replace.
 */
export async function sweepStagesAt(fs: Fs, path: string): Promise<void> {
  const { directory, path: resolved } = await followSymlinks(fs, path);
  await recoverPending(fs, resolved);
  await sweepStagesOf(fs, directory, basename(resolved));
}

/**
 * Sweeps the orphaned stages of one target: an old tree goes back where its target is missing, or
 * is kept if it was to be kept; everything else is removed. What cannot be swept stays for the next
 * time.
 */
export async function sweepStagesOf(fs: Fs, parent: string, targetName: string): Promise<void> {
  const names = await namesIn(fs, parent);
  const staged = names.filter((name) => isStagedDirectoryName(name, targetName));
  if (staged.length === 0) return;
  const mayRemove = await locksProveOwners(fs, parent);
  if (!mayRemove) return sweepOldTreesOf(fs, join(parent, targetName), staged);
  for (const name of staged) {
    const found = { path: join(parent, name), kind: 'stagedDirectory' } as const;
    if (await isPutBack(fs, found, targetName).catch(() => false)) continue;
    await sweepOne(fs, { ...found, owner: 'dead' }, undefined, targetName);
  }
}

/**
 * Where other machines share the filesystem, only old trees can be told from what a living process
 * owns: who has one holds the lock file of the target until it is gone. What holds that lock is
 * left to it.
 */
async function sweepOldTreesOf(fs: Fs, target: string, staged: readonly string[]): Promise<void> {
  const mayBeOld = staged.filter((name) => parseStagedName(name)?.old !== undefined);
  if (mayBeOld.length === 0) return;
  let turn: Lock | undefined;
  try {
    turn = await takeSharedTurn(fs, target, 0);
    for (const name of mayBeOld) {
      const found = { path: join(dirname(target), name), kind: 'stagedDirectory' } as const;
      const there = await lookAt(fs, found.path);
      if (there?.ino !== parseStagedName(name)?.old?.inode) continue;
      await sweepOne(fs, { ...found, owner: 'dead' }, undefined, basename(target));
    }
  } catch {
    // It stays for the next time.
  } finally {
    await turn?.release();
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
): AsyncGenerator<StagedThing> {
  const root = await openCanonical(fs, directory).catch((error: unknown) => {
    throw stepFailed(error, 'list', directory);
  });
  yield* thingsIn(fs, root, recursive);
}

/** Closes the directory. */
async function* thingsIn(
  fs: Fs,
  directory: FsDirectory,
  recursive: boolean,
): AsyncGenerator<StagedThing> {
  try {
    for (const entry of await entriesOf(fs, directory)) {
      const kind = orphanKindOf(entry);
      if (kind) yield { path: pathIn(directory, entry.name), kind };
      else if (recursive && entry.kind === 'directory') {
        const child = await openBelow(fs, directory, entry.name);
        if (child) yield* thingsIn(fs, child, true);
      }
    }
  } finally {
    await closeQuietly(directory);
  }
}

/**
 * Undefined when it was removed since it was listed; or its name is not UTF-8, and Node cannot give
 * it back to the kernel.
 */
async function openBelow(
  fs: Fs,
  parent: FsDirectory,
  name: string,
): Promise<FsDirectory | undefined> {
  try {
    return await openChild(fs, parent, name);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw stepFailed(error, 'list', pathIn(parent, name));
  }
}

async function namesIn(fs: Fs, path: string): Promise<readonly string[]> {
  try {
    return (await fs.readDirectory(path)).map(({ name }) => name);
  } catch (error) {
    throw stepFailed(error, 'list', path);
  }
}

async function entriesOf(fs: Fs, directory: FsDirectory): Promise<readonly DirectoryEntry[]> {
  try {
    return await readEntries(fs, directory);
  } catch (error) {
    throw stepFailed(error, 'list', directory.path);
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
  salvageTo: FsDirectory | undefined,
  targetName?: string,
): Promise<SweptOrphan> {
  const left = { ...orphan, action: 'left', movedTo: undefined, error: undefined } as const;
  if (orphan.owner === 'unknown') return left;
  try {
    if (await isPutBack(fs, orphan, targetName)) return { ...left, action: 'putBack' };
    if (salvageTo === undefined) await refuseOnlyCopy(fs, orphan, targetName);
    let done: Disposal | undefined;
    await whileOwned(fs, orphan, async (owned) => {
      done = await dispose(fs, owned, salvageTo, targetName);
    });
    return { ...left, ...done };
  } catch (error) {
    return { ...left, error: stepFailed(error, 'sweep', orphan.path) };
  }
}

/**
 * Where a name may have been lost, what was to have it is not removed while nothing else has it.
 */
async function refuseOnlyCopy(
  fs: Fs,
  { path, kind }: StagedThing,
  targetName: string | undefined,
): Promise<void> {
  const directory = dirname(path);
  if (kind === 'resumableStage' || (await filesystemOf(fs, directory)).keepsNames) return;
  const names = await namesIn(fs, directory);
  const target = targetName ?? parseStagedName(basename(path))?.targetName;
  const isNeeded =
    kind === 'stagedFile'
      ? onlyCopies(names).has(basename(path))
      : target === undefined || !names.includes(target);
  if (!isNeeded) return;
  throw new HoldfastError('NOT_FOUND', {
    message:
      'What this was to replace is missing, and this filesystem may lose a name that is replaced, so this may be the only ' +
      'whole copy of it. Look at it: give it its name, salvage it, or remove it yourself.',
    step: 'sweep',
    path,
  });
}

interface Disposal {
  readonly action: SweptOrphan['action'];
  readonly movedTo: string | undefined;
}

async function dispose(
  fs: Fs,
  { parent, name, handle, stat }: OwnedOrphan,
  salvageTo: FsDirectory | undefined,
  targetName: string | undefined,
): Promise<Disposal> {
  await parent.sync();
  const staged = parseStagedName(name);
  if (staged?.old?.fate === 'keep' && staged.old.inode === stat.ino) {
    const place = { parent, name: targetName ?? staged.targetName };
    return { action: 'kept', movedTo: await keepOrphan(fs, place, name) };
  }
  if (salvageTo !== undefined) {
    return { action: 'salvaged', movedTo: await salvage(fs, parent, name, salvageTo) };
  }
  if (isDirectory(handle)) await removeOldTree(fs, await handle.stat(), { parent, name });
  else await fs.unlink(parent.at(name));
  return { action: 'removed', movedTo: undefined };
}

/**
 * Moves an old tree of ours, also one to keep, back where its target is missing: its publisher was
 * between two renames. No lock is asked, since a publisher that still lives then finds its target
 * taken by the tree that it replaces, and gives up.
 */
async function isPutBack(
  fs: Fs,
  { path }: StagedThing,
  targetName: string | undefined,
): Promise<boolean> {
  const name = basename(path);
  const staged = parseStagedName(name);
  if (staged?.old === undefined) return false;
  const { inode } = staged.old;
  const target = targetName ?? staged.targetName;
  return inDirectoryOf(fs, path, async (parent) => {
    if (await lookAt(fs, parent.at(target))) return false;
    const tree = await openBelow(fs, parent, name);
    if (tree === undefined) return false;
    try {
      const stat = await tree.stat();
      if (stat.ino !== inode || !(await isOursIn(fs, parent, name, stat))) return false;
      if (!(await isWholeOldTree(fs, tree)) || (await isCommitted(fs, path))) return false;
      await fs.rename(parent.at(name), parent.at(target));
      await parent.sync();
      return true;
    } finally {
      await closeQuietly(tree);
    }
  });
}

/** An orphan that this process owns for as long as it is open. */
interface OwnedOrphan {
  readonly parent: FsDirectory;
  readonly name: string;
  readonly handle: FsHandle;
  readonly stat: FileStat;
}

/** Calls a function while owning an orphan; false when it is not one any more. */
async function whileOwned(
  fs: Fs,
  found: StagedThing,
  use: (owned: OwnedOrphan) => Promise<void>,
): Promise<boolean> {
  return inDirectoryOf(fs, found.path, async (parent, name) => {
    const handle = await openIfThere(fs, parent.at(name), found.kind);
    if (!handle) return false;
    try {
      const stat = await handle.stat();
      if (!(await isOursIn(fs, parent, name, stat))) {
        throw nameTaken(found.path, `something of another user (${stat.uid})`);
      }
      const isOrphan = await claim(fs, handle, parent.at(name));
      if (!isOrphan || (await isCommitted(fs, found.path))) return false;
      await use({ parent, name, handle, stat });
      return true;
    } finally {
      await closeQuietly(handle);
    }
  });
}

async function isOursIn(
  fs: Fs,
  parent: FsDirectory,
  name: string,
  stat: FileStat,
): Promise<boolean> {
  return isOurs(fs, parent.at(name), stat, { directory: await parent.stat() });
}

function isDirectory(handle: FsHandle): handle is FsDirectory {
  return 'at' in handle;
}

/**
 * A dead owner's journal may still publish the thing: then it is no orphan. A live owner would hold
 * its lock.
 */
function isCommitted(fs: Fs, path: string): Promise<boolean> {
  return isCommitPending(fs, path);
}

async function openIfThere(fs: Fs, path: string, kind: OrphanKind): Promise<FsHandle | undefined> {
  try {
    if (kind !== 'stagedFile') return (await openOwnDirectory(fs, path, anyones)).handle;
    return (await openOwn(fs, path, { access: 'readWrite' }, anyones)).handle;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whose it is, is asked for with a better answer. */
const anyones = { owner: 'anyone' } as const;

/** The dot of the name is dropped: what was salvaged is no orphan any more. */
async function salvage(
  fs: Fs,
  parent: FsDirectory,
  name: string,
  salvageTo: FsDirectory,
): Promise<string> {
  for (let number = 1; ; number += 1) {
    const newName = number === 1 ? name.slice(1) : `${name.slice(1)}-${number}`;
    if (await lookAt(fs, salvageTo.at(newName))) continue;
    await fs.rename(parent.at(name), salvageTo.at(newName));
    // In either order: a rename between directories is one change to the filesystem, but which sync
    // makes it last it need not say.
    for (const directory of [salvageTo, parent]) await directory.sync();
    return pathIn(salvageTo, newName);
  }
}

function locksProveOwners(fs: Fs, directory: string): Promise<boolean> {
  return isLocal(fs, directory);
}

/** Opened before anything is swept, so that all goes to one directory. */
async function openSalvage(fs: Fs, path: string): Promise<FsDirectory> {
  const stat = await fs.stat(path).catch((error: unknown) => {
    throw stepFailed(error, 'salvage', path);
  });
  if (stat.kind !== 'directory') {
    throw invalidArgument('sweepOrphans', 'salvageTo must be a directory', path);
  }
  return fs.openDirectory(path).catch((error: unknown) => {
    throw stepFailed(error, 'salvage', path);
  });
}
