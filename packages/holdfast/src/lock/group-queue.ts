/**
 * The calls of this process that wait for one file, in the order in which they were made. What
 * arrives while a round is under way shares the next one.
 *
 * 1. a call enters; it may give up (time, signal) until it is taken
 * 2. few rounds of a process work at a time (round-slots.ts); the lock is taken for all who wait;
 *    when nobody waits any more, its wait ends
 * 3. those at the head that want the same are taken
 * 4. they run under the lock, each settles, and the lock is released
 */
import { AsyncResource } from 'node:async_hooks';
import { isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import type { Fs } from '../os/fs.js';
import { absolute } from '../os/paths.js';
import { locksOfThisChain, nested, type Lock } from './held-locks.js';
import { checkLockChoice, chosenLockPath, lockChoiceOf, type LockChoice } from './lock-choice.js';
import { RoundSlot } from './round-slots.js';
import { notFree, Wait, type WaitedFor, type WaitOptions } from './waiting.js';

/**
 * Rounds run outside of every caller's context: a lock that one caller holds says nothing about the
 * others.
 */
const outside = new AsyncResource('holdfast.round');

/** One call, from its start to its end. */
export abstract class QueuedCall<Result> {
  /** Settles when the change is durable, or will never be. */
  readonly result: Promise<Result>;
  readonly waitOptions: WaitOptions;
  #isSettled = false;
  #wait: Wait | undefined;
  #resolve!: (value: Result) => void;
  #reject!: (error: unknown) => void;

  constructor(waitOptions: WaitOptions) {
    this.waitOptions = waitOptions;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether it is refused when the lock is not free at the first try. */
  get triesOnce(): boolean {
    return this.waitOptions.timeoutMs === 0;
  }

  /** @param onGivenUp - told when time or signal have ended the call */
  startWaiting(what: WaitedFor, onGivenUp: () => void): void {
    this.#wait = new Wait(this.waitOptions, what, (error) => {
      this.reject(error);
      onGivenUp();
    });
  }

  /** Refuses the call when those who keep it waiting wait for its chain. */
  watchForCycle(wanted: string, held: readonly Lock[]): void {
    if (!this.#isSettled) this.#wait?.watchForCycle({ wanted, mode: 'exclusive', held });
  }

  /** The lock is had: the time to wait for it is over, the signal still ends the call. */
  stopWaiting(): void {
    this.#wait?.stopClock();
  }

  /** The disk decides from here on: neither time nor signal. */
  startCommitting(): void {
    this.#wait?.end();
  }

  /**
   * What a function of the caller will give, unless the signal rejects the call first: by nothing
   * else is it settled by then.
   */
  unlessSettled(returned: Promise<unknown>): Promise<unknown> {
    return Promise.race([returned, this.result]);
  }

  resolve(value: Result): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#wait?.end();
    return true;
  }
}

/** The file that calls wait for. */
export interface AwaitedFile {
  /** Absolute. */
  readonly path: string;
  readonly choice: LockChoice;
}

/** What is done with those who wait for files of one kind. */
export interface GroupWork<Call, Locked> {
  /** The step, for errors that have no word of their own. */
  readonly step: string;
  /** Takes the lock of the place, for the calls that wait for it. */
  lock(
    fs: Fs,
    place: AwaitedFile,
    wait: WaitOptions,
    waiting: readonly Call[],
  ): Promise<Locked & { readonly lock: Lock }>;
  /** Whether two calls can share a round. */
  wantTheSame(a: Call, b: Call): boolean;
  /**
   * Does what the calls want, and settles each of them. A failure fails those that are not settled.
   */
  run(fs: Fs, place: AwaitedFile, group: readonly Call[], locked: Locked): Promise<void>;
}

/** The queues of all files of one kind. */
export class GroupQueues<Result, Call extends QueuedCall<Result>, Locked> {
  readonly #work: GroupWork<Call, Locked>;
  readonly #queues = new WeakMap<Fs, Map<string, GroupQueue<Result, Call, Locked>>>();

  constructor(work: GroupWork<Call, Locked>) {
    this.#work = work;
  }

  /**
   * Lets a call wait for its turn, in call order from this moment on. Settles with the call's own
   * result.
   */
  enter(fs: Fs, path: string, options: LockChoice, call: Call): Promise<Result> {
    checkLockChoice(this.#work.step, path, options);
    const ofFs = this.#queues.get(fs) ?? new Map<string, GroupQueue<Result, Call, Locked>>();
    this.#queues.set(fs, ofFs);
    // The program may change its working directory while the call waits.
    const { lockPath, ...choice } = lockChoiceOf(options);
    const place: AwaitedFile = {
      path: absolute(path),
      choice: { ...choice, lockPath: lockPath && absolute(lockPath) },
    };
    const key = JSON.stringify(place);
    const onIdle = (): void => void ofFs.delete(key);
    const queue = ofFs.get(key) ?? new GroupQueue(fs, place, this.#work, onIdle);
    ofFs.set(key, queue);
    queue.enter(call);
    return call.result;
  }
}

class GroupQueue<Result, Call extends QueuedCall<Result>, Locked> {
  readonly #fs: Fs;
  readonly #place: AwaitedFile;
  readonly #work: GroupWork<Call, Locked>;
  readonly #onIdle: () => void;
  #waiting: Call[] = [];
  #isRunning = false;
  /** Whether the lock is waited for. */
  #isLocking = false;
  /** Those that run under the lock. */
  #group: readonly Call[] = [];
  #nobodyWaits = new AbortController();
  #slot = new RoundSlot();
  /** Whether a call waits whose chain of calls holds a lock. */
  #hasNested = false;

  constructor(fs: Fs, place: AwaitedFile, work: GroupWork<Call, Locked>, onIdle: () => void) {
    this.#fs = fs;
    this.#place = place;
    this.#work = work;
    this.#onIdle = onIdle;
  }

  enter(call: Call): void {
    const { path, choice } = this.#place;
    const { lockPath = `${path}.lock` } = choice;
    if (call.triesOnce && this.#isTaken()) {
      call.reject(notFree(lockPath));
      return;
    }
    this.#waiting.push(call);
    const { step } = this.#work;
    call.startWaiting({ lockPath, step, path }, () => this.#leave(call));
    const held = locksOfThisChain().filter((lock) => lock.held);
    if (held.length > 0) this.#exempt();
    void this.#refuseNested(call, held);
    if (!this.#isRunning) outside.runInAsyncScope(() => void this.#run());
  }

  /** Whether the lock is known not to be free. Calls that have settled are none to wait for. */
  #isTaken(): boolean {
    return this.#isLocking || this.#group.some(({ isSettled }) => !isSettled);
  }

  #leave(call: Call): void {
    this.#waiting = this.#waiting.filter((other) => other !== call);
    if (this.#waiting.length === 0) this.#nobodyWaits.abort();
  }

  /**
   * A chain that holds a lock may be the updater of a round, which has a slot and waits for this
   * call.
   */
  #exempt(): void {
    this.#hasNested = true;
    this.#slot.exempt();
  }

  /** A caller that holds the lock would wait for itself. */
  async #refuseNested(call: Call, held: readonly Lock[]): Promise<void> {
    if (held.length === 0) return;
    const { path, choice } = this.#place;
    const resolved = await chosenLockPath(this.#fs, path, choice).catch(() => '');
    const own = held.find((lock) => lock.held && lock.lockPath === resolved);
    if (own === undefined) {
      call.watchForCycle(resolved, held);
      return;
    }
    call.reject(nested(own));
    this.#leave(call);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) await this.#round();
    this.#isRunning = false;
    this.#onIdle();
  }

  async #round(): Promise<void> {
    this.#group = [];
    this.#nobodyWaits = new AbortController();
    this.#slot = new RoundSlot();
    if (this.#hasNested) this.#slot.exempt();
    try {
      const locked = await this.#lockInSlot();
      try {
        this.#group = this.#takeGroup();
        if (this.#group.length > 0) {
          await this.#work.run(this.#fs, this.#place, this.#group, locked);
        }
      } finally {
        await locked.lock.release();
      }
    } catch (error) {
      // When nobody waited any more, whoever has come since begins anew.
      if (this.#group.length === 0 && this.#nobodyWaits.signal.aborted) return;
      // Before a group was taken, the error is the lock's, and concerns all who wait for it.
      const concerned = this.#group.length > 0 ? this.#group : this.#waiting.splice(0);
      for (const call of concerned) call.reject(failure(this.#work.step, this.#place.path, error));
    } finally {
      this.#slot.leave();
      if (this.#waiting.length === 0) this.#hasNested = false;
    }
  }

  async #lockInSlot(): Promise<Locked & { readonly lock: Lock }> {
    await this.#slot.enter();
    const locked = await this.#lock();
    // One that had to wait has let others work meanwhile.
    await this.#slot.enter();
    return locked;
  }

  /** Takes the lock; those who try once are refused when it is not free at once. */
  async #lock(): Promise<Locked & { readonly lock: Lock }> {
    const { signal } = this.#nobodyWaits;
    const onWait = (): void => this.#slot.leave();
    if (this.#waiting.some(({ triesOnce }) => triesOnce)) {
      try {
        const wait = { timeoutMs: 0, signal };
        return await this.#work.lock(this.#fs, this.#place, wait, this.#waiting);
      } catch (error) {
        if (!isHoldfastError(error, 'LOCK_TIMEOUT')) throw error;
        this.#refuseTriesOnce(error);
      }
    }
    this.#isLocking = true;
    try {
      return await this.#work.lock(this.#fs, this.#place, { signal, onWait }, this.#waiting);
    } finally {
      this.#isLocking = false;
    }
  }

  #refuseTriesOnce(error: unknown): void {
    for (const call of this.#waiting) if (call.triesOnce) call.reject(error);
    this.#waiting = this.#waiting.filter(({ isSettled }) => !isSettled);
    if (this.#waiting.length === 0) this.#nobodyWaits.abort();
  }

  /** The calls at the head of the queue that want the same. */
  #takeGroup(): readonly Call[] {
    const [first] = this.#waiting;
    if (first === undefined) return [];
    const end = this.#waiting.findIndex((call) => !this.#work.wantTheSame(call, first));
    const group = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
    for (const call of group) call.stopWaiting();
    return group;
  }
}
