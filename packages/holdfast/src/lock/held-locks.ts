/**
 * What holding a lock gives, and which locks the running chain of calls holds, so that a chain that
 * would wait for itself gets an error and not a hang. `withLock` records its lock for everything
 * that its function calls, awaits or starts; `acquireLock` cannot, since what a function sets for
 * its caller would also reach the caller's other calls, which may rightly wait.
 */
import { types } from 'node:util';
import { AsyncLocalStorage } from 'node:async_hooks';
import { HoldfastError } from '../errors.js';
import type { LockMode } from '../os/fs.js';
import { processWide } from './process-wide.js';

/** A lock that is held until `release`. */
export interface Lock {
  /** The path as it was given. */
  readonly path: string;
  /** The canonical path of the lock file. */
  readonly lockPath: string;
  readonly mode: LockMode;
  /** Whether `release` was not called yet. */
  readonly held: boolean;
  /**
   * Makes sure that the lock still excludes others: it was not released, and nobody deleted or
   * replaced its file.
   *
   * @throws HoldfastError LOCK_LOST
   */
  assertHeld(): Promise<void>;
  /** Frees the lock; a second call does nothing. Never fails. */
  release(): Promise<void>;
  /** Releases the lock (`await using`). */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The chains of all copies of this package. */
const chains = processWide('chains-1', () => ({
  locks: new AsyncLocalStorage<readonly Lock[]>(),
  running: 0,
}));

/**
 * The locks of this chain, also those that were released meanwhile, and those of other copies of
 * this package.
 */
export function locksOfThisChain(): readonly Lock[] {
  return chains.locks.getStore() ?? [];
}

/**
 * Runs a function as part of a chain that holds the lock, beside those that its caller holds. The
 * chain ends when the function has returned or, if that is a promise, when it has settled.
 */
export function runHolding<T>(lock: Lock, fn: () => T): T {
  chains.running += 1;
  let result: T;
  try {
    result = chains.locks.run([...locksOfThisChain(), lock], fn);
  } catch (error) {
    ended();
    throw error;
  }
  if (types.isPromise(result)) result.then(ended, ended);
  else ended();
  return result;
}

/** The error of a chain that waits for another one, which waits for it. */
export function nestedByOthers(wanted: string, held: Lock): HoldfastError {
  return new HoldfastError('LOCK_NESTED', {
    message:
      `This chain of calls holds ${held.lockPath}, and who has the lock that it waits for waits for that one: none would ever ` +
      'go on. Take the locks in the same order everywhere, or change both files in one transaction.',
    step: 'lock',
    path: wanted,
  });
}

/** The error of a synchronous call that would wait for what its own process holds. */
export function heldByOwnProcess(lockPath: string): HoldfastError {
  return new HoldfastError('LOCK_NESTED', {
    message:
      'This process holds the lock already, and as long as a synchronous call waits nothing in it can free the lock. Make the call ' +
      'after the lock was released, or an asynchronous one, which takes its turn.',
    step: 'lock',
    path: lockPath,
  });
}

/** The error of a chain that asks for a lock that it holds. */
export function nested({ lockPath, mode }: Lock): HoldfastError {
  return new HoldfastError('LOCK_NESTED', {
    message:
      `This chain of calls holds the lock already (${mode}) and would wait for itself. ` +
      'Do the work under the lock that it has, or ask for the lock after it was released.',
    step: 'lock',
    path: lockPath,
  });
}

/**
 * Before Node 24, an AsyncLocalStorage that is in use makes every promise of the process several
 * times as dear.
 */
function ended(): void {
  chains.running -= 1;
  if (chains.running === 0) chains.locks.disable();
}
