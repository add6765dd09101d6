/**
 * One call that updates an object: it waits, its updater runs, perhaps several times, and its
 * change is committed.
 */
import { AsyncResource } from 'node:async_hooks';
import { types } from 'node:util';
import { asPromise, type StandardSchema, type Syntax } from 'holdfast/syntaxes';
import type { NonceKind } from './nonce.js';
import { aborted } from './store-errors.js';

/** What a call says of the object. */
export interface UpdateRequest {
  readonly syntax: Syntax;
  readonly nonce: NonceKind;
  /** The type of content of an object that is made. */
  readonly contentType: string | undefined;
  readonly indent?: number | string | undefined;
  readonly initial?: unknown;
  readonly schema?: StandardSchema | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export class PendingUpdate {
  readonly url: string;
  readonly request: UpdateRequest;
  readonly deadlineMs: number;
  readonly result: Promise<unknown>;
  readonly #updater: (value: never) => unknown;
  /**
   * The caller's own context, so that its AsyncLocalStorage is there when another call's commit
   * runs the updater.
   */
  readonly #context = new AsyncResource('holdfast.update');
  readonly #onAbort = (): void => this.#abort();
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;
  #isSettled = false;
  #isCommitting = false;

  constructor(
    url: string,
    updater: (value: never) => unknown,
    request: UpdateRequest,
    nowMs: number,
  ) {
    this.url = url;
    this.request = request;
    this.deadlineMs = nowMs + request.timeoutMs;
    this.#updater = updater;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal } = request;
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /**
   * Calls the updater. The signal still ends the call, and what the updater does afterwards is done
   * to a value that nobody looks at any more.
   *
   * @param within - what the call is run inside of
   */
  async run(value: unknown, within: <T>(fn: () => T) => T): Promise<unknown> {
    const returned = this.#context.runInAsyncScope(() =>
      within(() => asPromise(this.#updater(value as never))),
    );
    return types.isPromise(returned) ? Promise.race([returned, this.result]) : returned;
  }

  /** From now on a request with its change may be under way, which no signal takes back. */
  startCommitting(): void {
    this.#isCommitting = true;
  }

  /** The request has not been done, and never will be: the updater is to run again. */
  stopCommitting(): void {
    this.#isCommitting = false;
    if (this.request.signal?.aborted) this.#abort();
  }

  resolve(value: unknown): void {
    this.#settle(() => this.#resolve(value));
  }

  reject(error: unknown): void {
    this.#settle(() => this.#reject(error));
  }

  #abort(): void {
    if (this.#isCommitting) return;
    this.reject(aborted('update', this.url, this.request.signal));
  }

  #settle(settle: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.request.signal?.removeEventListener('abort', this.#onAbort);
    settle();
  }
}

/** Whether two calls may share a request. */
export function wantTheSame({ request: a }: PendingUpdate, { request: b }: PendingUpdate): boolean {
  return a.syntax === b.syntax && a.indent === b.indent && a.timeoutMs === b.timeoutMs;
}
