/**
 * The commit of a session, under the lock of its target:
 *
 * 1. answer from `.NAME.session.json` where it was done
 * 2. rename the session away, `.committing`: from here on no part finds it by its name
 * 3. read every record, and every file that it names, again. Of one that is not as it was, the
 *    record goes; where parts are missing, the session gets its name back. What is kept of a record
 *    is its attempt, which no other record ever names: it is read once more where it is used
 * 4. publish (publish-parts.ts, or what the caller gives)
 * 5. say what was done in `.NAME.session.json`
 * 6. remove the session, its own file first
 *
 * A crash after 2 leaves a session, under either of its names, that the next commit takes up where
 * it is. It finds out whether the publish was done, by what is at the target. A crash after 5
 * leaves a directory that nobody needs, which the next call that has the lock removes.
 */
import { isHoldfastError, HoldfastError } from '../errors.js';
import { aborted, codeOfFailure, failure } from '../failure.js';
import { withLock } from '../journal/settled-lock.js';
import type { Lock } from '../lock/lock.js';
import type { JsonValue } from '../json/json-value.js';
import { checkOptions, checkWords } from '../options.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { closeQuietly, openOwnDirectory, pathIn, unlinkIfThere } from '../os/handles.js';
import { errnoOf } from '../errors.js';
import { removeOpenTree } from '../os/tree.js';
import {
  holdsAll,
  PathOwners,
  readEntriesOf,
  readRecord,
  recordName,
  type PartRecord,
  type Reading,
} from './part-record.js';
import {
  ATTEMPTS,
  atPlace,
  openSessionDirectory,
  PARTS,
  readLastCommit,
  SESSION_FILE,
  sessionGone,
  sessionName,
  typed,
  withSession,
  writeLastCommit,
  type FoundSession,
  type SessionFacts,
  type SessionPlace,
} from './session-place.js';

/** How a session is committed. */
export interface CommitPartsOptions {
  /**
   * How what the parts have made is read again: every byte (`checksum`, the default), or no more
   * than the sizes of files.
   */
  readonly verify?: Reading | undefined;
  /**
   * How long to wait for the lock of the target, in milliseconds; 0 tries once; without it the wait
   * has no end.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the call until the publish begins. */
  readonly signal?: AbortSignal | undefined;
}

/** What all parts have made, read again, while the lock of the target is held. */
export interface CommittedParts {
  /** The target, with symlinks resolved. */
  readonly path: string;
  readonly facts: SessionFacts;
  /**
   * In the order of the parts. Each is read when it is asked for, and again when it is asked for
   * again: of a large tree they are not held together.
   *
   * @throws HoldfastError TARGET_CHANGED for one that is not what was checked
   */
  readonly records: () => AsyncIterable<PartRecord>;
  readonly lock: Lock;
  /** Opens the directory of an attempt; to be closed. */
  readonly open: (attempt: string) => Promise<FsDirectory>;
}

/** Publishes parts; what it gives is the answer to every commit of the session. */
export type PublishParts<T> = (parts: CommittedParts) => Promise<T>;

interface SessionName {
  readonly path: string;
  readonly id: string;
}

export async function commitSession<T extends JsonValue>(
  fs: Fs,
  { path, id }: SessionName,
  publish: PublishParts<T>,
  options: CommitPartsOptions = {},
): Promise<T> {
  checkOptions('commit', options, ['verify', 'timeoutMs', 'signal']);
  checkWords('commit', path, options, { verify: ['checksum', 'size'] });
  const { timeoutMs, signal, verify = 'checksum' } = options;
  const commit = (lock: Lock): Promise<T> =>
    atPlace(fs, path, async (place) => {
      const last = await readLastCommit(fs, place);
      if (last?.facts.id === id) {
        await removeSession(fs, place, id).catch(() => undefined);
        return last.result as T;
      }
      await claim(fs, place, id);
      return withSession(fs, place, id, async (session) => {
        if (!session) throw sessionGone(place.path, id);
        const { facts } = session;
        const result = await orGivenBack(fs, place, id, async () => {
          const attempts = await collect(fs, session, place, verify, signal);
          if (signal?.aborted) throw aborted('commit', place.path, signal);
          const records = () => recordsOf(fs, session, attempts);
          const open = (attempt: string) => openAttempt(fs, session, attempt);
          return publish({ path: place.path, facts, records, lock, open });
        });
        await writeLastCommit(fs, place, { facts, result }).catch((error: unknown) => {
          throw notSaid(place.path, error);
        });
        await removeSession(fs, place, id).catch(() => undefined);
        return result;
      });
    });
  return withLock(path, commit, { fs, timeoutMs, signal });
}

/** Step 2, unless a commit that died has done it. */
async function claim(fs: Fs, place: SessionPlace, id: string): Promise<void> {
  const { parent } = place;
  const [open, committing] = namesOf(place, id);
  try {
    await fs.rename(parent.at(open), parent.at(committing));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw failure('commit', place.path, error);
  }
}

function namesOf(place: SessionPlace, id: string): readonly [open: string, committing: string] {
  return [sessionName(place, id, 'open'), sessionName(place, id, 'committing')];
}

/** The target is there, and nobody could be told: the next commit finds that out. */
function notSaid(path: string, cause: unknown): HoldfastError {
  return new HoldfastError(codeOfFailure(cause), {
    message:
      'The parts are published, but it could not be noted that they are, and the session is still there. Commit again: that publishes nothing twice.',
    outcome: 'committed',
    step: 'note',
    path,
    cause,
  });
}

/** A session whose commit changed nothing is open again. */
async function orGivenBack<T>(
  fs: Fs,
  place: SessionPlace,
  id: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isHoldfastError(error) || error.outcome === 'unchanged') {
      const [open, committing] = namesOf(place, id);
      // What cannot be given back is taken up by the next commit.
      await fs.rename(place.parent.at(committing), place.parent.at(open)).catch(() => undefined);
    }
    throw error;
  }
}

/** Step 3; which attempt at each part counts. */
async function collect(
  fs: Fs,
  session: FoundSession,
  place: SessionPlace,
  reading: Reading,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const parts = await openIn(fs, session.handle, PARTS);
  try {
    const attempts: string[] = [];
    const missing: number[] = [];
    const owners = new PathOwners();
    for (let part = 0; part < session.facts.partCount; part += 1) {
      if (signal?.aborted) throw aborted('commit', place.path, signal);
      const record = await typed('read', parts.path, () => readRecord(fs, parts, part));
      if (record && record !== 'damaged' && (await isWhole(fs, session, record, reading))) {
        attempts.push(record.attempt);
        owners.add(record);
      } else {
        missing.push(part);
        if (record) await unlinkIfThere(fs, parts.at(recordName(part)));
      }
    }
    if (missing.length > 0) throw partsMissing(place.path, session.facts, missing);
    owners.refuseConflicts(place.path);
    return attempts;
  } finally {
    await closeQuietly(parts);
  }
}

/** The records that were checked, from the disk once more. */
async function* recordsOf(
  fs: Fs,
  session: FoundSession,
  attempts: readonly string[],
): AsyncGenerator<PartRecord> {
  const parts = await openIn(fs, session.handle, PARTS);
  try {
    for (const [part, attempt] of attempts.entries()) {
      const record = await typed('read', parts.path, () => readRecord(fs, parts, part));
      if (!record || record === 'damaged' || record.attempt !== attempt)
        throw recordChanged(parts, part);
      yield record;
    }
  } finally {
    await closeQuietly(parts);
  }
}

function recordChanged(parts: FsDirectory, part: number): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message: `The record of part ${part} was changed or removed while its session was committed. Nothing is published. Commit again: what is missing then is named.`,
    step: 'commit',
    path: pathIn(parts, recordName(part)),
  });
}

async function isWhole(
  fs: Fs,
  session: FoundSession,
  { attempt, entries }: PartRecord,
  reading: Reading,
): Promise<boolean> {
  let root: FsDirectory;
  try {
    root = await openAttempt(fs, session, attempt);
  } catch (error) {
    if (isHoldfastError(error, 'NOT_FOUND')) return false;
    throw error;
  }
  try {
    const found = await typed('read', root.path, () => readEntriesOf(fs, root, reading));
    return holdsAll(found, entries, reading);
  } finally {
    await closeQuietly(root);
  }
}

async function openAttempt(fs: Fs, session: FoundSession, attempt: string): Promise<FsDirectory> {
  const attempts = await openIn(fs, session.handle, ATTEMPTS);
  try {
    return await openIn(fs, attempts, attempt);
  } finally {
    await closeQuietly(attempts);
  }
}

function openIn(fs: Fs, parent: FsDirectory, name: string): Promise<FsDirectory> {
  return typed('open', pathIn(parent, name), async () => {
    const { handle } = await openOwnDirectory(fs, parent.at(name));
    return handle;
  });
}

/**
 * Step 6, and the end of what was abandoned: the session's own file goes first. Whether there was
 * anything.
 */
export async function removeSession(fs: Fs, place: SessionPlace, id: string): Promise<boolean> {
  const found = await openSessionDirectory(fs, place, id);
  if (!found) return false;
  const { handle, name } = found;
  try {
    const stat = await handle.stat();
    await unlinkIfThere(fs, handle.at(SESSION_FILE));
    try {
      await handle.sync();
      await removeOpenTree(fs, stat, { parent: place.parent, name });
    } catch (error) {
      throw removedInPart(pathIn(place.parent, name), error);
    }
    return true;
  } finally {
    await closeQuietly(handle);
  }
}

function removedInPart(path: string, cause: unknown): HoldfastError {
  return new HoldfastError(codeOfFailure(cause), {
    message:
      'The session can be joined no more, but a part of what it holds could not be removed, or perhaps not durably: somebody may be writing in it. Abandon it again, or begin another: both remove what is left.',
    outcome: 'unknown',
    step: 'remove',
    path,
    cause,
  });
}

/** Says which parts a commit lacks. */
export function partsMissing(
  path: string,
  { id, partCount }: Pick<SessionFacts, 'id' | 'partCount'>,
  missing: readonly number[],
): HoldfastError {
  return new HoldfastError('PARTS_MISSING', {
    message: `Of the ${partCount} parts of session ${id}, ${missing.length} are not done, or not as they were when they were done: ${rangesOf(missing)}. Write them, then commit again.`,
    step: 'commit',
    path,
  });
}

/** `0-3, 7`: what schedulers take for the indices of an array of jobs. */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range && number === range[1] + 1) range[1] = number;
    else ranges.push([number, number]);
  }
  return ranges
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
    .join(',');
}
