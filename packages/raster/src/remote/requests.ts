/**
 * Requests for ranges: so many at once, and again when an answer says that another time may be
 * better, which for a request that only reads is always safe.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { isHoldfastError } from 'holdfast/errors';
import { noAnswer, type RangeAnswer } from './ranges.js';

const MOST_AT_ONCE = 16;
const ATTEMPTS = 5;
/** A part of it by chance, then of twice as much, and so on. */
const FIRST_PAUSE_MS = 50;
/** After so long without a whole answer a request is given up. */
const REQUEST_TIMEOUT_MS = 60_000;

export class Requests {
  readonly #closed = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  /** Ends what is under way, with this error. */
  close(reason: Error): void {
    this.#closed.abort(reason);
  }

  /**
   * @throws HoldfastError STORE_FAILED when no whole answer comes; the reason of `close`; what `ask`
   *   throws
   */
  async make(
    path: string,
    ask: (signal: AbortSignal) => Promise<RangeAnswer>,
  ): Promise<RangeAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#inTurn(ask);
      } catch (error) {
        if (this.#closed.signal.aborted) throw this.#closed.signal.reason as Error;
        if (isHoldfastError(error)) throw error;
        if (attempt === ATTEMPTS) throw noAnswer(path, ATTEMPTS, error);
      }
      await wait(Math.random() * FIRST_PAUSE_MS * 2 ** attempt);
    }
  }

  async #inTurn(ask: (signal: AbortSignal) => Promise<RangeAnswer>): Promise<RangeAnswer> {
    while (this.#underWay >= MOST_AT_ONCE)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#underWay += 1;
    try {
      const { signal } = this.#closed;
      signal.throwIfAborted();
      return await ask(AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]));
    } finally {
      this.#underWay -= 1;
      this.#waiting.shift()?.();
    }
  }
}
