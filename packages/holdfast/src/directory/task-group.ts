/**
 * Work that runs side by side and is awaited whole: nothing that was started here still runs when
 * `close` resolves, also when some of it failed. The first failure keeps what has not begun from
 * beginning. task-group.sync.ts has the group of the synchronous calls.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { TaskFailures } from './task-failures.js';

/** The groups whose tasks the running code is part of. */
const taskOf = new AsyncLocalStorage<readonly TaskGroup[]>();

/** A group of tasks, with a limit on how many run at once. */
export class TaskGroup {
  /** Aborts with the first failure as its reason, or with the caller's own signal. */
  readonly signal: AbortSignal;
  readonly #failures: TaskFailures;
  readonly #concurrency: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #pending = 0;
  #wakeWhenIdle: (() => void) | undefined;

  constructor(concurrency: number, signal?: AbortSignal) {
    this.#concurrency = concurrency;
    this.#failures = new TaskFailures(signal);
    this.signal = this.#failures.signal;
    this.signal.addEventListener('abort', () => this.#admitWaiting(), { once: true });
  }

  /**
   * The failures, first one first; what only passes on that the group was stopped is not among
   * them.
   */
  get errors(): readonly unknown[] {
    return this.#failures.errors;
  }

  /**
   * Starts a task as soon as there is room. Resolves when it has started, so that a loop which
   * awaits it holds no more tasks than run; inside a task of this group it resolves at once, since
   * waiting there for room could last forever. Rejects when the group was stopped before the task
   * could start; ignoring that is safe, the group knows.
   */
  spawn(task: () => Promise<unknown>): Promise<void> {
    const room = this.#room();
    const groups = taskOf.getStore() ?? [];
    const ended = this.run(async () => {
      await room;
      try {
        await taskOf.run([...groups, this], task);
      } finally {
        this.#running -= 1;
        this.#admitWaiting();
      }
    });
    ended.catch(() => undefined);
    return groups.includes(this) ? Promise.resolve() : room;
  }

  /**
   * Does some work as part of the group, at once and beyond the limit; passes its result or failure
   * on.
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    const ended = this.#runWhole(work);
    ended.catch(() => undefined);
    return ended;
  }

  /** Waits until nothing runs and nothing waits, then refuses whatever comes late. */
  async close(): Promise<void> {
    while (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#wakeWhenIdle = resolve;
      });
      // Whoever awaited what ended last may start more now.
      await setImmediate();
    }
    this.#failures.close();
  }

  /** Throws what work that comes after {@link close} gets. */
  refuseLate(): void {
    this.#failures.refuseLate();
  }

  async #runWhole<T>(work: () => Promise<T>): Promise<T> {
    this.#pending += 1;
    try {
      this.signal.throwIfAborted();
      return await work();
    } catch (error) {
      this.#failures.add(error);
      throw error;
    } finally {
      this.#pending -= 1;
      if (this.#pending === 0) this.#wakeWhenIdle?.();
    }
  }

  async #room(): Promise<void> {
    if (this.#running >= this.#concurrency) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.signal.throwIfAborted();
    this.#running += 1;
  }

  #admitWaiting(): void {
    const count = this.signal.aborted ? this.#waiting.length : 1;
    for (const admit of this.#waiting.splice(0, count)) admit();
  }
}
