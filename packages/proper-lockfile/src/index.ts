/**
 * `@holdfast/proper-lockfile`: the calls of proper-lockfile, made by Holdfast. For `overrides` of
 * npm, by which a whole tree of packages gets it in the place of the original, and for programs
 * that move (docs/moving.md in the repository of Holdfast).
 *
 * A lock is a kernel lock on `<file>.flock`, and the directory of the original beside it, so that
 * programs of both kinds exclude each other. Among programs that have this package it is the kernel
 * that says who holds the lock: no two do when an event loop is busy or the clock is set, and
 * whoever waits has it as soon as it is free, in turn.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { acquireLock } from 'holdfast';
import { errnoOf } from 'holdfast/errors';
import { nodeFileSystem } from 'holdfast/os';
import type * as synchronous from 'holdfast/sync';
import { asLockError, lockError } from './errors.js';
import {
  staleMsOf,
  timeoutMsOf,
  updateMsOf,
  type CheckOptions,
  type LockOptions,
  type UnlockOptions,
} from './options.js';
import { placeOf, type LockPlace } from './place.js';

export type { CheckOptions, LockOptions, RetryOptions, UnlockOptions } from './options.js';

/** The function that the package is, with the others. */
export interface ProperLockfile {
  (file: string, options?: LockOptions): Promise<() => Promise<void>>;
  /** Takes the lock of a file, as the function itself does. */
  readonly lock: typeof lock;
  /** Releases the lock that this process has of a file. */
  readonly unlock: typeof unlock;
  /** Whether a file is locked, by whomever. */
  readonly check: typeof check;
  /** Takes the lock at once, or refuses. */
  readonly lockSync: typeof lockSync;
  /** Releases at once a lock that `lockSync` has taken. */
  readonly unlockSync: typeof unlockSync;
  /** Whether a file is locked, at once. */
  readonly checkSync: typeof checkSync;
}

/** A lock of either form of Holdfast. */
interface HeldLock {
  assertHeld(): void | Promise<void>;
  release(): void | Promise<void>;
}

/** A lock of this process, until it is released or lost. */
interface Holding {
  readonly lock: HeldLock;
  readonly watch: NodeJS.Timeout;
}

const holdings = new Map<string, Holding>();

/**
 * Takes the lock of a file.
 *
 * @returns releases it; a second call rejects with ERELEASED
 * @throws Error with `code` ELOCKED when it is held and stays so for as long as `retries` say;
 *   ENOENT when the file is missing; or that of a system call
 */
async function lock(file: string, options: LockOptions = {}): Promise<() => Promise<void>> {
  const place = placeOf(await pathOf(file, options), options);
  const { path, ...settings } = settingsOf(place, options);
  try {
    const timeoutMs = timeoutMsOf(options);
    const held = await acquireLock(path, { ...settings, timeoutMs });
    const holding = hold(place, held, options);
    return async () => releaseOf(place, holding).release();
  } catch (error) {
    throw asLockError(error, place.file);
  }
}

/** The same at once. Retries are refused (ESYNC), as they are by the original. */
function lockSync(file: string, options: LockOptions = {}): () => void {
  refuseRetries(options);
  const place = placeOf(pathOfSync(file, options), options);
  const { path, ...settings } = settingsOf(place, options);
  try {
    const held = loadSync().acquireLockSync(path, { ...settings, timeoutMs: 0 });
    const holding = hold(place, held, options);
    return () => void releaseOf(place, holding).release();
  } catch (error) {
    throw asLockError(error, place.file);
  }
}

/**
 * Releases the lock that this process has of a file.
 *
 * @throws Error with `code` ENOTACQUIRED when it has none
 */
async function unlock(file: string, options: UnlockOptions = {}): Promise<void> {
  await ownLock(await pathOf(file, options)).release();
}

/**
 * The same at once, of a lock that {@link lockSync} has taken; one of `lock` is free a moment
 * later.
 */
function unlockSync(file: string, options: UnlockOptions = {}): void {
  void ownLock(pathOfSync(file, options)).release();
}

/** Whether a file is locked, by whomever. */
async function check(file: string, options: CheckOptions = {}): Promise<boolean> {
  const { directory } = placeOf(await pathOf(file, options), options);
  const fs = nodeFileSystem;
  try {
    return isFresh((await fs.modifiedMs?.(directory)) ?? 0, options);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The same at once. */
function checkSync(file: string, options: CheckOptions = {}): boolean {
  const { directory } = placeOf(pathOfSync(file, options), options);
  try {
    return isFresh(loadSync().synchronousFileSystem.modifiedMs?.(directory) ?? 0, options);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function isFresh(modifiedMs: number, options: CheckOptions): boolean {
  return modifiedMs >= Date.now() - staleMsOf(options);
}

async function pathOf(file: string, { realpath }: UnlockOptions): Promise<string> {
  return realpath === false ? resolve(file) : nodeFileSystem.realpath(file);
}

function pathOfSync(file: string, { realpath }: UnlockOptions): string {
  return realpath === false ? resolve(file) : loadSync().synchronousFileSystem.realpath(file);
}

function settingsOf(
  { file, directory, lockPath }: LockPlace,
  options: LockOptions,
): {
  readonly path: string;
  readonly lockPath: string;
  readonly guard: {
    readonly type: 'proper-lockfile';
    readonly path: string;
    readonly staleMs: number;
    readonly updateMs: number;
  };
} {
  const times = { staleMs: staleMsOf(options), updateMs: updateMsOf(options) };
  return { path: file, lockPath, guard: { type: 'proper-lockfile', path: directory, ...times } };
}

/**
 * Remembers the lock, and looks from time to time whether it was lost: the directory is refreshed
 * by Holdfast.
 */
function hold({ file }: LockPlace, held: HeldLock, options: LockOptions): Holding {
  const watch = setInterval(() => void look(), updateMsOf(options)).unref();
  const holding: Holding = { lock: held, watch };
  const look = async (): Promise<void> => {
    try {
      await held.assertHeld();
    } catch (error) {
      if (holdings.get(file) !== holding) return;
      forget(file, holding);
      await held.release();
      const lost = lockError('ECOMPROMISED', 'Unable to update lock within the stale threshold', {
        cause: error,
      });
      // Outside of this promise, so that what it throws is an uncaught exception, as it is there.
      setImmediate(() => (options.onCompromised ?? throwIt)(lost));
    }
  };
  holdings.set(file, holding);
  return holding;
}

function throwIt(error: Error): never {
  throw error;
}

function forget(file: string, { watch }: Holding): void {
  clearInterval(watch);
  holdings.delete(file);
}

/** @throws Error ERELEASED for one that was released, or lost */
function releaseOf({ file }: LockPlace, holding: Holding): HeldLock {
  if (holdings.get(file) !== holding) {
    throw lockError('ERELEASED', 'Lock is already released');
  }
  forget(file, holding);
  return holding.lock;
}

function ownLock(file: string): HeldLock {
  const holding = holdings.get(file);
  if (holding === undefined) {
    throw lockError('ENOTACQUIRED', 'Lock is not acquired/owned by you');
  }
  forget(file, holding);
  return holding.lock;
}

function refuseRetries(options: LockOptions): void {
  if (timeoutMsOf(options) === 0) return;
  throw lockError('ESYNC', 'Cannot use retries with the sync api');
}

let loaded: typeof synchronous | undefined;

/** At the first synchronous call: programs that make none need not load it. */
function loadSync(): typeof synchronous {
  loaded ??= createRequire(import.meta.url)('holdfast/sync') as typeof synchronous;
  return loaded;
}

const whole: ProperLockfile = Object.assign(
  (file: string, options?: LockOptions) => lock(file, options),
  { lock, unlock, check, lockSync, unlockSync, checkSync },
);

export default whole;
export { lock, unlock, check, lockSync, unlockSync, checkSync };
/** What `require` of this package gives. */
export { whole as 'module.exports' };
