/**
 * group-queue.ts for synchronous calls: a call is a round of its own. It takes the lock, runs, and
 * has settled when `enter` returns.
 */
import { failure } from '../failure.js';
import type { Fs } from '../os/fs.js';
import { absolute } from '../os/paths.js';
import type { GroupWork, AwaitedFile } from './group-queue.js';
import type { Lock } from './held-locks.js';
import { checkLockChoice, lockChoiceOf, type LockChoice } from './lock-choice.js';
import type { WaitOptions } from './waiting.js';

/** One call, from its start to its end. */
export abstract class QueuedCall<Result> {
  readonly waitOptions: WaitOptions;
  #settled: { readonly value: Result } | { readonly error: unknown } | undefined;

  constructor(waitOptions: WaitOptions) {
    this.waitOptions = waitOptions;
  }

  get isSettled(): boolean {
    return this.#settled !== undefined;
  }

  /** What the call came to; throws its error. */
  get result(): Result {
    if (this.#settled === undefined) throw new Error('a call has ended and did not settle');
    if ('error' in this.#settled) throw this.#settled.error;
    return this.#settled.value;
  }

  /** Neither time nor signal can end a call that runs. */
  startCommitting(): void {}

  async unlessSettled(returned: Promise<unknown>): Promise<unknown> {
    return returned;
  }

  resolve(value: Result): void {
    this.#settled ??= { value };
  }

  reject(error: unknown): void {
    this.#settled ??= { error };
  }
}

export class GroupQueues<Result, Call extends QueuedCall<Result>, Locked> {
  readonly #work: GroupWork<Call, Locked>;

  constructor(work: GroupWork<Call, Locked>) {
    this.#work = work;
  }

  async enter(fs: Fs, path: string, options: LockChoice, call: Call): Promise<Result> {
    const { step } = this.#work;
    checkLockChoice(step, path, options);
    const { lockPath, ...choice } = lockChoiceOf(options);
    const place: AwaitedFile = {
      path: absolute(path),
      choice: { ...choice, lockPath: lockPath && absolute(lockPath) },
    };
    try {
      await this.#round(fs, place, call);
    } catch (error) {
      call.reject(failure(step, place.path, error));
    }
    return call.result;
  }

  async #round(fs: Fs, place: AwaitedFile, call: Call): Promise<void> {
    const { timeoutMs, signal } = call.waitOptions;
    const locked: Locked & { readonly lock: Lock } = await this.#work.lock(
      fs,
      place,
      { timeoutMs, signal },
      [call],
    );
    try {
      await this.#work.run(fs, place, [call], locked);
    } finally {
      await locked.lock.release();
    }
  }
}
