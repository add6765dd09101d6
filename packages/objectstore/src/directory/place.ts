/**
 * A directory in a bucket: where its objects are, and how requests for them are made.
 *
 *     PREFIX/current.json                     the pointer: which generation readers read
 *     PREFIX/generations/<generation>/…       the files of one; no key is ever used twice
 *     PREFIX/manifests/<generation>.json      their sizes, ETags and checksums
 *     PREFIX/claims/<generation>.json         what became of it: claim.ts
 *     PREFIX/parts/…                          what is made in parts: ../parts/session-place.ts
 *
 * The pointer is the one object that is ever replaced with a meaning, and its replacement the one
 * commit point. In its place may stand a document of the caller's own (pointer-form.ts).
 */
import { randomBytes } from 'node:crypto';
import { invalidArgument } from 'holdfast/options';
import { accessOf } from '../document/object-options.js';
import { pauses } from '../document/commit-object.js';
import { updateObject } from '../document/object-queue.js';
import type { ObjectFormat } from '../document/read-object.js';
import { aborted, refused, unanswered } from '../document/store-errors.js';
import { machineTiming, type Timing } from '../document/timing.js';
import { parseS3Url, urlOf } from '../s3-url.js';
import type { ListedObject, ObjectName, ObjectStore, Refusal } from '../store/object-store.js';
import { pointerFormOf, type DirectoryAccess, type PointerForm } from './pointer-form.js';

/** Where a directory is. */
export interface DirectoryPlace {
  /** `s3://bucket/prefix`, without a slash at its end. */
  readonly url: string;
  readonly store: ObjectStore;
  readonly root: ObjectName;
  readonly pointer: PointerForm;
  readonly timing: Timing;
  /** For how long each step goes on when nothing answers. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Replaces an object by what the updater makes of it, as `updateJson` does. */
  readonly update: (
    name: ObjectName,
    updater: (value: never) => unknown,
    format?: ObjectFormat,
  ) => Promise<unknown>;
}

/** The place that a caller names. */
export function placeOf(call: string, url: unknown, access: DirectoryAccess): DirectoryPlace {
  const trimmed = typeof url === 'string' ? url.replace(/\/$/, '') : url;
  const root = parseS3Url(call, trimmed);
  const { store, timeoutMs } = accessOf(call, access);
  const { signal } = access;
  const pointer = pointerFormOf(call, root, access.index);
  return {
    url: urlOf(root),
    store,
    root,
    pointer,
    timing: machineTiming,
    timeoutMs,
    signal,
    update: (name, updater, format = pointer.format) => {
      const request = { ...format, timeoutMs, signal };
      return updateObject(store, name, updater, request);
    },
  };
}

export function filesPrefix({ root }: DirectoryPlace, generation: string): ObjectName {
  return below(root, `generations/${generation}/`);
}

/**
 * The name of a file.
 *
 * @param path - under the directory, with `/` between the parts
 * @throws HoldfastError PATH_ESCAPES, or INVALID_ARGUMENT for what no key can be
 */
export function fileName(place: DirectoryPlace, generation: string, path: string): ObjectName {
  return nameBelow(filesPrefix(place, generation), path);
}

/** The same below any prefix. */
export function nameBelow(prefix: ObjectName, path: string): ObjectName {
  const { bucket, key } = prefix;
  if (typeof path !== 'string' || path.split('/').includes(''))
    throw invalidArgument(
      'write',
      'the name of a file is a relative path, without //',
      urlOf(prefix),
    );
  return parseS3Url('write', urlOf({ bucket, key: key + path }));
}

export function manifestName({ root }: DirectoryPlace, generation: string): ObjectName {
  return below(root, `manifests/${generation}.json`);
}

export function claimsPrefix({ root }: DirectoryPlace): ObjectName {
  return below(root, 'claims/');
}

export function claimName({ root }: DirectoryPlace, generation: string): ObjectName {
  return below(root, `claims/${generation}.json`);
}

export function below({ bucket, key }: ObjectName, path: string): ObjectName {
  return { bucket, key: `${key}/${path}` };
}

const TIME_DIGITS = 9;
const RANDOM_BYTES = 10;
const GENERATION = /^[0-9a-z]{9}-[0-9a-f]{20}(-[0-9a-f]{20})?$/;

/**
 * A name that no other generation has; those that are made later are later in a list, mostly.
 *
 * @param session - whose parts it is made of, which its name says
 */
export function newGeneration(session?: string): string {
  const time = Date.now().toString(36).padStart(TIME_DIGITS, '0');
  const name = `${time}-${randomBytes(RANDOM_BYTES).toString('hex')}`;
  return session === undefined ? name : `${name}-${session}`;
}

/** Whether a generation is made of the parts of a session. */
export function isOfSession(generation: string | null, session: string): boolean {
  return generation?.split('-')[2] === session;
}

export function isGeneration(name: unknown): name is string {
  return typeof name === 'string' && GENERATION.test(name);
}

/** What a request gives that may have got no answer. */
type Result =
  | { readonly outcome: 'unknown'; readonly cause: unknown }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  | { readonly outcome: 'committed' | 'found' | 'missing' | 'precondition' };

/**
 * The answer to a request that may be made any number of times: one of a read, a removal, or an
 * object that this process alone writes, always with the same bytes.
 *
 * @returns the first answer, also when it is one to a repetition
 * @throws HoldfastError STORE_FAILED, ABORTED
 */
export async function insist<R extends Result>(
  place: DirectoryPlace,
  { step, name }: { readonly step: string; readonly name: ObjectName },
  send: (signal: AbortSignal | undefined) => Promise<R>,
): Promise<Exclude<R, { readonly outcome: 'unknown' | 'refused' }>> {
  const { timing, timeoutMs, signal } = place;
  const deadlineMs = timing.now() + timeoutMs;
  for (const pause of pauses(timing)) {
    if (signal?.aborted) throw aborted(step, place.url, signal);
    const result = await send(signal);
    const isOver = timing.now() >= deadlineMs;
    if (result.outcome === 'refused') {
      if (isOver || !result.refusal.isTransient) throw refused(step, urlOf(name), result.refusal);
    } else if (result.outcome !== 'unknown') {
      return result as Exclude<R, { readonly outcome: 'unknown' | 'refused' }>;
    } else if (isOver && !signal?.aborted) {
      throw unanswered(step, urlOf(name), result.cause);
    }
    await pause();
  }
  throw new Error('pauses have no end');
}

/** All objects below a prefix. */
export async function* listAll(
  place: DirectoryPlace,
  prefix: ObjectName,
): AsyncGenerator<ListedObject> {
  let after: string | undefined;
  do {
    const from = after;
    const listed = await insist(place, { step: 'list', name: prefix }, (signal) =>
      place.store.list(prefix.bucket, prefix.key, { after: from, signal }),
    );
    if (listed.outcome !== 'found') return;
    yield* listed.objects;
    after = listed.next;
  } while (after !== undefined);
}

/** Removes an object, or finds that it is gone. */
export async function removeObject(place: DirectoryPlace, name: ObjectName): Promise<void> {
  await insist(place, { step: 'remove', name }, (signal) => place.store.delete(name, { signal }));
}
