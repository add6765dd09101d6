/** Which file is the lock of a path, and which locks of other programs are taken with it. */
import { checkPath, invalidArgument } from '../options.js';
import type { Fs } from '../os/fs.js';
import { canonicalName, followSymlinks } from '../os/follow-symlinks.js';
import { LOCK_SUFFIX, lockPathBeside, resolveLockPath } from './lock-path.js';

/** The lock of proper-lockfile, a directory whose time is refreshed. */
export interface ProperLockfileGuard {
  readonly type: 'proper-lockfile';
  /** The directory, if it is not `<path>.lock` (`lockfilePath` there). */
  readonly path?: string | undefined;
  /**
   * Not refreshed for this long it is a dead program's, in milliseconds; 10,000 by default, 2,000
   * at least (`stale`).
   */
  readonly staleMs?: number | undefined;
  /**
   * How often it is refreshed, in milliseconds; half of `staleMs` by default and at most, 1,000 at
   * least (`update`).
   */
  readonly updateMs?: number | undefined;
}

/** A lock of another kind of program. */
export type Guard = 'proper-lockfile' | ProperLockfileGuard;

/** Which locks a call takes. */
export interface LockChoice {
  /** The lock file, in place of `<path>.lock`. */
  readonly lockPath?: string | undefined;
  /**
   * Takes the lock of another program as well, for as long as that one is not moved to Holdfast:
   * `proper-lockfile` is the directory `<path>.lock`, made, refreshed and removed as that library
   * does. The lock file is `<path>.flock` then, so all programs that use Holdfast on the path say
   * the same. Slower than the lock alone, and never shared.
   */
  readonly guard?: Guard | undefined;
  /**
   * Locks the whole lock file by fcntl(2) as well (F_OFD_SETLK), which excludes Java's FileChannel,
   * Boost.Interprocess, lockf(3) and whatever else takes such locks of it. For 64-bit Linux.
   */
  readonly alsoFcntl?: boolean | undefined;
}

/** Which locks of other programs a call takes, whose lock files have the names that all know. */
export type OtherLockers = Pick<LockChoice, 'guard' | 'alsoFcntl'>;

/** The names of {@link LockChoice}. */
export const lockChoiceNames = ['lockPath', 'guard', 'alsoFcntl'] as const;

/** The names of {@link OtherLockers}. */
export const otherLockerNames = ['guard', 'alsoFcntl'] as const;

/** A guard with all of its settings. */
export interface CompleteGuard {
  /** Canonical. */
  readonly path: string;
  readonly staleMs: number;
  readonly updateMs: number;
}

/** What proper-lockfile takes where nothing is said, and the least that it allows. */
const STALE_MS = 10_000;
const LEAST_STALE_MS = 2000;
const LEAST_UPDATE_MS = 1000;

const GUARDED_SUFFIX = '.flock';

/** What the options of a call say of its locks. */
export function lockChoiceOf({ lockPath, guard, alsoFcntl }: LockChoice): LockChoice {
  return { lockPath, guard, alsoFcntl };
}

/** @throws HoldfastError INVALID_ARGUMENT for a path or a guard that cannot be */
export function checkLockChoice(
  call: string,
  path: string,
  { lockPath, guard, alsoFcntl }: LockChoice,
): void {
  if (lockPath !== undefined) checkPath(call, lockPath);
  if (alsoFcntl !== undefined && typeof alsoFcntl !== 'boolean') {
    throw invalidArgument(call, 'alsoFcntl is true or false', path);
  }
  if (guard === undefined || guard === 'proper-lockfile') return;
  const { type, staleMs = STALE_MS, updateMs = staleMs / 2 } = guard ?? {};
  if (type !== 'proper-lockfile') {
    const known =
      "guard is 'proper-lockfile', or an object of that type with path, staleMs and updateMs";
    throw invalidArgument(call, known, path);
  }
  if (!(staleMs >= LEAST_STALE_MS && updateMs >= LEAST_UPDATE_MS && updateMs <= staleMs / 2)) {
    const limits = 'staleMs of a guard is 2000 or more, and updateMs from 1000 to half of it';
    throw invalidArgument(call, limits, path);
  }
}

/**
 * {@link checkLockChoice} for a call that takes the locks of several paths, or of one that it finds
 * by itself.
 *
 * @throws HoldfastError INVALID_ARGUMENT
 */
export function checkOtherLockers(call: string, path: string, others: OtherLockers): void {
  checkLockChoice(call, path, others);
  const { guard } = others;
  if (typeof guard !== 'object' || guard.path === undefined) return;
  const why =
    'the guard of each path is the directory <path>.lock here, so it has no path of its own';
  throw invalidArgument(call, why, path);
}

/** The guard of one of several paths; canonical. */
export function guardOf(path: string, guard: Guard | undefined): Guard | undefined {
  if (guard === undefined) return undefined;
  const settings = guard === 'proper-lockfile' ? { type: guard } : guard;
  return { ...settings, path: path + LOCK_SUFFIX };
}

/**
 * The canonical path of the lock file of a path, which need not be canonical.
 *
 * @throws HoldfastError those of following symlinks; INVALID_ARGUMENT
 */
export async function chosenLockPath(
  fs: Fs,
  path: string,
  { lockPath, guard }: LockChoice,
): Promise<string> {
  return resolveLockPath(fs, path, lockPath, guard ? GUARDED_SUFFIX : LOCK_SUFFIX);
}

/** The same for a path that is canonical. */
export async function chosenLockPathBeside(
  fs: Fs,
  canonicalPath: string,
  { lockPath, guard }: LockChoice,
): Promise<string> {
  return lockPath === undefined
    ? lockPathBeside(fs, canonicalPath, guard ? GUARDED_SUFFIX : LOCK_SUFFIX)
    : resolveLockPath(fs, canonicalPath, lockPath);
}

/** @throws HoldfastError INVALID_ARGUMENT where the lock file is to have the name of the guard */
export async function completeGuard(
  fs: Fs,
  path: string,
  lockPath: string,
  guard: Guard,
): Promise<CompleteGuard> {
  const settings: Partial<ProperLockfileGuard> = guard === 'proper-lockfile' ? {} : guard;
  const { staleMs = STALE_MS, updateMs = staleMs / 2 } = settings;
  const place =
    settings.path === undefined
      ? (await followSymlinks(fs, path)).path + LOCK_SUFFIX
      : (await canonicalName(fs, settings.path)).path;
  if (place === lockPath) {
    const why = 'the guard is a directory of that name, so the lock file needs another one';
    throw invalidArgument('lock', why, lockPath);
  }
  return { path: place, staleMs, updateMs };
}
