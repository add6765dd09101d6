/**
 * The record of a part: which attempt at it counts, and what that one has written. It is made by one
 * conditional PUT, the last of its attempt, so that of several attempts one counts.
 *
 * Records are never removed while their session is open: one whose files are not as it says is
 * withdrawn, by a short object in its place, and only on the condition that it is still there. So a
 * request of long ago, which wants nothing to be there or an object that is gone, does nothing.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { JsonObject, JsonValue } from 'holdfast';
import { checkedText, parseChecked } from 'holdfast/syntaxes';
import { pauses, readObject } from '../document/commit-object.js';
import { refused, unanswered } from '../document/store-errors.js';
import { listFiles, type PublishedFile } from '../directory/manifest.js';
import type { DirectoryPlace } from '../directory/place.js';
import { urlOf } from '../s3-url.js';
import type { Condition, ObjectName } from '../store/object-store.js';
import { sessionPart } from './sessions.js';

const VERSION = 1;

/** A file that an attempt has written. */
export interface PartFile extends PublishedFile {
  /** Below the directory. */
  readonly path: string;
}

/** Which attempt at a part counts. */
export interface PartRecord {
  readonly part: number;
  readonly attempt: string;
  /** What the function that made it returned. */
  readonly value: JsonValue;
  /** In the order of their paths. */
  readonly files: readonly PartFile[];
}

/** What is there in the place of a record; `record` is `undefined` when it was withdrawn. */
export interface FoundRecord {
  readonly etag: string;
  readonly record: PartRecord | undefined;
}

/** Where the record of a part is. */
export interface RecordPlace {
  readonly place: DirectoryPlace;
  readonly id: string;
  readonly part: number;
}

/** In hexadecimal digits; with its end of line shorter than any record. */
const WITHDRAWN_BYTES = 10;

/** The part of a record in a list; `undefined` for what is none, or was withdrawn. */
export function listedPart(key: string, sizeBytes: number): number | undefined {
  const digits = /\/(0|[1-9]\d{0,8})\.json$/u.exec(key)?.[1];
  if (digits === undefined || sizeBytes <= 2 * WITHDRAWN_BYTES + 1) return undefined;
  return Number(digits);
}

export function attemptPrefix(place: DirectoryPlace, id: string, attempt: string): ObjectName {
  return sessionPart(place, id, `attempts/${attempt}/`);
}

function nameOf({ place, id, part }: RecordPlace): ObjectName {
  return sessionPart(place, id, `records/${part}.json`);
}

/** @throws HoldfastError STORE_FAILED, ABORTED */
export async function readRecord(at: RecordPlace): Promise<FoundRecord | undefined> {
  const { store, timing, timeoutMs, signal } = at.place;
  const name = nameOf(at);
  const found = await readObject({ store, name, timing }, timing.now() + timeoutMs, signal);
  if (found === undefined) return undefined;
  return { etag: found.etag, record: parsed(at.part, Buffer.from(found.body).toString()) };
}

function parsed(part: number, text: string): PartRecord | undefined {
  const file = parseChecked(text);
  if (file === 'damaged') return undefined;
  const { version, attempt, value, files } = file.value;
  const isOurs =
    version === VERSION &&
    file.value['part'] === part &&
    typeof attempt === 'string' &&
    attempt.startsWith(`${part}-`) &&
    Array.isArray(files);
  if (!isOurs) return undefined;
  return { part, attempt, value: value ?? null, files: files as unknown as readonly PartFile[] };
}

/**
 * Makes the record of a part, in the place of what was found there.
 *
 * @returns what is there then: this record, or that of another attempt; `undefined` for one that was
 *   withdrawn meanwhile
 * @throws HoldfastError STORE_FAILED, with the outcome `unknown` when it may still be made
 */
export async function makeRecord(
  at: RecordPlace,
  record: PartRecord,
  found: FoundRecord | undefined,
): Promise<PartRecord | undefined> {
  const { part, attempt, value, files } = record;
  const entries = files as unknown as JsonObject[];
  const text = checkedText({ version: VERSION, part, attempt, value, files: entries });
  return (await replace(at, Buffer.from(text), found))?.record;
}

/** Takes a record away whose files are not as it says, if it is still there. */
export async function withdraw(at: RecordPlace, found: FoundRecord): Promise<void> {
  const body = Buffer.from(`${randomBytes(WITHDRAWN_BYTES).toString('hex')}\n`);
  await replace(at, body, found);
}

/** Gives what is there in the end. */
async function replace(
  at: RecordPlace,
  body: Buffer,
  before: FoundRecord | undefined,
): Promise<FoundRecord | undefined> {
  const { store, timing, timeoutMs, signal } = at.place;
  const name = nameOf(at);
  const condition: Condition = before ? { ifMatch: before.etag } : { ifNoneMatch: '*' };
  const headers = { contentType: 'application/json' };
  const deadlineMs = timing.now() + timeoutMs;
  let isInDoubt = false;
  for (const pause of pauses(timing)) {
    const written = await store.put(name, body, { condition, headers, signal });
    if (written.outcome === 'committed')
      return { etag: written.etag, record: parsed(at.part, body.toString()) };
    isInDoubt ||= written.outcome === 'unknown';
    const isOver = timing.now() >= deadlineMs;
    if (written.outcome === 'refused' && !isInDoubt && (isOver || !written.refusal.isTransient))
      throw refused('record', urlOf(name), written.refusal);
    // What was refused may be a repetition that something on the way has made.
    const now = await readRecord(at);
    if (now?.etag !== before?.etag) return now;
    if (isOver || signal?.aborted) throw unanswered('record', urlOf(name), written, 'unknown');
    await pause();
  }
  return undefined;
}

/** Whether two attempts have made the same. */
export function isSamePart(a: PartRecord, b: PartRecord): boolean {
  const told = ({ value, files }: PartRecord): string =>
    JSON.stringify([value, files.map(({ path, sizeBytes, sha256 }) => [path, sizeBytes, sha256])]);
  return told(a) === told(b);
}

/** Whether the store lists all files of a record, as they were written. */
export async function isListed(
  place: DirectoryPlace,
  id: string,
  { attempt, files }: PartRecord,
): Promise<boolean> {
  if (files.length === 0) return true;
  const listed = await listFiles(place, attemptPrefix(place, id, attempt));
  return files.every(({ path, sizeBytes, etag }) => {
    const found = listed.get(path);
    return found?.sizeBytes === sizeBytes && found.etag === etag;
  });
}
