/**
 * One file, written where nobody reads it and published by one rename.
 *
 * stage:   sweep the directory's orphans (first write of the process) → open the directory → create a temporary file
 *          beside the target (O_EXCL, private until it is complete) and lock it → write all, a short count is an error
 *          → size check → owner, xattrs, ACL, mode → fsync
 * publish: rename onto the target (the commit point) → fsync the directory
 *
 * Invariant: the target's name always leads to a complete file. A crash before the rename leaves the old file and an
 * orphan, which the next process sweeps; a crash after it leaves the new file, or, until the directory is synced and
 * after a power loss, still the old one. After a failed fsync the temporary file is discarded and never synced again:
 * the kernel reports a loss once, and a second fsync would say that all is well.
 */
import { HoldfastError, errnoOf } from '../errors.js';
import { aborted, failure } from '../failure.js';
import { closeQuietly } from '../os/close-quietly.js';
import type { FileStat, Fs, FsDirectory, FsFile } from '../os/fs.js';
import { giveAttributes } from './attributes.js';
import { syncDirectory } from './directory-sync.js';
import { writeData, type FileData } from './file-data.js';
import { newTemporaryName } from './names.js';
import { claim } from './ownership.js';
import { sweepOnce } from './sweep.js';

/**
 * `durable`: what is acknowledged survives a power loss. `atomic`: no sync at all; a process kill leaves old or new, a
 * power loss may leave neither.
 */
export type Durability = 'durable' | 'atomic';

/** Where a stage is published: a canonical path, its directory, and what is there now. */
export interface StageTarget {
  readonly path: string;
  readonly directory: string;
  readonly existing: FileStat | undefined;
}

export interface StageOptions {
  /** The exact permission bits. Without it: those of the existing file, or 0666 less the umask. */
  readonly mode?: number | undefined;
  readonly durability?: Durability | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PublishOptions {
  /** `fail`: the kernel refuses to replace anything. */
  readonly ifExists?: 'replace' | 'fail' | undefined;
}

/** A complete file, synced if it is to be durable, that belongs to this process until it is published. */
export interface StagedFile {
  readonly path: string;
  readonly target: string;
  readonly sizeBytes: number;
  /**
   * Renames the file onto its target and makes that durable. After a failure with outcome `unchanged` the stage is
   * still there, to be discarded.
   *
   * @throws HoldfastError ALREADY_EXISTS; TARGET_IS_MOUNT; SYNC_FAILED with outcome `unknown`; IO
   */
  publish(options?: PublishOptions): Promise<void>;
  /** Removes the file. Does nothing after `publish` or `release`, and never fails. */
  discard(): Promise<void>;
  /** Gives up ownership and leaves the file where it is, for someone else (a journal) to publish. */
  release(): Promise<void>;
}

/**
 * Writes a file beside its target, complete in content and attributes.
 *
 * @throws HoldfastError DIRECTORY_NOT_WRITABLE; NO_SPACE; SYNC_FAILED; ABORTED; IO; and those of the data
 *   (UPDATER_FAILED, UNREPRESENTABLE, INVALID_ARGUMENT). All with outcome `unchanged`, and nothing is left behind.
 */
export async function stageFile(
  fs: Fs,
  target: StageTarget,
  data: FileData,
  options: StageOptions = {},
): Promise<StagedFile> {
  const { signal, durability = 'durable' } = options;
  if (signal?.aborted) throw aborted('stage', target.path, signal);
  await sweepOnce(fs, target.directory);
  const directory = await openDirectory(fs, target.directory);
  const file = await createOrClose(fs, target, directory, options);
  const staged = new OwnedFile(fs, target.path, file, directory, durability);
  try {
    staged.sizeBytes = await writeData(file, data, signal);
    await finish(fs, target, file, staged.sizeBytes, options);
    if (signal?.aborted) throw aborted('stage', target.path, signal);
    if (durability === 'durable') await syncFile(file);
    return staged;
  } catch (error) {
    await staged.discard();
    throw failure('stage', target.path, error);
  }
}

class OwnedFile implements StagedFile {
  readonly path: string;
  readonly target: string;
  sizeBytes = 0;
  readonly #fs: Fs;
  readonly #file: FsFile;
  readonly #directory: FsDirectory;
  readonly #durability: Durability;
  #owned = true;

  constructor(
    fs: Fs,
    target: string,
    file: FsFile,
    directory: FsDirectory,
    durability: Durability,
  ) {
    this.#fs = fs;
    this.path = file.path;
    this.target = target;
    this.#file = file;
    this.#directory = directory;
    this.#durability = durability;
  }

  async publish(options: PublishOptions = {}): Promise<void> {
    await rename(this.#fs, this.path, this.target, options.ifExists ?? 'replace');
    this.#owned = false;
    try {
      await closeQuietly(this.#file);
      if (this.#durability === 'durable') await syncDirectory(this.#fs, this.#directory);
    } catch (error) {
      throw syncFailure(this.target, error, 'unknown');
    } finally {
      await closeQuietly(this.#directory);
    }
  }

  async discard(): Promise<void> {
    if (!this.#owned) return;
    try {
      await this.#fs.unlink(this.path);
    } catch {
      // The next process sweeps it; an error that is on its way must not be masked.
    }
    await this.release();
  }

  async release(): Promise<void> {
    if (!this.#owned) return;
    this.#owned = false;
    await closeQuietly(this.#file);
    await closeQuietly(this.#directory);
  }
}

async function openDirectory(fs: Fs, directory: string): Promise<FsDirectory> {
  try {
    return await fs.openDirectory(directory);
  } catch (error) {
    throw failure('open directory', directory, error);
  }
}

async function createOrClose(
  fs: Fs,
  target: StageTarget,
  directory: FsDirectory,
  options: StageOptions,
): Promise<FsFile> {
  try {
    return await create(fs, target, options);
  } catch (error) {
    await closeQuietly(directory);
    throw ['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')
      ? directoryNotWritable(target.directory, error)
      : failure('create', target.directory, error);
  }
}

/** A sweeper that finds the new file before it is locked takes it for an orphan; then another one is made. */
async function create(fs: Fs, target: StageTarget, options: StageOptions): Promise<FsFile> {
  const isFinal = target.existing === undefined && options.mode === undefined;
  const mode = isFinal ? 0o666 : 0o600;
  for (;;) {
    const path = join(target.directory, newTemporaryName());
    const file = await fs.open(path, { access: 'readWrite', create: 'exclusive' }, mode);
    try {
      if (await claim(fs, file)) return file;
      await file.close();
    } catch (error) {
      await fs.unlink(path).catch(() => undefined);
      await closeQuietly(file);
      throw error;
    }
  }
}

/** One fstat(2) tells whether all bytes are there, and which attributes differ. */
async function finish(
  fs: Fs,
  target: StageTarget,
  file: FsFile,
  sizeBytes: number,
  options: StageOptions,
): Promise<void> {
  const stat = await file.stat();
  if (stat.sizeBytes !== sizeBytes) {
    throw failure(
      'check',
      file.path,
      new Error(`${sizeBytes} bytes were written, ${stat.sizeBytes} are there`),
    );
  }
  await giveAttributes(fs, { ...target, mode: options.mode }, file, stat);
}

async function syncFile(file: FsFile): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    throw syncFailure(file.path, error, 'unchanged');
  }
}

async function rename(
  fs: Fs,
  from: string,
  to: string,
  ifExists: 'replace' | 'fail',
): Promise<void> {
  try {
    await (ifExists === 'fail' ? renameOntoNothing(fs, from, to) : fs.rename(from, to));
  } catch (error) {
    throw renameFailure(to, error);
  }
}

/** A filesystem without RENAME_NOREPLACE (NFS) has link(2), which refuses an existing name too. */
async function renameOntoNothing(fs: Fs, from: string, to: string): Promise<void> {
  try {
    await fs.renameNoReplace(from, to);
  } catch (error) {
    if (!['EINVAL', 'ENOSYS', 'ENOTSUP'].includes(errnoOf(error) ?? '')) throw error;
    await fs.link(from, to);
    await fs.unlink(from);
  }
}

function renameFailure(target: string, cause: unknown): HoldfastError {
  const code = errnoOf(cause);
  if (code === 'EBUSY') {
    return new HoldfastError('TARGET_IS_MOUNT', {
      message:
        'The target is itself a mount point (a file bound into a container, for example), and the kernel does not ' +
        "rename over one. Mount its directory instead, or allow an overwrite in place with inPlace: 'ifNeeded'.",
      outcome: 'unchanged',
      step: 'publish',
      path: target,
      cause,
    });
  }
  if (code === 'EEXIST') return alreadyExists(target, cause);
  return failure('publish', target, cause);
}

/** The error for a target that was not to be replaced. */
export function alreadyExists(target: string, cause?: unknown): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message: 'The target exists, and the call was told not to replace it.',
    outcome: 'unchanged',
    step: 'publish',
    path: target,
    cause,
  });
}

function directoryNotWritable(directory: string, cause: unknown): HoldfastError {
  return new HoldfastError('DIRECTORY_NOT_WRITABLE', {
    message:
      'This user may not make files in the directory of the target, and a file cannot be replaced whole without one. ' +
      "Allow it, or allow an overwrite in place with inPlace: 'ifNeeded'.",
    outcome: 'unchanged',
    step: 'create',
    path: directory,
    cause,
  });
}

function syncFailure(
  path: string,
  cause: unknown,
  outcome: 'unchanged' | 'unknown',
): HoldfastError {
  const what =
    outcome === 'unknown' ? 'The new file is in place, but its directory' : 'The new file';
  return new HoldfastError('SYNC_FAILED', {
    message: `${what} could not be synced to disk. Check the disk.`,
    outcome,
    step: 'sync',
    path,
    cause,
  });
}

function join(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}
