/**
 * Waits until what a path leads to may be another: the kernel told of a change in one of the
 * directories on the way (way.ts), or it is time to look without that. Every directory on the way
 * is watched before a look begins, so that nothing that happens after it is missed. The kernel's
 * word is only a reason to look.
 */
import { aborted } from '../failure.js';
import { checkPath, invalidArgument } from '../options.js';
import { filesystemOf } from '../os/filesystem.js';
import type { Fs } from '../os/fs.js';
import { watchNames, type NameWatch } from '../os/watch-names.js';
import { wayTo } from './way.js';

/** How a file is watched. */
export interface WatchOptions {
  /** Ends the watch: what is waited for rejects with ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the watch keeps the process alive; `false` by default. */
  readonly persistent?: boolean | undefined;
  /**
   * How often the file is read where the kernel does not tell of changes (network, 9p and FUSE
   * filesystems, overlays), in milliseconds; 1000 by default. Elsewhere it is read ten times less
   * often than that, whatever the kernel tells.
   */
  readonly pollMs?: number | undefined;
}

export const watchOptionNames = ['signal', 'persistent', 'pollMs'] as const;

/** The longest time that a timer takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const DEFAULT_POLL_MS = 1000;

export class Changes {
  readonly #fs: Fs;
  readonly #path: string;
  readonly #options: WatchOptions;
  readonly #watches = new Map<string, { readonly identity: string; readonly watch: NameWatch }>();
  readonly #onAbort = (): void => this.close();
  /** The directories on the way, and the names in them that count. */
  #way: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  /** Whether something may have changed since the last look began. */
  #isStirred = true;
  #isTold = false;
  #isClosed = false;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param call - the public function, for messages
   * @throws HoldfastError INVALID_ARGUMENT
   */
  constructor(call: string, fs: Fs, path: string, options: WatchOptions) {
    checkPath(call, path);
    const { pollMs, signal } = options;
    if (pollMs !== undefined && !(pollMs > 0)) {
      throw invalidArgument(call, 'pollMs is a number of milliseconds, more than 0', path);
    }
    this.#fs = fs;
    this.#path = path;
    this.#options = options;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted) this.#isClosed = true;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Frees everything, and ends every wait. */
  close(): void {
    this.#isClosed = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (const { watch } of this.#watches.values()) watch.close();
    this.#watches.clear();
    this.#wake?.();
  }

  /** Throws ABORTED if it was the signal that ended it. */
  refuseAborted(step: string): void {
    const { signal } = this.#options;
    if (signal?.aborted) throw aborted(step, this.#path, signal);
  }

  /** Begins a look: {@link next} then waits for what happens from now on. */
  async look(): Promise<void> {
    this.#isStirred = false;
    this.#isTold = await this.#watchWay();
  }

  /** Waits until something stirs after the look began, or it is time to look again. */
  next(): Promise<void> {
    return this.#rest((this.#options.pollMs ?? DEFAULT_POLL_MS) * (this.#isTold ? 10 : 1), true);
  }

  /** Waits for so long, within a look: it has begun and comes to its end. */
  pause(ms: number): Promise<void> {
    return this.#rest(ms, false);
  }

  readonly #stir = (): void => {
    this.#isStirred = true;
    this.#wake?.();
  };

  /**
   * Watches the directories on the way, and no others. Gives back whether the kernel tells of all
   * that happens in them.
   */
  async #watchWay(): Promise<boolean> {
    this.#way = await wayTo(this.#fs, this.#path);
    for (const [directory, { watch }] of this.#watches) {
      if (this.#way.has(directory)) continue;
      watch.close();
      this.#watches.delete(directory);
    }
    let isTold = true;
    for (const directory of this.#way.keys()) {
      isTold = (await this.#watchDirectory(directory)) && isTold;
    }
    return isTold;
  }

  /** Another directory may have taken the place of the one that is watched. */
  async #watchDirectory(directory: string): Promise<boolean> {
    for (;;) {
      const identity = await this.#identityOf(directory);
      const known = this.#watches.get(directory);
      if (known?.identity === identity) break;
      known?.watch.close();
      this.#watches.delete(directory);
      if (identity === undefined) return true;
      const forget = (): void => {
        this.#watches.delete(directory);
        this.#stir();
      };
      const isPersistent = this.#options.persistent ?? false;
      const hear = (name: string | undefined): void => {
        if (name === undefined || this.#way.get(directory)?.has(name)) this.#stir();
      };
      const watch = watchNames(directory, isPersistent, hear, forget);
      if (watch === undefined) return false;
      if (this.#isClosed) {
        watch.close();
        return true;
      }
      // Which directory it is that the kernel watches now is known if it is the same before and
      // after.
      this.#watches.set(directory, { identity, watch });
    }
    const { isLocal, name } = await filesystemOf(this.#fs, directory);
    return isLocal && name !== 'overlay';
  }

  async #identityOf(directory: string): Promise<string | undefined> {
    const stat = await this.#fs.stat(directory).catch(() => undefined);
    return stat?.kind === 'directory' ? `${stat.dev}:${stat.ino}` : undefined;
  }

  async #rest(ms: number, endsByStir: boolean): Promise<void> {
    if (this.#isClosed || (endsByStir && this.#isStirred)) return;
    await new Promise<void>((resolve) => {
      this.#wake = () => {
        if (endsByStir || this.#isClosed) resolve();
      };
      this.#timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
      if (endsByStir && !(this.#options.persistent ?? false)) this.#timer.unref();
    });
    clearTimeout(this.#timer);
    this.#wake = undefined;
  }
}
