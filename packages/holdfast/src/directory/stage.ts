/** What a caller fills: a directory that nobody reads yet, and the tasks that write into it. */
import { errnoOf, HoldfastError } from '../errors.js';
import { readingFrom } from '../stage/reading-from.js';
import { invalidArgument } from '../options.js';
import type { Fs, FsDirectory, FsFile, OpenFlags } from '../os/fs.js';
import { closeQuietly, openOwn, pathIn } from '../os/handles.js';
import { isPlainName } from '../os/paths.js';
import { writeData, type FileData } from '../stage/file-data.js';
import { stepFailed } from './directory-error.js';
import type { TaskGroup } from './task-group.js';
import { breathe, isTurnLong, type ChildName } from '../os/tree.js';

/** How a file is written into a stage. */
export interface StageWriteOptions {
  /** Permission bits of the file, before the umask; 0o666 by default. */
  readonly mode?: number | undefined;
  /**
   * Whether the file may exist already, in a stage that was resumed; otherwise that is an error.
   */
  readonly overwrite?: boolean | undefined;
}

/** The directory to fill, before anybody can see it. */
export interface Stage {
  /** Where it lies now. Any program can write into it; on publishing it moves to the target. */
  readonly path: string;
  /**
   * A path to a name in the stage itself, whatever is exchanged for the stage, or for a directory
   * above it, meanwhile: for the calls of this process, on any of its threads, until `fill` has
   * settled. As good as a path below `path` where the platform has no such paths (Windows). Touches
   * nothing; a symlink that lies under the name is for the caller to refuse (O_NOFOLLOW). Other
   * programs get `path`. What a call on it throws, the publish names as people know it
   * ({@link path}).
   *
   * @param name - one name; `.` for the stage itself
   * @throws HoldfastError PATH_ESCAPES for anything else; INVALID_ARGUMENT once the stage is no
   *   longer filled
   */
  at(name: string): string;
  /**
   * Whether this is the kept stage of a failed or killed run (option `resume`): check what lies in
   * it before use.
   */
  readonly resumed: boolean;
  /** Fires when anything started through the stage fails, and with the caller's own signal. */
  readonly signal: AbortSignal;
  /**
   * Writes a new file, and the directories above it. Nothing is synced yet: publishing syncs the
   * whole tree.
   *
   * A failed write fails the publish, also when its error is caught or its promise ignored.
   *
   * @param relative - its path under the stage, with `/` between the parts
   * @throws HoldfastError PATH_ESCAPES, ALREADY_EXISTS, NO_SPACE, UPDATER_FAILED (the stream
   *   failed), ABORTED, IO
   */
  write(relative: string, data: FileData, options?: StageWriteOptions): Promise<void>;
  /**
   * Runs a task beside the others, at most `concurrency` of them at a time. Resolves when the task
   * has *started*: a loop that awaits it never holds more tasks than run. Whether it is awaited or
   * not, the publish waits for the task to end, and fails when it fails.
   */
  spawn(task: () => Promise<unknown>): Promise<void>;
}

/** Makes the stage of a publish: `wrote` is told of each file. */
export function makeStage(
  fs: Fs,
  { root, resumed }: { readonly root: FsDirectory; readonly resumed: boolean },
  group: TaskGroup,
  wrote: (sizeBytes: number) => void,
): Stage {
  const directories = new StagedSubdirectories(fs, root);
  return {
    path: root.path,
    at: (name) => {
      group.refuseLate();
      if (name !== '.') refuseOutside('at', name);
      if (name.includes('/')) throw escapes(name, 'one name in the stage is asked for, not a path');
      return root.at(name);
    },
    resumed,
    signal: group.signal,
    spawn: (task) => group.spawn(task),
    write: (relative, data, options = {}) => {
      const write = async (): Promise<void> => {
        refuseOutside('write', relative);
        const end = relative.lastIndexOf('/');
        const name = relative.slice(end + 1);
        await directories.within(relative.slice(0, Math.max(0, end)), async (directory) => {
          const child = { parent: directory, name };
          wrote(await writeFile(fs, child, data, { ...options, signal: group.signal }));
        });
        if (isTurnLong()) await breathe();
      };
      return readingFrom(data, () => group.run(write));
    },
  };
}

/**
 * The directories of a stage, each opened below the one above it: whoever may write in one of them
 * might put a symlink in the place of another.
 */
export class StagedSubdirectories {
  readonly #fs: Fs;
  readonly #root: FsDirectory;
  readonly #made = new Set<string>();

  constructor(fs: Fs, root: FsDirectory) {
    this.#fs = fs;
    this.#root = root;
  }

  /**
   * Does something in a directory, which is made if it is missing.
   *
   * @param relative - under the stage, and checked; empty for the stage itself
   */
  async within(relative: string, use: (directory: FsDirectory) => Promise<void>): Promise<void> {
    if (relative === '') return use(this.#root);
    const end = relative.lastIndexOf('/');
    return this.within(relative.slice(0, Math.max(0, end)), async (parent) => {
      const name = relative.slice(end + 1);
      if (!this.#made.has(relative)) await makeIfMissing(this.#fs, parent, name);
      this.#made.add(relative);
      const directory = await openSubdirectory(this.#fs, parent, name);
      try {
        await use(directory);
      } finally {
        await closeQuietly(directory);
      }
    });
  }
}

async function makeIfMissing(fs: Fs, parent: FsDirectory, name: string): Promise<void> {
  try {
    await fs.mkdir(parent.at(name));
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw stepFailed(error, 'write', pathIn(parent, name));
  }
}

async function openSubdirectory(fs: Fs, parent: FsDirectory, name: string): Promise<FsDirectory> {
  try {
    return await fs.openDirectory(parent.at(name), { noFollow: true });
  } catch (error) {
    const path = pathIn(parent, name);
    if (!['ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? ''))
      throw stepFailed(error, 'write', path);
    throw new HoldfastError('PATH_ESCAPES', {
      message: 'a part of the path is not a directory; a symlink in a stage is never followed',
      step: 'write',
      path,
    });
  }
}

function refuseOutside(call: string, relative: string): void {
  if (typeof relative !== 'string' || relative === '' || relative.includes('\0')) {
    throw invalidArgument(call, 'the name of a staged file must be a relative path', relative);
  }
  if (relative.split('/').every(isPlainName)) return;
  throw escapes(
    relative,
    "the path of a staged file must stay inside the stage, without '.', '..' or '//'",
  );
}

function escapes(path: string, message: string): HoldfastError {
  return new HoldfastError('PATH_ESCAPES', { message, step: 'write', path });
}

async function writeFile(
  fs: Fs,
  { parent, name }: ChildName,
  data: FileData,
  { mode, overwrite, signal }: StageWriteOptions & { readonly signal: AbortSignal },
): Promise<number> {
  const path = pathIn(parent, name);
  let file: FsFile;
  try {
    file = overwrite
      ? (await openOwn(fs, parent.at(name), { ...toOverwrite, mode }, { oneLink: true })).handle
      : await fs.open(parent.at(name), toCreate, mode);
  } catch (error) {
    throw openFailed(path, error);
  }
  let sizeBytes: number;
  try {
    sizeBytes = await writeData(file, data, signal);
  } catch (error) {
    await closeQuietly(file);
    throw error;
  }
  try {
    await file.close();
  } catch (error) {
    // Some filesystems say only now that they could not write (close(2), "Dealing with error
    // returns from close()").
    throw stepFailed(error, 'write', path);
  }
  return sizeBytes;
}

const toCreate: OpenFlags = { access: 'write', noFollow: true, create: 'exclusive' };
const toOverwrite: OpenFlags = { ...toCreate, create: 'ifMissing', truncate: true };

function openFailed(path: string, cause: unknown): HoldfastError {
  if (errnoOf(cause) !== 'EEXIST') return stepFailed(cause, 'write', path);
  return new HoldfastError('ALREADY_EXISTS', {
    message: 'The stage has this file already: two writes of one publish name the same file.',
    step: 'write',
    path,
    cause,
  });
}
