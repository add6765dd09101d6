/**
 * One tree, made in parts by any number of processes and machines, published whole by one commit.
 *
 * Whoever drives them (a queue, a scheduler, a loop of a shell) is trusted with this alone: it
 * calls each part at least once, perhaps twice at once, perhaps after the commit; and the commit at
 * least once. Not with results, order or exclusion, and there is no coordinator and no clock.
 *
 * Writing a part:
 * 1. find the session; a part that has a record whose files are there is done
 * 2. make a tree in `attempts/`, under a name that no other call has, whole and durable
 *    (directory/prepare-tree.ts)
 * 3. look at it: its files' sizes, and their checksums, which are read where the caller did not take
 *    them of the bytes that it wrote
 * 4. sync `attempts/`, then make the record of the part, durably, onto nothing: of several attempts
 *    the kernel lets one succeed. One that comes second and made the same is done as well; one that
 *    made something else is an error
 *
 * Invariant: what a record names is whole, durable and written no more. A crash before 4 leaves an
 * attempt that nothing names and that goes with the session. What a straggler writes after the
 * commit or an abandon, it writes into a tree of its own that nothing names; its record comes too
 * late, or finds no directory.
 *
 * The commit is in commit-parts.ts.
 */
import { HoldfastError, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { prepareTree, type Fill, type FillOptions } from '../directory/prepare-tree.js';
import type { JsonValue } from '../json/json-value.js';
import { checkOptions, invalidArgument } from '../options.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { closeQuietly, openOwnDirectory, pathIn, unlinkIfThere } from '../os/handles.js';
import { removeOpenTree } from '../os/tree.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { basename } from '../os/paths.js';
import { syncDirectory } from '../stage/directory-sync.js';
import { newId } from '../stage/names.js';
import { disown, type OwnedDirectory } from '../stage/staged-directory.js';
import { stageFile } from '../stage/staged-file.js';
import { commitSession, type CommitPartsOptions, type PublishParts } from './commit-parts.js';
import {
  holdsAll,
  isSamePart,
  partOfRecord,
  readEntriesOf,
  readRecord,
  recordName,
  recordText,
  type PartRecord,
} from './part-record.js';
import { publishParts, type PublishedParts } from './publish-parts.js';
import {
  ATTEMPTS,
  atPlace,
  isStillNamed,
  PARTS,
  readLastCommit,
  sessionGone,
  typed,
  withSession,
  type FoundSession,
  type SessionPlace,
} from './session-place.js';

/** How a part is written. */
export interface WritePartOptions extends Pick<
  FillOptions,
  'signal' | 'onProgress' | 'concurrency'
> {
  /**
   * Checksums that `fill` takes of bytes on their way to files, and puts in here before it is done,
   * by the paths of these files: SHA-256 in hexadecimal, and the size in bytes. A file that has
   * this size then is not read for its checksum. The commit reads it, and takes it for damaged
   * where the checksum is another.
   */
  readonly digests?:
    ReadonlyMap<string, { readonly sizeBytes: number; readonly sha256: string }> | undefined;
}

/** What became of a part. */
export interface WrittenPart {
  readonly part: number;
  /**
   * Whether it was done before this call, by another attempt or a commit; what this one made is
   * gone then.
   */
  readonly wasDone: boolean;
}

/** How far a session has come. */
export interface PartsProgress {
  readonly state: 'open' | 'committing' | 'committed';
  readonly partCount: number;
  /** Parts that have a record. The commit reads them again, and may find one wanting. */
  readonly done: readonly number[];
  /** Other parts at which somebody is, or was when their process died. */
  readonly begun: readonly number[];
}

/** A session that this process has joined. */
export interface PartsSession {
  readonly id: string;
  readonly partCount: number;
  /** What `beginParts` was given as the job. */
  readonly job: JsonValue;
  /**
   * Makes one part: `fill` writes files of the tree into a stage of its own, under the paths that
   * they are to have below the target.
   *
   * After success the part is done and durable, whoever did it; a process or machine that dies
   * later takes nothing of it away. After a failure nothing of this call is left, and it can be
   * made again; after a kill what is left goes with the session.
   *
   * Not promised: that `fill` is called (a part that is done is not made again), or that it is
   * called by one process at a time. Two calls of one part must make the same bytes.
   *
   * @param part - from 0 on
   * @param fill - what it returns is kept with the part, as JSON
   * @throws HoldfastError SESSION_GONE; PART_DIFFERS; TARGET_CHANGED while it is being committed
   *   without this part; those of publishDirectory for what `fill` does; INVALID_ARGUMENT
   */
  writePart(
    part: number,
    fill: Fill<JsonValue | void>,
    options?: WritePartOptions,
  ): Promise<WrittenPart>;
  /** How far the session has come, by a look at its directory. */
  progress(): Promise<PartsProgress>;
  /**
   * Publishes the tree of all parts at the target, as `publishDirectory` does, and ends the
   * session. Trusts nothing but what it reads again. Anybody may call it, several at once, and
   * again after a commit that died or was done: then the answer is that of the first.
   *
   * After success the tree is at the target and durable, and nothing is left of the session but
   * `.NAME.session.json`, the answer to whoever asks again. After a failure of outcome `unchanged`
   * the target is as it was and the session is open.
   *
   * @throws HoldfastError PARTS_MISSING for parts that are not done, or whose files are not as
   *   their record says: these can be written again; PATH_CONFLICT; SESSION_GONE; LOCK_TIMEOUT;
   *   ABORTED; those of publishDirectory
   */
  commit(options?: CommitPartsOptions): Promise<PublishedParts>;
  /**
   * The same, with a function that publishes the parts some other way while the session's lock is
   * held. It may be called again after a death in the middle of it, and must find out whether it
   * was done.
   */
  commitWith<T extends JsonValue>(
    publish: PublishParts<T>,
    options?: CommitPartsOptions,
  ): Promise<T>;
}

/**
 * Joins the session of a target, on any machine that has its directory.
 *
 * @param path - the target, as `beginParts` was given it
 * @param id - what `beginParts` gave
 * @throws HoldfastError SESSION_GONE; CORRUPT_DOCUMENT for the session of another version;
 *   NOT_FOUND; INVALID_ARGUMENT
 */
export async function joinParts(
  path: string,
  id: string,
  options: { readonly fs?: Fs | undefined } = {},
): Promise<PartsSession> {
  checkOptions('joinParts', options, ['fs']);
  checkId('joinParts', id);
  const fs = options.fs ?? nodeFileSystem;
  return atPlace(fs, path, async (place) => {
    const facts = await withSession(fs, place, id, async (session) => session?.facts);
    const last = facts ? undefined : await readLastCommit(fs, place);
    const known = facts ?? (last?.facts.id === id ? last.facts : undefined);
    if (!known) throw sessionGone(place.path, id);
    const { partCount, job } = known;
    const commitWith: PartsSession['commitWith'] = (publish, given) =>
      commitSession(fs, { path, id }, publish, given);
    return {
      id,
      partCount,
      job,
      writePart: (part, fill, given = {}) =>
        writePart(fs, { path, id, part: checkedPart(part, partCount) }, fill, given),
      progress: () => progressOf(fs, path, id),
      commit: async (given) =>
        (await commitWith((parts) => publishParts(fs, parts), given)) as unknown as PublishedParts,
      commitWith,
    };
  });
}

/** @throws HoldfastError INVALID_ARGUMENT for what no session has for an id */
export function checkId(call: string, id: string): void {
  if (typeof id === 'string' && /^[0-9a-f]{20}$/u.test(id)) return;
  throw invalidArgument(call, `the id of a session is what its beginning gave, not '${id}'`);
}

function checkedPart(part: number, partCount: number): number {
  if (Number.isSafeInteger(part) && part >= 0 && part < partCount) return part;
  throw invalidArgument(
    'writePart',
    `a part is a whole number from 0 to ${partCount - 1}, not ${part}`,
  );
}

interface PartOfSession {
  readonly path: string;
  readonly id: string;
  readonly part: number;
}

async function writePart(
  fs: Fs,
  { path, id, part }: PartOfSession,
  fill: Fill<JsonValue | void>,
  options: WritePartOptions,
): Promise<WrittenPart> {
  checkOptions('writePart', options, ['signal', 'onProgress', 'concurrency', 'digests']);
  return atPlace(fs, path, (place) =>
    withSession(fs, place, id, async (session) => {
      if (!session || session.state === 'committing') {
        return doneElsewhere(fs, { place, id, part }, session);
      }
      let cause: unknown;
      try {
        const wasDone = await writeInto(fs, session, part, fill, options);
        if (await isStillNamed(fs, place, session)) return { part, wasDone };
      } catch (error) {
        if (isHoldfastError(error, 'PART_DIFFERS') || (await isStillNamed(fs, place, session)))
          throw error;
        cause = error;
      }
      // Committed or abandoned meanwhile: which one, what is there now tells.
      return withSession(fs, place, id, (now) =>
        doneElsewhere(fs, { place, id, part }, now, cause),
      );
    }),
  );
}

interface Joined {
  readonly place: SessionPlace;
  readonly id: string;
  readonly part: number;
}

/**
 * What is to be said of a part whose session has left its name: it belongs to what was or is
 * committed, or comes too late.
 */
async function doneElsewhere(
  fs: Fs,
  { place, id, part }: Joined,
  session: FoundSession | undefined,
  cause?: unknown,
): Promise<WrittenPart> {
  const done = { part, wasDone: true };
  if ((await readLastCommit(fs, place))?.facts.id === id) return done;
  if (!session) throw sessionGone(place.path, id, cause);
  const record = await within(fs, session.handle, PARTS, (parts) => readRecord(fs, parts, part));
  if (record !== undefined && record !== 'damaged') return done;
  throw new HoldfastError('TARGET_CHANGED', {
    message: `Session ${id} is being committed, and part ${part} is not among its parts. That commit will find it missing, and open the session again; one that died has to be called again. Then try again.`,
    step: 'part',
    path: place.path,
    cause,
  });
}

/** Steps 1 to 4; whether the part was done. */
async function writeInto(
  fs: Fs,
  session: FoundSession,
  part: number,
  fill: Fill<JsonValue | void>,
  options: WritePartOptions,
): Promise<boolean> {
  return within(fs, session.handle, ATTEMPTS, (attempts) =>
    within(fs, session.handle, PARTS, async (parts) => {
      if (await isDone(fs, { attempts, parts }, part)) return true;
      const freshName = (): string => `${part}-${newId()}`;
      const place = { parent: attempts, name: String(part), freshName };
      const { stage, value } = await prepareTree(fs, place, fill, options);
      const attempt = basename(stage.path);
      try {
        const entries = await typed('read', stage.path, () =>
          readEntriesOf(fs, stage.handle, 'checksum', options.digests),
        );
        const record = { part, attempt, value: asJson(value), entries };
        await syncDirectory(fs, attempts);
        const winner = await publishRecord(fs, parts, record);
        if (winner === undefined || winner.attempt === attempt) return false;
        if (!isSamePart(winner, record)) throw differs(parts, part);
        await discard(fs, attempts, stage);
        return true;
      } catch (error) {
        if (!isHoldfastError(error) || error.outcome === 'unchanged')
          await discard(fs, attempts, stage);
        throw error;
      } finally {
        await disown(fs, stage);
      }
    }),
  );
}

function asJson(value: JsonValue | void): JsonValue {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value)) as JsonValue);
}

interface SessionDirectories {
  readonly attempts: FsDirectory;
  readonly parts: FsDirectory;
}

/**
 * Whether a part has a record, and the files that it names. A record that is damaged or names what
 * is not there goes: the part is to be made again.
 */
async function isDone(
  fs: Fs,
  { attempts, parts }: SessionDirectories,
  part: number,
): Promise<boolean> {
  // Listed before it is looked up: the name of what was missing may stay missing for a while.
  const entries = await typed('list', parts.path, () => fs.readDirectory(parts.at('.')));
  if (!entries.some(({ name }) => name === recordName(part))) return false;
  const record = await typed('read', parts.path, () => readRecord(fs, parts, part));
  if (record === undefined) return false;
  if (record !== 'damaged' && (await isThere(fs, attempts, record))) return true;
  await typed('remove', parts.path, () => unlinkIfThere(fs, parts.at(recordName(part))));
  return false;
}

async function isThere(fs: Fs, attempts: FsDirectory, record: PartRecord): Promise<boolean> {
  try {
    return await within(fs, attempts, record.attempt, async (attempt) =>
      holdsAll(await readEntriesOf(fs, attempt, 'size'), record.entries, 'size'),
    );
  } catch (error) {
    if (isHoldfastError(error, 'NOT_FOUND')) return false;
    throw error;
  }
}

/** Makes the record of a part, onto nothing; gives the one that was there before. */
async function publishRecord(
  fs: Fs,
  parts: FsDirectory,
  record: PartRecord,
): Promise<PartRecord | undefined> {
  const name = recordName(record.part);
  const target = { path: pathIn(parts, name), directory: parts.path, existing: undefined };
  const staged = await stageFile(fs, target, recordText(record));
  try {
    await staged.publish({ ifExists: 'fail' });
    return undefined;
  } catch (error) {
    if (!isHoldfastError(error, 'ALREADY_EXISTS')) throw error;
  } finally {
    await staged.discard();
  }
  const winner = await typed('read', target.path, () => readRecord(fs, parts, record.part));
  if (winner === undefined || winner === 'damaged') {
    throw new HoldfastError('TARGET_CHANGED', {
      message: 'Another attempt had finished this part, and its record is gone. Try again.',
      step: 'record',
      path: target.path,
    });
  }
  // Whoever made it may not have had the time.
  await syncDirectory(fs, parts);
  return winner;
}

function differs(parts: FsDirectory, part: number): HoldfastError {
  return new HoldfastError('PART_DIFFERS', {
    message: `Part ${part} was done by another attempt, which made other bytes or another value. The first one counts; this one is gone. A part must make the same of the same input: look for a time, a random number, an order of work or another version in what it writes.`,
    step: 'record',
    path: pathIn(parts, recordName(part)),
  });
}

/** What cannot be removed goes with the session. */
async function discard(
  fs: Fs,
  attempts: FsDirectory,
  { path, stat }: OwnedDirectory,
): Promise<void> {
  await removeOpenTree(fs, stat, { parent: attempts, name: basename(path) }).catch(() => undefined);
}

/** Works in a directory of a session. */
export async function within<T>(
  fs: Fs,
  parent: FsDirectory,
  name: string,
  work: (directory: FsDirectory) => Promise<T>,
): Promise<T> {
  const path = pathIn(parent, name);
  const { handle } = await typed('open', path, () => openOwnDirectory(fs, parent.at(name)));
  try {
    return await work(handle);
  } catch (error) {
    throw failure('part', path, error);
  } finally {
    await closeQuietly(handle);
  }
}

async function progressOf(fs: Fs, path: string, id: string): Promise<PartsProgress> {
  return atPlace(fs, path, (place) =>
    withSession(fs, place, id, async (session) => {
      if (session) return look(fs, session);
      const last = await readLastCommit(fs, place);
      if (last?.facts.id !== id) throw sessionGone(place.path, id);
      const { partCount } = last.facts;
      const done = Array.from({ length: partCount }, (_, part) => part);
      return { state: 'committed', partCount, done, begun: [] };
    }),
  );
}

async function look(fs: Fs, { state, facts, handle }: FoundSession): Promise<PartsProgress> {
  const numbers = async (name: string, partOf: (name: string) => number | undefined) =>
    within(fs, handle, name, async (directory) => {
      const found = (await fs.readDirectory(directory.at('.'))).map((entry) => partOf(entry.name));
      return new Set(found.filter((part) => part !== undefined));
    });
  // In this order: one that ends meanwhile is seen as begun, or as done.
  const begun = await numbers(ATTEMPTS, (name) => Number(/^(\d+)-/u.exec(name)?.[1] ?? -1));
  const done = await numbers(PARTS, partOfRecord);
  const inOrder = (parts: Iterable<number>) => [...parts].toSorted((a, b) => a - b);
  return {
    state,
    partCount: facts.partCount,
    done: inOrder(done),
    begun: inOrder([...begun].filter((part) => part >= 0 && !done.has(part))),
  };
}
