/**
 * Functions whose modules are loaded by their first call. Holdfast has some hundred modules; to
 * load them all would take longer than Node needs to start, and most programs use a few of its
 * calls.
 */
import { hearFailure } from './failure.js';
import { keepAlive } from './os/pending-calls.js';

/**
 * The function itself as far as types and documentation go; calls are made in the order in which
 * they come, and each keeps the process alive until it has settled.
 */
export function atFirstCall<F extends (...args: never[]) => Promise<unknown>>(
  load: () => Promise<F>,
): F {
  let loading: Promise<F> | undefined;
  let loaded: F | undefined;
  let early = 0;
  const callLater = async (args: Parameters<F>): Promise<unknown> => {
    early += 1;
    args.forEach(hearFailure);
    try {
      loaded = await (loading ??= load());
    } finally {
      early -= 1;
    }
    return loaded(...args);
  };
  const call = (...args: Parameters<F>): Promise<unknown> =>
    keepAlive(loaded && early === 0 ? loaded(...args) : callLater(args));
  return call as unknown as F;
}

/**
 * The same for a function that gives an iterable: its modules are loaded when the first item is
 * asked for.
 */
export function atFirstItem<F extends (...args: never[]) => AsyncGenerator>(
  load: () => Promise<F>,
): F {
  const iterate = (...args: Parameters<F>): LateGenerator =>
    new LateGenerator(async () => (await load())(...args));
  return iterate as unknown as F;
}

/**
 * A generator that is made when it is first asked for something. What it is asked for it hands on,
 * and adds nothing.
 */
class LateGenerator implements AsyncGenerator {
  readonly #make: () => Promise<AsyncGenerator>;
  #making: Promise<AsyncGenerator> | undefined;
  #generator: AsyncGenerator | undefined;
  #early = 0;

  constructor(make: () => Promise<AsyncGenerator>) {
    this.#make = make;
  }

  next(): Promise<IteratorResult<unknown>> {
    const generator = this.#early === 0 ? this.#generator : undefined;
    return generator ? generator.next() : this.#later((made) => made.next());
  }

  return(value: unknown): Promise<IteratorResult<unknown>> {
    return this.#later((made) => made.return(value));
  }

  throw(error: unknown): Promise<IteratorResult<unknown>> {
    return this.#later((made) => made.throw(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return(undefined);
  }

  async #later<T>(ask: (generator: AsyncGenerator) => Promise<T>): Promise<T> {
    this.#early += 1;
    try {
      this.#generator = await (this.#making ??= this.#make());
    } finally {
      this.#early -= 1;
    }
    return ask(this.#generator);
  }
}
