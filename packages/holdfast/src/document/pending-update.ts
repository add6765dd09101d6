/**
 * One call of updateJson or one of its kin: it waits (lock/group-queue.ts), its updater runs, its
 * change is committed.
 */
import { types } from 'node:util';
import { AsyncResource } from 'node:async_hooks';
import { QueuedCall } from '../lock/group-queue.js';
import { runHolding } from '../lock/held-locks.js';
import type { Lock } from '../lock/lock.js';
import { asPromise, updaterFailed } from './apply-updater.js';
import type { Syntax } from './syntax.js';
import type { UpdateOptions, Updater } from './update-options.js';

export class PendingUpdate extends QueuedCall<unknown> {
  readonly path: string;
  readonly syntax: Syntax;
  readonly options: UpdateOptions<unknown>;
  readonly #updater: Updater<unknown>;
  /**
   * The caller's own context, so that its AsyncLocalStorage is there when another call's commit
   * runs the updater.
   */
  readonly #context = new AsyncResource('holdfast.update');

  constructor(
    syntax: Syntax,
    path: string,
    updater: Updater<unknown>,
    options: UpdateOptions<unknown>,
  ) {
    super(options);
    this.syntax = syntax;
    this.path = path;
    this.options = options;
    this.#updater = updater;
  }

  /**
   * Calls the updater. The signal still ends the call, and what the updater does afterwards
   * is done to a value that nobody looks at any more.
   *
   * @returns what the updater returned
   * @throws HoldfastError UPDATER_FAILED; ABORTED; or what the updater threw, if that is such an
   *   error itself
   */
  async run(value: unknown, lock: Lock): Promise<unknown> {
    try {
      const returned: unknown = this.#context.runInAsyncScope(() =>
        runHolding(lock, () => asPromise(this.#updater(value))),
      );
      return types.isPromise(returned) ? await this.unlessSettled(returned) : returned;
    } catch (error) {
      throw this.isSettled ? error : updaterFailed(this.path, error);
    }
  }
}
