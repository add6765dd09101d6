/**
 * Chains of calls of one process that wait for each other: one holds A and waits for B, another
 * holds B and waits for A, of whichever copy of this package. Each wait of a chain that holds a
 * lock is known here, and looks from time to time whether the way from lock to lock leads back to
 * it. Not at once: a call that nobody awaits may hold up nobody, and is over by then.
 */
import type { HoldfastError } from '../errors.js';
import type { LockMode } from '../os/fs.js';
import { nestedByOthers, type Lock } from './held-locks.js';
import { processWide } from './process-wide.js';

const LOOK_EVERY_MS = 500;

/** A chain that holds locks and waits for another one. */
export interface WaitingChain {
  /** Canonical. */
  readonly wanted: string;
  readonly mode: LockMode;
  readonly held: readonly Lock[];
}

const waiting = processWide('waiting-1', () => new Set<WaitingChain>());

/**
 * Looks out for a way back, as long as the wait lasts.
 *
 * @param refuse - called at most once
 * @returns ends that
 */
export function watchForCycle(
  chain: WaitingChain,
  refuse: (error: HoldfastError) => void,
): () => void {
  if (chain.held.length === 0) return () => undefined;
  waiting.add(chain);
  const end = (): void => {
    waiting.delete(chain);
    clearInterval(timer);
  };
  const timer = setInterval(() => {
    const own = wayBack(chain);
    if (own === undefined) return;
    end();
    refuse(nestedByOthers(chain.wanted, own));
  }, LOOK_EVERY_MS);
  return end;
}

/** The lock of the chain for which somebody waits who keeps it waiting. */
function wayBack(start: WaitingChain): Lock | undefined {
  const seen = new Set([start]);
  const next = [start];
  for (let chain = next.pop(); chain !== undefined; chain = next.pop()) {
    if (chain !== start) {
      const own = blockerOf(chain, start);
      if (own !== undefined) return own;
    }
    for (const other of waiting) {
      if (seen.has(other) || blockerOf(chain, other) === undefined) continue;
      seen.add(other);
      next.push(other);
    }
  }
  return undefined;
}

/** The lock of one chain that keeps another waiting. */
function blockerOf({ wanted, mode }: WaitingChain, { held }: WaitingChain): Lock | undefined {
  return held.find(
    (lock) =>
      lock.held && lock.lockPath === wanted && (lock.mode === 'exclusive' || mode === 'exclusive'),
  );
}
