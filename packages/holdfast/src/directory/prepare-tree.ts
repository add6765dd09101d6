/**
 * Makes a tree ready to be published: staged beside its target, filled by the caller, whole and durable.
 *
 * 1. make the stage and lock it, or take over the one that a run with `resume` kept
 * 2. fill it; wait until everything that was started has settled, also when one of them failed
 * 3. survey and sync it (sync-tree.ts)
 *
 * Invariant: nothing of the caller's runs any more when this ends, whichever way it ends.
 * A crash leaves an unlocked stage: an orphan, or with `resume` the stage that the next run takes over.
 */
import { errnoOf, HoldfastError, isHoldfastError } from '../errors.js';
import type { Fs } from '../os/fs.js';
import { join } from '../os/paths.js';
import { giveAttributes } from '../stage/attributes.js';
import { closeQuietly } from '../os/close-quietly.js';
import { lookAt } from '../os/look-at.js';
import {
  createStagedDirectory,
  isSameFile,
  ownDirectory,
  resumableStageName,
  stagedDirectoryName,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import type { Durability } from '../stage/staged-file.js';
import { stepFailed } from './directory-error.js';
import { makeStage, type Stage } from './stage.js';
import {
  chooseStrategy,
  surveyTree,
  syncTree,
  type SyncStrategy,
  type TreeSurvey,
} from './sync-tree.js';
import { TaskGroup } from './task-group.js';
import { removeTree, syncDirectory } from './tree.js';

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
  readonly signal?: AbortSignal;
  /** `durable` by default. `atomic`: nothing is synced, so a power loss may leave a tree with holes. */
  readonly durability?: Durability;
  /** How the tree is made durable; `auto` by default. `each` where others keep much unwritten data on the filesystem. */
  readonly sync?: SyncStrategy;
  /** Keep the stage of a failed or killed run, and take over the one that such a run kept; false by default. */
  readonly resume?: boolean;
  /** Told after each file and at each phase; must not throw. */
  readonly onProgress?: (progress: PublishProgress) => void;
  /** How many tasks of `stage.spawn`, and how many syncs, run at once; 8 by default. */
  readonly concurrency?: number;
}

/** A tree that one rename can publish. Whoever has it closes its handle, which gives up its ownership. */
export interface PreparedTree<T> {
  readonly stage: OwnedDirectory;
  /** What `fill` returned. */
  readonly value: T;
  readonly fileCount: number;
}

/**
 * Stages, fills and syncs a tree for the target `name` in the directory `parent`. On an error nothing is left open.
 *
 * @param freshName - makes a name for the stage
 */
export async function prepareTree<T>(
  fs: Fs,
  parent: string,
  name: string,
  fill: Fill<T>,
  options: FillOptions,
  freshName: () => string = () => stagedDirectoryName(name),
): Promise<PreparedTree<T>> {
  const { stage, resumed } = options.resume
    ? await resumeStage(fs, parent, name)
    : await makeNewStage(fs, parent, freshName);
  try {
    const mode = await takeAttributes(fs, stage, join(parent, name));
    const value = await fillStage(fs, stage, resumed, fill, options);
    const survey = await surveyTree(fs, stage);
    if (mode !== undefined) await giveMode(stage, mode);
    if (options.durability !== 'atomic') await makeDurable(fs, stage, survey, options);
    return { stage, value, fileCount: survey.fileCount };
  } catch (error) {
    await giveUp(fs, stage, error, options.resume ?? false);
    throw stepFailed(error, 'fill', stage.path);
  }
}

async function fillStage<T>(
  fs: Fs,
  stage: OwnedDirectory,
  resumed: boolean,
  fill: Fill<T>,
  options: FillOptions,
): Promise<T> {
  const group = new TaskGroup(options.concurrency ?? DEFAULT_CONCURRENCY, options.signal);
  let fileCount = 0;
  let totalBytes = 0;
  const given = makeStage(fs, stage.path, resumed, group, (sizeBytes) => {
    fileCount += 1;
    totalBytes += sizeBytes;
    options.onProgress?.({ phase: 'fill', fileCount, sizeBytes: totalBytes });
  });
  const filled = group.run(async () => fill(given));
  await group.close();
  refuseAborted(options.signal, stage.path, group.errors);
  if (group.errors.length > 0) throw fillFailed(stage.path, group.errors);
  return filled;
}

async function makeDurable(
  fs: Fs,
  stage: OwnedDirectory,
  survey: TreeSurvey,
  options: FillOptions,
): Promise<void> {
  options.onProgress?.({ phase: 'sync', fileCount: survey.fileCount, sizeBytes: 0 });
  const asked = options.sync ?? 'auto';
  const strategy = asked === 'auto' ? await chooseStrategy(fs, stage, survey) : asked;
  const concurrency = options.concurrency ?? DEFAULT_CONCURRENCY;
  await syncTree(fs, stage, strategy, concurrency, options.signal);
}

const OWNER_BITS = 0o700;

/**
 * Gives a stage the owner, attributes and mode of the directory whose place it is to take, before anything is in it,
 * and gives back the mode that it is to have in the end: while it is filled, its owner may always write.
 */
async function takeAttributes(
  fs: Fs,
  stage: OwnedDirectory,
  target: string,
): Promise<number | undefined> {
  const existing = await lookAt(fs, target);
  if (existing?.kind !== 'directory') return undefined;
  const source = { path: target, existing, mode: undefined };
  await giveAttributes(fs, source, stage.handle, stage.stat);
  const { mode } = await stage.handle.stat();
  if ((mode & OWNER_BITS) !== OWNER_BITS) await stage.handle.chmod(mode | OWNER_BITS);
  return mode;
}

/** Unless `fill` has set another mode itself. */
async function giveMode(stage: OwnedDirectory, mode: number): Promise<void> {
  const current = await stage.handle.stat();
  if (current.mode === (mode | OWNER_BITS) && current.mode !== mode) await stage.handle.chmod(mode);
}

interface OpenedStage {
  readonly stage: OwnedDirectory;
  readonly resumed: boolean;
}

async function makeNewStage(fs: Fs, parent: string, freshName: () => string): Promise<OpenedStage> {
  try {
    return { stage: await createStagedDirectory(fs, parent, freshName), resumed: false };
  } catch (error) {
    throw stepFailed(error, 'stage', parent);
  }
}

/** Takes over the stage that an earlier run kept, or makes it. */
async function resumeStage(fs: Fs, parent: string, name: string): Promise<OpenedStage> {
  const path = join(parent, resumableStageName(name));
  try {
    const isNew = await madeDirectory(fs, path);
    const stage = await ownDirectory(fs, path);
    if (stage) return { stage, resumed: !isNew };
  } catch (error) {
    throw stepFailed(error, 'stage', parent);
  }
  throw new HoldfastError('LOCK_TIMEOUT', {
    message: 'Another process is filling the stage that was to be resumed. Wait until it ends.',
    outcome: 'unchanged',
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
 * Gives a stage that runs take over a name of its own, before an old tree comes to lie there, which would pass for a
 * stage. The new name is made durable first: were it lost, and the exchange not, the other name would lead to the target
 * itself. From here on a kill leaves an orphan, not a stage to be resumed.
 */
export async function giveOwnName(
  fs: Fs,
  stage: OwnedDirectory,
  parent: string,
  name: string,
): Promise<OwnedDirectory> {
  const path = join(parent, name);
  await fs.rename(stage.path, path);
  await syncDirectory(fs, parent);
  return { ...stage, path };
}

/** Keeps the stage for the next run, or discards it. After a failed sync nobody may trust what it holds. */
async function giveUp(
  fs: Fs,
  stage: OwnedDirectory,
  error: unknown,
  resume: boolean,
): Promise<void> {
  const keep = resume && !isHoldfastError(error, 'SYNC_FAILED');
  if (!keep) await discardTree(fs, stage);
  await closeQuietly(stage.handle);
}

/** Gives a stage back the name under which the next run takes it over; what cannot have it is discarded. Never fails. */
export async function keepForResume(
  fs: Fs,
  stage: OwnedDirectory,
  parent: string,
  name: string,
): Promise<void> {
  try {
    const named = await lookAt(fs, stage.path);
    if (!named || !isSameFile(named, stage.stat)) return;
    await fs.rename(stage.path, join(parent, resumableStageName(name)));
  } catch {
    await discardTree(fs, stage);
  }
}

/** Removes a stage, if it still is what its path names. What cannot be removed is an orphan for a later sweep. */
export async function discardTree(fs: Fs, stage: OwnedDirectory): Promise<void> {
  try {
    const named = await lookAt(fs, stage.path);
    if (named && isSameFile(named, stage.stat)) await removeTree(fs, stage.path);
  } catch {
    // The error that made the caller discard the stage is the one to tell.
  }
}

function fillFailed(path: string, errors: readonly unknown[]): HoldfastError {
  const [first, ...others] = errors;
  if (isHoldfastError(first) && others.length === 0) return first;
  const reason = first instanceof Error ? first.message : String(first);
  return new HoldfastError(isHoldfastError(first) ? first.code : 'UPDATER_FAILED', {
    message: `Filling the stage failed: ${reason}`,
    outcome: 'unchanged',
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
    outcome: 'unchanged',
    step: 'fill',
    path,
    cause: signal.reason,
    others,
  });
}
