/**
 * The mosaic that is served now. Its index is watched: each new one is opened, looked at, and then
 * takes the place of the one before, which stays for a minute for those who have not heard of it.
 * What cannot be opened or read changes nothing but {@link CurrentMosaic.trouble}: the one before
 * goes on, its tiles kept, and the new one is tried again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { watchFile } from 'holdfast';
import { messageOf } from 'holdfast/errors';
import type { OpenVrtOptions } from '../read/open-vrt.js';
import { openServed, type ServedMosaic } from './served-mosaic.js';

/** Tiles that come after their index change nothing in it: it is tried again after so long. */
const AGAIN_MS = 1000;
/** A page that has not heard yet of a new mosaic still asks for the one before, for so long. */
const GRACE_MS = 60_000;

export class CurrentMosaic {
  readonly #path: string;
  readonly #options: OpenVrtOptions;
  readonly #changed: () => void;
  readonly #end = new AbortController();
  readonly #following: Promise<void>;
  #served: ServedMosaic;
  #before: { readonly served: ServedMosaic; readonly timer: NodeJS.Timeout } | undefined;
  #trouble: string | undefined;

  private constructor(
    path: string,
    options: OpenVrtOptions,
    { served, failure }: Awaited<ReturnType<typeof openServed>>,
    changed: () => void,
  ) {
    this.#path = path;
    this.#options = options;
    this.#served = served;
    this.#trouble = failure;
    this.#changed = changed;
    this.#following = this.#follow();
  }

  /**
   * Opens what is there, also where some of its tiles are broken, and follows it.
   *
   * @param changed - told when another mosaic is served, or there is other trouble
   */
  static async open(
    path: string,
    options: OpenVrtOptions,
    changed: () => void,
  ): Promise<CurrentMosaic> {
    return new CurrentMosaic(path, options, await openServed(path, options), changed);
  }

  get served(): ServedMosaic {
    return this.#served;
  }

  /** The one with this id: the one that is served now, or the one before. */
  withId(id: string): ServedMosaic | undefined {
    return [this.#served, this.#before?.served].find((each) => each?.id === id);
  }

  /** Why the index as it is now is not what is served. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#following;
    await this.#retireBefore();
    await this.#served.retire();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#tell(messageOf(error));
        await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const watch = watchFile(this.#path, { signal });
    try {
      let told = watch.next();
      for (;;) {
        const again = new AbortController();
        const waits: Promise<unknown>[] = [told];
        if (this.#trouble !== undefined)
          waits.push(pause(AGAIN_MS, 'again', { signal: again.signal }).catch(() => undefined));
        const first = await Promise.race(waits);
        again.abort();
        if (signal.aborted) return;
        if (first !== 'again') {
          told = watch.next();
          // Looked at when it is waited for.
          told.catch(() => undefined);
        }
        await this.#look();
      }
    } finally {
      await watch.return();
    }
  }

  async #look(): Promise<void> {
    const { signal } = this.#end;
    try {
      const { served: next, failure } = await openServed(this.#path, { ...this.#options, signal });
      const isSame = next.id === this.#served.id;
      if (signal.aborted || isSame || failure !== undefined) {
        await next.retire();
        return this.#tell(failure);
      }
      await this.#retireBefore();
      const timer = setTimeout(() => void this.#retireBefore(), GRACE_MS).unref();
      this.#before = { served: this.#served, timer };
      this.#served = next;
      this.#trouble = undefined;
      this.#changed();
    } catch (error) {
      this.#tell(messageOf(error));
    }
  }

  async #retireBefore(): Promise<void> {
    const before = this.#before;
    this.#before = undefined;
    clearTimeout(before?.timer);
    await before?.served.retire();
  }

  #tell(trouble: string | undefined): void {
    if (this.#end.signal.aborted || trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#changed();
  }
}
