/** Bounds what is decoded at one time: whoever would go over waits until others are done. */
export class ByteBudget {
  readonly #mostBytes: number;
  readonly #waiting: (() => void)[] = [];
  #usedBytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /**
   * Runs `work` when there is room for so many bytes; what is larger than all there is runs alone.
   */
  async use<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    while (this.#usedBytes > 0 && this.#usedBytes + bytes > this.#mostBytes)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#usedBytes += bytes;
    try {
      return await work();
    } finally {
      this.#usedBytes -= bytes;
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }
}
