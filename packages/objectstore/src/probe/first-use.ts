/**
 * The first update of a process at an endpoint tries the store before anything relies on it, by
 * what convicts a bad one soonest: a few that create one object at once, and then a few that
 * replace it at once, some times over. Of each few one may be told that it did. Two are the proof
 * that an acknowledged write was lost: no network makes two of one, since no name and no content of
 * the trial is ever used twice.
 *
 * What is found is remembered for as long as the process lives. A trial that cannot be held, for
 * want of rights or of a network, convicts nobody.
 */
import { randomBytes } from 'node:crypto';
import { HoldfastError } from 'holdfast';
import { urlOf } from '../s3-url.js';
import type { ObjectName, ObjectStore, Written } from '../store/object-store.js';
import { Trial } from './trial.js';

/**
 * Measured on four stores that lose updates (docs/decisions/0034): the rarest loss showed in a third
 * of such races, so that twelve miss it once in a hundred times. Races of 16 show it no more
 * often than races of 4.
 */
const RACES = 12;
const RACERS = 4;
const RACES_AT_ONCE = 4;
/** A content of a page takes a store longer to write, and leaves others more time to be wrong. */
const BODY_BYTES = 4096;
/** A store that does not answer in this time is not judged. */
const PATIENCE_MS = 10_000;

/** What is known of an endpoint. */
interface Verdict {
  /**
   * Nothing against it; it said that it did what it did not; nothing, since it was not to be
   * reached, and may be next time.
   */
  readonly outcome: 'passed' | 'convicted' | 'unheard';
  /** What it said. */
  readonly what?: string;
}

const verdicts = new Map<string, Promise<Verdict>>();

/**
 * Tries a store, unless its endpoint has been tried by this process, or the caller trusts it.
 *
 * @param name - beside which the trial takes place, when there is one
 * @throws HoldfastError UNSUPPORTED_PLATFORM, when it was found to lose updates
 */
export async function refuseConvicted(store: ObjectStore, name: ObjectName): Promise<void> {
  if (store.isTrusted) return;
  const { endpoint } = store;
  const trying = verdicts.get(endpoint) ?? judge(store, name);
  verdicts.set(endpoint, trying);
  const verdict = await trying;
  if (verdict.outcome === 'convicted') throw convicted(endpoint, urlOf(name), verdict);
  if (verdict.outcome === 'unheard') verdicts.delete(endpoint);
}

async function judge(store: ObjectStore, name: ObjectName): Promise<Verdict> {
  const trial = new Trial(store, name, 1, AbortSignal.timeout(PATIENCE_MS));
  // What cannot be removed again is not made.
  const removed = await store.delete(trial.name('never-there'), trial.options);
  if (removed.outcome === 'refused' && !removed.refusal.isTransient) return { outcome: 'passed' };
  if (removed.outcome !== 'committed') return { outcome: 'unheard' };
  try {
    let isHeard = false;
    for (let race = 0; race < RACES; race += RACES_AT_ONCE) {
      const names = Array.from({ length: RACES_AT_ONCE }, (_, at) => trial.name(`${race + at}`));
      const held = await Promise.all(names.map((each) => raceFor(trial, each)));
      const lost = held.find((each) => each.outcome === 'convicted');
      if (lost !== undefined) return lost;
      isHeard ||= held.some((each) => each.outcome === 'passed');
    }
    return { outcome: isHeard ? 'passed' : 'unheard' };
  } finally {
    await trial.removeAll();
  }
}

/** Some create an object at once, and some replace at once what one of them has made. */
async function raceFor(trial: Trial, name: ObjectName): Promise<Verdict> {
  const [created, ...others] = await winners((body) => trial.create(name, body));
  if (created === undefined) return { outcome: 'unheard' };
  if (others.length > 0) return twoWinners(1 + others.length, 'created an object');
  const replaced = await winners((body) => trial.swap(name, body, created));
  if (replaced.length > 1) return twoWinners(replaced.length, 'replaced an object');
  return { outcome: replaced.length === 1 ? 'passed' : 'unheard' };
}

/** The ETags that were told to those who write at once, each its own content. */
async function winners(write: (body: string) => Promise<Written>): Promise<readonly string[]> {
  const racers = Array.from({ length: RACERS }, () =>
    write(randomBytes(BODY_BYTES / 2).toString('hex')),
  );
  const written = await Promise.all(racers);
  return written.flatMap((each) => (each.outcome === 'committed' ? [each.etag] : []));
}

function twoWinners(count: number, did: string): Verdict {
  const what = `${count} of ${RACERS} that ${did} at once, where one can, were told that they had`;
  return { outcome: 'convicted', what };
}

function convicted(endpoint: string, url: string, { what }: Verdict): HoldfastError {
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      `The store at ${endpoint} loses updates: ${what}. Keep the object in another store. \`holdfast doctor ${url}\` says more. ` +
      'Where no two ever write at once, trust it (trusted: true).',
    step: 'try',
    path: url,
  });
}
