/**
 * One descriptor on a lock file: `flock(2)`, and this process's place among those who wait for it.
 *
 * 1. open the lock file, made if it is missing, never truncated, never unlinked
 * 2. flock, never blocking
 * 3. the path must still name the inode that was locked, else the file was deleted or replaced: start again
 *
 * Who finds the lock taken draws a ticket: a byte of the lock file, far beyond its end, locked shared with an open file
 * description lock (fcntl(2), F_OFD_SETLK). The kernel keeps it, so it dies with its process, and everyone can ask for
 * the lowest one. Tickets are numbered by the machine's monotonic clock, so the lowest has waited longest. They order
 * the processes of Holdfast among each other and nothing more: the flock alone says who holds the lock. A filesystem
 * that has no such tickets (a network filesystem makes byte locks out of flocks) orders nobody.
 */
import { HoldfastError, errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import { closeQuietly } from '../os/close-quietly.js';
import type { FileStat, Fs, FsFile, LockMode } from '../os/fs.js';

/** A little longer than a turn (lock-queue.ts): after that the first in line should be another one. */
const EXPECTED_MS = 22;
/** Longer than any poll (lock-queue.ts), so that one who has waited longer would have come by then. */
const PASS_OVER_MS = 32;

/** What a try found. `notOurTurn`: someone has waited longer. `replaced`: the file is another. */
export type TryResult = 'taken' | 'held' | 'notOurTurn' | 'replaced';

export class KernelLock {
  readonly #fs: Fs;
  readonly #file: FsFile;
  /** An open file keeps its device and inode, whatever becomes of its name. */
  #identity: FileStat | undefined;
  #ticket: bigint | undefined;
  #ahead: Ahead | undefined;
  #isReleased = false;

  private constructor(fs: Fs, file: FsFile) {
    this.#fs = fs;
    this.#file = file;
  }

  static async open(fs: Fs, lockPath: string): Promise<KernelLock> {
    return new KernelLock(fs, await openLockFile(fs, lockPath));
  }

  /**
   * Tries once. Who may not barge lets those pass who have waited longer, and draws a ticket. It does not so much as try
   * then: one that takes a lock only to give it back keeps it from the one whose turn it is.
   */
  async tryTake(mode: LockMode, mayBarge: boolean): Promise<TryResult> {
    const ahead = mayBarge ? undefined : this.#lookAhead();
    if (ahead?.isExpected(performance.now())) {
      this.#drawTicket();
      return 'notOurTurn';
    }
    if (!this.#tryLock(mode)) {
      ahead?.foundHeld();
      this.#drawTicket();
      return 'held';
    }
    if (ahead && !ahead.isPassedOver(performance.now())) {
      this.#file.unlock();
      this.#drawTicket();
      return 'notOurTurn';
    }
    if (!(await this.isStillNamed())) return 'replaced';
    this.#dropTicket();
    return 'taken';
  }

  /** Whether the path still names the file that is locked. */
  async isStillNamed(): Promise<boolean> {
    try {
      const locked = (this.#identity ??= await this.#file.stat());
      const named = await this.#fs.stat(this.#file.path);
      return named.ino === locked.ino && named.dev === locked.dev;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw failure('lock', this.#file.path, error);
    }
  }

  /** Whether a process of Holdfast waits for this lock, as far as one can know. */
  othersWait(): boolean {
    return this.#file.tickets?.lowestOfOthers() !== undefined;
  }

  /** The ticket of who has waited longest, unless that is this descriptor. */
  firstAhead(): bigint | undefined {
    const first = this.#file.tickets?.lowestOfOthers();
    const isOurs = first === undefined || (this.#ticket !== undefined && this.#ticket < first);
    return isOurs ? undefined : first;
  }

  /** Whether waiters can be seen at all. */
  get seesWaiters(): boolean {
    return this.#file.tickets !== undefined;
  }

  /** Frees the lock and the ticket, at once, also when a child process inherited the descriptor. */
  release(): Promise<void> {
    // A number that was closed may be another file's by now.
    if (this.#isReleased) return Promise.resolve();
    this.#isReleased = true;
    try {
      this.#file.unlock();
    } catch {
      // Closing frees it as well, unless a child process has the descriptor; there is nothing a caller could do.
    }
    return closeQuietly(this.#file);
  }

  /** The one who has waited longest, unless that is this descriptor. */
  #lookAhead(): Ahead | undefined {
    const ticket = this.firstAhead();
    if (ticket === undefined) this.#ahead = undefined;
    else if (this.#ahead?.ticket !== ticket) this.#ahead = new Ahead(ticket);
    return this.#ahead;
  }

  #drawTicket(): void {
    if (this.#ticket !== undefined || !this.#file.tickets) return;
    this.#ticket = process.hrtime.bigint();
    this.#file.tickets.draw(this.#ticket);
  }

  #dropTicket(): void {
    if (this.#ticket === undefined) return;
    this.#file.tickets?.drop(this.#ticket);
    this.#ticket = undefined;
  }

  #tryLock(mode: LockMode): boolean {
    try {
      return this.#file.tryLock(mode);
    } catch (error) {
      throw flockFailure(this.#file.path, error);
    }
  }
}

/**
 * One who has waited longer. If it does not come (its process is stopped, or its event loop is busy), it is passed over
 * when the lock was found free for longer than any poll takes.
 */
class Ahead {
  readonly ticket: bigint;
  readonly #sinceMs = performance.now();
  #freeSinceMs: number | undefined;

  constructor(ticket: bigint) {
    this.ticket = ticket;
  }

  /** Whether it is too soon to wonder where it stays. */
  isExpected(nowMs: number): boolean {
    return nowMs - this.#sinceMs < EXPECTED_MS;
  }

  foundHeld(): void {
    this.#freeSinceMs = undefined;
  }

  /** For a lock that was found free. */
  isPassedOver(nowMs: number): boolean {
    this.#freeSinceMs ??= nowMs;
    return nowMs - this.#freeSinceMs >= PASS_OVER_MS;
  }
}

/**
 * Opens the lock file for reading and writing, since NFS demands that of an exclusive lock. One that belongs to someone
 * else and is read-only, or lies on a read-only filesystem, is opened for reading, which is enough on a local one.
 */
async function openLockFile(fs: Fs, lockPath: string): Promise<FsFile> {
  try {
    return await fs.open(lockPath, { access: 'readWrite', create: 'ifMissing' });
  } catch (error) {
    if (errnoOf(error) === 'ENAMETOOLONG') throw nameTooLong(lockPath, error);
    if (!['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')) {
      throw failure('open lock file', lockPath, error);
    }
    return openReadOnly(fs, lockPath, error);
  }
}

async function openReadOnly(fs: Fs, lockPath: string, refused: unknown): Promise<FsFile> {
  try {
    return await fs.open(lockPath, { access: 'read' });
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw failure('open lock file', lockPath, error);
    throw new HoldfastError('DIRECTORY_NOT_WRITABLE', {
      message:
        'The lock file does not exist, and its directory does not let this user make it. ' +
        'Make it once as a user who may, or name another one with lockPath.',
      outcome: 'unchanged',
      step: 'open lock file',
      path: lockPath,
      cause: refused,
    });
  }
}

/** A name at the filesystem's own limit leaves no room for the ending of its lock file. */
function nameTooLong(lockPath: string, cause: unknown): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', {
    message:
      'The name of the lock file is longer than the filesystem allows. Name another one with lockPath.',
    outcome: 'unchanged',
    step: 'open lock file',
    path: lockPath,
    cause,
  });
}

/** EBADF: NFS makes flock a lock of bytes, which an exclusive one takes only through a descriptor for writing (flock(2)). */
function flockFailure(path: string, error: unknown): HoldfastError {
  const unsupported: Readonly<Record<string, string>> = {
    EBADF:
      'This network filesystem locks only files that are open for writing. Make the lock file writable.',
    ENOLCK: 'The filesystem offers no locks (on NFS: is its lock service running?).',
    ENOSYS: 'The filesystem offers no flock(2).',
    ENOTSUP: 'The filesystem offers no flock(2).',
    EINVAL: 'The filesystem offers no flock(2).',
  };
  const message = unsupported[errnoOf(error) ?? ''];
  if (message === undefined) return failure('lock', path, error);
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message: `${message} Or name a lock file on a local filesystem with lockPath.`,
    outcome: 'unchanged',
    step: 'lock',
    path,
    cause: error,
  });
}
