/**
 * What the kernel of Linux tells of processes and of the locks that they hold. Elsewhere, and
 * without /proc, nothing.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { bytesOfTickets } from './native/linux-tickets.js';
import { basename, dirname } from './paths.js';

/** A program may say what it likes of itself. */
const LONGEST_NAME = 64;

/**
 * When a process began, in ticks since the machine did (proc_pid_stat(5)), so that a number that
 * was given again is not taken for it; `undefined` for one that has ended, or cannot be seen.
 */
export function startOfProcess(pid: number): string | undefined {
  try {
    // The name of the program, in brackets, may hold anything.
    const [, fields = ''] = /^[^]*\) (.*)/u.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return fields.split(' ')[19];
  } catch {
    return undefined;
  }
}

/**
 * How many descriptors this process may have (getrlimit(2), RLIMIT_NOFILE); `undefined` where the
 * system does not tell.
 */
export function openFilesLimit(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files +(\d+)/mu.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** A process that holds a lock. */
export interface LockHolder {
  readonly pid: number;
  /**
   * The name of its program; `undefined` when it has ended, and the lock stays with one that it
   * started.
   */
  readonly command: string | undefined;
}

/** What the kernel tells of a lock file. */
export interface LockLook {
  readonly holders: readonly LockHolder[];
  /** How many wait for it, of Holdfast and asleep in flock(2). */
  readonly waitingCount: number;
}

/** Who holds and who awaits the lock of a file, as far as the kernel shows them to this process. */
export function lookAtLock(lockPath: string): LockLook {
  const { locks, file, directory } = readLocks(lockPath);
  const holders = pidsOf(locks.filter((lock) => lock.isHeld && lock.at === file));
  const asleep = locks.filter((lock) => !lock.isHeld && lock.at === file).length;
  const tickets = locks.filter(
    ({ kind, at, start }) =>
      kind === 'OFDLCK' &&
      at === directory?.place &&
      start >= directory.bytes[0] &&
      start < directory.bytes[1],
  ).length;
  return {
    holders: holders.map((pid) => ({ pid, command: commandOf(pid) })),
    // One of Holdfast that sleeps there has a ticket too.
    waitingCount: Math.max(asleep, tickets),
  };
}

/** The processes that hold a flock(2) on a file, as far as the kernel shows them to this one. */
export function lockHolders(lockPath: string): readonly number[] {
  const { locks, file } = readLocks(lockPath);
  return pidsOf(locks.filter((lock) => lock.isHeld && lock.kind === 'FLOCK' && lock.at === file));
}

/** Whether a process has a file open; false where that cannot be seen. */
export function hasOpen(pid: number, path: string): boolean {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const open = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true, throwIfNoEntry: false });
      return open?.ino === ino && open.dev === dev;
    });
  } catch {
    return false;
  }
}

/**
 * What it was started as: proc_pid_comm(5) names its first thread, which Node 24 and later call
 * `MainThread`.
 */
function commandOf(pid: number): string | undefined {
  try {
    const [program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const name = basename(program).slice(0, LONGEST_NAME);
    return name === '' ? readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd() : name;
  } catch {
    return undefined;
  }
}

/**
 * `1: FLOCK  ADVISORY  WRITE 708 08:01:2049 0 EOF`; `1: -> FLOCK …` is one who waits, further in if
 * behind others.
 */
interface KernelLockLine {
  readonly kind: string;
  readonly isHeld: boolean;
  readonly pid: number;
  readonly at: string;
  readonly start: bigint;
}

interface LocksRead {
  readonly locks: readonly KernelLockLine[];
  readonly file: string;
  readonly directory?: { readonly place: string; readonly bytes: readonly [bigint, bigint] };
}

function readLocks(lockPath: string): LocksRead {
  try {
    const { dev, ino } = statSync(lockPath, { bigint: true });
    const locks = readFileSync('/proc/locks', 'utf8').split('\n').flatMap(parseLine);
    const directory = statSync(dirname(lockPath), { bigint: true });
    return {
      locks,
      file: placeOf(dev, ino),
      directory: { place: placeOf(directory.dev, directory.ino), bytes: bytesOfTickets(ino) },
    };
  } catch {
    // No /proc here, or the lock file has gone.
    return { locks: [], file: '' };
  }
}

function parseLine(line: string): readonly KernelLockLine[] {
  const match = /^\d+: *(-> )?(\w+) +\w+ +\w+ +(-?\d+) (\S+) (\d+)/u.exec(line);
  if (match === null) return [];
  const [, arrow, kind = '', pid, at = '', start = ''] = match;
  return [{ kind, isHeld: arrow === undefined, pid: Number(pid), at, start: BigInt(start) }];
}

/**
 * A lock of an open file has no process, and one of another container none that this one can see.
 */
function pidsOf(locks: readonly KernelLockLine[]): readonly number[] {
  return [...new Set(locks.map(({ pid }) => pid))].filter((pid) => pid > 0);
}

/**
 * Device and inode as the kernel writes them there; makedev(3) says which bits of `st_dev` are
 * which.
 */
function placeOf(dev: bigint, ino: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  const hex = (number: bigint): string => number.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)}:${ino}`;
}
