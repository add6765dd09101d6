/** A trial of a store: objects of its own, beside the one that is to be kept there. */
import { Buffer } from 'node:buffer';
import { newCommitId } from '../document/nonce.js';
import { refused, unanswered } from '../document/store-errors.js';
import { urlOf } from '../s3-url.js';
import type {
  ObjectName,
  ObjectStore,
  Read,
  Refusal,
  RequestOptions,
  Uploaded,
  Written,
} from '../store/object-store.js';

/** How many write at once. */
export const RACERS = 16;

/** How many updates each of them makes, where they count. */
const INCREMENTS = 10;

/** After so many requests without an answer one who counts gives up. */
const UNANSWERED = 10;

/** The store, and where in it the trial takes place. */
export class Trial {
  readonly store: ObjectStore;
  readonly options: RequestOptions;
  readonly rounds: number;
  readonly #begin: ObjectName;
  readonly #used = new Map<string, ObjectName>();

  /**
   * @param beside - what is not touched; the trial's own objects are below
   *   `<key>.holdfast-probe-<id>/`
   * @param rounds - how many races of each kind are held
   */
  constructor(
    store: ObjectStore,
    beside: ObjectName,
    rounds: number,
    signal: AbortSignal | undefined,
  ) {
    this.store = store;
    this.options = { signal };
    this.rounds = rounds;
    this.#begin = { ...beside, key: `${beside.key}.holdfast-probe-${newCommitId()}` };
  }

  name(last: string): ObjectName {
    const name = { ...this.#begin, key: `${this.#begin.key}/${last}` };
    this.#used.set(last, name);
    return name;
  }

  put(name: ObjectName, body: Buffer, metadata: Record<string, string>): Promise<Written> {
    return this.store.put(name, body, { ...this.options, metadata });
  }

  create(name: ObjectName, body: string): Promise<Written> {
    const condition = { ifNoneMatch: '*' } as const;
    return this.store.put(name, Buffer.from(body), { ...this.options, condition });
  }

  swap(name: ObjectName, body: string, ifMatch: string): Promise<Written> {
    const condition = { ifMatch };
    return this.store.put(name, Buffer.from(body), { ...this.options, condition });
  }

  /** Some races of some writers, of which one each may succeed. */
  async race(write: (round: number, racer: number) => Promise<Written>): Promise<string> {
    let most = 0;
    for (let round = 0; round < this.rounds; round += 1) {
      const racers = Array.from({ length: RACERS }, (_, racer) => write(round, racer));
      const written = await Promise.all(racers);
      const won = written.filter(({ outcome }) => outcome === 'committed').length;
      const isKnown = written.every(({ outcome }) => outcome !== 'unknown');
      most = Math.max(most, won);
      if (won === 0 && isKnown) return 'none of them did';
    }
    return most <= 1 ? '' : `up to ${most} of ${RACERS} were told that they had`;
  }

  /**
   * Adds one, so often, each time on the condition that nobody else has.
   *
   * @returns how often it was told so; less, where the store says that it is too busy
   */
  async count(name: ObjectName): Promise<number> {
    let made = 0;
    for (let silent = 0; made < INCREMENTS && silent < UNANSWERED;) {
      const found = await this.store.get(name, this.options);
      if (found.outcome === 'unknown') {
        silent += 1;
        continue;
      }
      const value = this.read(found);
      if (value === undefined) return made;
      const next = Number(Buffer.from(value.body).toString()) + 1;
      // The bytes tell: a number has one writer.
      const written = await this.swap(name, `${next}`, value.etag);
      if (written.outcome === 'committed') made += 1;
      else if (written.outcome === 'unknown') silent += 1;
      else if (written.outcome !== 'precondition') throw this.failed(name, written);
    }
    return made;
  }

  /** The ETag of what the trial itself needs. */
  committed(written: Written): string {
    if (written.outcome === 'committed') return written.etag;
    throw this.failed(this.#begin, written);
  }

  read<Found>(read: Read<Found>): Found | undefined {
    if (read.outcome === 'found') return read;
    if (read.outcome === 'missing') return undefined;
    throw this.failed(this.#begin, read);
  }

  failed(
    name: ObjectName,
    result:
      | Written
      | Uploaded<unknown>
      | { readonly outcome: 'unknown'; readonly cause: unknown }
      | { readonly outcome: 'refused'; readonly refusal: Refusal },
  ): Error {
    if (result.outcome === 'refused') return refused('probe', urlOf(name), result.refusal);
    const cause = result.outcome === 'unknown' ? result.cause : new Error(result.outcome);
    return unanswered('probe', urlOf(name), cause);
  }

  /** Whatever came before; what cannot be removed is left. */
  async removeAll(): Promise<void> {
    await Promise.all([...this.#used.values()].map((name) => this.store.delete(name)));
  }
}
