/**
 * lock-queue.ts for synchronous calls: of these one at a time runs in a thread, so there is no
 * queue. The call asks the kernel by itself and sleeps in it between its tries, at the delay of
 * those who wait asynchronously. It shows a ticket as they do (kernel-lock.ts), and whoever frees
 * the lock wakes it.
 *
 * What this process holds, by whatever call, would never be freed meanwhile: to wait for that is
 * refused.
 */
import { failure } from '../failure.js';
import type { Fs } from '../os/fs.js';
import { pause } from '../os/pause.js';
import { isHeldHere } from './held-here.js';
import { heldByOwnProcess } from './held-locks.js';
import { isHeldByStarter, nestedInStarter } from './inherited-locks.js';
import { KernelLock } from './kernel-lock.js';
import type { Hold, LockRequest } from './lock-queue.js';
import { MOST_COUNTED, PollDelay } from './poll-delay.js';
import { LONG_WAIT_MS, notFree, tellOfWait } from './waiting.js';

export class LockQueue {
  readonly lockPath: string;
  readonly fs: Fs;

  constructor(fs: Fs, lockPath: string) {
    this.fs = fs;
    this.lockPath = lockPath;
  }

  /** There is nothing here that two calls share. */
  get isIdle(): boolean {
    return true;
  }

  /** The request is granted or refused when the call returns. */
  async enter(request: LockRequest): Promise<void> {
    try {
      const kernel = await this.#take(request);
      request.grant(new KernelHold(kernel));
    } catch (error) {
      request.refuse(failure('lock', this.lockPath, error));
    }
  }

  /** Nobody waits when another call could say so. */
  leave(): void {}

  /**
   * The lock of the chain is another descriptor's, which outlives this hold: the two are released
   * in the order of a stack.
   */
  joinShared(): Hold {
    return { release: () => undefined, isCurrent: async () => true };
  }

  async #take(request: LockRequest): Promise<KernelLock> {
    const delay = new PollDelay();
    const began = performance.now();
    let isToTell = true;
    let kernel = await this.#open(request);
    try {
      for (;;) {
        const result = await kernel.tryTake(request.mode, request.tryOnce ? 'none' : 'waits');
        if (result === 'taken') return kernel;
        if (result === 'replaced') {
          delay.countReplacement(this.lockPath);
          await kernel.release();
          kernel = await this.#open(request);
          continue;
        }
        if (isHeldByStarter(this.lockPath)) throw nestedInStarter(this.lockPath);
        if (request.tryOnce) throw notFree(this.lockPath);
        if (isHeldHere(this.fs, this.lockPath, request.mode)) throw heldByOwnProcess(this.lockPath);
        request.onWait?.();
        const waitedMs = performance.now() - began;
        const leftMs = (request.timeoutMs ?? Infinity) - waitedMs;
        if (leftMs <= 0) throw notFree(this.lockPath, request.timeoutMs);
        if (isToTell && waitedMs >= LONG_WAIT_MS) {
          isToTell = false;
          tellOfWait(this.lockPath);
        }
        const sleep = kernel.sleep ?? pause;
        await sleep(Math.min(leftMs, delay.nextMs(kernel.countAhead(MOST_COUNTED))));
      }
    } catch (error) {
      await kernel.release();
      throw error;
    }
  }

  #open({ fileMode }: LockRequest): Promise<KernelLock> {
    return KernelLock.open(this.fs, this.lockPath, { fileMode });
  }
}

class KernelHold implements Hold {
  readonly #kernel: KernelLock;
  #isReleased = false;

  constructor(kernel: KernelLock) {
    this.#kernel = kernel;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    void this.#kernel.release();
  }

  async isCurrent(): Promise<boolean> {
    return !this.#isReleased && this.#kernel.isStillNamed();
  }
}
