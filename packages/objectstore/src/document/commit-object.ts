/**
 * One commit of an object, for all calls that share it:
 *
 * 1. wait for the turn (timing.ts), and read the object: its bytes, its ETag, its history
 * 2. call each updater in order, with a value of its own
 * 3. PUT the new bytes, on the condition that the object is still the one that was read. They end
 *    in a nonce, and the metadata has the history with the id of this commit
 * 4. when the condition does not hold, somebody else was first, and nothing was written: again from
 *    1, updaters too; unless the object that is read then is of this commit, which something on the
 *    way has sent twice
 * 5. when no answer came, nothing is known, and only the object can tell. Read it:
 *    - the id is in its history, or at the end of its bytes: the commit took place
 *    - it is still the object of 1: that proves nothing, since the request may still arrive. Send
 *      the same bytes on the same condition: of the two requests one at most is done
 *    - it is another, and its history reaches back to the object of 1 without the id: the commit
 *      did not take place, and never will, since the ETag that it asks for is gone for ever. Again
 *      from 1
 *    - it is another, and nothing proves more: the outcome is unknown, and is told so
 *
 * Invariant: a call is acknowledged only when an object that holds its change was in the store; a
 * change is run a second time only when the first can not be there, now or later. A crash of the
 * client at any point leaves the old object, or the new one.
 */
import { Buffer } from 'node:buffer';
import { applyUpdater, type Document } from 'holdfast/syntaxes';
import { urlOf } from '../s3-url.js';
import type {
  Condition,
  FoundObject,
  ObjectHeaders,
  ObjectName,
  ObjectStore,
} from '../store/object-store.js';
import { History } from './history.js';
import { newCommitId, withNonce, withoutNonce, type NonceKind } from './nonce.js';
import type { PendingUpdate } from './pending-update.js';
import { aborted, alwaysLate, inDoubt, refused, unanswered } from './store-errors.js';
import type { Pace, Timing } from './timing.js';

/** Where a commit takes place. */
export interface CommitPlace {
  readonly store: ObjectStore;
  readonly name: ObjectName;
  readonly pace: Pace;
  readonly timing: Timing;
  /** What updaters are run inside of. */
  readonly within: <T>(fn: () => T) => T;
}

/** The object that a commit is made from; `found` is `undefined` when there is none. */
interface Base {
  readonly found: FoundObject | undefined;
  readonly content: Buffer | undefined;
  readonly history: History;
  /** The id at the end of its bytes. */
  readonly nonceId: string | undefined;
}

/** What is sent, each time the same. */
interface Attempt {
  readonly base: Base;
  readonly nonce: NonceKind;
  readonly id: string;
  readonly body: Buffer;
  readonly condition: Condition;
  readonly metadata: Readonly<Record<string, string>>;
  readonly headers: ObjectHeaders;
  readonly deadlineMs: number;
}

/**
 * How long a writer whose answer was lost waits before it looks or asks again, at first and at
 * most.
 */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/**
 * How long an answer is waited for at first, and how slowly a body may go. It is safe to ask again,
 * and the sooner a doubt is settled, the more of what was written meanwhile is in the history.
 */
const PATIENCE_MS = 3000;
const LONGEST_PATIENCE_MS = 300_000;
const SLOWEST_BYTES_PER_MS = 100;

/** Commits the group and settles every call in it. */
export async function commitGroup(
  place: CommitPlace,
  group: readonly PendingUpdate[],
): Promise<void> {
  const url = urlOf(place.name);
  let late: Made | undefined;
  try {
    for (;;) {
      await place.pace.wait();
      const waiting = group.filter(({ isSettled }) => !isSettled);
      if (waiting.length === 0) return;
      const beganMs = place.timing.now();
      const base = await readBase(place, waiting).catch((error: unknown) => {
        throw late === undefined ? error : inDoubt(url, 'the object cannot be read', error);
      });
      // Something on the way may have sent it twice, and told of the second time.
      if (late !== undefined && isMadeBy(base, late.id)) return resolveAll(late.values);
      if (late !== undefined) giveBack(place, late);
      late = await commitOnce(place, base, group);
      if (late === undefined) return;
      place.pace.lost(place.timing.now() - beganMs);
    }
  } catch (error) {
    for (const update of group) update.reject(error);
  }
}

/** What the updaters of a commit made. */
interface Made {
  readonly id: string;
  readonly values: ReadonlyMap<PendingUpdate, unknown>;
}

/** Steps 2 to 5, once. Gives what was not written, when others were first. */
async function commitOnce(
  place: CommitPlace,
  base: Base,
  group: readonly PendingUpdate[],
): Promise<Made | undefined> {
  const waiting = group.filter(({ isSettled }) => !isSettled);
  const [first] = waiting;
  if (first === undefined) return undefined;
  const { syntax, nonce, indent, contentType } = first.request;
  const document = syntax.open(urlOf(place.name), base.content, { indent });
  const values = await runUpdaters(place, document, waiting);
  if (values.size === 0) return undefined;
  if (!document.isChanged) {
    resolveAll(values);
    return undefined;
  }

  const id = newCommitId();
  const { found, history } = base;
  const outcome = await publish(place, {
    base,
    nonce,
    id,
    body: withNonce(nonce, document.encode(), id),
    condition: found ? { ifMatch: found.etag } : { ifNoneMatch: '*' },
    metadata: history.followedBy(id, found?.metadata ?? {}),
    headers: found?.headers ?? { contentType },
    deadlineMs: deadlineOf(waiting),
  });
  if (outcome === 'superseded') return { id, values };
  place.pace.won();
  resolveAll(values);
  return undefined;
}

async function runUpdaters(
  { within }: CommitPlace,
  document: Document,
  waiting: readonly PendingUpdate[],
): Promise<ReadonlyMap<PendingUpdate, unknown>> {
  const made = new Map<PendingUpdate, unknown>();
  for (const update of waiting) {
    if (update.isSettled) continue;
    const call = { ...update.request, isOver: () => update.isSettled };
    try {
      const applied = await applyUpdater(document, call, (value) => update.run(value, within));
      if (applied === undefined) continue;
      made.set(update, applied.value);
      update.startCommitting();
    } catch (error) {
      update.reject(error);
    }
  }
  return made;
}

function resolveAll(values: ReadonlyMap<PendingUpdate, unknown>): void {
  for (const [update, value] of values) update.resolve(value);
}

/**
 * Nothing of these calls is under way any more: their updaters run again, unless their time is
 * over.
 */
function giveBack({ timing, name }: CommitPlace, { values }: Made): void {
  for (const update of values.keys()) {
    update.stopCommitting();
    if (timing.now() >= update.deadlineMs)
      update.reject(alwaysLate(urlOf(name), update.request.timeoutMs));
  }
}

function deadlineOf(updates: readonly PendingUpdate[]): number {
  return Math.max(...updates.map(({ deadlineMs }) => deadlineMs));
}

/** Step 1. */
async function readBase(place: CommitPlace, waiting: readonly PendingUpdate[]): Promise<Base> {
  const { nonce } = (waiting[0] as PendingUpdate).request;
  return baseOf(await readObject(place, deadlineOf(waiting)), nonce);
}

/**
 * Whether a commit is what is there, or led to it. Some stores lose metadata; the bytes they keep.
 */
function isMadeBy({ history, nonceId }: Base, id: string): boolean {
  return history.has(id) || nonceId === id;
}

function baseOf(found: FoundObject | undefined, nonce: NonceKind): Base {
  if (found === undefined) {
    return { found, content: undefined, history: History.of(found), nonceId: undefined };
  }
  const body = Buffer.from(found.body.buffer, found.body.byteOffset, found.body.byteLength);
  const { content, id: nonceId } = withoutNonce(nonce, body);
  const history = History.of(found, nonce === 'none' ? undefined : { id: nonceId });
  return { found, content, history, nonceId };
}

/**
 * The object, or `undefined` when there is none. A request that got no whole answer is made again
 * until the deadline.
 *
 * @throws HoldfastError STORE_FAILED
 */
export async function readObject(
  { store, name, timing }: Omit<CommitPlace, 'pace' | 'within'>,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<FoundObject | undefined> {
  for (const pause of pauses(timing)) {
    const read = await store.get(name, { signal });
    if (read.outcome === 'found') return read;
    if (read.outcome === 'missing') return undefined;
    if (read.outcome === 'precondition') throw unanswered('read', urlOf(name), read);
    if (signal?.aborted) throw aborted('read', urlOf(name), signal);
    const isLate = timing.now() >= deadlineMs;
    if (read.outcome === 'refused' && (isLate || !read.refusal.isTransient))
      throw refused('read', urlOf(name), read.refusal);
    if (read.outcome === 'unknown' && isLate) throw unanswered('read', urlOf(name), read.cause);
    await pause();
  }
  return undefined;
}

/** A request whose answer was lost. */
interface Doubt {
  readonly cause: unknown;
}

/**
 * Steps 3 to 5.
 *
 * @throws HoldfastError STORE_FAILED, with the outcome `unchanged` when no request of the attempt
 *   can have been done
 */
async function publish(place: CommitPlace, attempt: Attempt): Promise<'committed' | 'superseded'> {
  const { store, name, timing } = place;
  const { body, condition, metadata, headers, deadlineMs } = attempt;
  let doubt: Doubt | undefined;
  let patienceMs = PATIENCE_MS + Math.ceil(body.length / SLOWEST_BYTES_PER_MS);
  for (const pause of pauses(timing)) {
    const signal = AbortSignal.timeout(patienceMs);
    const written = await store.put(name, body, { condition, metadata, headers, signal });
    patienceMs = Math.min(LONGEST_PATIENCE_MS, patienceMs * 2);
    if (written.outcome === 'committed') return 'committed';
    // After a doubt it may be our own earlier request that made the condition false.
    if (written.outcome === 'precondition' && doubt === undefined) return 'superseded';
    if (written.outcome === 'unknown') doubt = written;
    const isRefused = written.outcome === 'refused' && !written.refusal.isTransient;
    const isOver = isRefused || timing.now() >= deadlineMs;
    if (written.outcome === 'refused' && doubt === undefined && isOver)
      throw refused('publish', urlOf(name), written.refusal);
    if (doubt !== undefined) {
      const verdict = await settleDoubt(place, attempt, doubt.cause);
      if (verdict !== 'repeat') return verdict;
      if (isOver) throw inDoubt(urlOf(name), 'it may still arrive', doubt.cause);
    }
    await pause();
  }
  throw new Error('pauses have no end');
}

/** Step 5. */
async function settleDoubt(
  place: CommitPlace,
  attempt: Attempt,
  cause: unknown,
): Promise<'committed' | 'superseded' | 'repeat'> {
  const { base, nonce, id, deadlineMs } = attempt;
  const url = urlOf(place.name);
  const found = await readObject(place, deadlineMs).catch((error: unknown) => {
    throw inDoubt(url, 'the object cannot be read', error);
  });
  if (found?.etag === base.found?.etag) return 'repeat';
  const now = baseOf(found, nonce);
  if (isMadeBy(now, id)) return 'committed';
  if (found === undefined) throw inDoubt(url, 'the object has been removed since', cause);
  if (!now.history.has(base.history.mark))
    throw inDoubt(url, 'what was written since does not say from what it was made', cause);
  // Without a nonce the bytes of the base may come back, and a late request with them.
  if (nonce === 'none') throw inDoubt(url, 'another writer has written since', cause);
  return 'superseded';
}

/** What to wait before each further request: full jitter, longer each time. */
export function* pauses(timing: Timing): Generator<() => Promise<void>, void> {
  for (let longest = FIRST_PAUSE_MS; ; longest = Math.min(LONGEST_PAUSE_MS, longest * 2))
    yield () => timing.sleep(timing.random() * longest);
}
