/**
 * One file, written where nobody reads it and published by one rename.
 *
 * stage:   sweep the directory's orphans (sweep.ts) → open the directory → create a temporary file
 *          beside the target (O_EXCL, private until it is complete) and lock it → write all, a short count is an error
 *          → size check → owner, xattrs, ACL, mode → fsync
 * publish: rename onto the target (the commit point) → fsync the directory
 *
 * Every name is reached through the directory that was opened at first, without a symlink in any
 * part of its path.
 *
 * Invariant: the target's name always leads to a complete file. A crash before the rename leaves
 * the old file and an orphan, which the next process sweeps; a crash after it leaves the new file,
 * or, until the directory is synced and after a power loss, still the old one. After a failed fsync
 * the temporary file is discarded and never synced again: the kernel reports a loss once, and a
 * second fsync would say that all is well.
 */
import { HoldfastError, errnoOf, isHoldfastError } from '../errors.js';
import { READ_ONLY, aborted, failure } from '../failure.js';
import { closeQuietly, openCanonical } from '../os/handles.js';
import { filesystemOf, type Filesystem } from '../os/filesystem.js';
import type { ResolvedName } from '../os/follow-symlinks.js';
import type { Fs, FsDirectory, FsFile } from '../os/fs.js';
import { giveTo } from '../os/give.js';
import { basename } from '../os/paths.js';
import { giveAttributes, type SetId } from './attributes.js';
import { syncDirectory } from './directory-sync.js';
import { writeData, type FileData } from './file-data.js';
import { PRIVATE_MODE, refuseOtherMode, refuseVoidMode, refuseWiderMode } from './kept-mode.js';
import { newTemporaryName } from './names.js';
import { newNameOfCopy } from './only-copy.js';
import { claim } from './ownership.js';
import { sweepNext } from './sweep.js';

/**
 * `durable`: what is acknowledged survives a power loss. `atomic`: no sync at all; a process kill
 * leaves old or new, a power loss may leave neither.
 */
export type Durability = 'durable' | 'atomic';

export interface StageOptions {
  /** The exact permission bits. Without it: those of the existing file, or 0666 less the umask. */
  readonly mode?: number | undefined;
  /** For who writes it alone: it gets no owner and no ACL of the existing file. */
  readonly secret?: boolean | undefined;
  /** Whether the existing file's set-ID bits pass to the new content. Default: `drop`. */
  readonly setId?: SetId | undefined;
  /** The file whose attributes it is to have, in place of those of what it replaces. */
  readonly like?: Pick<ResolvedName, 'path' | 'existing'> | undefined;
  readonly durability?: Durability | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface PublishOptions {
  /** `fail`: the kernel refuses to replace anything. */
  readonly ifExists?: 'replace' | 'fail' | undefined;
}

/**
 * A complete file, synced if it is to be durable, that belongs to this process until it is
 * published.
 */
export interface StagedFile {
  readonly path: string;
  readonly target: string;
  readonly sizeBytes: number;
  /**
   * Renames the file onto its target and makes that durable. After a failure with outcome
   * `unchanged` the stage is still there, to be discarded.
   *
   * @throws HoldfastError ALREADY_EXISTS; TARGET_IS_MOUNT; SYNC_FAILED with outcome `unknown`; IO
   */
  publish(options?: PublishOptions): Promise<void>;
  /** Removes the file. Does nothing after `publish` or `release`, and never fails. */
  discard(): Promise<void>;
  /**
   * Gives up ownership and leaves the file where it is, for someone else (a journal) to publish.
   */
  release(): Promise<void>;
}

/**
 * Writes a file beside its target, complete in content and attributes.
 *
 * @throws HoldfastError DIRECTORY_NOT_WRITABLE; NO_SPACE; SYNC_FAILED; ABORTED; IO; and those of
 *   the data (UPDATER_FAILED, UNREPRESENTABLE, INVALID_ARGUMENT). All with outcome `unchanged`, and
 *   nothing is left behind.
 */
export async function stageFile(
  fs: Fs,
  target: ResolvedName,
  data: FileData,
  options: StageOptions = {},
): Promise<StagedFile> {
  const { signal, durability = 'durable' } = options;
  if (signal?.aborted) throw aborted('stage', target.path, signal);
  await sweepNext(fs, target.directory);
  const directory = await openDirectory(fs, target.directory);
  const created = await createOrClose(fs, target, directory, options);
  const { file } = created;
  const staged = new OwnedFile(fs, target, created, durability);
  try {
    await refuseVoidMode(fs, file, options.mode);
    const isNew = (options.like ?? target).existing === undefined || options.secret;
    if (isNew && fs.givesToDirectory) {
      await giveTo(fs, await directory.stat(), file);
    }
    staged.sizeBytes = await writeData(file, data, signal);
    await finish(fs, target, { ...created, sizeBytes: staged.sizeBytes }, options);
    if (signal?.aborted) throw aborted('stage', target.path, signal);
    if (durability === 'durable') await syncFile(file);
    return staged;
  } catch (error) {
    await staged.discard();
    throw failure('stage', target.path, error);
  }
}

interface CreatedFile {
  readonly directory: FsDirectory;
  readonly file: FsFile;
  /**
   * Where it lies, when it is to replace something. Asked beforehand: after a failed rename nothing
   * may answer.
   */
  readonly filesystem: Filesystem | undefined;
}

class OwnedFile implements StagedFile {
  readonly path: string;
  readonly target: string;
  sizeBytes = 0;
  readonly #fs: Fs;
  readonly #file: FsFile;
  readonly #directory: FsDirectory;
  readonly #durability: Durability;
  readonly #deletesAfterFailedRename: boolean;
  #owned = true;

  constructor(
    fs: Fs,
    target: ResolvedName,
    { directory, file, filesystem }: CreatedFile,
    durability: Durability,
  ) {
    this.#fs = fs;
    this.path = file.path;
    this.target = target.path;
    this.#deletesAfterFailedRename = filesystem?.deletesAfterFailedRename ?? false;
    this.#file = file;
    this.#directory = directory;
    this.#durability = durability;
  }

  async publish(options: PublishOptions = {}): Promise<void> {
    try {
      await this.#rename(options.ifExists ?? 'replace');
    } catch (error) {
      throw this.#mayVanish(error) ? await this.#keepFor(error) : error;
    }
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

  async #rename(ifExists: 'replace' | 'fail'): Promise<void> {
    const from = this.#directory.at(basename(this.path));
    const to = this.#directory.at(basename(this.target));
    try {
      await (ifExists === 'fail'
        ? renameOntoNothing(this.#fs, from, to, this.target)
        : this.#fs.rename(from, to));
    } catch (error) {
      throw renameFailure(this.target, error);
    }
  }

  /** Whether the rename that failed may still cost the target its life. */
  #mayVanish(error: unknown): boolean {
    return this.#deletesAfterFailedRename && !isHoldfastError(error, 'ALREADY_EXISTS');
  }

  /** Leaves the stage where it is, so that nothing is lost, and tells where. */
  async #keepFor(cause: unknown): Promise<HoldfastError> {
    await this.release();
    return new HoldfastError('TARGET_IN_USE', {
      message:
        'The rename onto the target failed, as it does on SMB when a program has the target open; Linux before 6.17 then ' +
        `deletes the target when that program closes it. The whole new content is in ${this.path}. Wait until nobody has ` +
        'the target open, look whether it is still there, and rename that file onto it, or write again and remove it.',
      outcome: 'unknown',
      step: 'publish',
      path: this.target,
      cause,
    });
  }

  async discard(): Promise<void> {
    if (!this.#owned) return;
    this.#owned = false;
    // Closed first: a filesystem that writes at the close (rclone) would bring back what was
    // unlinked before it.
    await closeQuietly(this.#file);
    try {
      await this.#fs.unlink(this.#directory.at(basename(this.path)));
    } catch {
      // The next process sweeps it; an error that is on its way must not be masked.
    }
    await closeQuietly(this.#directory);
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
    return await openCanonical(fs, directory);
  } catch (error) {
    throw failure('open directory', directory, error);
  }
}

async function createOrClose(
  fs: Fs,
  target: ResolvedName,
  directory: FsDirectory,
  options: StageOptions,
): Promise<CreatedFile> {
  try {
    return await create(fs, target, directory, options);
  } catch (error) {
    await closeQuietly(directory);
    throw await notCreated(fs, target.directory, error);
  }
}

/**
 * A sweeper that finds the new file before it is locked takes it for an orphan; then another one is
 * made.
 */
async function create(
  fs: Fs,
  target: ResolvedName,
  directory: FsDirectory,
  options: StageOptions,
): Promise<CreatedFile> {
  const isFinal = (options.like ?? target).existing === undefined && options.mode === undefined;
  const mode = isFinal ? 0o666 : PRIVATE_MODE;
  const filesystem = target.existing ? await filesystemOf(fs, target.directory) : undefined;
  for (;;) {
    const name = filesystem ? newNameOfCopy(filesystem, target.path) : newTemporaryName();
    const path = directory.at(name);
    const file = await fs.open(path, { access: 'readWrite', create: 'exclusive' }, mode);
    try {
      if (await claim(fs, file, path)) return { directory, file, filesystem };
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
  target: ResolvedName,
  { file, directory, sizeBytes }: CreatedFile & { readonly sizeBytes: number },
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
  const { mode, secret, setId, like = target } = options;
  // The very file that the rename is to replace, which goes through the same directory.
  const within = like === target ? directory : undefined;
  await giveAttributes(
    fs,
    { path: like.path, existing: like.existing, within, mode, secret, setId },
    file,
    stat,
  );
  if (mode !== undefined) await refuseOtherMode(fs, file, mode);
  else if (like.existing) await refuseWiderMode(fs, file, like.existing);
}

async function syncFile(file: FsFile): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    throw syncFailure(file.path, error, 'unchanged');
  }
}

/** A filesystem without RENAME_NOREPLACE (NFS) has link(2), which refuses an existing name too. */
async function renameOntoNothing(fs: Fs, from: string, to: string, target: string): Promise<void> {
  try {
    await fs.renameNoReplace(from, to);
  } catch (error) {
    if (!['EINVAL', 'ENOSYS', 'ENOTSUP'].includes(errnoOf(error) ?? '')) throw error;
    await linkOnly(fs, from, to, target);
    await fs.unlink(from);
  }
}

/** What s3fs, rclone and cryfs say of link(2), which they do not have. */
const HAS_NO_LINKS = ['ENOTSUP', 'ENOSYS', 'EPERM', 'EIO', 'ERANGE', 'EINVAL'];

async function linkOnly(fs: Fs, from: string, to: string, target: string): Promise<void> {
  try {
    await fs.link(from, to);
  } catch (cause) {
    if (!HAS_NO_LINKS.includes(errnoOf(cause) ?? '') || (await fs.exists(to))) throw cause;
    throw new HoldfastError('UNSUPPORTED_PLATFORM', {
      message:
        'The filesystem has neither a rename that replaces nothing nor a second name for a file, so of several that make ' +
        "the same file it cannot let only one succeed. Leave out ifExists: 'fail', or make the file elsewhere.",
      step: 'publish',
      path: target,
      cause,
    });
  }
}

function renameFailure(target: string, cause: unknown): HoldfastError {
  const code = errnoOf(cause);
  if (code === 'EBUSY') {
    return new HoldfastError('TARGET_IS_MOUNT', {
      message:
        'The target is itself a mount point (a file bound into a container, for example), and the kernel does not ' +
        "rename over one. Mount its directory instead, or allow an overwrite in place with inPlace: 'ifNeeded'.",
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
    step: 'publish',
    path: target,
    cause,
  });
}

/** Why no file can be made beside the target. */
async function notCreated(fs: Fs, directory: string, cause: unknown): Promise<HoldfastError> {
  const code = errnoOf(cause) ?? '';
  if (code === 'EROFS') {
    return directoryNotWritable(directory, cause, READ_ONLY);
  }
  if (['EACCES', 'EPERM'].includes(code)) return directoryNotWritable(directory, cause, notAllowed);
  const free = code === 'ENOSPC' ? await freeBytesOf(fs, directory) : 0;
  if (free < A_FEW_BLOCKS) return failure('create', directory, cause);
  return new HoldfastError('NO_SPACE', {
    message:
      `The filesystem has ${free} bytes free, but no inodes for another file (df -i). Remove files that nobody needs, ` +
      'many small ones first, then try again.',
    step: 'create',
    path: directory,
    cause,
  });
}

/** A disk that is full may have some blocks left that only root gets. */
const A_FEW_BLOCKS = 1024 * 1024;

async function freeBytesOf(fs: Fs, path: string): Promise<number> {
  const found = await fs.statFilesystem(path).catch(() => undefined);
  return found?.freeBytes ?? 0;
}

const notAllowed =
  'This user may not make files in the directory of the target, and a file cannot be replaced whole without one. ' +
  "Allow it, or allow an overwrite in place with inPlace: 'ifNeeded'.";

function directoryNotWritable(directory: string, cause: unknown, message: string): HoldfastError {
  return new HoldfastError('DIRECTORY_NOT_WRITABLE', {
    message,
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
