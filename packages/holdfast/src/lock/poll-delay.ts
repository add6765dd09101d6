/** How often one that waits for a lock asks the kernel. */
import { HoldfastError } from '../errors.js';

const FIRST_POLL_MS = 1;
const LAST_POLL_MS = 24;
const POLL_GROWTH = 1.15;
/**
 * One who is not the next in line looks at leisure, the later the more are before it, up to so
 * many.
 */
const BACKGROUND_POLL_MS = 20;
export const MOST_COUNTED = 8;
/** A lock file that is replaced as often as it is opened cannot be locked. */
const MAX_REPLACEMENTS = 100;

/** How soon one that waits tries again, if nobody wakes it. */
export class PollDelay {
  #delayMs = FIRST_POLL_MS;
  #wasFirst = false;
  #replacements = 0;

  /** @param aheadCount - how many are before it */
  nextMs(aheadCount: number): number {
    const isFirst = aheadCount === 0;
    if (isFirst && !this.#wasFirst) this.#delayMs = FIRST_POLL_MS;
    this.#wasFirst = isFirst;
    const delayMs = isFirst ? this.#delayMs : aheadCount * BACKGROUND_POLL_MS;
    if (isFirst) this.#delayMs = Math.min(this.#delayMs * POLL_GROWTH, LAST_POLL_MS);
    return delayMs * (0.75 + Math.random() / 2);
  }

  countReplacement(lockPath: string): void {
    this.#replacements += 1;
    if (this.#replacements <= MAX_REPLACEMENTS) return;
    throw new HoldfastError('LOCK_LOST', {
      message:
        'The lock file was replaced by another each time it was locked. Find out what deletes it.',
      step: 'lock',
      path: lockPath,
    });
  }
}
