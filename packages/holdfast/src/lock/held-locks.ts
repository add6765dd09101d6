/**
 * What holding a lock gives, and which locks the running chain of calls holds, so that a chain that would wait for
 * itself gets an error and not a hang. `withLock` records its lock for everything that its function calls, awaits or
 * starts; `acquireLock` cannot, since what a function sets for its caller would also reach the caller's other calls,
 * which may rightly wait.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { LockMode } from '../os/fs.js';

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
   * Makes sure that the lock still excludes others: it was not released, and nobody deleted or replaced its file.
   *
   * @throws HoldfastError LOCK_LOST
   */
  assertHeld(): Promise<void>;
  /** Frees the lock; a second call does nothing. Never fails. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const chain = new AsyncLocalStorage<readonly Lock[]>();
let running = 0;

/** The locks of this chain, also those that were released meanwhile. */
export function locksOfThisChain(): readonly Lock[] {
  return chain.getStore() ?? [];
}

/**
 * Runs a function as part of a chain that holds the lock, beside those that its caller holds. The chain ends when the
 * function has returned or, if that is a promise, when it has settled.
 */
export function runHolding<T>(lock: Lock, fn: () => T): T {
  running += 1;
  let result: T;
  try {
    result = chain.run([...locksOfThisChain(), lock], fn);
  } catch (error) {
    ended();
    throw error;
  }
  if (result instanceof Promise) result.then(ended, ended);
  else ended();
  return result;
}

/** Before Node 24, an AsyncLocalStorage that is in use makes every promise of the process several times as dear. */
function ended(): void {
  running -= 1;
  if (running === 0) chain.disable();
}
