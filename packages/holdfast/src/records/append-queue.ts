/**
 * The calls of this process that wait to append to one log, in the order in which they were made. Whoever waits when
 * the lock is taken shares the round; a call may give up (signal, timeout) until then.
 */
import { HoldfastError } from '../errors.js';
import { aborted, failure } from '../failure.js';
import { acquireLock } from '../journal/settled-lock.js';
import type { LockOptions } from '../lock/lock.js';
import type { Fs } from '../os/fs.js';
import { appendRound, type AppendResult, type RoundCall } from './append-round.js';

/** A call and how long it may wait. */
export interface QueuedCall extends RoundCall {
  /** Calls with the same settings can share a round. */
  readonly settings: string;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

interface Waiting {
  readonly call: QueuedCall;
  readonly fulfil: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
  /** Ends the watch over signal and timeout; `undefined` for a call that waits without end. */
  stopWatching: (() => void) | undefined;
}

const queues = new WeakMap<Fs, Map<string, AppendQueue>>();

/** Adds a call to the queue of its log; settles with the call's own result. */
export function queueAppend(
  fs: Fs,
  path: string,
  lockPath: string | undefined,
  call: QueuedCall,
): Promise<AppendResult> {
  const ofFs = queues.get(fs) ?? new Map<string, AppendQueue>();
  queues.set(fs, ofFs);
  const key = lockPath === undefined ? path : `${path}\0${lockPath}`;
  const queue = ofFs.get(key) ?? new AppendQueue(fs, path, lockPath, () => ofFs.delete(key));
  ofFs.set(key, queue);
  return queue.add(call);
}

class AppendQueue {
  readonly #fs: Fs;
  readonly #path: string;
  readonly #lockPath: string | undefined;
  readonly #onIdle: () => void;
  #waiting: Waiting[] = [];
  /** Ends the wait for the lock; missing while a call waits that does not give up. */
  #nobodyWaits: AbortController | undefined;
  #isRunning = false;

  constructor(fs: Fs, path: string, lockPath: string | undefined, onIdle: () => void) {
    this.#fs = fs;
    this.#path = path;
    this.#lockPath = lockPath;
    this.#onIdle = onIdle;
  }

  add(call: QueuedCall): Promise<AppendResult> {
    const settled = new Promise<AppendResult>((fulfil, reject) => {
      const waiting: Waiting = { call, fulfil, reject, stopWatching: undefined };
      this.#waiting.push(waiting);
      if (mayGiveUp(waiting)) waiting.stopWatching = this.#watch(waiting);
    });
    if (!this.#isRunning) void this.#run();
    return settled;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) await this.#round();
    this.#isRunning = false;
    this.#onIdle();
  }

  async #round(): Promise<void> {
    this.#nobodyWaits = this.#waiting.every(mayGiveUp) ? new AbortController() : undefined;
    let sharing: readonly Waiting[] = this.#waiting;
    try {
      const lock = await acquireLock(this.#path, this.#lockOptions());
      try {
        sharing = this.#take();
        const { refused, result } = await appendRound(
          this.#fs,
          this.#path,
          sharing.map(({ call }) => call),
        );
        settle(sharing, refused, result);
      } finally {
        await lock.release();
      }
    } catch (error) {
      this.#waiting = this.#waiting.filter((waiting) => !sharing.includes(waiting));
      for (const waiting of sharing) {
        waiting.stopWatching?.();
        waiting.reject(failure('append', this.#path, error));
      }
    }
  }

  #lockOptions(): LockOptions {
    return { fs: this.#fs, signal: this.#nobodyWaits?.signal, lockPath: this.#lockPath };
  }

  /** Those at the head of the queue that can share a round; from here on they cannot give up. */
  #take(): readonly Waiting[] {
    const settings = this.#waiting[0]?.call.settings;
    const other = this.#waiting.findIndex(({ call }) => call.settings !== settings);
    const taken = this.#waiting.splice(0, other < 0 ? this.#waiting.length : other);
    for (const waiting of taken) waiting.stopWatching?.();
    return taken;
  }

  /** Lets a call give up while it waits; the returned function ends that. */
  #watch(waiting: Waiting): () => void {
    const { signal, timeoutMs } = waiting.call;
    const onAbort = (): void =>
      this.#leave(waiting, aborted('lock', this.#path, signal as AbortSignal));
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => this.#leave(waiting, timedOut(this.#path, timeoutMs)), timeoutMs);
    return () => {
      signal?.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    };
  }

  #leave(waiting: Waiting, error: HoldfastError): void {
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
    waiting.stopWatching?.();
    waiting.reject(error);
    if (this.#waiting.length === 0) this.#nobodyWaits?.abort();
  }
}

function mayGiveUp({ call }: Waiting): boolean {
  return call.signal !== undefined || call.timeoutMs !== undefined;
}

function settle(
  sharing: readonly Waiting[],
  refused: ReadonlyMap<RoundCall, unknown>,
  result: AppendResult,
): void {
  for (const { call, fulfil, reject } of sharing) {
    if (refused.has(call)) reject(refused.get(call));
    else fulfil(result);
  }
}

function timedOut(path: string, timeoutMs: number): HoldfastError {
  return new HoldfastError('LOCK_TIMEOUT', {
    message: `The lock of the log was not free within ${timeoutMs} ms. Wait longer, or end the program that holds it.`,
    outcome: 'unchanged',
    step: 'lock',
    path,
  });
}
