/**
 * The commit of a session in a bucket, which anybody may call, several at once, and again after one
 * that died:
 *
 * 1. answer from `session.json` where it was done; from the pointer where it was done and nobody
 *    could say so any more
 * 2. every part has a record, and the store lists the files of each as they were written
 * 3. the session becomes `committing`
 * 4. publish as any other directory (publish-directory.ts), in a generation of this commit's own: each
 *    file is read from its attempt, compared with the checksum of its record, and written. Nothing of
 *    an attempt is ever named by a pointer, so no straggler can change what was published
 * 5. before the pointer is replaced: write down what this will have done; and after it was read: the
 *    session is still to be published, and was not
 * 6. say in `session.json` what was done, and remove what the session has left
 *
 * A commit that dies before the pointer is replaced leaves a generation for a sweep, and the session
 * as it was. One that dies after that is known by the pointer.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { HoldfastError, isHoldfastError, type JsonValue } from 'holdfast';
import { checkOptions, checkWords } from 'holdfast/options';
import { partsMissing, sessionGone } from 'holdfast/syntaxes';
import { readObject } from '../document/commit-object.js';
import type { ObjectStage } from '../directory/fill-stage.js';
import { insist, listAll, nameBelow, type DirectoryPlace } from '../directory/place.js';
import { readPointer, type Pointer } from '../directory/pointer.js';
import { commitDirectory, type FilledDirectory } from '../directory/publish-directory.js';
import { sweepAt } from '../directory/sweep-directory.js';
import {
  attemptPrefix,
  isListed,
  listedPart,
  readRecord,
  withdraw,
  type FoundRecord,
  type PartFile,
  type PartRecord,
} from './part-record.js';
import {
  changeSessions,
  generationOf,
  readSessions,
  sessionPart,
  tidy,
  type OpenSession,
  type SessionFacts,
  type Sessions,
} from './sessions.js';

/** How a session is committed. */
export interface CommitPartsOptions {
  /**
   * As of sessions on a filesystem. Here both read every byte again, since what the parts have made
   * is written anew.
   */
  readonly verify?: 'checksum' | 'size' | undefined;
  /** For how long each step goes on when nothing answers, in milliseconds; 60 000 by default. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call, unless its commit may be under way. */
  readonly signal?: AbortSignal | undefined;
}

/** What all parts have made. */
export interface CommittedParts {
  readonly facts: SessionFacts;
  /** In the order of the parts. */
  readonly records: readonly PartRecord[];
  /**
   * The bytes of a file of a part. The last of them come only when all are those that were written;
   * otherwise the part is missing, and so the commit fails.
   */
  readonly read: (record: PartRecord, file: PartFile) => AsyncIterable<Uint8Array>;
}

/** How parts are published some other way than file by file. */
export interface PublishParts<V, T extends JsonValue> {
  /** Fills the stage that is published. */
  readonly fill: (stage: ObjectStage, parts: CommittedParts) => Promise<V>;
  /** The answer to every commit of the session, once it is published as this. */
  readonly result: (filled: FilledDirectory<V>) => T;
}

/** @throws HoldfastError see `PartsSession.commit` */
export async function commitSession<V, T extends JsonValue>(
  given: DirectoryPlace,
  id: string,
  publish: PublishParts<V, T>,
  options: CommitPartsOptions = {},
): Promise<T> {
  checkOptions('commit', options, ['verify', 'timeoutMs', 'signal']);
  checkWords('commit', given.url, options, { verify: ['checksum', 'size'] });
  const { timeoutMs = given.timeoutMs, signal = given.signal } = options;
  const place = { ...given, timeoutMs, signal };
  try {
    return await commitOnce(place, id, publish);
  } catch (error) {
    if (!isHoldfastError(error) || error.outcome !== 'unchanged' || signal?.aborted) throw error;
    // Another commit may have ended the session meanwhile, and removed what this one read.
    const now = await readSessions(place);
    if (now.last?.facts.id === id) return now.last.result as T;
    openIn(place, now, id, error);
    throw error;
  }
}

async function commitOnce<V, T extends JsonValue>(
  place: DirectoryPlace,
  id: string,
  { fill, result }: PublishParts<V, T>,
): Promise<T> {
  const before = await readSessions(place);
  if (before.last?.facts.id === id) return before.last.result as T;
  const facts = openIn(place, before, id);
  const done = generationOf(await readPointer(place), id);
  if (done !== undefined) return end(place, facts, done);

  const found = await collect(place, facts);
  await startCommitting(place, id);
  const damaged = new Set<FoundPart>();
  const parts = partsOf(place, facts, found, damaged);
  let overtaken: string | undefined;
  const session = {
    id,
    check: async (now: Pointer): Promise<void> => {
      overtaken = generationOf(now, id);
      if (overtaken !== undefined) throw wasPublished(place, id);
      openIn(place, await readSessions(place), id);
    },
    note: (filled: FilledDirectory<V>) => noteResult(place, id, filled.generation, result(filled)),
  };
  try {
    const { ifExists } = facts.publishing;
    const filled = (stage: ObjectStage): Promise<V> => fill(stage, parts);
    const { generation } = await commitDirectory(place, filled, { ifExists }, session);
    return await end(place, facts, generation);
  } catch (error) {
    if (overtaken !== undefined) return end(place, facts, overtaken);
    if (damaged.size === 0 || !isHoldfastError(error) || error.outcome !== 'unchanged') throw error;
    throw await missing(place, facts, [...damaged]);
  }
}

/** The session, as one that may be published. */
function openIn(
  place: DirectoryPlace,
  { open }: Sessions,
  id: string,
  cause?: unknown,
): OpenSession {
  if (open?.id === id && open.state !== 'abandoned') return open;
  throw sessionGone(place.url, id, cause);
}

/** Step 3. */
async function startCommitting(place: DirectoryPlace, id: string): Promise<void> {
  await changeSessions(place, (sessions) => {
    const open = openIn(place, sessions, id);
    if (open.state === 'committing') return sessions;
    return { ...sessions, open: { ...open, state: 'committing' } };
  });
}

interface FoundPart extends FoundRecord {
  readonly record: PartRecord;
}

const READ_AT_ONCE = 16;

/** Step 2. */
async function collect(place: DirectoryPlace, facts: SessionFacts): Promise<readonly FoundPart[]> {
  const { id, partCount } = facts;
  const found: FoundPart[] = [];
  const wanting: (number | FoundPart)[] = [];
  const numbers = Array.from({ length: partCount }, (_, part) => part)[Symbol.iterator]();
  const listed = await recordedParts(place, id);
  const look = async (): Promise<void> => {
    for (const part of numbers) {
      const there = listed.has(part) ? await readRecord({ place, id, part }) : undefined;
      const { etag = '', record } = there ?? {};
      if (record === undefined) wanting.push(part);
      else if (await isListed(place, id, record)) found.push({ etag, record });
      else wanting.push({ etag, record });
    }
  };
  await Promise.all(Array.from({ length: READ_AT_ONCE }, look));
  if (wanting.length > 0) throw await missing(place, facts, wanting);
  const records = found.toSorted((a, b) => a.record.part - b.record.part);
  refuseConflicts(place.url, records);
  return records;
}

/** The parts that have a record, as the store lists them. */
export async function recordedParts(
  place: DirectoryPlace,
  id: string,
): Promise<ReadonlySet<number>> {
  const parts = new Set<number>();
  for await (const { key, sizeBytes } of listAll(place, sessionPart(place, id, 'records/'))) {
    const part = listedPart(key, sizeBytes);
    if (part !== undefined) parts.add(part);
  }
  return parts;
}

/** What is to be said of parts that are not there; the records of those that have one go. */
async function missing(
  place: DirectoryPlace,
  facts: SessionFacts,
  wanting: readonly (number | FoundPart)[],
): Promise<HoldfastError> {
  const numbers: number[] = [];
  for (const each of wanting) {
    const part = typeof each === 'number' ? each : each.record.part;
    numbers.push(part);
    if (typeof each !== 'number') await withdraw({ place, id: facts.id, part }, each);
  }
  return partsMissing(
    place.url,
    facts,
    numbers.toSorted((a, b) => a - b),
  );
}

function refuseConflicts(path: string, found: readonly FoundPart[]): void {
  const ownerOf = new Map<string, number>();
  for (const { record } of found) {
    for (const file of record.files) {
      if (ownerOf.has(file.path)) {
        throw new HoldfastError('PATH_CONFLICT', {
          message: `Part ${record.part} and part ${ownerOf.get(file.path)} have both made '${file.path}'. Each file belongs to one part: mend what makes them, abandon the session and begin again.`,
          step: 'commit',
          path,
        });
      }
      ownerOf.set(file.path, record.part);
    }
  }
}

function partsOf(
  place: DirectoryPlace,
  facts: SessionFacts,
  found: readonly FoundPart[],
  damaged: Set<FoundPart>,
): CommittedParts {
  const byAttempt = new Map(found.map((each) => [each.record.attempt, each]));
  return {
    facts,
    records: found.map(({ record }) => record),
    async *read({ attempt }, file) {
      try {
        yield* readWhole(place, attemptPrefix(place, facts.id, attempt), file);
      } catch (error) {
        const part = byAttempt.get(attempt);
        if (part && isHoldfastError(error, 'CORRUPT_DOCUMENT')) damaged.add(part);
        throw error;
      }
    },
  };
}

/** Reads a file in pieces, so that one of any length takes little memory. */
async function* readWhole(
  place: DirectoryPlace,
  prefix: { readonly bucket: string; readonly key: string },
  file: PartFile,
): AsyncGenerator<Uint8Array> {
  const { path, sizeBytes } = file;
  const name = nameBelow(prefix, path);
  const hash = createHash('sha256');
  let last: Uint8Array = new Uint8Array(0);
  for (let offsetBytes = 0; offsetBytes < sizeBytes; offsetBytes += PIECE_BYTES) {
    const range = { offsetBytes, sizeBytes: Math.min(PIECE_BYTES, sizeBytes - offsetBytes) };
    const found = await insist(place, { step: 'read', name }, (signal) =>
      place.store.get(name, { range, signal }),
    );
    if (found.outcome !== 'found') throw notAsWritten(place, path);
    hash.update(found.body);
    if (offsetBytes > 0) yield last;
    last = found.body;
  }
  if (hash.digest('hex') !== file.sha256) throw notAsWritten(place, path);
  yield last;
}

const PIECE_BYTES = 8 * 2 ** 20;

function notAsWritten({ url }: DirectoryPlace, path: string): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: `The file '${path}' of a part is not what was written. Write the part again.`,
    step: 'commit',
    path: url,
  });
}

/** Never seen by a caller: the answer of the commit that was first takes its place. */
function wasPublished({ url }: DirectoryPlace, id: string): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message: `Session ${id} has been published by another commit.`,
    step: 'publish',
    path: url,
  });
}

function resultName(place: DirectoryPlace, id: string, generation: string) {
  return sessionPart(place, id, `results/${generation}.json`);
}

/** Step 5. The name is of this commit alone. */
async function noteResult(
  place: DirectoryPlace,
  id: string,
  generation: string,
  result: JsonValue,
): Promise<void> {
  const name = resultName(place, id, generation);
  const body = Buffer.from(`${JSON.stringify(result)}\n`);
  const headers = { contentType: 'application/json' };
  await insist(place, { step: 'note', name }, (signal) =>
    place.store.put(name, body, { condition: { ifNoneMatch: '*' }, headers, signal }),
  );
}

/** Step 6: the answer, and the end of the session. What cannot be removed now, others remove. */
async function end<T extends JsonValue>(
  place: DirectoryPlace,
  { id, publishing }: SessionFacts,
  generation: string,
): Promise<T> {
  const last = { ...place, signal: undefined };
  try {
    const result = await noteCommit(last, id, generation);
    const { keepForMs, keepPrevious } = publishing;
    await sweepAt(last, { keepForMs: keepForMs ?? undefined, keepPrevious }).catch(() => undefined);
    await tidy(last).catch(() => undefined);
    return result as T;
  } catch (cause) {
    throw notSaid(place.url, cause);
  }
}

/** Says in `session.json` that a session was published; gives what its commit has done. */
export async function noteCommit(
  place: DirectoryPlace,
  id: string,
  generation: string,
): Promise<JsonValue> {
  const { store, timing, timeoutMs, signal } = place;
  const name = resultName(place, id, generation);
  const found = await readObject({ store, name, timing }, timing.now() + timeoutMs, signal);
  let result: JsonValue | undefined;
  await changeSessions(place, (sessions) => {
    const { open, last } = sessions;
    result = last?.facts.id === id ? last.result : undefined;
    if (result !== undefined || found === undefined || open?.id !== id) return sessions;
    result = JSON.parse(Buffer.from(found.body).toString()) as JsonValue;
    const { state: _, ...facts } = open;
    return { ...sessions, open: null, last: { facts, result } };
  });
  // Another has said it, and another session was committed since.
  if (result === undefined && found) result = JSON.parse(Buffer.from(found.body).toString());
  if (result === undefined) throw sessionGone(place.url, id);
  return result;
}

/** The directory is published, and nobody could be told: the next commit finds that out. */
function notSaid(path: string, cause: unknown): HoldfastError {
  return new HoldfastError(isHoldfastError(cause) ? cause.code : 'STORE_FAILED', {
    message:
      'The parts are published, but it could not be noted that they are, and the session is still there. Commit again: that publishes nothing twice.',
    outcome: 'committed',
    step: 'note',
    path,
    cause,
  });
}
