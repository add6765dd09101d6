/**
 * The changes of a transaction. Each stages what it can before any lock is taken, does what has to wait for the locks,
 * and then says which move makes it visible.
 */
import { findTarget, stageNameFor, type DirectoryTarget } from '../directory/directory-target.js';
import { refuseMountPoint } from '../directory/mount-info.js';
import { sweepStagesOf } from '../directory/orphans.js';
import {
  discardTree,
  giveOwnName,
  keepForResume,
  prepareTree,
  type Fill,
  type FillOptions,
} from '../directory/prepare-tree.js';
import type { Place } from '../directory/previous.js';
import { HoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { lookAgain } from '../file/resolve-target.js';
import { lookAt } from '../os/look-at.js';
import { below } from '../journal/journal-file.js';
import type { ChangeKind } from '../journal/journal.js';
import { makeUpdate } from '../json/commit-group.js';
import { PendingUpdate } from '../json/pending-update.js';
import type { JsonUpdater, UpdateJsonOptions } from '../json/update-options.js';
import type { Lock } from '../lock/lock.js';
import { closeQuietly } from '../os/close-quietly.js';
import type { FileStat, Fs } from '../os/fs.js';
import { basename, dirname } from '../os/paths.js';
import type { FileData } from '../stage/file-data.js';
import { newTemporaryName } from '../stage/names.js';
import { stagedDirectoryName, type OwnedDirectory } from '../stage/staged-directory.js';
import {
  alreadyExists,
  stageFile,
  type StagedFile,
  type StageTarget,
} from '../stage/staged-file.js';
import { refuseCrossMount } from './mounts.js';

/** A move with absolute paths; journal/journal.ts says what its fields mean. */
export interface PlannedMove {
  readonly kind: ChangeKind;
  readonly inode: bigint;
  readonly from: string;
  readonly to: string;
  readonly before: bigint | null;
  readonly trash: string | null;
}

/** One change, between the call that names it and its commit. */
export interface Change {
  /** The canonical paths that it changes, each with a lock of its own. */
  readonly paths: readonly string[];
  /** The directory that names what was staged; `undefined` when nothing is staged. */
  readonly stagedIn: string | undefined;
  /** Where replaced trees are kept, and how many. */
  readonly keeps?: { readonly place: Place; readonly count: number };
  /** Does what needs the locks; `lock` is the one of its first path. */
  prepare(lock: Lock): Promise<void>;
  /**
   * Looks at the disk, under every lock and right before the commit point. `undefined` when nothing is to be changed.
   *
   * @throws HoldfastError when the change cannot be made any more
   */
  plan(mounts: ReadonlySet<string>): Promise<PlannedMove | undefined>;
  /** Removes what was staged, and never fails. */
  discard(): Promise<void>;
  /** Gives up the ownership of what was staged, for the journal to publish. */
  release(): Promise<void>;
}

export interface StagedFileOptions {
  readonly mode?: number | undefined;
  readonly ifExists?: 'replace' | 'fail' | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type StagedUpdateOptions = Pick<
  UpdateJsonOptions<unknown>,
  'initial' | 'indent' | 'schema' | 'mode' | 'secret' | 'signal'
>;

export interface StagedDirectoryOptions extends Pick<
  FillOptions,
  'sync' | 'resume' | 'concurrency' | 'onProgress' | 'signal'
> {
  readonly ifExists?: 'replace' | 'fail';
  readonly keepPrevious?: number;
}

/** A file to be replaced, staged at once. */
export async function replaceFileChange(
  fs: Fs,
  target: StageTarget,
  data: FileData,
  options: StagedFileOptions,
): Promise<Change> {
  const staged = await stageFile(fs, target, data, { mode: options.mode, signal: options.signal });
  return {
    paths: [target.path],
    stagedIn: target.directory,
    prepare: async () => undefined,
    plan: (mounts) => planFile(fs, 'replaceFile', staged, mounts, options.ifExists ?? 'replace'),
    discard: () => staged.discard(),
    release: () => staged.release(),
  };
}

/** A document to be updated: read, changed and staged when its lock is held. */
export function updateJsonChange(
  fs: Fs,
  target: StageTarget,
  updater: JsonUpdater<unknown>,
  options: StagedUpdateOptions,
): Change {
  let staged: StagedFile | undefined;
  return {
    paths: [target.path],
    stagedIn: target.directory,
    async prepare(lock) {
      // The target as it is now, under its lock: it may have come, gone or changed since it was named.
      const now = await lookAgain(fs, target);
      const update = new PendingUpdate(target.path, updater, options);
      const bytes = await makeUpdate(fs, { lock, target: now }, update);
      const { mode, secret, signal } = options;
      if (bytes === undefined) return;
      const stageOptions = { mode: mode ?? (secret ? 0o600 : undefined), signal };
      staged = await stageFile(fs, now, bytes, stageOptions);
    },
    plan: async (mounts) => staged && planFile(fs, 'updateJson', staged, mounts, 'replace'),
    discard: async () => staged?.discard(),
    release: async () => staged?.release(),
  };
}

/** A directory to be published, filled and synced at once. */
export async function publishDirectoryChange(
  fs: Fs,
  path: string,
  fill: Fill<unknown>,
  options: StagedDirectoryOptions,
): Promise<Change> {
  const { ifExists = 'fail', keepPrevious = 0, ...fillOptions } = options;
  const target = await findTarget(fs, path, ifExists);
  const { parent, name } = target;
  const freshName = (): string => stageNameFor(target, keepPrevious);
  const tree = await prepareSwept(fs, target, fill, fillOptions, freshName);
  const release = async (): Promise<void> => {
    // close(2) frees the descriptor whatever it says, and must not turn the outcome of a commit.
    await tree.handle.close().catch(() => undefined);
    await target.old?.handle.close().catch(() => undefined);
  };
  return {
    paths: [target.path],
    stagedIn: parent,
    ...(keepPrevious > 0 && { keeps: { place: { parent, name }, count: keepPrevious } }),
    prepare: async () => undefined,
    plan: (mounts) => planDirectory(fs, target, tree, mounts, freshName),
    async discard() {
      await (options.resume ? keepForResume(fs, tree, parent, name) : discardTree(fs, tree)).catch(
        () => undefined,
      );
      await release();
    },
    release,
  };
}

async function prepareSwept(
  fs: Fs,
  target: DirectoryTarget,
  fill: Fill<unknown>,
  options: FillOptions,
  freshName: () => string,
): Promise<OwnedDirectory> {
  try {
    await sweepStagesOf(fs, target.parent, target.name);
    const { parent, name } = target;
    const { stage } = await prepareTree(fs, parent, name, fill, options, freshName);
    return options.resume ? await giveOwnNameOrClose(fs, stage, parent, freshName()) : stage;
  } catch (error) {
    await target.old?.handle.close().catch(() => undefined);
    throw error;
  }
}

/** The journal will name the stage, so no later run may take it over. */
async function giveOwnNameOrClose(
  fs: Fs,
  stage: OwnedDirectory,
  parent: string,
  name: string,
): Promise<OwnedDirectory> {
  try {
    return await giveOwnName(fs, stage, parent, name);
  } catch (error) {
    await closeQuietly(stage.handle);
    throw failure('stage', stage.path, error);
  }
}

async function planDirectory(
  fs: Fs,
  target: DirectoryTarget,
  tree: OwnedDirectory,
  mounts: ReadonlySet<string>,
  freshName: () => string,
): Promise<PlannedMove> {
  const { path: to, parent, old } = target;
  refuseMountPoint(mounts, to);
  const there = await lookAt(fs, to);
  if (there && !(await mayTakePlaceOf(fs, to, there, old?.stat))) throw changed(to);
  return {
    kind: 'publishDirectory',
    inode: tree.stat.ino,
    from: tree.path,
    to,
    before: there?.ino ?? null,
    trash: there ? below(parent, freshName()) : null,
  };
}

/** Something to be removed: it moves to a name from which it is discarded after the commit. */
export function removeChange(fs: Fs, path: string): Change {
  return {
    ...nothingStaged,
    paths: [path],
    async plan(mounts) {
      refuseMountPoint(mounts, path);
      const { ino: inode, kind } = await mustExist(fs, path);
      const name = kind === 'directory' ? stagedDirectoryName(basename(path)) : newTemporaryName();
      const to = below(dirname(path), name);
      return { kind: 'remove', inode, from: path, to, before: null, trash: null };
    },
  };
}

/** Something to be given another name, which must be free. */
export function renameChange(fs: Fs, from: string, to: string): Change {
  return {
    ...nothingStaged,
    paths: [from, to],
    async plan(mounts) {
      refuseMountPoint(mounts, from);
      await refuseCrossMount(fs, mounts, from, to);
      const { ino: inode } = await mustExist(fs, from);
      if (await lookAt(fs, to)) throw alreadyExists(to);
      return { kind: 'rename', inode, from, to, before: null, trash: null };
    },
  };
}

const nothingStaged = {
  stagedIn: undefined,
  prepare: async (): Promise<void> => undefined,
  discard: async (): Promise<void> => undefined,
  release: async (): Promise<void> => undefined,
};

async function planFile(
  fs: Fs,
  kind: ChangeKind,
  staged: StagedFile,
  mounts: ReadonlySet<string>,
  ifExists: 'replace' | 'fail',
): Promise<PlannedMove> {
  const to = staged.target;
  refuseMountPoint(mounts, to);
  const there = await lookAt(fs, to);
  if (there && ifExists === 'fail') throw alreadyExists(to);
  if (there && there.kind !== 'file') throw changed(to);
  const stage = await lookAt(fs, staged.path);
  if (!stage) throw changed(staged.path);
  const before = there?.ino ?? null;
  const trash = there ? below(dirname(to), newTemporaryName()) : null;
  return { kind, inode: stage.ino, from: staged.path, to, before, trash };
}

/** A staged directory may replace the tree that was found when it was staged, or an empty directory. */
async function mayTakePlaceOf(
  fs: Fs,
  path: string,
  there: FileStat,
  old: FileStat | undefined,
): Promise<boolean> {
  if (there.kind !== 'directory') return false;
  if (old) return old.ino === there.ino && old.dev === there.dev;
  return (await fs.readDirectory(path)).length === 0;
}

async function mustExist(fs: Fs, path: string): Promise<FileStat> {
  const stat = await lookAt(fs, path);
  if (stat) return stat;
  throw new HoldfastError('NOT_FOUND', {
    message: 'There is nothing at the path.',
    outcome: 'unchanged',
    step: 'check',
    path,
  });
}

function changed(path: string): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message: 'Another program changed what is at the path while the transaction was staged.',
    outcome: 'unchanged',
    step: 'check',
    path,
  });
}
