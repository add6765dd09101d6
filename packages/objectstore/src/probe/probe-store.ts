/**
 * Tries what the promises about objects build on, in the bucket itself: conditions one after
 * another, then races, since there are stores that judge a condition rightly and not in the same
 * instant in which they write. Such a store loses updates that it has acknowledged.
 *
 * A trial finds a store guilty; it cannot acquit. A race that was not lost today may be lost
 * tomorrow.
 */
import { checkOptions } from 'holdfast/options';
import { accessOf, type ObjectAccess } from '../document/object-options.js';
import { parseS3Url } from '../s3-url.js';
import { checks } from './checks.js';
import { Trial } from './trial.js';

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
  const name = parseS3Url('probeStore', url);
  const { store } = accessOf('probeStore', options);
  const trial = new Trial(store, name, options.rounds ?? ROUNDS, options.signal);
  const found: StoreCheck[] = [];
  try {
    for (const { name: check, neededFor, run } of checks) {
      const detail = await run(trial);
      found.push({ name: check, neededFor, works: detail === '', detail });
    }
  } finally {
    await trial.removeAll();
  }
  const losesUpdates = found.some(({ works, neededFor }) => !works && neededFor === 'updates');
  return { url, endpoint: store.endpoint, checks: found, losesUpdates };
}
