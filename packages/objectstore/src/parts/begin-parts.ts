/** Begins a session of parts in a bucket, and abandons one. */
import { randomBytes } from 'node:crypto';
import { HoldfastError, type JsonValue } from 'holdfast';
import { checkOptions, checkWords, invalidArgument } from 'holdfast/options';
import { checkId } from 'holdfast/syntaxes';
import { placeOf, type DirectoryPlace } from '../directory/place.js';
import { changePointer, readPointer } from '../directory/pointer.js';
import { directoryAccessNames, type DirectoryAccess } from '../directory/pointer-form.js';
import { checkKeep, type KeepOptions } from '../directory/sweep-directory.js';
import { noteCommit } from './commit-parts.js';
import {
  changeSessions,
  generationOf,
  readSessions,
  tidy,
  type OpenSession,
  type SessionFacts,
} from './sessions.js';

/** What is to be made in parts, and how it is to be published. */
export interface BeginPartsOptions extends DirectoryAccess, KeepOptions {
  /** How many parts there are, numbered from 0; up to a hundred million. */
  readonly partCount: number;
  /**
   * Anything that says what is to be made, as JSON: a session that is there is joined if its job is
   * the same. Whoever joins gets it back.
   */
  readonly job?: JsonValue | undefined;
  /**
   * `fail` (the default) refuses a directory that is published already; `replace` replaces it at the
   * commit.
   */
  readonly ifExists?: 'fail' | 'replace' | undefined;
}

/** The session to join. */
export interface BegunParts {
  readonly id: string;
  readonly partCount: number;
  /** `begun` by this call; or one of the same job, that is `open` or was `committed`. */
  readonly state: 'begun' | 'open' | 'committed';
}

const ownNames = ['partCount', 'job', 'ifExists', 'keepForMs', 'keepPrevious'] as const;
const MOST_PARTS = 100_000_000;
const ID_BYTES = 10;

/**
 * Begins to make a directory below a prefix in parts: one session of it, which any number of
 * processes and machines join by its id ({@link joinParts}). Called again with the same options it
 * gives the same session, also one that was committed, unless the directory is to be replaced.
 *
 * After success the session is in the store. After a failure with the outcome `unchanged` nothing
 * is changed; with `unknown` call again: that gives this session, or another.
 *
 * @param url - `s3://bucket/prefix`, which is Holdfast's alone
 * @throws HoldfastError ALREADY_EXISTS for a directory that may not be replaced, and for a session of
 *   another job; TARGET_CHANGED while that one is being abandoned; UNSUPPORTED_PLATFORM for a store
 *   that is found to lose updates; STORE_FAILED; CORRUPT_DOCUMENT; ABORTED; INVALID_ARGUMENT
 */
export async function beginParts(url: string, options: BeginPartsOptions): Promise<BegunParts> {
  return beginAt(placeOf('beginParts', url, options), factsOf(url, options));
}

function factsOf(url: string, options: BeginPartsOptions): SessionFacts {
  const call = 'beginParts';
  checkOptions(call, options, [...ownNames, ...directoryAccessNames]);
  checkWords(call, url, options, { ifExists: ['fail', 'replace'] });
  checkKeep(call, options);
  const { partCount, job = null, ifExists = 'fail', keepPrevious = 0, keepForMs = null } = options;
  if (!(Number.isSafeInteger(partCount) && partCount >= 1 && partCount <= MOST_PARTS))
    throw invalidArgument(
      call,
      `partCount is a whole number from 1 to ${MOST_PARTS}, not ${partCount}`,
    );
  const id = randomBytes(ID_BYTES).toString('hex');
  return { id, partCount, job, publishing: { ifExists, keepPrevious, keepForMs } };
}

/** The same for a place. */
export async function beginAt(place: DirectoryPlace, facts: SessionFacts): Promise<BegunParts> {
  const { open } = await readSessions(place);
  if (open?.state === 'abandoned') await endAbandoned(place, open.id);
  const { partCount } = facts;
  let begun: BegunParts | undefined;
  await changeSessions(place, async (sessions) => {
    const { open: now, last } = sessions;
    if (now) {
      if (now.state === 'abandoned') throw beingAbandoned(place, now);
      if (!isSameJob(now, facts)) throw otherSession(place, now);
      begun = { id: now.id, partCount, state: 'open' };
      return sessions;
    }
    const isThere = (await readPointer(place)).generation !== null;
    if (facts.publishing.ifExists === 'fail' && isThere) {
      if (last === null || !isSameJob(last.facts, facts)) throw isTaken(place);
      begun = { id: last.facts.id, partCount, state: 'committed' };
      return sessions;
    }
    begun = { id: facts.id, partCount, state: 'begun' };
    return { ...sessions, open: { ...facts, state: 'open' } };
  });
  // Stragglers of sessions before it may have left something.
  if (begun?.state === 'begun') await tidy(place).catch(() => undefined);
  return begun as BegunParts;
}

function isSameJob(a: SessionFacts, b: SessionFacts): boolean {
  const told = ({ partCount, job, publishing }: SessionFacts): string => {
    const { ifExists, keepPrevious, keepForMs } = publishing;
    return JSON.stringify([partCount, job, ifExists, keepPrevious, keepForMs]);
  };
  return told(a) === told(b);
}

function isTaken({ url }: DirectoryPlace): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message:
      "There is a published directory already. To replace it at the commit, say so (ifExists: 'replace').",
    step: 'begin',
    path: url,
  });
}

function otherSession({ url }: DirectoryPlace, { id, partCount }: SessionFacts): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message: `The target has a session of another job, ${id} (${partCount} parts). Commit it or abandon it first.`,
    step: 'begin',
    path: url,
  });
}

function beingAbandoned({ url }: DirectoryPlace, { id }: SessionFacts): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message: `Session ${id} of the target is just being abandoned. Call again.`,
    step: 'begin',
    path: url,
  });
}

/**
 * Ends a session and removes what its parts have made; whether it was open, and is not published.
 * The directory stays as it is, and what was committed stays committed. Parts and commits that are
 * under way fail with SESSION_GONE.
 *
 * After success nothing of the session will be published any more, whatever is still under way.
 *
 * @param url - `s3://bucket/prefix`
 * @param id - what {@link beginParts} gave
 * @throws HoldfastError STORE_FAILED, perhaps with a part of the session left: call it again;
 *   CORRUPT_DOCUMENT; ABORTED; INVALID_ARGUMENT
 */
export async function abandonParts(
  url: string,
  id: string,
  options: DirectoryAccess = {},
): Promise<boolean> {
  checkOptions('abandonParts', options, directoryAccessNames);
  checkId('abandonParts', id);
  return abandonAt(placeOf('abandonParts', url, options), id);
}

/** The same for a place. */
export async function abandonAt(place: DirectoryPlace, id: string): Promise<boolean> {
  let found: OpenSession | undefined;
  await changeSessions(place, (sessions) => {
    found = sessions.open?.id === id ? sessions.open : undefined;
    if (!found || found.state === 'abandoned') return sessions;
    if (found.state === 'open') return { ...sessions, open: null };
    return { ...sessions, open: { ...found, state: 'abandoned' } };
  });
  const isEnded = !found || found.state === 'open' || (await endAbandoned(place, id));
  await tidy(place);
  return found !== undefined && isEnded;
}

/**
 * Ends a session that somebody may be publishing: replaces the pointer by one that leads to the
 * same. Whether it was not published before that.
 */
async function endAbandoned(place: DirectoryPlace, id: string): Promise<boolean> {
  let published: string | undefined;
  await changePointer(place, (pointer) => {
    published = generationOf(pointer, id);
    return pointer;
  });
  if (published !== undefined) {
    await noteCommit(place, id, published);
    return false;
  }
  await changeSessions(place, (sessions) =>
    sessions.open?.id === id ? { ...sessions, open: null } : sessions,
  );
  return true;
}
