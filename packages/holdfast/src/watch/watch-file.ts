/**
 * Tells what a file holds, now and after every change.
 *
 * 1. watch every directory on the way to the file (changes.ts), so that nothing that happens after
 *    2 is missed
 * 2. read the file whole; twice, until both are the same: what is being written in place is not
 *    taken for its state
 * 3. if the bytes are others than those told last, tell them
 * 4. wait until the kernel tells of a change, or until it is time to look without that
 *
 * The kernel's word is only a reason to look: the bytes alone say whether there is something to
 * tell.
 */
import { Buffer } from 'node:buffer';
import { readBytes } from '../document/read-bytes.js';
import { isHoldfastError } from '../errors.js';
import { resolveTarget } from '../file/resolve-target.js';
import { checkOptions } from '../options.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { Changes, watchOptionNames, type WatchOptions } from './changes.js';

/** Two looks that agree are so far apart. */
const BETWEEN_LOOKS_MS = 20;
/** A file that changes all the time is told of after so long, as it was last read. */
const LONGEST_MS = 250;

/**
 * Watches a file: an async iterable of its content, now and after every change; `undefined` while
 * there is none.
 *
 * It may be replaced by a rename, written in place, removed, made later, reached through symlinks,
 * replaced together with its directory. The last state is always told; states in between may be
 * left out; the same content is not told twice in a row. Leaving the loop, `return()` or the signal
 * frees everything. The file is neither locked nor changed.
 *
 * Not promised: to tell a file that is being written in place from one that is so, where its writer
 * rests for longer than a moment in the middle.
 *
 * @throws HoldfastError ABORTED; UNSUPPORTED_TARGET for what is no file; INVALID_ARGUMENT; IO
 */
export function watchFile(
  path: string,
  options: WatchOptions = {},
): AsyncGenerator<Buffer | undefined, void> {
  checkOptions('watchFile', options, watchOptionNames);
  return new Watch(path, options, (content) => content);
}

/** What a watcher makes of the bytes of a file; it throws when they are broken. */
type Interpret<T> = (content: Buffer | undefined) => T;

export class Watch<T> implements AsyncGenerator<T, void> {
  readonly #fs: Fs = nodeFileSystem;
  readonly #path: string;
  readonly #interpret: Interpret<T>;
  readonly #changes: Changes;
  #told: { readonly content: Buffer | undefined } | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(path: string, options: WatchOptions, interpret: Interpret<T>) {
    this.#changes = new Changes('watchFile', this.#fs, path, options);
    this.#path = path;
    this.#interpret = interpret;
  }

  /** Calls are answered one after the other. */
  next(): Promise<IteratorResult<T, void>> {
    const answer = this.#queue.then(() => this.#next());
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  async return(): Promise<IteratorResult<T, void>> {
    this.#changes.close();
    await this.#queue;
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<T, void>> {
    this.#changes.close();
    throw error;
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
        if (this.#changes.isClosed) return this.#ended();
        await this.#changes.look();
        const content = await this.#settled();
        if (this.#changes.isClosed) return this.#ended();
        if (!this.#told || !isSame(this.#told.content, content)) {
          this.#told = { content };
          return { done: false, value: this.#interpret(content) };
        }
        await this.#changes.next();
      }
    } catch (error) {
      this.#changes.close();
      throw error;
    }
  }

  #ended(): IteratorResult<T, void> {
    this.#changes.close();
    this.#changes.refuseAborted('watch');
    return { done: true, value: undefined };
  }

  /** What the file holds when two looks agree on it. */
  async #settled(): Promise<Buffer | undefined> {
    const deadline = performance.now() + LONGEST_MS;
    let last = await this.#read();
    if (this.#told && isSame(this.#told.content, last)) return last;
    for (;;) {
      await this.#changes.pause(BETWEEN_LOOKS_MS);
      if (this.#changes.isClosed) return last;
      const now = await this.#read();
      const isQuiet = isSame(now, last) && this.#isWhole(now);
      if (isQuiet || performance.now() > deadline) return now;
      last = now;
    }
  }

  /** Broken content is what another program has half written, for a moment. */
  #isWhole(content: Buffer | undefined): boolean {
    try {
      this.#interpret(content);
      return true;
    } catch {
      return false;
    }
  }

  async #read(): Promise<Buffer | undefined> {
    for (;;) {
      const before = await this.#resolved();
      if (before === undefined) return undefined;
      const content = await readBytes(this.#fs, before);
      // A name on the way may have been given to something else between the two steps.
      if (content !== undefined || (await this.#resolved()) === before) return content;
    }
  }

  async #resolved(): Promise<string | undefined> {
    try {
      return (await resolveTarget(this.#fs, this.#path)).path;
    } catch (error) {
      if (isHoldfastError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }
}

function isSame(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}
