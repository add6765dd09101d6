/**
 * Who waits for one lock in this process, in order of arrival, and the one poller that asks the
 * kernel for all of them.
 *
 * A blocking flock(2) would occupy a thread of the libuv pool per waiter, and four of them would
 * keep the holder's own fsync from running. So nobody blocks: the first in the queue tries, sleeps
 * until whoever frees the lock wakes it, and tries again. It also looks from time to time, since
 * other programs wake nobody, nor does one that is killed.
 *
 * Between processes: a process that holds the lock may take it again and again, or hand it from
 * call to call, for one turn (20 ms), which saves the time in which a lock lies free until the next
 * process finds out. After its turn it lets those go first who wait in other processes
 * (kernel-lock.ts). Waiters of other programs sleep in the kernel and cannot be seen, so after a
 * long run the lock is left free for a moment in any case, and for longer where somebody polls it
 * (pollers.ts).
 */
import type { HoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import type { Fs, LockMode } from '../os/fs.js';
import { isHeldByStarter, nestedInStarter } from './inherited-locks.js';
import { KernelLock, type OwedWake, type Patience } from './kernel-lock.js';
import { MOST_COUNTED, PollDelay } from './poll-delay.js';
import { Pollers } from './pollers.js';
import { notFree } from './waiting.js';

/** How long a process may keep taking the lock while others wait. */
const TURN_MS = 20;
/**
 * How long a process may keep taking the lock before it leaves it free for those that it cannot
 * see.
 */
const LONG_RUN_MS = 100;
/** A lock that was free for this long is no part of the run before. */
const RUN_GAP_MS = 5;
/**
 * A waiter that sleeps in flock(2) is awake within this time; a polling one polls within the other.
 */
const PAUSE_FOR_SLEEPERS_MS = 1;
const PAUSE_FOR_POLLERS_MS = 30;

/** One that waits. Exactly one of `grant` and `refuse` is called, unless it leaves first. */
export interface LockRequest {
  readonly mode: LockMode;
  /** Refused when the lock is not free at the first try. */
  readonly tryOnce: boolean;
  /** How long its caller waits, for a queue that cannot be left meanwhile (lock-queue.sync.ts). */
  readonly timeoutMs?: number | undefined;
  /** The exact mode of the lock file, if it is made for this one. */
  readonly fileMode: number | undefined;
  /** Called when the lock is not had at once. */
  readonly onWait?: (() => void) | undefined;
  grant(hold: Hold): void;
  refuse(error: unknown): void;
}

/** The right of one holder. */
export interface Hold {
  /**
   * Frees the lock, or hands it to the next of this process; the lock has changed hands when the
   * call returns.
   */
  release(): void;
  /** Whether the lock file at the path is still the one that is locked. */
  isCurrent(): Promise<boolean>;
}

export class LockQueue {
  readonly lockPath: string;
  readonly fs: Fs;
  readonly #waiting: LockRequest[] = [];
  #kernel: KernelLock | undefined;
  #mode: LockMode = 'exclusive';
  #holders = 0;
  #serving = false;
  #endSleep: (() => void) | undefined;
  #turnEndsAt = 0;
  #runBeganAt = 0;
  #freeSince = 0;
  #seesWaiters: boolean | undefined;
  #wakesSoon = false;
  /** For whoever waits for what this process has freed, and perhaps takes again. */
  #owedWake: OwedWake | undefined;
  readonly #pollers = new Pollers();

  constructor(fs: Fs, lockPath: string) {
    this.fs = fs;
    this.lockPath = lockPath;
  }

  /** Whether nobody holds the lock or waits for it in this process. */
  get isIdle(): boolean {
    return this.#holders === 0 && !this.#serving && this.#waiting.length === 0;
  }

  enter(request: LockRequest): void {
    this.#waiting.push(request);
    if (this.#waiting.length > 1 || !this.#couldGrant(request)) {
      if (request.tryOnce) this.#refuse(request, notFree(this.lockPath));
      else request.onWait?.();
    }
    void this.#serve();
  }

  /** A request leaves the queue: its time is over, or its caller ended it. */
  leave(request: LockRequest): void {
    const index = this.#waiting.indexOf(request);
    if (index >= 0) this.#waiting.splice(index, 1);
    this.#endSleep?.();
  }

  /**
   * A further shared hold beside one that the same call chain has: it must not wait behind those
   * who wait for it.
   */
  joinShared(): Hold {
    this.#holders += 1;
    return this.#newHold();
  }

  #couldGrant(request: LockRequest): boolean {
    return this.#holders === 0 || this.#mayJoin(request);
  }

  /**
   * Serves the queue until nobody in it can be. One call at a time: who finds it running need not
   * wait for it.
   */
  async #serve(): Promise<void> {
    if (this.#serving) return;
    this.#serving = true;
    try {
      for (;;) {
        const next = this.#waiting[0];
        if (next === undefined) {
          if (this.#holders > 0 || this.#kernel === undefined) return;
          await this.#letGo();
        } else if (this.#holders > 0) {
          if (!this.#mayJoin(next)) return;
          this.#grant(next);
        } else {
          await this.#serveFirst(next);
        }
      }
    } finally {
      // In the same step as the last look at the queue, so that nobody can enter unseen in between.
      this.#serving = false;
    }
  }

  async #serveFirst(next: LockRequest): Promise<void> {
    try {
      if (this.#kernel) {
        if (await this.#mayKeep(this.#kernel, next.mode)) {
          if (this.#waiting[0] === next) this.#grant(next);
          return;
        }
        await this.#letGo();
      }
      await this.#take();
    } catch (error) {
      this.#refuse(next, failure('lock', this.lockPath, error));
    }
  }

  /**
   * Polls the kernel on behalf of whoever is first in the queue, until the lock is theirs or nobody
   * waits any more.
   */
  async #take(): Promise<void> {
    if (this.#hasRunLong()) {
      this.#wakeOthers();
      await this.#pause();
    }
    let kernel = await this.#open();
    const delay = new PollDelay();
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        const result = await kernel.tryTake(next.mode, this.#patienceOf(next));
        if (result === 'taken') {
          this.#took(kernel, next);
          return;
        }
        this.#wakeOthers();
        if (result === 'replaced') {
          delay.countReplacement(this.lockPath);
          await kernel.release();
          kernel = await this.#open();
        } else if (isHeldByStarter(this.lockPath)) {
          this.#refuse(next, nestedInStarter(this.lockPath));
        } else if (next.tryOnce) {
          this.#refuse(next, notFree(this.lockPath));
        } else {
          next.onWait?.();
          await this.#sleep(delay.nextMs(kernel.countAhead(MOST_COUNTED)));
        }
      }
    } finally {
      if (this.#kernel !== kernel) {
        this.#wakeOthers();
        await kernel.release();
      }
    }
  }

  #open(): Promise<KernelLock> {
    return KernelLock.open(this.fs, this.lockPath, {
      fileMode: this.#waiting[0]?.fileMode,
      woken: () => this.#endSleep?.(),
    });
  }

  #patienceOf({ tryOnce }: LockRequest): Patience {
    if (tryOnce) return 'none';
    return this.#isOurTurn() ? 'skipsLine' : 'waits';
  }

  #took(kernel: KernelLock, next: LockRequest): void {
    this.#kernel = kernel;
    this.#wakeOthers(false);
    this.#mode = next.mode;
    this.#pollers.began();
    if (!this.#isOurTurn()) this.#beginTurn();
    this.#seesWaiters ??= kernel.seesWaiters;
    if (this.#waiting[0] === next) this.#grant(next);
  }

  #grant(request: LockRequest): void {
    this.#waiting.shift();
    this.#holders += 1;
    request.grant(this.#newHold());
  }

  #newHold(): Hold {
    const kernel = this.#kernel;
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.#holders -= 1;
        if (this.#holders === 0) void this.#serve();
      },
      isCurrent: async () => !released && kernel !== undefined && kernel.isStillNamed(),
    };
  }

  #refuse(request: LockRequest, error: HoldfastError): void {
    const index = this.#waiting.indexOf(request);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    request.refuse(error);
  }

  #isOurTurn(): boolean {
    return performance.now() < this.#turnEndsAt;
  }

  #beginTurn(): void {
    this.#turnEndsAt = performance.now() + TURN_MS;
  }

  /**
   * Readers share, but not for so long that a writer of another process never comes to its turn.
   */
  #mayJoin(request: LockRequest): boolean {
    if (this.#mode !== 'shared' || request.mode !== 'shared') return false;
    return this.#isOurTurn() || this.#kernel?.othersWait() === false;
  }

  /**
   * Whether the kernel's lock can go from the last holder of this process to the next without being
   * freed.
   */
  async #mayKeep(kernel: KernelLock, mode: LockMode): Promise<boolean> {
    if (this.#mode !== mode) return false;
    if (performance.now() - this.#runBeganAt > LONG_RUN_MS) return false;
    if (!this.#isOurTurn()) {
      if (kernel.othersWait()) return false;
      this.#beginTurn();
    }
    return kernel.isStillNamed();
  }

  async #letGo(): Promise<void> {
    const kernel = this.#kernel;
    this.#kernel = undefined;
    if (kernel === undefined) return;
    this.#pollers.ended(() => kernel.othersWait());
    this.#freeSince = performance.now();
    const mayTakeAgain = this.#isOurTurn();
    if (!mayTakeAgain) await kernel.release();
    else {
      this.#owedWake = await kernel.free();
      if (this.#owedWake) this.#wakeUnlessTakenAgain();
    }
  }

  /**
   * What goes on right after the release may ask for the lock again, and then no other process need
   * wake up.
   */
  #wakeUnlessTakenAgain(): void {
    if (this.#wakesSoon) return;
    this.#wakesSoon = true;
    setImmediate(() => {
      this.#wakesSoon = false;
      if (this.#waiting.length === 0 || !this.#isOurTurn()) this.#wakeOthers();
    });
  }

  /** For a lock that was freed and is not taken again after all: the turn may end before it is. */
  #wakeOthers(wakes = true): void {
    this.#owedWake?.end(wakes);
    this.#owedWake = undefined;
  }

  /**
   * Whether this process has had the lock for long, freed it for moments at most, and is about to
   * take it again.
   */
  #hasRunLong(): boolean {
    const now = performance.now();
    if (now - this.#freeSince > RUN_GAP_MS) this.#runBeganAt = now;
    return now - this.#runBeganAt > LONG_RUN_MS;
  }

  async #pause(): Promise<void> {
    this.#pollers.lookOut(this.fs, this.lockPath);
    const leastMs = this.#seesWaiters === false ? PAUSE_FOR_POLLERS_MS : PAUSE_FOR_SLEEPERS_MS;
    await this.#sleep(Math.max(leastMs, this.#pollers.pauseMs()));
    this.#runBeganAt = performance.now();
  }

  /** A timer that keeps the process alive, ended early when a request leaves. */
  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endSleep = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endSleep = undefined;
  }
}
