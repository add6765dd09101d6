/**
 * Makes a staged tree durable before it is published.
 *
 * 1. survey: every entry must be a file, a directory or a symlink. A FIFO, socket or device is
 *    refused: what it holds cannot be synced. A symlink is an entry of its directory and is never
 *    followed.
 * 2. sync, in one of two ways (docs/decisions/0006-sync-of-staged-trees.md has the measurements):
 *    - `filesystem`: one syncfs(2) through the descriptor that was opened before the first byte was
 *      written. The kernel reports through it whatever it failed to write back since then.
 *    - `each`: fsync(2) of every file, several at a time, then of its directory, bottom up.
 *
 * An error in either leaves the target as it was. The stage is then never synced again, since a
 * second sync would say ok (fsync(2), "NOTES"): it is discarded.
 */
import { HoldfastError } from '../errors.js';
import type { FileKind, Fs, FsHandle, OpenFlags } from '../os/fs.js';
import { closeQuietly, pathIn } from '../os/handles.js';
import { walkTree } from '../os/tree.js';
import type { OwnedDirectory } from '../stage/staged-directory.js';
import { filesystemOf, kernelReportsSyncfsErrors } from '../os/filesystem.js';
import { stepFailed } from './directory-error.js';

/**
 * How a staged tree is made durable: `auto` chooses between the others by the filesystem and the
 * size of the tree.
 */
export type SyncStrategy = 'auto' | 'filesystem' | 'each';

/**
 * Up to so many files, syncing each costs no more than syncing the filesystem, and waits for nobody
 * else's data.
 */
const FEW_FILES = 32;

/** What a survey of a stage found. */
export interface TreeSurvey {
  readonly fileCount: number;
  /** Whether another filesystem is mounted somewhere in the tree. */
  readonly crossesMounts: boolean;
}

/** Looks at every entry of a stage, and refuses what cannot be made durable. */
export async function surveyTree(fs: Fs, stage: OwnedDirectory): Promise<TreeSurvey> {
  let fileCount = 0;
  let crossesMounts = false;
  await walkTree(fs, stage.handle, {
    enter: async (directory) => {
      crossesMounts ||= (await directory.stat()).dev !== stage.stat.dev;
    },
    entry: async (inside, name, kind) => {
      refuseSpecialFile(pathIn(inside, name), kind);
      fileCount += 1;
    },
  });
  return { fileCount, crossesMounts };
}

/** Which of the two ways is right for a tree. */
async function chooseStrategy(
  fs: Fs,
  stage: OwnedDirectory,
  survey: TreeSurvey,
): Promise<'filesystem' | 'each'> {
  if (survey.crossesMounts || survey.fileCount <= FEW_FILES) return 'each';
  const { hasReliableSyncfs } = await filesystemOf(fs, stage.path);
  return hasReliableSyncfs && kernelReportsSyncfsErrors() ? 'filesystem' : 'each';
}

interface EachOptions {
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
}

/** Makes everything under the stage, and the stage itself, durable. */
export async function syncTree(
  fs: Fs,
  stage: OwnedDirectory,
  survey: TreeSurvey,
  { sync = 'auto', ...options }: EachOptions & { readonly sync: SyncStrategy | undefined },
): Promise<void> {
  const strategy = sync === 'auto' ? await chooseStrategy(fs, stage, survey) : sync;
  if (strategy === 'filesystem') await synced(stage.path, () => stage.handle.syncFilesystem());
  else await syncEach(fs, stage, options);
}

async function syncEach(
  fs: Fs,
  stage: OwnedDirectory,
  { concurrency, signal }: EachOptions,
): Promise<void> {
  await walkTree(
    fs,
    stage.handle,
    {
      entry: async (inside, name, kind) => {
        signal?.throwIfAborted();
        if (kind !== 'symlink') await syncOpened(await fs.open(inside.at(name), toSync));
      },
      leave: (directory) => synced(directory.path, () => directory.sync()),
    },
    { concurrency },
  );
}

const toSync: OpenFlags = { access: 'read', noFollow: true, nonBlock: true };

async function syncOpened(handle: FsHandle): Promise<void> {
  try {
    await synced(handle.path, () => handle.sync());
  } finally {
    await closeQuietly(handle);
  }
}

/**
 * A full disk may first show when delayed blocks are written; any other error means that the data
 * is not to be trusted.
 */
async function synced(path: string, sync: () => Promise<void>): Promise<void> {
  try {
    await sync();
  } catch (error) {
    const failed = stepFailed(error, 'sync', path);
    throw failed.code === 'NO_SPACE' ? failed : syncFailed(path, error);
  }
}

/** The typed error for a sync that failed. */
function syncFailed(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('SYNC_FAILED', {
    message: 'What was written may not be on disk, and is thrown away. Check the disk.',
    step: 'sync',
    path,
    cause,
  });
}

function refuseSpecialFile(path: string, kind: FileKind): void {
  if (kind === 'file' || kind === 'symlink') return;
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message: `A stage may hold files, directories and symlinks. This is a ${kind}; remove it before the stage is published.`,
    step: 'sync',
    path,
  });
}
