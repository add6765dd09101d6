/**
 * The items of batches, one by one. A loop over an async generator makes three promises an item,
 * which is a third of the time that reading a record takes; here an item of the batch at hand is
 * one promise, resolved already.
 */
export class ItemsOfBatches<T> implements AsyncGenerator<T, void, undefined> {
  readonly #batches: AsyncGenerator<Iterable<T>, void, undefined>;
  #batch: Iterator<T> | undefined;
  readonly #onEnd: () => void;
  /** The last of the calls that are under way. */
  #lastCall: Promise<unknown> | undefined;

  /**
   * @param batches - ended with the first of their items that throws, and when the reader stops
   *   early
   * @param onEnd - told at once when the reader wants no more: what a call that is under way waits
   *   for has to end
   */
  constructor(
    batches: AsyncGenerator<Iterable<T>, void, undefined>,
    onEnd: () => void = () => undefined,
  ) {
    this.#batches = batches;
    this.#onEnd = onEnd;
  }

  next(): Promise<IteratorResult<T, void>> {
    if (this.#lastCall) return this.#afterOthers(() => this.#next());
    try {
      const item = this.#batch?.next();
      if (item?.done === false) return Promise.resolve(item);
    } catch (error) {
      return this.throw(error);
    }
    return this.#afterOthers(() => this.#next());
  }

  return(): Promise<IteratorResult<T, void>> {
    this.#onEnd();
    return this.#afterOthers(() => this.#end());
  }

  throw(error: unknown): Promise<IteratorResult<T, void>> {
    this.#onEnd();
    return this.#afterOthers(() => this.#fail(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #next(): Promise<IteratorResult<T, void>> {
    try {
      for (;;) {
        const item = this.#batch?.next();
        if (item?.done === false) return item;
        const batch = await this.#batches.next();
        if (batch.done) return batch;
        this.#batch = batch.value[Symbol.iterator]();
      }
    } catch (error) {
      return this.#fail(error);
    }
  }

  async #fail(error: unknown): Promise<never> {
    await this.#end();
    throw error;
  }

  async #end(): Promise<IteratorResult<T, void>> {
    this.#batch = undefined;
    await this.#batches.return();
    return { done: true, value: undefined };
  }

  /** Calls are served in the order in which they are made. */
  async #afterOthers<R>(call: () => Promise<R>): Promise<R> {
    const result = this.#lastCall ? this.#lastCall.then(call, call) : call();
    this.#lastCall = result;
    try {
      return await result;
    } finally {
      if (this.#lastCall === result) this.#lastCall = undefined;
    }
  }
}
