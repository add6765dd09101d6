/** One call of updateJson from its start to its end: it waits, its updater runs, its change is committed. */
import { AsyncResource } from 'node:async_hooks';
import { HoldfastError, isHoldfastError } from '../errors.js';
import { aborted } from '../failure.js';
import { runHolding } from '../lock/held-locks.js';
import type { Lock } from '../lock/lock.js';
import { notFree } from '../lock/lock-queue.js';
import type { JsonUpdater, UpdateJsonOptions } from './update-options.js';

/** setTimeout(3) takes at most 2^31 - 1 ms. */
const MAX_TIMER_MS = 0x7fffffff;

export class PendingUpdate {
  readonly path: string;
  readonly options: UpdateJsonOptions<unknown>;
  /** Settles when the change is durable, or will never be. */
  readonly result: Promise<unknown>;
  readonly #updater: JsonUpdater<unknown>;
  /** The caller's own context, so that its AsyncLocalStorage is there when another call's commit runs the updater. */
  readonly #context = new AsyncResource('holdfast.updateJson');
  #isSettled = false;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;
  #stopWaiting: () => void = () => undefined;

  constructor(path: string, updater: JsonUpdater<unknown>, options: UpdateJsonOptions<unknown>) {
    this.path = path;
    this.options = options;
    this.#updater = updater;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Starts the clock of the call's time to wait, and listens to its signal. `onGivenUp` is told when either ends it. */
  startWaiting(onGivenUp: () => void): void {
    const { timeoutMs = Infinity, signal, lockPath = `${this.path}.lock` } = this.options;
    const giveUp = (error: HoldfastError): void => {
      this.reject(error);
      onGivenUp();
    };
    const timeOut = (): void => giveUp(notFree(lockPath, timeoutMs));
    const timer = timeoutMs <= MAX_TIMER_MS ? setTimeout(timeOut, timeoutMs) : undefined;
    const onAbort = (): void => giveUp(aborted('update', this.path, signal as AbortSignal));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#stopWaiting = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    if (signal?.aborted) onAbort();
  }

  /**
   * Calls the updater. The time to wait is over; the signal still ends the call, and what the updater does afterwards
   * is done to a value that nobody looks at any more.
   *
   * @returns what the updater returned
   * @throws HoldfastError UPDATER_FAILED; ABORTED; or what the updater threw, if that is such an error itself
   */
  async run(value: unknown, lock: Lock): Promise<unknown> {
    try {
      const returned: unknown = this.#context.runInAsyncScope(() =>
        runHolding(lock, () => asPromise(this.#updater(value))),
      );
      // The result is settled at this time only when the signal rejects it.
      return returned instanceof Promise ? await Promise.race([returned, this.result]) : returned;
    } catch (error) {
      throw this.#isSettled ? error : updaterFailed(this.path, error);
    }
  }

  /** The disk decides from here on: neither time nor signal. */
  startCommitting(): void {
    this.#stopWaiting();
  }

  resolve(value: unknown): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#stopWaiting();
    return true;
  }
}

/** A promise for what can be awaited, whoever's it is; anything else as it is. */
function asPromise(value: unknown): unknown {
  const isThenable =
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function';
  return isThenable ? Promise.resolve(value) : value;
}

/** An error of ours that says the disk is unchanged is passed on: it is true of this document as well. */
export function updaterFailed(path: string, cause: unknown): HoldfastError {
  if (isHoldfastError(cause) && cause.outcome === 'unchanged') return cause;
  const said = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError('UPDATER_FAILED', {
    message: `The updater failed: ${said}. The document is as if it had not been called.`,
    outcome: 'unchanged',
    step: 'update',
    path,
    cause,
  });
}
