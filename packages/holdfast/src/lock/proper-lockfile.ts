/**
 * The lock of proper-lockfile: a directory that one mkdir(2) makes. Who holds it sets its time
 * again and again, and one whose time is old is a dead program's: it is removed, and made anew.
 *
 * Whether the directory is still ours is told by its inode and by the time that was set last, as
 * there. One that was taken away (nobody refreshed it: the event loop was busy, the machine slept)
 * is lost, and said to be.
 */
import { HoldfastError, errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import type { FileStat, Fs } from '../os/fs.js';
import { NAMES_ONLY, inDirectoryOf, isSameFile, lookAt } from '../os/handles.js';
import type { CompleteGuard } from './lock-choice.js';

/** How soon a refresh is tried again that failed. */
const AGAIN_MS = 1000;

export class DirectoryLock {
  readonly #fs: TimedFs;
  readonly #guard: CompleteGuard;
  readonly #made: FileStat;
  /** What the directory says of itself: a filesystem may keep less of a time than it was given. */
  #modifiedMs = 0;
  #refreshedMs = 0;
  #isLost = false;
  #isReleased = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #onExit = (): void => this.#removeAtExit();

  private constructor(fs: TimedFs, guard: CompleteGuard, made: FileStat) {
    this.#fs = fs;
    this.#guard = guard;
    this.#made = made;
  }

  /** Tries once; `undefined` when another program has it. */
  static async tryTake(fs: Fs, guard: CompleteGuard): Promise<DirectoryLock | undefined> {
    const timed = withTimes(fs, guard.path);
    try {
      if (!(await make(timed, guard))) return undefined;
      const lock = new DirectoryLock(timed, guard, await timed.lstat(guard.path));
      await lock.#setTime();
      lock.#refreshLater(guard.updateMs);
      process.once('exit', lock.#onExit);
      return lock;
    } catch (error) {
      throw failure('take guard', guard.path, error);
    }
  }

  /** @throws HoldfastError LOCK_LOST */
  async assertHeld(): Promise<void> {
    if (!this.#isLost && !(await this.#isOurs())) this.#isLost = true;
    if (this.#isLost) throw lost(this.#guard);
    // Whoever asks is about to act: nobody is to find the time old meanwhile.
    await this.#refresh();
  }

  /** Removes the directory, if it is ours. Never fails: what stays is old soon. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#stop();
    try {
      if (!this.#isLost && (await this.#isOurs()))
        await removeDirectory(this.#fs, this.#guard.path);
    } catch {
      // As said above.
    }
  }

  #stop(): void {
    this.#isReleased = true;
    clearTimeout(this.#timer);
    process.off('exit', this.#onExit);
  }

  /** The calls of a filesystem are made inline, up to the first that is waited for. */
  #removeAtExit(): void {
    const isFresh = Date.now() - this.#refreshedMs < this.#guard.staleMs;
    if (!this.#isLost && isFresh) void this.#fs.rmdir(this.#guard.path).catch(() => undefined);
  }

  /** Not for the sake of this alone does a program go on. */
  #refreshLater(ms: number): void {
    this.#timer = setTimeout(() => void this.#refresh(), ms).unref();
  }

  async #refresh(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      if (!(await this.#isOurs())) this.#isLost = true;
      else await this.#setTime();
      if (!this.#isLost && !this.#isReleased) this.#refreshLater(this.#guard.updateMs);
    } catch {
      // The disk may answer again before anybody finds the time old.
      if (Date.now() - this.#refreshedMs > this.#guard.staleMs) this.#isLost = true;
      else if (!this.#isReleased) this.#refreshLater(AGAIN_MS);
    }
  }

  async #setTime(): Promise<void> {
    const nowMs = Date.now();
    await this.#fs.setModified(this.#guard.path, nowMs);
    this.#modifiedMs = await this.#fs.modifiedMs(this.#guard.path);
    this.#refreshedMs = nowMs;
  }

  async #isOurs(): Promise<boolean> {
    const stat = await lookAt(this.#fs, this.#guard.path);
    if (stat === undefined || !isSameFile(stat, this.#made)) return false;
    return (await this.#fs.modifiedMs(this.#guard.path)) === this.#modifiedMs;
  }
}

/** A filesystem that knows the times of what has a name. */
type TimedFs = Fs & Required<Pick<Fs, 'modifiedMs' | 'setModified'>>;

function withTimes(fs: Fs, path: string): TimedFs {
  if (fs.modifiedMs && fs.setModified) return fs as TimedFs;
  throw new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      'A guard of proper-lockfile needs a filesystem that lets the time of a directory be set.',
    step: 'take guard',
    path,
  });
}

/** Whether the directory was made. */
async function make(fs: TimedFs, guard: CompleteGuard): Promise<boolean> {
  if (await makeDirectory(fs, guard.path)) return true;
  if (!(await removeStale(fs, guard))) return false;
  return makeDirectory(fs, guard.path);
}

async function makeDirectory(fs: Fs, path: string): Promise<boolean> {
  try {
    await inDirectoryOf(fs, path, (directory, name) => fs.mkdir(directory.at(name)), NAMES_ONLY);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Whether the name is free now, because its directory was old or has gone. */
async function removeStale(fs: TimedFs, { path, staleMs }: CompleteGuard): Promise<boolean> {
  try {
    const { kind } = await fs.lstat(path);
    if (kind !== 'directory') throw nameTaken(path, kind);
    if ((await fs.modifiedMs(path)) >= Date.now() - staleMs) return false;
    await removeDirectory(fs, path);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST') throw nameTaken(path, 'directory with files');
    if (code !== 'ENOENT') throw error;
  }
  return true;
}

function removeDirectory(fs: Fs, path: string): Promise<void> {
  return inDirectoryOf(fs, path, (directory, name) => fs.rmdir(directory.at(name)), NAMES_ONLY);
}

function nameTaken(path: string, kind: string): HoldfastError {
  return new HoldfastError('NAME_TAKEN', {
    message:
      `The lock of proper-lockfile is a directory of this name, and a ${kind} has it: a lock file of Holdfast, perhaps, of a ` +
      'program that takes none of proper-lockfile. Give all programs that use Holdfast here the same guard, and remove it ' +
      'when none of another kind runs any more.',
    step: 'take guard',
    path,
  });
}

function lost({ path, staleMs }: CompleteGuard): HoldfastError {
  return new HoldfastError('LOCK_LOST', {
    message:
      `The directory that guards against proper-lockfile was taken away while the lock was held: it was not refreshed for ` +
      `${staleMs} ms, or somebody removed it, so another program may hold the lock too.`,
    outcome: 'unknown',
    step: 'lock',
    path,
  });
}
