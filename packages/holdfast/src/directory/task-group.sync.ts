/**
 * task-group.ts for synchronous calls: what is started there has ended when the call that starts it
 * returns. So there is nothing to wait for, and no task has others beside it.
 */
import { TaskFailures } from './task-failures.js';

export class TaskGroup {
  readonly signal: AbortSignal;
  readonly #failures: TaskFailures;

  constructor(_concurrency: number, signal?: AbortSignal) {
    this.#failures = new TaskFailures(signal);
    this.signal = this.#failures.signal;
  }

  get errors(): readonly unknown[] {
    return this.#failures.errors;
  }

  async spawn(task: () => Promise<unknown>): Promise<void> {
    await this.run(task);
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      this.signal.throwIfAborted();
      return await work();
    } catch (error) {
      this.#failures.add(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#failures.close();
  }

  refuseLate(): void {
    this.#failures.refuseLate();
  }
}
