/**
 * Tries what the promises about objects build on, in the bucket itself: conditions one after
 * another, then races, since there are stores that judge a condition rightly and not in the same
 * instant in which they write. Such a store loses updates that it has acknowledged.
 *
 * A trial finds a store guilty; it cannot acquit. A race that was not lost today may be lost
 * tomorrow.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { checkOptions } from 'holdfast/options';
import { newCommitId } from '../document/nonce.js';
import { accessOf, type ObjectAccess } from '../document/object-options.js';
import { refused, unanswered } from '../document/store-errors.js';
import { parseS3Url, urlOf } from '../s3-url.js';
import type {
  ObjectName,
  ObjectStore,
  Read,
  Refusal,
  Uploaded,
  Written,
} from '../store/object-store.js';

/** What was tried, and how it went. */
export interface StoreCheck {
  readonly name: string;
  readonly works: boolean;
  /**
   * What builds on it: `updates` (updateJson and its kin), `uploads` (conditions on objects in
   * parts), or `removal` (conditions on a removal).
   */
  readonly neededFor: 'updates' | 'uploads' | 'removal';
  /** What the store did instead; empty where it works. */
  readonly detail: string;
}

/** What a store was found to do. */
export interface StoreReport {
  readonly url: string;
  readonly endpoint: string;
  readonly checks: readonly StoreCheck[];
  /** Whether the store was found to lose updates: nothing that updates may be used on it. */
  readonly losesUpdates: boolean;
}

/** How a store is tried. */
export interface ProbeStoreOptions extends Pick<ObjectAccess, 'store' | 'signal'> {
  /** How many races of each kind are held; 5 by default. */
  readonly rounds?: number | undefined;
}

const ROUNDS = 5;
const RACERS = 16;
const INCREMENTS = 10;

/**
 * Tries a store, with some hundred small requests below `<url>.holdfast-probe-<id>/`, which are
 * removed again.
 *
 * @param url - `s3://bucket/key`: where nothing need be, and beside which the trial takes place
 * @throws HoldfastError STORE_FAILED when the store refuses what the trial itself needs, or does
 *   not answer; INVALID_ARGUMENT
 */
export async function probeStore(
  url: string,
  options: ProbeStoreOptions = {},
): Promise<StoreReport> {
  checkOptions('probeStore', options, ['store', 'signal', 'rounds']);
  const { bucket, key } = parseS3Url('probeStore', url);
  const { store } = accessOf('probeStore', options);
  const trial = new Trial(
    store,
    { bucket, key: `${key}.holdfast-probe-${newCommitId()}` },
    options,
  );
  const checks: StoreCheck[] = [];
  try {
    for (const { name, neededFor, run } of trials) {
      const detail = await run(trial);
      checks.push({ name, neededFor, works: detail === '', detail });
    }
  } finally {
    await trial.removeAll();
  }
  const losesUpdates = checks.some(({ works, neededFor }) => !works && neededFor === 'updates');
  return { url, endpoint: store.endpoint, checks, losesUpdates };
}

/** One trial; it gives what the store did wrong, or nothing. */
interface Trials extends Pick<StoreCheck, 'name' | 'neededFor'> {
  readonly run: (trial: Trial) => Promise<string>;
}

const trials: readonly Trials[] = [
  {
    name: 'what is written is read back: bytes, ETag and metadata',
    neededFor: 'updates',
    async run(trial) {
      const body = randomBytes(3000);
      const name = trial.name('read-back');
      const etag = trial.committed(await trial.put(name, body, { holdfast: '@,abcdefghijkl' }));
      const found = trial.read(await trial.store.get(name, trial.options));
      if (found === undefined) return 'the object is not there';
      if (!Buffer.from(found.body).equals(body)) return 'other bytes are there';
      if (found.etag !== etag) return 'the ETag is another';
      return found.metadata['holdfast'] === '@,abcdefghijkl' ? '' : 'the metadata is another';
    },
  },
  {
    name: 'an object that is there is not created again',
    neededFor: 'updates',
    async run(trial) {
      const name = trial.name('create');
      trial.committed(await trial.create(name, '1'));
      return refusedBy(await trial.create(name, '2'));
    },
  },
  {
    name: 'an object is replaced only when its ETag is the one that is named',
    neededFor: 'updates',
    async run(trial) {
      const name = trial.name('swap');
      const old = trial.committed(await trial.create(name, '1'));
      trial.committed(await trial.swap(name, '2', old));
      return refusedBy(await trial.swap(name, '3', old));
    },
  },
  {
    name: 'an object that is gone is not replaced',
    neededFor: 'updates',
    async run(trial) {
      const etag = trial.committed(await trial.create(trial.name('gone'), '1'));
      return refusedBy(await trial.swap(trial.name('never-there'), '2', etag));
    },
  },
  {
    name: 'of many that create at once one succeeds',
    neededFor: 'updates',
    run: (trial) =>
      trial.race((round, racer) => trial.create(trial.name(`race-${round}`), `${racer}`)),
  },
  {
    name: 'of many that replace at once one succeeds',
    neededFor: 'updates',
    async run(trial) {
      const etags: string[] = [];
      for (let round = 0; round < trial.rounds; round += 1)
        etags.push(trial.committed(await trial.create(trial.name(`swaps-${round}`), 'base')));
      return trial.race((round, racer) =>
        trial.swap(trial.name(`swaps-${round}`), `${racer}`, etags[round] as string),
      );
    },
  },
  {
    name: 'of many that count at once none is lost',
    neededFor: 'updates',
    async run(trial) {
      const name = trial.name('count');
      trial.committed(await trial.create(name, '0'));
      await Promise.all(Array.from({ length: RACERS }, () => trial.count(name)));
      const counted = trial.read(await trial.store.get(name, trial.options));
      const lost = RACERS * INCREMENTS - Number(Buffer.from(counted?.body ?? []).toString());
      return lost === 0 ? '' : `${lost} of ${RACERS * INCREMENTS} acknowledged updates were lost`;
    },
  },
  {
    name: 'an object in parts is not put in the place of one that is there',
    neededFor: 'uploads',
    async run(trial) {
      const name = trial.name('upload');
      trial.committed(await trial.create(name, '1'));
      const begun = await trial.store.createUpload(name, trial.options);
      if (begun.outcome !== 'committed') throw trial.failed(name, begun);
      const { uploadId } = begun;
      const place = { uploadId, partNumber: 1 };
      const part = await trial.store.putPart(name, place, Buffer.from('2'), trial.options);
      const parts = [{ partNumber: 1, etag: trial.committed(part) }];
      const condition = { ifNoneMatch: '*' } as const;
      const put = await trial.store.completeUpload(name, uploadId, parts, { condition });
      if (put.outcome !== 'committed') await trial.store.abortUpload(name, uploadId);
      return refusedBy(put);
    },
  },
  {
    name: 'an object is removed only when its ETag is the one that is named',
    neededFor: 'removal',
    async run(trial) {
      const name = trial.name('removal');
      const old = trial.committed(await trial.create(name, '1'));
      trial.committed(await trial.swap(name, '2', old));
      return refusedBy(await trial.store.delete(name, { ...trial.options, ifMatch: old }));
    },
  },
];

/** What is wrong with a write whose condition did not hold. */
function refusedBy(written: Written): string {
  if (written.outcome === 'precondition') return '';
  if (written.outcome === 'committed') return 'it was, and the store said that it had done so';
  return `the store refused it in another way (${written.outcome})`;
}

/** The store, and where in it the trial takes place. */
class Trial {
  readonly store: ObjectStore;
  readonly options: { readonly signal: AbortSignal | undefined };
  readonly rounds: number;
  readonly #begin: ObjectName;
  readonly #used = new Map<string, ObjectName>();

  constructor(store: ObjectStore, begin: ObjectName, options: ProbeStoreOptions) {
    this.store = store;
    this.options = { signal: options.signal };
    this.rounds = options.rounds ?? ROUNDS;
    this.#begin = begin;
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
    return this.store.put(name, Buffer.from(body), { ...this.options, condition: { ifMatch } });
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

  /** Adds one, so often, each time on the condition that nobody else has. */
  async count(name: ObjectName): Promise<void> {
    for (let made = 0; made < INCREMENTS;) {
      const found = this.read(await this.store.get(name, this.options));
      if (found === undefined) throw unanswered('probe', urlOf(name), 'the object is gone');
      const next = Number(Buffer.from(found.body).toString()) + 1;
      // The bytes tell: a number has one writer.
      const written = await this.swap(name, `${next}`, found.etag);
      if (written.outcome === 'committed') made += 1;
      else if (written.outcome !== 'precondition') throw this.failed(name, written);
    }
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
