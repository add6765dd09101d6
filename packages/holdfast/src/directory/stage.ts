/** What a caller fills: a directory that nobody reads yet, and the tasks that write into it. */
import { errnoOf, HoldfastError } from '../errors.js';
import { readingFrom } from '../failure.js';
import { invalidArgument } from '../options.js';
import type { Fs, FsFile, OpenFlags } from '../os/fs.js';
import { closeQuietly } from '../os/close-quietly.js';
import { writeData, type FileData } from '../stage/file-data.js';
import { stepFailed } from './directory-error.js';
import type { TaskGroup } from './task-group.js';
import { breathe, isTurnLong } from './tree.js';

export interface StageWriteOptions {
  /** Permission bits of the file, before the umask; 0o666 by default. */
  readonly mode?: number;
  /** Whether the file may exist already, in a stage that was resumed; otherwise that is an error. */
  readonly overwrite?: boolean;
}

/** The directory to fill, before anybody can see it. */
export interface Stage {
  /** Where it lies now. Any program can write into it; on publishing it moves to the target. */
  readonly path: string;
  /** Whether this is the kept stage of a failed or killed run (option `resume`): check what lies in it before use. */
  readonly resumed: boolean;
  /** Fires when anything started through the stage fails, and with the caller's own signal. */
  readonly signal: AbortSignal;
  /**
   * Writes a new file, and the directories above it. Nothing is synced yet: publishing syncs the whole tree.
   *
   * A failed write fails the publish, also when its error is caught or its promise ignored.
   *
   * @param relative - its path under the stage, with `/` between the parts
   * @throws HoldfastError PATH_ESCAPES, ALREADY_EXISTS, NO_SPACE, UPDATER_FAILED (the stream failed), ABORTED, IO
   */
  write(relative: string, data: FileData, options?: StageWriteOptions): Promise<void>;
  /**
   * Runs a task beside the others, at most `concurrency` of them at a time. Resolves when the task has *started*:
   * a loop that awaits it never holds more tasks than run. Whether it is awaited or not, the publish waits for the task
   * to end, and fails when it fails.
   */
  spawn(task: () => Promise<unknown>): Promise<void>;
}

/** Makes the stage of a publish: `wrote` is told of each file. */
export function makeStage(
  fs: Fs,
  path: string,
  resumed: boolean,
  group: TaskGroup,
  wrote: (sizeBytes: number) => void,
): Stage {
  const directories = new StagedSubdirectories(fs, path);
  return {
    path,
    resumed,
    signal: group.signal,
    spawn: (task) => group.spawn(task),
    write: (relative, data, options = {}) => {
      const write = async (): Promise<void> => {
        refuseOutside(relative);
        const end = relative.lastIndexOf('/');
        if (end > 0) await directories.make(relative.slice(0, end));
        wrote(await writeFile(fs, `${path}/${relative}`, data, options, group.signal));
        if (isTurnLong()) await breathe();
      };
      return readingFrom(data, () => group.run(write));
    },
  };
}

/** The directories of a stage that are known to be there and to be no symlinks. */
class StagedSubdirectories {
  readonly #fs: Fs;
  readonly #root: string;
  readonly #known = new Set<string>();

  constructor(fs: Fs, root: string) {
    this.#fs = fs;
    this.#root = root;
  }

  /** @param relative - under the stage, and checked */
  async make(relative: string): Promise<void> {
    if (this.#known.has(relative)) return;
    const end = relative.lastIndexOf('/');
    if (end > 0) await this.make(relative.slice(0, end));
    await this.#makeOne(`${this.#root}/${relative}`);
    this.#known.add(relative);
  }

  async #makeOne(path: string): Promise<void> {
    try {
      await this.#fs.mkdir(path);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw stepFailed(error, 'write', path);
      if ((await this.#fs.lstat(path)).kind === 'directory') return;
      throw new HoldfastError('PATH_ESCAPES', {
        message: 'a part of the path is not a directory; a symlink in a stage is never followed',
        outcome: 'unchanged',
        step: 'write',
        path,
      });
    }
  }
}

/** A part that is empty, `.` or `..`: also of an absolute path, and of one that ends in a slash. */
const UNSAFE_PART = /(?:^|\/)\.{0,2}(?:\/|$)/u;

function refuseOutside(relative: string): void {
  if (typeof relative !== 'string' || relative === '' || relative.includes('\0')) {
    throw invalidArgument('write', 'the name of a staged file must be a relative path', relative);
  }
  if (!UNSAFE_PART.test(relative)) return;
  throw new HoldfastError('PATH_ESCAPES', {
    message: "the path of a staged file must stay inside the stage, without '.', '..' or '//'",
    outcome: 'unchanged',
    step: 'write',
    path: relative,
  });
}

async function writeFile(
  fs: Fs,
  path: string,
  data: FileData,
  options: StageWriteOptions,
  signal: AbortSignal,
): Promise<number> {
  let file: FsFile;
  try {
    file = await fs.open(path, options.overwrite ? toOverwrite : toCreate, options.mode);
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
    // Some filesystems say only now that they could not write (close(2), "Dealing with error returns from close()").
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
    outcome: 'unchanged',
    step: 'write',
    path,
    cause,
  });
}
