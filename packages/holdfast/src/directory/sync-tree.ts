/**
 * Makes a staged tree durable before it is published.
 *
 * 1. survey: every entry must be a file, a directory or a symlink. A FIFO, socket or device is refused: what it holds
 *    cannot be synced. A symlink is an entry of its directory and is never followed.
 * 2. sync, in one of two ways (docs/decisions/0006-sync-of-staged-trees.md has the measurements):
 *    - `filesystem`: one syncfs(2) through the descriptor that was opened before the first byte was written. The kernel
 *      reports through it whatever it failed to write back since then.
 *    - `each`: fsync(2) of every file, several at a time, then of its directory, bottom up.
 *
 * An error in either leaves the target as it was. The stage is then never synced again, since a second sync would say
 * ok (fsync(2), "NOTES"): it is discarded.
 */
import { HoldfastError } from '../errors.js';
import type { FileKind, Fs, FsHandle } from '../os/fs.js';
import { closeQuietly } from '../os/close-quietly.js';
import type { OwnedDirectory } from '../stage/staged-directory.js';
import { filesystemType, kernelReportsSyncfsErrors } from '../os/filesystem-type.js';
import { stepFailed } from './directory-error.js';
import { breathe, readEntries, walkTree } from './tree.js';

/** How a staged tree is made durable: `auto` chooses between the others by the filesystem and the size of the tree. */
export type SyncStrategy = 'auto' | 'filesystem' | 'each';

/** Up to so many files, syncing each costs no more than syncing the filesystem, and waits for nobody else's data. */
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
  const visit = async (directory: string): Promise<void> => {
    crossesMounts ||= (await fs.lstat(directory)).dev !== stage.stat.dev;
    const entries = await readEntries(fs, directory);
    for (const { name, kind } of entries) {
      if (kind === 'directory') continue;
      refuseSpecialFile(`${directory}/${name}`, kind);
      fileCount += 1;
    }
    for (const { name, kind } of entries) {
      if (kind === 'directory') await visit(`${directory}/${name}`);
    }
    await breathe();
  };
  await visit(stage.path);
  return { fileCount, crossesMounts };
}

/** Which of the two ways is right for a tree. */
export async function chooseStrategy(
  fs: Fs,
  stage: OwnedDirectory,
  survey: TreeSurvey,
): Promise<'filesystem' | 'each'> {
  if (survey.crossesMounts || survey.fileCount <= FEW_FILES) return 'each';
  const { type } = await fs.statFilesystem(stage.path);
  return filesystemType(type).hasReliableSyncfs && kernelReportsSyncfsErrors()
    ? 'filesystem'
    : 'each';
}

/** Makes everything under the stage, and the stage itself, durable. */
export async function syncTree(
  fs: Fs,
  stage: OwnedDirectory,
  strategy: 'filesystem' | 'each',
  concurrency: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (strategy === 'filesystem') await synced(stage.path, () => stage.handle.syncFilesystem());
  else await syncEach(fs, stage, concurrency, signal);
}

async function syncEach(
  fs: Fs,
  stage: OwnedDirectory,
  concurrency: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  await walkTree(
    fs,
    stage.path,
    {
      entry: async (path, kind) => {
        signal?.throwIfAborted();
        if (kind !== 'symlink') {
          await syncOpened(await fs.open(path, { access: 'read', noFollow: true }));
        }
      },
      // The stage itself may have a mode by now that does not let its owner open it.
      leave: async (path) =>
        path === stage.path
          ? synced(path, () => stage.handle.sync())
          : syncOpened(await fs.openDirectory(path)),
    },
    concurrency,
  );
}

async function syncOpened(handle: FsHandle): Promise<void> {
  try {
    await synced(handle.path, () => handle.sync());
  } finally {
    await closeQuietly(handle);
  }
}

/** A full disk may first show when delayed blocks are written; any other error means that the data is not to be trusted. */
async function synced(path: string, sync: () => Promise<void>): Promise<void> {
  try {
    await sync();
  } catch (error) {
    const typed = stepFailed(error, 'sync', path);
    throw typed.code === 'NO_SPACE' ? typed : syncFailed(path, error);
  }
}

/** The typed error for a sync that failed. */
function syncFailed(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('SYNC_FAILED', {
    message: 'What was written may not be on disk, and is thrown away. Check the disk.',
    outcome: 'unchanged',
    step: 'sync',
    path,
    cause,
  });
}

function refuseSpecialFile(path: string, kind: FileKind): void {
  if (kind === 'file' || kind === 'symlink') return;
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message: `A stage may hold files, directories and symlinks. This is a ${kind}; remove it before the stage is published.`,
    outcome: 'unchanged',
    step: 'sync',
    path,
  });
}
