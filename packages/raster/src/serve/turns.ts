/** Lets few do something at one time, and few more wait for it. */
export class Turns {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  /** Whether nobody else may wait. */
  get isFull(): boolean {
    return this.#busy >= this.#most && this.#waiting.length >= this.#mostWaiting;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy >= this.#most) await new Promise<void>((begin) => this.#waiting.push(begin));
    else this.#busy += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The turn is handed on, and nobody who has just come takes it.
      if (next) next();
      else this.#busy -= 1;
    }
  }
}
