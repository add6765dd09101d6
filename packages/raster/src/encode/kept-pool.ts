/**
 * An encoder pool that is kept from one part of a mosaic to the next: to start a thread takes as
 * much of a processor as to encode many small tiles.
 */
import { type EncoderPool, type EncoderPoolOptions, openEncoderPool } from './encoder-pool.js';

/** Then its threads end. Until then they keep no process alive. */
const LONGEST_IDLE_MS = 1000;

/** Opens its pool when it is asked for. */
export class KeptPool {
  readonly #options: EncoderPoolOptions;
  readonly #prepare: (pool: EncoderPool) => Promise<void>;
  #pool: EncoderPool | undefined;
  #prepared: Promise<void> | undefined;
  #userCount = 0;
  #idle: NodeJS.Timeout | undefined;

  /** @param prepare - says what all tiles have in common, once for each pool that is opened */
  constructor(options: EncoderPoolOptions, prepare: (pool: EncoderPool) => Promise<void>) {
    this.#options = options;
    this.#prepare = prepare;
  }

  /** Keeps the pool for as long as some work takes, and for a while after. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#idle);
    this.#userCount += 1;
    try {
      return await work();
    } finally {
      this.#userCount -= 1;
      if (this.#userCount === 0)
        this.#idle = setTimeout(() => this.#end(), LONGEST_IDLE_MS).unref();
    }
  }

  /** The pool, with the threads that so many tiles need; for work during which it is kept. */
  async open(tileCount: number): Promise<EncoderPool> {
    const pool = (this.#pool ??= openEncoderPool(this.#options));
    pool.start(tileCount);
    await (this.#prepared ??= this.#prepare(pool));
    return pool;
  }

  #end(): void {
    this.#pool?.close().catch(() => undefined);
    this.#pool = undefined;
    this.#prepared = undefined;
  }
}
