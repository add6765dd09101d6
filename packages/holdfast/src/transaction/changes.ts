/**
 * The changes of a transaction. Each stages what it can before any lock is taken, does what has to
 * wait for the locks, and then says which move makes it visible.
 */
import {
  closeTarget,
  findTarget,
  type DirectoryTarget,
  type TargetOptions,
} from '../directory/directory-target.js';
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
import { HoldfastError, errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import { keepPresent, type KeepOptions, type KeptPresent } from '../file/previous.js';
import { lookAgain } from '../file/resolve-target.js';
import { filesystemOf } from '../os/filesystem.js';
import type { ResolvedName } from '../os/follow-symlinks.js';
import { inDirectoryOf, isSameFile, lookAt, pathIn } from '../os/handles.js';
import { below } from '../journal/journal-file.js';
import type { ChangeKind, Move } from '../journal/journal.js';
import { makeUpdate } from '../document/commit-group.js';
import { PendingUpdate } from '../document/pending-update.js';
import type { Syntax } from '../document/syntax.js';
import type { UpdateJsonOptions, Updater } from '../document/update-options.js';
import type { Lock } from '../lock/lock.js';
import type { FileStat, Fs, FsDirectory } from '../os/fs.js';
import { basename, dirname } from '../os/paths.js';
import type { FileData } from '../stage/file-data.js';
import { newTemporaryName } from '../stage/names.js';
import { newNameOfCopy } from '../stage/only-copy.js';
import { disown, stagedDirectoryName, type OwnedDirectory } from '../stage/staged-directory.js';
import { alreadyExists, stageFile, type StagedFile } from '../stage/staged-file.js';
import { discardTooMany } from './discard.js';
import { refuseCrossMount } from './mounts.js';

/** One change, between the call that names it and its commit. */
export interface Change {
  /** The canonical paths that it changes, each with a lock of its own. */
  readonly paths: readonly string[];
  /** The directory that names what was staged; `undefined` when nothing is staged. */
  readonly stagedIn: string | undefined;
  /** Does what needs the locks; `lock` is the one of its first path. */
  prepare(lock: Lock): Promise<void>;
  /**
   * Looks at the disk, under every lock and right before the commit point: a move with absolute
   * paths. `undefined` when nothing is to be changed.
   *
   * @throws HoldfastError when the change cannot be made any more
   */
  plan(mounts: ReadonlySet<string>): Promise<Move | undefined>;
  /**
   * Removes what is kept of earlier commits beyond what was asked for, when this one is done, and
   * never fails.
   */
  sweep?(): Promise<void>;
  /** Removes what was staged, and never fails. */
  discard(): Promise<void>;
  /** Gives up the ownership of what was staged, for the journal to publish. */
  release(): Promise<void>;
}

interface StagedFileOptions extends KeepOptions {
  readonly mode?: number | undefined;
  readonly ifExists?: 'replace' | 'fail' | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type StagedUpdateOptions = Pick<
  UpdateJsonOptions<unknown>,
  | 'initial'
  | 'indent'
  | 'schema'
  | 'onEmpty'
  | 'mode'
  | 'secret'
  | 'keepPrevious'
  | 'previousDirectory'
  | 'signal'
>;

export interface StagedDirectoryOptions
  extends
    TargetOptions,
    Pick<FillOptions, 'sync' | 'resume' | 'concurrency' | 'onProgress' | 'signal'> {}

/** A file to be replaced, staged at once. */
export async function replaceFileChange(
  fs: Fs,
  target: ResolvedName,
  data: FileData,
  options: StagedFileOptions,
): Promise<Change> {
  const staged = await stageFile(fs, target, data, { mode: options.mode, signal: options.signal });
  const { ifExists = 'replace' } = options;
  let kept: KeptPresent | undefined;
  return {
    paths: [target.path],
    stagedIn: target.directory,
    async prepare() {
      if (ifExists === 'replace') kept = await keepPresent(fs, target.path, options);
    },
    plan: (mounts) => planFile(fs, staged, mounts, { kind: 'replaceFile', ifExists }),
    sweep: async () => kept?.sweep(),
    async discard() {
      await staged.discard();
      await kept?.discard();
    },
    release: () => staged.release(),
  };
}

/** How a document is to be updated. */
interface StagedUpdate {
  readonly syntax: Syntax;
  readonly updater: Updater<unknown>;
  readonly options: StagedUpdateOptions;
}

/** A document to be updated: read, changed and staged when its lock is held. */
export function updateChange(
  fs: Fs,
  target: ResolvedName,
  { syntax, updater, options }: StagedUpdate,
): Change {
  const kind = syntax.call === 'updateJson' ? 'updateJson' : 'updateFile';
  let staged: StagedFile | undefined;
  let kept: KeptPresent | undefined;
  return {
    paths: [target.path],
    stagedIn: target.directory,
    async prepare(lock) {
      // The target as it is now, under its lock: it may have come, gone or changed since it was
      // named.
      const now = await lookAgain(fs, target);
      const update = new PendingUpdate(syntax, target.path, updater, options);
      const bytes = await makeUpdate(fs, { lock, target: now }, update);
      const { mode, secret, signal } = options;
      if (bytes === undefined) return;
      const stageOptions = { mode: mode ?? (secret ? 0o600 : undefined), secret, signal };
      staged = await stageFile(fs, now, bytes, stageOptions);
      kept = await keepPresent(fs, target.path, options);
    },
    plan: async (mounts) => staged && planFile(fs, staged, mounts, { kind }),
    sweep: async () => kept?.sweep(),
    async discard() {
      await staged?.discard();
      await kept?.discard();
    },
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
  const { ifExists, keepPrevious = 0, ...fillOptions } = options;
  const target = await findTarget(fs, path, { ifExists, keepPrevious });
  const tree = await prepareSwept(fs, target, fill, fillOptions);
  const release = async (): Promise<void> => {
    await disown(fs, tree);
    await closeTarget(fs, target);
  };
  return {
    paths: [target.path],
    stagedIn: target.parent.path,
    prepare: async () => undefined,
    plan: (mounts) => planDirectory(fs, target, tree, mounts),
    async sweep() {
      if (keepPrevious > 0) await discardTooMany(fs, target.path, keepPrevious);
    },
    async discard() {
      await (options.resume
        ? keepForResume(fs, tree, target)
        : discardTree(fs, tree, target.parent));
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
): Promise<OwnedDirectory> {
  try {
    const { parent, name, freshName } = target;
    await sweepStagesOf(fs, parent.path, name);
    const { stage } = await prepareTree(fs, target, fill, options);
    return options.resume ? await giveOwnNameOrClose(fs, stage, parent, freshName()) : stage;
  } catch (error) {
    await closeTarget(fs, target);
    throw error;
  }
}

/** The journal will name the stage, so no later run may take it over. */
async function giveOwnNameOrClose(
  fs: Fs,
  stage: OwnedDirectory,
  parent: FsDirectory,
  name: string,
): Promise<OwnedDirectory> {
  try {
    return await giveOwnName(fs, stage, parent, name);
  } catch (error) {
    await disown(fs, stage);
    throw failure('stage', stage.path, error);
  }
}

async function planDirectory(
  fs: Fs,
  target: DirectoryTarget,
  tree: OwnedDirectory,
  mounts: ReadonlySet<string>,
): Promise<Move> {
  const { path: to, parent, name, old, freshName } = target;
  refuseMountPoint(mounts, to);
  const there = await lookAt(fs, parent.at(name));
  if (there && !(await mayTakePlaceOf(fs, to, there, old?.stat))) throw changed(to);
  return {
    kind: 'publishDirectory',
    inode: tree.stat.ino,
    from: tree.path,
    to,
    before: there?.ino ?? null,
    trash: there ? pathIn(parent, freshName()) : null,
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
      const { ino: inode, kind } = await mustExist(fs, from);
      if (await lookAt(fs, to)) throw alreadyExists(to);
      if (kind === 'file' && dirname(from) !== dirname(to)) await tryLink(fs, from, to);
      return { kind: 'rename', inode, from, to, before: null, trash: null };
    },
  };
}

/**
 * What keeps link(2) from working for this file, directory or filesystem at all: a rename does
 * without it.
 */
const HAS_NO_LINKS = [
  'EPERM',
  'EMLINK',
  'EINVAL',
  'ENOSYS',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ERANGE',
  'EIO',
];

/**
 * Gives a file a second name in the other directory and takes it away: what would keep the move
 * from being made there (no right to write, no space) is known before the commit point. A crash in
 * between leaves an orphan, which is swept.
 */
async function tryLink(fs: Fs, from: string, to: string): Promise<void> {
  try {
    await inDirectoryOf(fs, from, (source, name) =>
      inDirectoryOf(fs, to, async (destination) => {
        const trial = destination.at(newTemporaryName());
        await fs.link(source.at(name), trial);
        await fs.unlink(trial);
      }),
    );
  } catch (error) {
    if (!HAS_NO_LINKS.includes(errnoOf(error) ?? '')) throw failure('check', to, error);
  }
}

const nothingStaged = {
  stagedIn: undefined,
  prepare: async (): Promise<void> => undefined,
  discard: async (): Promise<void> => undefined,
  release: async (): Promise<void> => undefined,
};

async function planFile(
  fs: Fs,
  staged: StagedFile,
  mounts: ReadonlySet<string>,
  { kind, ifExists }: { readonly kind: ChangeKind; readonly ifExists?: 'replace' | 'fail' },
): Promise<Move> {
  const to = staged.target;
  refuseMountPoint(mounts, to);
  const there = await lookAt(fs, to);
  if (there && ifExists === 'fail') throw alreadyExists(to);
  if (there && there.kind !== 'file') throw changed(to);
  const stage = await lookAt(fs, staged.path);
  if (!stage) throw changed(staged.path);
  const before = there?.ino ?? null;
  const trash = there
    ? below(dirname(to), newNameOfCopy(await filesystemOf(fs, dirname(to)), to))
    : null;
  return { kind, inode: stage.ino, from: staged.path, to, before, trash };
}

/**
 * A staged directory may replace the tree that was found when it was staged, or an empty directory.
 */
async function mayTakePlaceOf(
  fs: Fs,
  path: string,
  there: FileStat,
  old: FileStat | undefined,
): Promise<boolean> {
  if (there.kind !== 'directory') return false;
  if (old) return isSameFile(old, there);
  return (await fs.readDirectory(path)).length === 0;
}

async function mustExist(fs: Fs, path: string): Promise<FileStat> {
  const stat = await lookAt(fs, path);
  if (stat) return stat;
  throw new HoldfastError('NOT_FOUND', {
    message: 'There is nothing at the path.',
    step: 'check',
    path,
  });
}

function changed(path: string): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message: 'Another program changed what is at the path while the transaction was staged.',
    step: 'check',
    path,
  });
}
