/**
 * The claim of a generation: what may still become of it. Publishers and sweepers, who cannot know
 * whether the other lives, agree by it.
 *
 *     filling      its publisher may still write it and publish it; or has published it
 *     superseded   it was published, and another was after it: readers of before may still read it
 *     dead         it must not be published any more; some of it may be gone
 *     swept        nothing of it is there, and no request that could publish it is under way
 *
 * A publisher publishes only what is `filling`, and looks *after* it has read the pointer which it
 * is about to replace. A sweeper makes a claim `dead`, and *then* replaces the pointer: whoever had
 * looked before has read the pointer of before, and its request no longer finds it.
 *
 * One publish at a time fills a generation. Another may take the claim over from it, to go on where
 * it stopped: as a sweeper does, it changes the claim and *then* replaces the pointer.
 *
 * Every state but the first is written on the condition that the claim is the one that was read,
 * with bytes that no other claim has: so an ETag that is gone does not come back.
 */
import { Buffer } from 'node:buffer';
import { HoldfastError } from 'holdfast';
import { pauses, readObject } from '../document/commit-object.js';
import { newCommitId } from '../document/nonce.js';
import { refused, unanswered } from '../document/store-errors.js';
import { urlOf } from '../s3-url.js';
import { claimName, insist, type DirectoryPlace } from './place.js';

const states = ['filling', 'superseded', 'dead', 'swept'] as const;
export type ClaimState = (typeof states)[number];

export interface Claim {
  readonly generation: string;
  /** Of a claim in the state `filling`: who fills it. */
  readonly filler: Filler | undefined;
  readonly state: ClaimState;
  readonly etag: string;
  /** When the store says that it came into this state. */
  readonly modifiedMs: number;
}

/** Who fills a generation: one publish, and no other at the same time. */
export interface Filler {
  /** Of this publish alone. */
  readonly by: string;
  /** What it publishes, so that another publish of the same may go on where it stopped. */
  readonly job?: string | undefined;
}

/** Begins a generation. Its name is of this process alone, so whatever has it is its own. */
export async function makeClaim(
  place: DirectoryPlace,
  generation: string,
  filler: Filler = { by: newCommitId() },
): Promise<void> {
  const name = claimName(place, generation);
  const body = bodyOf(generation, 'filling', filler);
  await insist(place, { step: 'claim', name }, (signal) =>
    place.store.put(name, body, { condition: { ifNoneMatch: '*' }, headers, signal }),
  );
}

/**
 * What has become of a generation; `undefined` when nobody knows any more.
 *
 * @throws HoldfastError CORRUPT_DOCUMENT, STORE_FAILED
 */
export async function readClaim(
  place: DirectoryPlace,
  generation: string,
): Promise<Claim | undefined> {
  const found = await readBytes(place, generation);
  if (found === undefined) return undefined;
  const { state, filler } = contentOf(found.body);
  if (state === undefined) throw noClaim(place, generation);
  return { generation, state, filler, etag: found.etag, modifiedMs: found.modifiedMs ?? 0 };
}

/**
 * Takes a claim from the state that was read to another one.
 *
 * @returns whether it did; false when somebody else has changed it
 */
export async function changeClaim(
  place: DirectoryPlace,
  { generation, etag }: Claim,
  state: ClaimState,
  filler: Filler = { by: newCommitId() },
): Promise<boolean> {
  const { store, timing, timeoutMs, signal } = place;
  const name = claimName(place, generation);
  const body = bodyOf(generation, state, filler);
  const deadlineMs = timing.now() + timeoutMs;
  for (const pause of pauses(timing)) {
    const condition = { ifMatch: etag };
    const written = await store.put(name, body, { condition, headers, signal });
    if (written.outcome === 'committed') return true;
    const isOver = timing.now() >= deadlineMs;
    if (written.outcome === 'refused' && (isOver || !written.refusal.isTransient))
      throw refused('claim', urlOf(name), written.refusal);
    // What was refused may be a repetition that something on the way has made.
    const found = await readBytes(place, generation);
    if (found?.etag !== etag) return found !== undefined && body.equals(found.body);
    if (isOver) throw unanswered('claim', urlOf(name), written, 'unknown');
    await pause();
  }
  return false;
}

const headers = { contentType: 'application/json' };

function bodyOf(generation: string, state: ClaimState, { by, job }: Filler): Buffer {
  return Buffer.from(`${JSON.stringify({ generation, state, by, job })}\n`);
}

function contentOf(body: Uint8Array): {
  readonly state?: ClaimState | undefined;
  readonly filler?: Filler | undefined;
} {
  try {
    const { state, by, job } = JSON.parse(Buffer.from(body).toString()) as Partial<
      Record<string, unknown>
    >;
    const isFilled = state === 'filling' && typeof by === 'string';
    const filler = isFilled ? { by, job: typeof job === 'string' ? job : undefined } : undefined;
    return { state: states.find((each) => each === state), filler };
  } catch {
    return {};
  }
}

function readBytes(place: DirectoryPlace, generation: string): ReturnType<typeof readObject> {
  const { store, timing, timeoutMs, signal } = place;
  const name = claimName(place, generation);
  return readObject({ store, name, timing }, timing.now() + timeoutMs, signal);
}

function noClaim(place: DirectoryPlace, generation: string): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: 'The object is no claim of a generation. Move it away.',
    step: 'read',
    path: urlOf(claimName(place, generation)),
  });
}
