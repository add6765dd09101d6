/**
 * Makes a tree ready to be published: staged beside its target, filled by the caller, whole and
 * durable.
 *
 * 1. make the stage and lock it, or take over the one that a run with `resume` kept
 * 2. fill it; wait until everything that was started has settled, also when one of them failed
 * 3. survey and sync it (sync-tree.ts)
 *
 * Invariant: nothing of the caller's runs any more when this ends, whichever way it ends. A crash
 * leaves an unlocked stage: an orphan, or with `resume` the stage that the next run takes over.
 */
import { errnoOf, HoldfastError, isHoldfastError, messageOf } from '../errors.js';
import type { Lock } from '../lock/lock.js';
import type { FileStat, Fs, FsDirectory } from '../os/fs.js';
import { giveTree, ownerFor } from '../os/give.js';
import { nameError } from '../os/node-fs.js';
import { basename, join } from '../os/paths.js';
import { giveAttributes } from '../stage/attributes.js';
import { isNamed, isSameFile, lookAt, pathIn } from '../os/handles.js';
import {
  createStagedDirectory,
  disown,
  ownDirectory,
  resumableStageName,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import type { Durability } from '../stage/staged-file.js';
import { stepFailed } from './directory-error.js';
import type { DirectoryTarget } from './directory-target.js';
import { makeStage, type Stage } from './stage.js';
import { takeSharedTurn } from './target-turn.js';
import { surveyTree, syncTree, type SyncStrategy, type TreeSurvey } from './sync-tree.js';
import { TaskGroup } from './task-group.js';
import { removeOpenTree, type ChildName } from '../os/tree.js';

const DEFAULT_CONCURRENCY = 8;

/** Fills a stage; what it returns is given back. */
export type Fill<T> = (stage: Stage) => Promise<T> | T;

/** How far a publish has come. */
export interface PublishProgress {
  readonly phase: 'fill' | 'sync' | 'publish';
  /** Files written through the stage while it is filled; all files of the tree from then on. */
  readonly fileCount: number;
  /** Bytes written through the stage. */
  readonly sizeBytes: number;
}

/** How a tree is filled and made durable. */
export interface FillOptions {
  /** Ends the call: what runs is told by `stage.signal` and awaited, and the stage discarded. */
  readonly signal?: AbortSignal | undefined;
  /**
   * `durable` by default. `atomic`: nothing is synced, so a power loss may leave a tree with holes.
   */
  readonly durability?: Durability | undefined;
  /**
   * How the tree is made durable; `auto` by default. `each` where others keep much unwritten data
   * on the filesystem.
   */
  readonly sync?: SyncStrategy | undefined;
  /**
   * Keep the stage of a failed or killed run, and take over the one that such a run kept; false by
   * default.
   */
  readonly resume?: boolean | undefined;
  /** Told after each file and at each phase; must not throw. */
  readonly onProgress?: ((progress: PublishProgress) => void) | undefined;
  /** How many tasks of `stage.spawn`, and how many syncs, run at once; 8 by default. */
  readonly concurrency?: number | undefined;
}

/** Where a tree is staged: beside the target, under a name that is made for it. */
type StageableTarget = Pick<DirectoryTarget, 'parent' | 'name' | 'freshName'>;

/**
 * A tree that one rename can publish. Whoever has it closes its handle, which gives up its
 * ownership.
 */
export interface PreparedTree<T> {
  readonly stage: OwnedDirectory;
  /** What `fill` returned. */
  readonly value: T;
  readonly fileCount: number;
}

/** Stages, fills and syncs a tree for a target. On an error nothing is left open. */
export async function prepareTree<T>(
  fs: Fs,
  target: StageableTarget,
  fill: Fill<T>,
  options: FillOptions,
): Promise<PreparedTree<T>> {
  const opened = options.resume ? await resumeStage(fs, target) : await makeNewStage(fs, target);
  const { stage } = opened;
  try {
    const mode = await takeAttributes(fs, stage, target);
    const value = await fillStage(fs, opened, fill, options);
    const survey = await surveyTree(fs, stage);
    if (fs.givesToDirectory) {
      await giveTree(fs, await ownerFor(fs, target.parent, target.name), stage.handle);
    }
    if (mode !== undefined) await giveMode(stage, mode);
    if (options.durability !== 'atomic') await makeDurable(fs, stage, survey, options);
    return { stage, value, fileCount: survey.fileCount };
  } catch (error) {
    // After a failed sync nobody may trust what it holds.
    const isKept = options.resume && !isHoldfastError(error, 'SYNC_FAILED');
    if (!isKept) await discardTree(fs, stage, target.parent);
    await disown(fs, stage);
    throw stepFailed(error, 'fill', stage.path);
  }
}

async function fillStage<T>(
  fs: Fs,
  { stage, resumed }: OpenedStage,
  fill: Fill<T>,
  options: FillOptions,
): Promise<T> {
  const group = new TaskGroup(options.concurrency ?? DEFAULT_CONCURRENCY, options.signal);
  let fileCount = 0;
  let totalBytes = 0;
  const given = makeStage(fs, { root: stage.handle, resumed }, group, (sizeBytes) => {
    fileCount += 1;
    totalBytes += sizeBytes;
    options.onProgress?.({ phase: 'fill', fileCount, sizeBytes: totalBytes });
  });
  let value: T | undefined;
  const filling = async (): Promise<void> => {
    value = await fill(given);
  };
  await group.run(filling).catch(() => undefined);
  await group.close();
  // A caller's own calls may have gone through {@link Stage.at}.
  const errors = group.errors.map(nameError);
  refuseAborted(options.signal, stage.path, errors);
  if (errors.length > 0) throw fillFailed(stage.path, errors);
  return value as T;
}

async function makeDurable(
  fs: Fs,
  stage: OwnedDirectory,
  survey: TreeSurvey,
  options: FillOptions,
): Promise<void> {
  options.onProgress?.({ phase: 'sync', fileCount: survey.fileCount, sizeBytes: 0 });
  const { sync, concurrency = DEFAULT_CONCURRENCY, signal } = options;
  await syncTree(fs, stage, survey, { sync, concurrency, signal });
}

const OWNER_BITS = 0o700;

/**
 * Gives a stage the owner, attributes and mode of the directory whose place it is to take, before
 * anything is in it. Gives back the mode that it is to have in the end, if that is another one:
 * while it is filled, its owner may always write.
 */
async function takeAttributes(
  fs: Fs,
  stage: OwnedDirectory,
  { parent, name }: ChildName,
): Promise<number | undefined> {
  for (let gave = false; !gave;) {
    const existing = await lookAt(fs, parent.at(name));
    if (existing?.kind !== 'directory') return undefined;
    gave = await gaveAttributes(fs, stage, { parent, name }, existing);
  }
  const { mode } = await stage.handle.stat();
  if ((mode & OWNER_BITS) === OWNER_BITS) return undefined;
  await stage.handle.chmod(mode | OWNER_BITS);
  return mode;
}

/** Not when the directory went meanwhile, since another publisher replaces it by two renames. */
async function gaveAttributes(
  fs: Fs,
  stage: OwnedDirectory,
  { parent, name }: ChildName,
  existing: FileStat,
): Promise<boolean> {
  const source = { path: join(parent.path, name), existing, mode: undefined };
  try {
    await giveAttributes(fs, source, stage.handle, stage.stat);
    return true;
  } catch (error) {
    const named = await lookAt(fs, parent.at(name));
    const isGone = ['ENOENT', 'ESTALE'].includes(errnoOf(error) ?? '');
    if (!isGone || (named && isSameFile(named, existing))) throw error;
    return false;
  }
}

/** Unless `fill` has set another mode itself. */
async function giveMode(stage: OwnedDirectory, mode: number): Promise<void> {
  const current = await stage.handle.stat();
  if (current.mode === (mode | OWNER_BITS)) await stage.handle.chmod(mode);
}

interface OpenedStage {
  readonly stage: OwnedDirectory;
  readonly resumed: boolean;
}

async function makeNewStage(fs: Fs, { parent, freshName }: StageableTarget): Promise<OpenedStage> {
  try {
    return { stage: await createStagedDirectory(fs, parent, freshName), resumed: false };
  } catch (error) {
    throw stepFailed(error, 'stage', parent.path);
  }
}

/** Takes over the stage that an earlier run kept, or makes it. */
async function resumeStage(fs: Fs, { parent, name }: ChildName): Promise<OpenedStage> {
  const stageName = resumableStageName(name);
  const path = pathIn(parent, stageName);
  let turn: Lock | undefined;
  try {
    turn = await takeSharedTurn(fs, path, 0);
    const isNew = await madeDirectory(fs, parent.at(stageName));
    const stage = await ownDirectory(fs, parent, stageName, await lookAt(fs, parent.at(name)));
    if (stage) return { stage: { ...stage, turn }, resumed: !isNew };
    await turn?.release();
  } catch (error) {
    await turn?.release();
    throw isHoldfastError(error, 'LOCK_TIMEOUT')
      ? isFilled(path)
      : stepFailed(error, 'stage', parent.path);
  }
  throw isFilled(path);
}

function isFilled(path: string): HoldfastError {
  return new HoldfastError('LOCK_TIMEOUT', {
    message: 'Another process is filling the stage that was to be resumed. Wait until it ends.',
    step: 'stage',
    path,
  });
}

async function madeDirectory(fs: Fs, path: string): Promise<boolean> {
  try {
    await fs.mkdir(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Gives a stage that runs take over a name of its own, before an old tree comes to lie there, which
 * would pass for a stage. The new name is made durable first: were it lost, and the exchange not,
 * the other name would lead to the target itself. From here on a kill leaves an orphan, not a stage
 * to be resumed.
 */
export async function giveOwnName(
  fs: Fs,
  stage: OwnedDirectory,
  parent: FsDirectory,
  name: string,
): Promise<OwnedDirectory> {
  await fs.rename(parent.at(basename(stage.path)), parent.at(name));
  await parent.sync();
  return { ...stage, path: pathIn(parent, name) };
}

/**
 * Gives a stage back the name under which the next run takes it over; what cannot have it is
 * discarded. Never fails.
 */
export async function keepForResume(
  fs: Fs,
  stage: OwnedDirectory,
  { parent, name }: ChildName,
): Promise<void> {
  try {
    const path = parent.at(basename(stage.path));
    const named = await lookAt(fs, path);
    if (!named || !isSameFile(named, stage.stat)) return;
    await fs.rename(path, parent.at(resumableStageName(name)));
  } catch {
    await discardTree(fs, stage, parent);
  }
}

/**
 * Removes a stage, if it still is what its path names. What cannot be removed is an orphan for a
 * later sweep.
 */
export async function discardTree(
  fs: Fs,
  stage: OwnedDirectory,
  parent: FsDirectory,
): Promise<void> {
  try {
    const name = basename(stage.path);
    if (!(await isNamed(fs, parent.at(name), stage.handle))) return;
    await removeOpenTree(fs, stage.stat, { parent, name });
  } catch {
    // The error that made the caller discard the stage is the one to tell.
  }
}

function fillFailed(path: string, errors: readonly unknown[]): HoldfastError {
  const [first, ...others] = errors;
  if (isHoldfastError(first) && others.length === 0) return first;
  const reason = messageOf(first);
  return new HoldfastError(isHoldfastError(first) ? first.code : 'UPDATER_FAILED', {
    message: `Filling the stage failed: ${reason}`,
    step: 'fill',
    path,
    cause: first,
    others,
  });
}

/** Throws ABORTED when the caller's signal has fired. */
export function refuseAborted(
  signal: AbortSignal | undefined,
  path: string,
  others: readonly unknown[] = [],
): void {
  if (!signal?.aborted) return;
  throw new HoldfastError('ABORTED', {
    message: 'The caller ended the publish.',
    step: 'fill',
    path,
    cause: signal.reason,
    others,
  });
}
