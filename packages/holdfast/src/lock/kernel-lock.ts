/**
 * One descriptor on a lock file: `flock(2)`, and this process's place among those who wait for it.
 *
 * 1. open the lock file, made if it is missing, never truncated, never unlinked; what is no regular
 *    file is refused, and a symlink is not followed: whoever may make names in the directory could
 *    lead it anywhere
 * 2. flock, never blocking
 * 3. the path must still name the inode that was locked, else the file was deleted or replaced:
 *    start again. On a network filesystem the server is asked (os/freshen.ts), so that whoever has
 *    the lock finds everything beside it as it is now
 *
 * A process that finds the lock taken draws a ticket: a byte of the lock file's directory, locked
 * shared with an open file description lock (fcntl(2), F_OFD_SETLK), which excludes nobody. The
 * kernel keeps it, so it dies with its process, and everyone can ask for the lowest one. Tickets
 * are numbered by the machine's monotonic clock, so the lowest has waited longest. They order the
 * processes of Holdfast among each other and nothing more: the flock alone says who holds the lock.
 * Whoever frees the lock wakes the lowest ticket, so that nobody needs to look often. A filesystem
 * that has no such tickets (a network filesystem makes byte locks out of flocks) orders nobody.
 */
import { HoldfastError, errnoOf, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import {
  NAMES_ONLY,
  closeQuietly,
  inDirectoryOf,
  isSameFile,
  lookAt,
  openOwn,
  type Opened,
} from '../os/handles.js';
import { unlessStale } from '../os/ask-again.js';
import { freshenNames } from '../os/freshen.js';
import { giveTo } from '../os/give.js';
import type { FileStat, Fs, FsFile, LockMode } from '../os/fs.js';
import { dirname } from '../os/paths.js';
import { noteFreed, noteTaken } from './held-here.js';
import { refuseWithoutLocks } from './lock-reach.js';

/**
 * A little longer than a turn (lock-queue.ts): after that the first in line should be another one.
 */
const EXPECTED_MS = 22;
/**
 * Longer than any poll (lock-queue.ts), so that one who has waited longer would have come by then.
 */
const PASS_OVER_MS = 32;

/**
 * The mode of a new lock file, less the umask: others may take the lock, for which the right to
 * read is enough, and may not write into a file of ours.
 */
const LOCK_FILE_MODE = 0o644;
const NOT_ALLOWED = ['EACCES', 'EPERM', 'EROFS'];

/** Tickets count 1024 ns, so that their 48 bits last for nine years after a boot. */
const TICKET_UNIT_BITS = 10n;

/** What a try found. `notOurTurn`: someone has waited longer. `replaced`: the file is another. */
type TryResult = 'taken' | 'held' | 'notOurTurn' | 'replaced';

/**
 * How one tries: one that waits, and lets those pass who have waited longer; one that need not let
 * them pass; or one that does not wait at all.
 */
export type Patience = 'waits' | 'skipsLine' | 'none';

export interface OpenLockOptions {
  /** The exact mode of the lock file, if it is made. */
  readonly fileMode?: number | undefined;
  readonly woken?: (() => void) | undefined;
}

export class KernelLock {
  readonly #fs: Fs;
  readonly #file: FsFile;
  /** An open file keeps its device and inode, whatever becomes of its name. */
  #identity: FileStat | undefined;
  #ticket: bigint | undefined;
  readonly #woken: () => void;
  #ahead: FirstInLine | undefined;
  #isHeld = false;
  /** What `flock` has given, also while it is not known yet whether that counts. */
  #lockedMode: LockMode | undefined;
  #isReleased = false;

  private constructor(fs: Fs, file: FsFile, woken: () => void) {
    this.#fs = fs;
    this.#file = file;
    this.#woken = woken;
  }

  /**
   * @param woken - called when the lock is free and it is the turn of this one, which waits; or for
   *   no reason
   */
  static async open(
    fs: Fs,
    lockPath: string,
    { fileMode, woken = () => undefined }: OpenLockOptions = {},
  ): Promise<KernelLock> {
    await refuseWithoutLocks(fs, lockPath);
    return new KernelLock(fs, await openLockFile(fs, lockPath, fileMode), woken);
  }

  /** Tries once. */
  async tryTake(mode: LockMode, patience: Patience): Promise<TryResult> {
    const result = await this.#tryOnce(mode, patience === 'none' || patience === 'skipsLine');
    const waits = result === 'held' || result === 'notOurTurn';
    if (!waits || patience === 'none' || !this.#drawTicket()) return result;
    // Whoever has freed the lock before the ticket was shown has woken nobody.
    return this.#tryOnce(mode, patience === 'skipsLine');
  }

  /**
   * One that may not skip the line lets those pass who have waited longer. It does not so much as
   * try then: one that takes a lock only to give it back keeps it from the one whose turn it is.
   */
  async #tryOnce(mode: LockMode, maySkipLine: boolean): Promise<TryResult> {
    const ahead = maySkipLine ? undefined : this.#lookAhead();
    if (ahead?.isExpected(performance.now())) return 'notOurTurn';
    if (!this.#tryLock(mode)) {
      ahead?.foundHeld();
      return 'held';
    }
    if (ahead && !ahead.isPassedOver(performance.now())) {
      this.#unlock();
      return 'notOurTurn';
    }
    this.#isHeld = true;
    if (!(await this.isStillNamed())) return 'replaced';
    const hasWaited = this.#ticket !== undefined;
    this.#dropTicket();
    // The next in line may be another reader.
    if (hasWaited && mode === 'shared') wakeFirst(this.#file);
    return 'taken';
  }

  /** Whether the path still names the file that is locked. */
  async isStillNamed(): Promise<boolean> {
    try {
      const locked = (this.#identity ??= await this.#file.stat());
      await freshenNames(this.#fs, dirname(this.#file.path));
      const named = await unlessStale(() => this.#fs.lstat(this.#file.path));
      return isSameFile(named, locked);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw failure('lock', this.#file.path, error);
    }
  }

  /** Whether a process of Holdfast waits for this lock, as far as one can know. */
  othersWait(): boolean {
    return this.#file.tickets?.lowestOfOthers() !== undefined;
  }

  /**
   * How many have waited longer, counted up to `most`, if any had at the last try; 0 where that
   * cannot be seen.
   */
  countAhead(most: number): number {
    if (this.#ticket === undefined || this.#ahead === undefined) return 0;
    return this.#file.tickets?.countBelow(this.#ticket, most) ?? 0;
  }

  /**
   * How a synchronous call sleeps until it is woken; `undefined` where nobody can wake it. It is to
   * look from time to time all the same.
   */
  get sleep(): ((mostMs: number) => Promise<void>) | undefined {
    return this.#ticket === undefined ? undefined : this.#file.tickets?.sleepOf?.(this.#ticket);
  }

  /** Whether waiters can be seen at all. */
  get seesWaiters(): boolean {
    return this.#file.tickets !== undefined;
  }

  /**
   * Frees the lock and wakes nobody yet: for one who may take it again before somebody is awake.
   * When the process ends before that is known, the next in line is woken all the same.
   *
   * @returns who is to be woken; `undefined` when nobody waits
   */
  async free(): Promise<OwedWake | undefined> {
    if (this.#isReleased) return undefined;
    this.#isReleased = true;
    this.#unlockQuietly();
    const { tickets } = this.#file;
    const first = tickets?.lowestOfOthers();
    const owed = first === undefined ? undefined : new OwedWake(() => tickets?.wake(first));
    await closeQuietly(this.#file);
    return owed;
  }

  /**
   * Frees the lock and the ticket, at once, also when a child process inherited the descriptor. One
   * that had either wakes the next in line.
   */
  async release(): Promise<void> {
    // A number that was closed may be another file's by now.
    if (this.#isReleased) return;
    this.#isReleased = true;
    const wasInLine = this.#ticket !== undefined;
    this.#unlockQuietly();
    this.#dropTicket();
    if (this.#isHeld || wasInLine) wakeFirst(this.#file);
    await closeQuietly(this.#file);
  }

  #unlockQuietly(): void {
    try {
      this.#unlock();
    } catch {
      // Closing frees it as well, unless a child process has the descriptor; there is nothing a
      // caller could do.
    }
  }

  /** The one who has waited longest, unless that is this descriptor. */
  #lookAhead(): FirstInLine | undefined {
    const first = this.#file.tickets?.lowestOfOthers();
    const isOurs = first === undefined || (this.#ticket !== undefined && this.#ticket < first);
    if (isOurs) this.#ahead = undefined;
    else if (this.#ahead?.ticket !== first) this.#ahead = new FirstInLine(first);
    return this.#ahead;
  }

  /** Whether it is a new one. */
  #drawTicket(): boolean {
    if (this.#ticket !== undefined || !this.#file.tickets) return false;
    this.#ticket = process.hrtime.bigint() >> TICKET_UNIT_BITS;
    this.#file.tickets.draw(this.#ticket, this.#woken);
    return true;
  }

  #dropTicket(): void {
    if (this.#ticket === undefined) return;
    this.#file.tickets?.drop(this.#ticket);
    this.#ticket = undefined;
  }

  #tryLock(mode: LockMode): boolean {
    try {
      if (!this.#file.tryLock(mode)) return false;
    } catch (error) {
      throw flockFailure(this.#file.path, error);
    }
    this.#lockedMode = mode;
    noteTaken(this.#fs, this.#file.path, mode);
    return true;
  }

  #unlock(): void {
    if (this.#lockedMode) noteFreed(this.#fs, this.#file.path, this.#lockedMode);
    this.#lockedMode = undefined;
    this.#file.unlock();
  }
}

/** One that waits for a lock that is free, and does not know it yet. */
export class OwedWake {
  readonly #wake: () => void;

  constructor(wake: () => void) {
    this.#wake = wake;
    owed.add(this);
    wakeAtExit();
  }

  /** @param wakes - not where the lock is taken again */
  end(wakes: boolean): void {
    owed.delete(this);
    if (wakes) this.#wake();
  }
}

const owed = new Set<OwedWake>();
let wakesAtExit = false;

function wakeAtExit(): void {
  if (wakesAtExit) return;
  wakesAtExit = true;
  process.on('exit', () => {
    for (const each of owed) each.end(true);
  });
}

function wakeFirst({ tickets }: FsFile): void {
  const first = tickets?.lowestOfOthers();
  if (first !== undefined) tickets?.wake(first);
}

/**
 * One who has waited longer. If it does not come (its process is stopped, or its event loop is
 * busy), it is passed over when the lock was found free for longer than any poll takes.
 */
class FirstInLine {
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
 * Opens the lock file for reading and writing, since NFS demands that of an exclusive lock. One
 * that belongs to someone else and is read-only, or lies on a read-only filesystem, is opened for
 * reading, which is enough on a local one.
 */
async function openLockFile(fs: Fs, lockPath: string, mode: number | undefined): Promise<FsFile> {
  try {
    const made = await makeWithMode(fs, lockPath, mode);
    return made ?? (await unlessStale(() => openOrMake(fs, lockPath)));
  } catch (error) {
    if (isHoldfastError(error, 'NAME_TAKEN')) throw await lockNameTaken(fs, lockPath, error);
    if (errnoOf(error) === 'ENAMETOOLONG') throw nameTooLong(lockPath, error);
    if (!NOT_ALLOWED.includes(errnoOf(error) ?? '')) {
      throw failure('open lock file', lockPath, error);
    }
    return openReadOnly(fs, lockPath, error);
  }
}

/**
 * Makes the lock file with the mode that was asked for, whatever the umask; `undefined` when it is
 * there.
 */
async function makeWithMode(
  fs: Fs,
  lockPath: string,
  mode: number | undefined,
): Promise<FsFile | undefined> {
  if (mode === undefined) return undefined;
  const flags = { access: 'readWrite', create: 'exclusive' } as const;
  const make = (path: string): Promise<FsFile> => fs.open(path, flags, mode);
  const file = await atName(fs, lockPath, make).catch((error: unknown) => {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  });
  try {
    await file?.chmod(mode);
    return file;
  } catch (error) {
    if (file) await closeQuietly(file);
    throw error;
  }
}

async function openOrMake(fs: Fs, lockPath: string): Promise<FsFile> {
  const flags = { access: 'readWrite', create: 'ifMissing', mode: LOCK_FILE_MODE } as const;
  return inDirectoryOf(
    fs,
    lockPath,
    async (directory, name) => {
      const { handle } = await openOwn(fs, directory.at(name), flags, { owner: 'anyone' });
      if (fs.givesToDirectory) await giveTo(fs, await directory.stat(), handle);
      return handle;
    },
    NAMES_ONLY,
  );
}

/**
 * Opens the lock file in its directory, which is reached without a symlink: none is made anywhere
 * else.
 */
function atName<T>(fs: Fs, lockPath: string, open: (path: string) => Promise<T>): Promise<T> {
  return inDirectoryOf(fs, lockPath, (directory, name) => open(directory.at(name)), NAMES_ONLY);
}

async function openReadOnly(fs: Fs, lockPath: string, refused: unknown): Promise<FsFile> {
  try {
    const open = (path: string): Promise<Opened<FsFile>> =>
      openOwn(fs, path, { access: 'read' }, { owner: 'anyone' });
    return (await atName(fs, lockPath, open)).handle;
  } catch (error) {
    if (isHoldfastError(error, 'NAME_TAKEN')) throw await lockNameTaken(fs, lockPath, error);
    const code = errnoOf(error) ?? '';
    if (code === 'ENOENT') throw cannotBeMade(lockPath, refused);
    throw NOT_ALLOWED.includes(code)
      ? notReadable(lockPath, await lookAt(fs, lockPath).catch(() => undefined), error)
      : failure('open lock file', lockPath, error);
  }
}

function cannotBeMade(lockPath: string, cause: unknown): HoldfastError {
  const why =
    errnoOf(cause) === 'EROFS'
      ? 'is on a filesystem that is mounted read-only. Mount it for writing'
      : 'does not let this user make it. Make it once as a user who may (touch)';
  return new HoldfastError('DIRECTORY_NOT_WRITABLE', {
    message: `The lock file does not exist, and its directory ${why}, or name another one with lockPath.`,
    step: 'open lock file',
    path: lockPath,
    cause,
  });
}

/** As a program leaves it that root has run, with a umask of 077. */
function notReadable(lockPath: string, stat: FileStat | undefined, cause: unknown): HoldfastError {
  const owner = stat
    ? ` It belongs to user ${stat.uid} (0 is root), with mode 0${stat.mode.toString(8)}.`
    : '';
  return new HoldfastError('IO', {
    message:
      `The lock file is closed to this user.${owner} Its owner lets others take the lock by letting them read it: ` +
      `chmod a+r ${lockPath}; or all of them name another one with lockPath.`,
    step: 'open lock file',
    path: lockPath,
    cause,
  });
}

/**
 * proper-lockfile, which many programs use, makes a directory of the same name, and leaves it when
 * it is killed.
 */
const DIRECTORY_OF_OTHERS = [
  'directory, which is how proper-lockfile locks',
  "While programs that use it run, take its lock as well (guard: 'proper-lockfile'). When none runs, remove the directory, which " +
    'one that was killed has left (rmdir); or',
] as const;

async function lockNameTaken(
  fs: Fs,
  lockPath: string,
  cause: HoldfastError,
): Promise<HoldfastError> {
  const kind = (await lookAt(fs, lockPath))?.kind ?? 'name that changes';
  const [what, advice] =
    kind === 'directory'
      ? DIRECTORY_OF_OTHERS
      : [`${kind}, which is not followed, read or written`, 'Remove it if nobody needs it, or'];
  return new HoldfastError('NAME_TAKEN', {
    message:
      `The name of the lock file has a ${what}. ${advice} name another lock file with lockPath, ` +
      'the same for all who are to exclude each other.',
    step: 'open lock file',
    path: lockPath,
    cause,
  });
}

/** A name at the filesystem's own limit leaves no room for the ending of its lock file. */
function nameTooLong(lockPath: string, cause: unknown): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', {
    message:
      'The name of the lock file is longer than the filesystem allows. Name another one with lockPath.',
    step: 'open lock file',
    path: lockPath,
    cause,
  });
}

/**
 * EBADF: NFS makes flock a lock of bytes, which an exclusive one takes only through a descriptor
 * for writing (flock(2)).
 */
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
    step: 'lock',
    path,
    cause: error,
  });
}
