/**
 * Which locks the running chain of calls holds, so that a chain that would wait for itself gets an error and not a
 * hang. `withLock` records its lock for everything that its function calls, awaits or starts; `acquireLock` cannot,
 * since what a function sets for its caller would also reach the caller's other calls, which may rightly wait.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Lock } from './lock.js';

const chain = new AsyncLocalStorage<readonly Lock[]>();

/** The locks of this chain, also those that were released meanwhile. */
export function locksOfThisChain(): readonly Lock[] {
  return chain.getStore() ?? [];
}

/** Runs a function as part of a chain that holds the lock, beside those that its caller holds. */
export function runHolding<T>(lock: Lock, fn: () => T): T {
  return chain.run([...locksOfThisChain(), lock], fn);
}
