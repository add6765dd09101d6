/**
 * How long a call waits: until its time is over or its signal fires. One that has waited for long
 * says so on the diagnostics channel `holdfast:lock-wait`, if anybody listens, since nothing else
 * shows a program that stands still.
 */
import { channel } from 'node:diagnostics_channel';
import { whenAborted } from '../abort.js';
import { HoldfastError } from '../errors.js';
import { aborted } from '../failure.js';
import { hasOpen, lookAtLock, type LockHolder } from '../os/processes.js';
import { locksOfThisChain, type Lock } from './held-locks.js';
import { watchForCycle, type WaitingChain } from './waits-for.js';

/** What a call says about its wait. */
export interface WaitOptions {
  /** In milliseconds; 0 tries once; without it the wait has no end. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when the lock was not to be had at once; of Holdfast's own calls. */
  readonly onWait?: (() => void) | undefined;
}

/** What a call waits for, for its errors. */
export interface WaitedFor {
  readonly lockPath: string;
  /** What the signal ends: a step, and the path that it is about. */
  readonly step?: string;
  readonly path?: string;
}

/** What is published on the channel `holdfast:lock-wait`. */
export interface LongWait {
  readonly lockPath: string;
  /** In milliseconds. */
  readonly waitedMs: number;
  /** Who holds it, as far as the kernel tells. */
  readonly holders: readonly LockHolder[];
}

const longWaits = channel('holdfast:lock-wait');
export const LONG_WAIT_MS = 3000;

/** setTimeout(3) takes at most 2^31 - 1 ms, which is 24 days; a longer wait needs no timer. */
const MAX_TIMER_MS = 0x7fffffff;

/** The wait of one call. */
export class Wait {
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #notice: NodeJS.Timeout | undefined;
  readonly #stopListening: () => void;
  readonly #refuse: (error: HoldfastError) => void;
  #stopWatching: (() => void) | undefined;

  /**
   * Begins to wait. A time of 0 has no timer: the one who tries says when it was in vain.
   *
   * @param giveUp - called at most once, also at once when the signal has fired already
   */
  constructor(
    { timeoutMs = Infinity, signal }: WaitOptions,
    { lockPath, step = 'lock', path = lockPath }: WaitedFor,
    giveUp: (error: HoldfastError) => void,
  ) {
    const end = (error: HoldfastError): void => {
      this.end();
      giveUp(error);
    };
    this.#refuse = end;
    const isTimed = timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS && !signal?.aborted;
    this.#timer = isTimed
      ? setTimeout(() => end(notFree(lockPath, timeoutMs, locksOfThisChain())), timeoutMs)
      : undefined;
    this.#notice = noticeOf(lockPath);
    const onAbort = (): void => end(aborted(step, path, signal as AbortSignal));
    this.#stopListening = whenAborted(signal, onAbort);
    if (signal?.aborted) onAbort();
  }

  /**
   * Ends the wait with LOCK_NESTED when those who keep the chain waiting wait for it. Its lock is
   * known by now.
   */
  watchForCycle(chain: WaitingChain): void {
    this.#stopWatching = watchForCycle(chain, this.#refuse);
  }

  /** The time counts no more; the signal does. */
  stopClock(): void {
    this.#stopWatching?.();
    clearTimeout(this.#timer);
    clearTimeout(this.#notice);
  }

  /** Neither counts any more. */
  end(): void {
    this.#stopWatching?.();
    clearTimeout(this.#timer);
    clearTimeout(this.#notice);
    this.#stopListening();
  }
}

function noticeOf(lockPath: string): NodeJS.Timeout | undefined {
  if (!longWaits.hasSubscribers) return undefined;
  return setTimeout(() => tellOfWait(lockPath), LONG_WAIT_MS).unref();
}

/** Tells those who listen that a call has waited for {@link LONG_WAIT_MS}. */
export function tellOfWait(lockPath: string): void {
  if (!longWaits.hasSubscribers) return;
  const { holders } = lookAtLock(lockPath);
  longWaits.publish({ lockPath, waitedMs: LONG_WAIT_MS, holders } satisfies LongWait);
}

/**
 * The error of a call whose time is over: who holds the lock and how many wait for it, as far as
 * the kernel tells.
 *
 * @param held - the locks of the chain that has waited
 */
export function notFree(lockPath: string, waitedMs = 0, held: readonly Lock[] = []): HoldfastError {
  const { holders, waitingCount } = lookAtLock(lockPath);
  const others = holders.filter(({ pid }) => pid !== process.pid);
  const facts = [
    `The lock was not free ${waitedMs === 0 ? 'when it was asked for' : `for ${waitedMs} ms`}: ${heldBy(others.length > 0 ? others : holders)}.`,
    waitingCount > 1 ? `${waitingCount} wait for it.` : '',
    ...holders.map(({ pid }) => waitsForUs(pid, held)),
    'Try again, or wait longer.',
  ];
  return new HoldfastError('LOCK_TIMEOUT', {
    message: facts.filter((fact) => fact !== '').join(' '),
    step: 'lock',
    path: lockPath,
  });
}

/** Who keeps a lock, in words. */
function heldBy(holders: readonly LockHolder[]): string {
  if (holders.length === 0) return 'another holder kept it';
  return `held by ${holders.map(nameOf).join(', ')}`;
}

function nameOf({ pid, command }: LockHolder): string {
  if (pid === process.pid) return 'this process';
  if (command === undefined) return `a program that process ${pid}, which has ended, started`;
  return `process ${pid} (${command})`;
}

/**
 * Of a holder that has a lock file open whose lock this chain holds, which is a wait for it, or one
 * of others there.
 */
function waitsForUs(pid: number, held: readonly Lock[]): string {
  if (pid === process.pid) return '';
  const own = held.find((lock) => lock.held && hasOpen(pid, lock.lockPath));
  if (own === undefined) return '';
  return (
    `Process ${pid} waits for ${own.lockPath}, which this chain of calls holds: if that is the same work there, none ` +
    'goes on before one gives up. Take the locks in the same order everywhere, or change both files in one transaction.'
  );
}
