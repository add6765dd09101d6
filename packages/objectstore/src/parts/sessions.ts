/**
 * The sessions of a directory in a bucket that is made in parts:
 *
 *     PREFIX/parts/session.json                     the session that is open, and the last commit
 *     PREFIX/parts/<id>/begun/<attempt>             that an attempt at a part has begun
 *     PREFIX/parts/<id>/attempts/<attempt>/…        the files of one; no key is ever used twice
 *     PREFIX/parts/<id>/records/<part>.json         which attempt counts: part-record.ts
 *     PREFIX/parts/<id>/results/<generation>.json   what a commit is about to have done
 *
 * The first is replaced as the pointer is, by conditional PUTs that settle every doubt. A session is
 *
 *     open          parts are written; nobody can be publishing it
 *     committing    somebody may be publishing it, or was; parts are still written
 *     abandoned     it must not be published any more; perhaps somebody is about to
 *
 * A commit looks at the session *after* it has read the pointer that it is about to replace, as it
 * looks at its claim. Whoever abandons a session that is `committing` says so first, and *then*
 * replaces the pointer: whoever had looked before no longer finds the pointer of before.
 *
 * The name of a generation that is made of parts says of which session. So the pointer tells whether
 * a commit that died had published.
 */
import { Buffer } from 'node:buffer';
import { HoldfastError, type JsonValue } from 'holdfast';
import { readObject } from '../document/commit-object.js';
import { withoutNonce } from '../document/nonce.js';
import {
  below,
  isOfSession,
  listAll,
  removeObject,
  type DirectoryPlace,
} from '../directory/place.js';
import { jsonFormat } from '../directory/pointer-form.js';
import type { Pointer } from '../directory/pointer.js';
import { urlOf } from '../s3-url.js';
import type { ObjectName } from '../store/object-store.js';

/** How the directory of a session is to be published. */
export interface SessionPublishing {
  readonly ifExists: 'fail' | 'replace';
  readonly keepPrevious: number;
  /** `null` for what a sweep does by itself. */
  readonly keepForMs: number | null;
}

/** What a session is, as it was begun. */
export interface SessionFacts {
  readonly id: string;
  readonly partCount: number;
  readonly job: JsonValue;
  readonly publishing: SessionPublishing;
}

export interface OpenSession extends SessionFacts {
  readonly state: 'open' | 'committing' | 'abandoned';
}

/** The session that was committed last. */
export interface LastCommit {
  readonly facts: SessionFacts;
  readonly result: JsonValue;
}

/** What `session.json` holds. */
export interface Sessions {
  readonly version: 1;
  readonly open: OpenSession | null;
  readonly last: LastCommit | null;
}

const nothing: Sessions = { version: 1, open: null, last: null };

function sessionsName({ root }: DirectoryPlace): ObjectName {
  return below(root, 'parts/session.json');
}

/** What a session keeps somewhere: `begun/`, `attempts/…`, `records/…`, `results/…`. */
export function sessionPart({ root }: DirectoryPlace, id: string, path: string): ObjectName {
  return below(root, `parts/${id}/${path}`);
}

/** @throws HoldfastError CORRUPT_DOCUMENT, STORE_FAILED */
export async function readSessions(place: DirectoryPlace): Promise<Sessions> {
  const { store, timing, timeoutMs, signal } = place;
  const name = sessionsName(place);
  const found = await readObject({ store, name, timing }, timing.now() + timeoutMs, signal);
  if (found === undefined) return nothing;
  const { content } = withoutNonce(jsonFormat.nonce, Buffer.from(found.body));
  return checked(place, jsonFormat.syntax.open(urlOf(name), content, {}).takeValue({}));
}

/**
 * Replaces what is known of the sessions by what `next` makes of it, which may be called several
 * times, each time with what is there then. What it gives back as it was is not written.
 */
export async function changeSessions(
  place: DirectoryPlace,
  next: (sessions: Sessions) => Sessions | Promise<Sessions>,
): Promise<void> {
  await place.update(
    sessionsName(place),
    async (value: unknown) => {
      const now = checked(place, value);
      const then = await next(now);
      return then === now ? value : then;
    },
    jsonFormat,
  );
}

function checked(place: DirectoryPlace, value: unknown): Sessions {
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
    return nothing;
  const { version, open, last } = (value ?? {}) as Partial<Sessions>;
  if (version === 1 && isSession(open) && isSession(last?.facts ?? null))
    return { version, open: open ?? null, last: last ?? null };
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message:
      'The object is not what this version of Holdfast keeps of sessions of parts. Take the version that has begun the session, or move the object away.',
    step: 'read',
    path: urlOf(sessionsName(place)),
  });
}

function isSession(value: Partial<SessionFacts> | null | undefined): boolean {
  if (value === null) return true;
  const { id, partCount, publishing } = value ?? {};
  return typeof id === 'string' && Number.isSafeInteger(partCount) && publishing !== undefined;
}

/** The generation that a session was published as, as far as the pointer tells. */
export function generationOf(pointer: Pointer, id: string): string | undefined {
  const { generation, previous } = pointer;
  return [generation ?? '', ...previous].find((each) => isOfSession(each, id));
}

/**
 * Removes what ended sessions have left, also what stragglers have written since. None that has
 * ended is opened again, so what was listed of one that is not open then is nobody's.
 */
export async function tidy(place: DirectoryPlace): Promise<void> {
  const prefix = below(place.root, 'parts/');
  let [judged, isOpen] = ['', true];
  let removals: Promise<void>[] = [];
  for await (const { key } of listAll(place, prefix)) {
    const [id = '', path] = key.slice(prefix.key.length).split('/');
    if (path === undefined) continue;
    if (id !== judged) {
      judged = id;
      isOpen = (await readSessions(place)).open?.id === id;
    }
    if (isOpen) continue;
    removals.push(removeObject(place, { bucket: prefix.bucket, key }));
    if (removals.length < REMOVALS_AT_ONCE) continue;
    await Promise.all(removals);
    removals = [];
  }
  await Promise.all(removals);
}

const REMOVALS_AT_ONCE = 16;
