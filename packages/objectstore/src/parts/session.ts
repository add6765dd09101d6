/**
 * A session of parts in a bucket, as those who work on it have it. A part is written so:
 *
 * 1. the session is open, and the part has no record whose files are there
 * 2. say that an attempt has begun, under a name that nobody has used, and write its files below it
 * 3. all of them are there, as they were written
 * 4. make the record of the part, onto nothing, or onto one that was withdrawn: from here on it is done
 * 5. the session is still open, or was committed
 *
 * A worker that dies before 4 leaves objects that go with the session.
 */
import { randomBytes } from 'node:crypto';
import {
  HoldfastError,
  isHoldfastError,
  type JsonObject,
  type JsonValue,
  type PartsProgress,
  type WrittenPart,
} from 'holdfast';
import { checkOptions, invalidArgument } from 'holdfast/options';
import { checkId, sessionGone } from 'holdfast/syntaxes';
import { CONCURRENCY, fillStage, type ObjectStage } from '../directory/fill-stage.js';
import { takeStock } from '../directory/manifest.js';
import {
  fileName,
  insist,
  listAll,
  newGeneration,
  placeOf,
  removeObject,
  type DirectoryPlace,
} from '../directory/place.js';
import { directoryAccessNames, type DirectoryAccess } from '../directory/pointer-form.js';
import type { FilledDirectory } from '../directory/publish-directory.js';
import {
  commitSession,
  recordedParts,
  type CommitPartsOptions,
  type CommittedParts,
  type PublishParts,
} from './commit-parts.js';
import {
  attemptPrefix,
  isListed,
  isSamePart,
  makeRecord,
  readRecord,
  type PartRecord,
} from './part-record.js';
import { readSessions, sessionPart, type Sessions } from './sessions.js';

/** How a part is written. */
export interface WritePartOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
  /** How many tasks of `spawn` run at once; 8 by default. */
  readonly concurrency?: number | undefined;
}

/** What a commit has published. */
export interface PublishedParts {
  /** `s3://bucket/prefix` */
  readonly path: string;
  readonly generation: string;
  readonly fileCount: number;
  /** Of all files. */
  readonly sizeBytes: number;
}

/** A session that this process has joined. */
export interface PartsSession {
  readonly id: string;
  readonly partCount: number;
  /** What `beginParts` was given as the job. */
  readonly job: JsonValue;
  /**
   * Makes one part: `fill` writes files of the directory through a stage of its own, under the paths
   * that they are to have.
   *
   * After success the part is done, whoever did it. After a failure it can be made again; what is
   * left of an attempt goes with the session.
   *
   * Not promised: that `fill` is called (a part that is done is not made again), or that it is
   * called by one process at a time. Two calls of one part must make the same bytes.
   *
   * @param part - from 0 on
   * @param fill - what it returns is kept with the part, as JSON
   * @throws HoldfastError SESSION_GONE; PART_DIFFERS; TARGET_CHANGED for objects that somebody else
   *   has changed, and for a part that a commit has found wanting meanwhile; UPDATER_FAILED when
   *   `fill` failed; STORE_FAILED; ABORTED; INVALID_ARGUMENT
   */
  writePart(
    part: number,
    fill: (stage: ObjectStage) => Promise<JsonValue | void> | JsonValue | void,
    options?: WritePartOptions,
  ): Promise<WrittenPart>;
  /** How far the session has come, as the store lists it. */
  progress(): Promise<PartsProgress>;
  /**
   * Publishes the files of all parts, as `publishDirectory` does, and ends the session. Trusts
   * nothing but what it reads again. Anybody may call it, several at once, and again after a commit
   * that died or was done: then the answer is that of the first.
   *
   * After success readers are led to the files, and nothing is left of the session but the answer to
   * whoever asks again. After a failure with the outcome `unchanged` nothing was published, and the
   * session is open; with `unknown` call again.
   *
   * @throws HoldfastError PARTS_MISSING for parts that are not done, or whose files are not as
   *   their record says: these can be written again; PATH_CONFLICT; SESSION_GONE; those of
   *   publishDirectory
   */
  commit(options?: CommitPartsOptions): Promise<PublishedParts>;
  /** The same, for what is not published file by file, or has an index of its own. */
  commitWith<V, T extends JsonValue>(
    publish: PublishParts<V, T>,
    options?: CommitPartsOptions,
  ): Promise<T>;
}

/**
 * Joins the session of a directory below a prefix, on any machine.
 *
 * @param url - `s3://bucket/prefix`, as `beginParts` was given it
 * @param id - what {@link beginParts} gave
 * @throws HoldfastError SESSION_GONE; CORRUPT_DOCUMENT for the session of another version;
 *   STORE_FAILED; INVALID_ARGUMENT
 */
export async function joinParts(
  url: string,
  id: string,
  options: DirectoryAccess = {},
): Promise<PartsSession> {
  checkOptions('joinParts', options, directoryAccessNames);
  checkId('joinParts', id);
  return joinAt(placeOf('joinParts', url, options), id);
}

/** The same for a place. */
export async function joinAt(place: DirectoryPlace, id: string): Promise<PartsSession> {
  const { open, last } = await readSessions(place);
  const known = open?.id === id ? open : last?.facts;
  if (known?.id !== id) throw sessionGone(place.url, id);
  const { partCount, job } = known;
  const commitWith: PartsSession['commitWith'] = (publish, given) =>
    commitSession(place, id, publish, given);
  return {
    id,
    partCount,
    job,
    writePart: async (part, fill, given = {}) =>
      writePart(place, { id, part: checkedPart(part, partCount) }, fill, given),
    progress: () => progressOf(place, id),
    commit: async (given) =>
      (await commitWith(
        { fill: copyAll, result: (filled) => publishedAs(place, filled) },
        given,
      )) as unknown as PublishedParts,
    commitWith,
  };
}

function checkedPart(part: number, partCount: number): number {
  if (Number.isSafeInteger(part) && part >= 0 && part < partCount) return part;
  throw invalidArgument(
    'writePart',
    `a part is a whole number from 0 to ${partCount - 1}, not ${part}`,
  );
}

interface PartOfSession {
  readonly id: string;
  readonly part: number;
}

type Fill = Parameters<PartsSession['writePart']>[1];

async function writePart(
  given: DirectoryPlace,
  { id, part }: PartOfSession,
  fill: Fill,
  options: WritePartOptions,
): Promise<WrittenPart> {
  checkOptions('writePart', options, ['signal', 'concurrency']);
  const { signal = given.signal, concurrency = CONCURRENCY } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1)
    throw invalidArgument('writePart', 'concurrency is a whole number of 1 or more', given.url);
  const place = { ...given, signal };
  const done = { part, wasDone: true };
  if (isCommitted(place, await readSessions(place), id)) return done;
  let wasDone: boolean;
  try {
    wasDone = await attempt(place, { id, part }, fill, concurrency);
  } catch (error) {
    // What was committed or abandoned meanwhile may have been removed under it.
    if (isHoldfastError(error, 'PART_DIFFERS') || signal?.aborted) throw error;
    if (isCommitted(place, await readSessions(place), id, error)) return done;
    throw error;
  }
  // Of one that was committed meanwhile nobody is told which attempt it was.
  return { part, wasDone: isCommitted(place, await readSessions(place), id) || wasDone };
}

/** @throws HoldfastError SESSION_GONE for one that is neither open nor committed */
function isCommitted(
  { url }: DirectoryPlace,
  { open, last }: Sessions,
  id: string,
  cause?: unknown,
): boolean {
  if (last?.facts.id === id) return true;
  if (open?.id === id && open.state !== 'abandoned') return false;
  throw sessionGone(url, id, cause);
}

/** Steps 1 to 4; whether the part was done. */
async function attempt(
  place: DirectoryPlace,
  { id, part }: PartOfSession,
  fill: Fill,
  concurrency: number,
): Promise<boolean> {
  const at = { place, id, part };
  const found = await readRecord(at);
  if (found?.record && (await isListed(place, id, found.record))) return true;
  const name = `${part}-${randomBytes(ATTEMPT_BYTES).toString('hex')}`;
  const begun = sessionPart(place, id, `begun/${name}`);
  await insist(place, { step: 'part', name: begun }, (signal) =>
    place.store.put(begun, new Uint8Array(0), { signal }),
  );
  const record = await fillAttempt(place, { id, part, name }, fill, concurrency);
  const winner = await makeRecord(at, record, found);
  if (winner === undefined) throw foundWanting(place, part);
  if (winner.attempt === name) return false;
  await discard(place, id, name);
  if (isSamePart(winner, record)) return true;
  throw differs(place, part);
}

const ATTEMPT_BYTES = 10;

async function fillAttempt(
  place: DirectoryPlace,
  { id, part, name }: PartOfSession & { readonly name: string },
  fill: Fill,
  concurrency: number,
): Promise<PartRecord> {
  const prefix = attemptPrefix(place, id, name);
  // What is no name in the end is refused here.
  const published = newGeneration(id);
  const checking = (stage: ObjectStage): ObjectStage => ({
    ...stage,
    write: async (path, data, options) => {
      fileName(place, published, path);
      return stage.write(path, data, options);
    },
  });
  try {
    const { value, written } = await fillStage(
      place,
      { prefix, isIndex: false, concurrency },
      async (stage) => fill(checking(stage)),
    );
    const stock = await takeStock(place, prefix, written);
    const files = [...stock].map(([path, file]) => ({ path, ...file }));
    return {
      part,
      attempt: name,
      value: asJson(value),
      files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    };
  } catch (error) {
    await discard(place, id, name);
    throw error;
  }
}

function asJson(value: JsonValue | void): JsonValue {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value)) as JsonValue);
}

/** What cannot be removed goes with the session. */
async function discard(given: DirectoryPlace, id: string, name: string): Promise<void> {
  const place = { ...given, signal: undefined, timeoutMs: 0 };
  const prefix = attemptPrefix(place, id, name);
  try {
    for await (const { key } of listAll(place, prefix))
      await removeObject(place, { bucket: prefix.bucket, key });
    await removeObject(place, sessionPart(place, id, `begun/${name}`));
  } catch {
    // What the caller is told has happened before.
  }
}

function foundWanting({ url }: DirectoryPlace, part: number): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message: `Part ${part} was done meanwhile, and a commit has found it wanting. Try again.`,
    step: 'record',
    path: url,
  });
}

function differs({ url }: DirectoryPlace, part: number): HoldfastError {
  return new HoldfastError('PART_DIFFERS', {
    message: `Part ${part} was done by another attempt, which made other bytes or another value. The first one counts; this one is gone. A part must make the same of the same input: look for a time, a random number, an order of work or another version in what it writes.`,
    step: 'record',
    path: url,
  });
}

async function progressOf(place: DirectoryPlace, id: string): Promise<PartsProgress> {
  const { open, last } = await readSessions(place);
  if (open?.id !== id || open.state === 'abandoned') {
    if (last?.facts.id !== id) throw sessionGone(place.url, id);
    const { partCount } = last.facts;
    const all = Array.from({ length: partCount }, (_, part) => part);
    return { state: 'committed', partCount, done: all, begun: [] };
  }
  // In this order: one that ends meanwhile is seen as begun, or as done.
  const begun = new Set<number>();
  for await (const { key } of listAll(place, sessionPart(place, id, 'begun/')))
    begun.add(Number(/\/(\d+)-[0-9a-f]+$/u.exec(key)?.[1] ?? -1));
  const done = await recordedParts(place, id);
  const { partCount, state } = open;
  const inOrder = (parts: Iterable<number>) => [...parts].toSorted((a, b) => a - b);
  return {
    // A commit that failed has left it so.
    state: state === 'committing' && done.size === partCount ? state : 'open',
    partCount,
    done: inOrder(done),
    begun: inOrder([...begun].filter((part) => part >= 0 && !done.has(part))),
  };
}

async function copyAll(stage: ObjectStage, { records, read }: CommittedParts): Promise<void> {
  for (const record of records) {
    for (const file of record.files)
      await stage.spawn(() => stage.write(file.path, read(record, file)));
  }
}

function publishedAs(
  { url }: DirectoryPlace,
  { generation, files }: FilledDirectory<unknown>,
): JsonObject {
  const sizes = [...files.values()].map(({ sizeBytes }) => sizeBytes);
  return {
    path: url,
    generation,
    fileCount: files.size,
    sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}
