/**
 * Keeps a bounded number of files open, so that reading many windows neither reopens tiles nor runs
 * out of descriptors.
 */

interface Entry<T> {
  readonly file: Promise<T>;
  users: number;
}

/**
 * Opens on first use, shares among users, and closes the least recently used one that nobody is
 * using.
 */
export class OpenFiles<T> {
  readonly #open: (path: string) => Promise<T>;
  readonly #close: (file: T) => Promise<void>;
  readonly #limit: number;
  /** In the order of last use, oldest first. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(
    open: (path: string) => Promise<T>,
    close: (file: T) => Promise<void>,
    limit: number,
  ) {
    this.#open = open;
    this.#close = close;
    this.#limit = limit;
  }

  /** Runs `work` with the file open. A file that cannot be opened is not remembered. */
  async use<R>(path: string, work: (file: T) => Promise<R>): Promise<R> {
    const entry = this.#entries.get(path) ?? { file: this.#open(path), users: 0 };
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    entry.users += 1;
    try {
      const file = await this.#opened(path, entry);
      return await work(file);
    } finally {
      entry.users -= 1;
      await this.#shrink();
    }
  }

  /** Closes every file. Nobody may be using one; one that is not open yet may fail to be. */
  async closeAll(): Promise<void> {
    const files = [...this.#entries.values()].map((entry) => entry.file);
    this.#entries.clear();
    const opened = await Promise.allSettled(files);
    const all = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    await Promise.all(all.map((file) => this.#close(file)));
  }

  async #opened(path: string, entry: Entry<T>): Promise<T> {
    try {
      return await entry.file;
    } catch (error) {
      if (this.#entries.get(path) === entry) this.#entries.delete(path);
      throw error;
    }
  }

  async #shrink(): Promise<void> {
    for (const [path, entry] of this.#entries) {
      if (this.#entries.size <= this.#limit) return;
      if (entry.users > 0) continue;
      this.#entries.delete(path);
      await this.#close(await entry.file);
    }
  }
}
