/**
 * Begins a session, and abandons one.
 *
 * Beginning, under the lock of the target: look for a session of it → make the new one whole beside
 * the target, under a name of a stage → sync → rename it to its own name → sync the directory. A
 * crash in between leaves a stage that nobody owns.
 */
import { HoldfastError } from '../errors.js';
import { withLock } from '../journal/settled-lock.js';
import type { JsonValue } from '../json/json-value.js';
import { checkOptions, checkWords, invalidArgument } from '../options.js';
import type { Fs } from '../os/fs.js';
import { closeQuietly, lookAt, openOwn, pathIn, writeAll } from '../os/handles.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { newId } from '../stage/names.js';
import {
  createStagedDirectory,
  disown,
  stagedDirectoryName,
  type OwnedDirectory,
} from '../stage/staged-directory.js';
import { basename } from '../os/paths.js';
import { discardTree } from '../directory/prepare-tree.js';
import { removeSession } from './commit-parts.js';
import { checkId } from './session.js';
import {
  ATTEMPTS,
  atPlace,
  PARTS,
  readLastCommit,
  SESSION_FILE,
  sessionIds,
  sessionName,
  sessionText,
  typed,
  withSession,
  type PartsPublishing,
  type SessionFacts,
  type SessionPlace,
} from './session-place.js';

/** What is to be made in parts, and how it is to be published. */
export interface BeginPartsOptions {
  /** How many parts there are, numbered from 0; up to a hundred million. */
  readonly partCount: number;
  /**
   * Anything that says what is to be made, as JSON: a session that is there is joined if its job is
   * the same. Whoever joins gets it back.
   */
  readonly job?: JsonValue | undefined;
  /**
   * `fail` (the default) refuses a target that is not empty; `replace` replaces it whole at the
   * commit.
   */
  readonly ifExists?: 'fail' | 'replace' | undefined;
  /** How many replaced trees to keep, as `<name>.previous-<n>`; 0 by default. */
  readonly keepPrevious?: number | undefined;
  /** What to do where two directories cannot be exchanged (NFS); as for `publishDirectory`. */
  readonly withoutExchange?: 'fail' | 'twoRenames' | undefined;
  /**
   * How long to wait for the lock of the target, in milliseconds; 0 tries once; without it the wait
   * has no end.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait for the lock. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** The session to join. */
export interface BegunParts {
  readonly id: string;
  readonly partCount: number;
  /** `begun` by this call; or one of the same job, that is `open` or was `committed`. */
  readonly state: 'begun' | 'open' | 'committed';
}

const optionNames = [
  'partCount',
  'job',
  'ifExists',
  'keepPrevious',
  'withoutExchange',
  'timeoutMs',
  'signal',
  'fs',
] as const;

const MOST_PARTS = 100_000_000;

/**
 * Begins to make a target in parts: one session of it, which any number of processes and machines
 * join by its id. Called again with the same options it gives the same session, also one that was
 * committed, unless the target is to be replaced.
 *
 * After success the session is there and durable. After a failure nothing is changed.
 *
 * @param path - the target, a directory to be; symlinks are followed, its parent must exist
 * @throws HoldfastError ALREADY_EXISTS for a target that may not be replaced, and for a session of
 *   another job; LOCK_TIMEOUT; ABORTED; NOT_FOUND; NO_SPACE; DIRECTORY_NOT_WRITABLE;
 *   INVALID_ARGUMENT; IO
 */
export async function beginParts(path: string, options: BeginPartsOptions): Promise<BegunParts> {
  const { fs = nodeFileSystem, timeoutMs, signal, partCount } = checked(options);
  const { ifExists = 'fail', keepPrevious = 0, withoutExchange } = options;
  const publishing: PartsPublishing = {
    ifExists,
    keepPrevious,
    ...(withoutExchange && { withoutExchange }),
  };
  const facts = { id: newId(), partCount, job: options.job ?? null, publishing };
  return withLock(path, () => atPlace(fs, path, (place) => beginAt(fs, place, facts)), {
    fs,
    timeoutMs,
    signal,
  });
}

function checked(options: BeginPartsOptions): BeginPartsOptions {
  const call = 'beginParts';
  checkOptions(call, options, optionNames);
  checkWords(call, '', options, {
    ifExists: ['fail', 'replace'],
    withoutExchange: ['fail', 'twoRenames'],
  });
  const { partCount, keepPrevious = 0 } = options;
  if (!(Number.isSafeInteger(partCount) && partCount >= 1 && partCount <= MOST_PARTS))
    throw invalidArgument(
      call,
      `partCount is a whole number from 1 to ${MOST_PARTS}, not ${partCount}`,
    );
  if (!(Number.isSafeInteger(keepPrevious) && keepPrevious >= 0))
    throw invalidArgument(
      call,
      `keepPrevious is a whole number of at least 0, not ${keepPrevious}`,
    );
  return options;
}

async function beginAt(fs: Fs, place: SessionPlace, facts: SessionFacts): Promise<BegunParts> {
  const last = await readLastCommit(fs, place);
  const open = await findOpen(fs, place, last?.facts.id);
  const { partCount } = facts;
  if (open) {
    if (!isSameJob(open, facts)) throw otherSession(place, open);
    await typed('begin', place.path, () => reopen(fs, place, open.id));
    await syncName(place);
    return { id: open.id, partCount, state: 'open' };
  }
  if (facts.publishing.ifExists === 'fail' && (await isTaken(fs, place))) {
    if (last && isSameJob(last.facts, facts))
      return { id: last.facts.id, partCount, state: 'committed' };
    throw new HoldfastError('ALREADY_EXISTS', {
      message:
        "The target is there and not empty. To replace it whole at the commit, say so (ifExists: 'replace').",
      step: 'begin',
      path: place.path,
    });
  }
  await typed('begin', place.path, () => makeSession(fs, place, facts));
  return { id: facts.id, partCount, state: 'begun' };
}

/** The session of a target, if there is one. What was committed, and what nobody needs, goes. */
async function findOpen(
  fs: Fs,
  place: SessionPlace,
  committedId: string | undefined,
): Promise<SessionFacts | undefined> {
  let open: SessionFacts | undefined;
  for (const id of await sessionIds(fs, place)) {
    const facts = await withSession(fs, place, id, async (session) => session?.facts);
    if (facts === undefined || id === committedId)
      await removeSession(fs, place, id).catch(() => undefined);
    else open ??= facts;
  }
  return open;
}

/** The lock is ours, so whoever was about to commit or abandon it is dead. */
async function reopen(fs: Fs, place: SessionPlace, id: string): Promise<void> {
  const { parent } = place;
  const committing = parent.at(sessionName(place, id, 'committing'));
  if (!(await fs.exists(committing))) return;
  await fs.rename(committing, parent.at(sessionName(place, id, 'open')));
}

function isSameJob(a: SessionFacts, b: SessionFacts): boolean {
  const told = ({ partCount, job, publishing }: SessionFacts): string =>
    JSON.stringify([partCount, job, publishing]);
  return told(a) === told(b);
}

async function isTaken(fs: Fs, { parent, name }: SessionPlace): Promise<boolean> {
  const existing = await lookAt(fs, parent.at(name));
  if (existing?.kind !== 'directory') return existing !== undefined;
  return (await fs.readDirectory(parent.at(name))).length > 0;
}

async function makeSession(fs: Fs, place: SessionPlace, facts: SessionFacts): Promise<void> {
  const { parent } = place;
  const stage = await createStagedDirectory(fs, parent, () => stagedDirectoryName(place.name));
  try {
    await fillSession(fs, stage, facts);
    await fs.rename(
      parent.at(basename(stage.path)),
      parent.at(sessionName(place, facts.id, 'open')),
    );
  } catch (error) {
    await discardTree(fs, stage, parent);
    throw error;
  } finally {
    await disown(fs, stage);
  }
  await syncName(place);
}

/** Makes the name of a session durable, also of one that an earlier call could not. */
async function syncName({ parent, path }: SessionPlace): Promise<void> {
  try {
    await parent.sync();
  } catch (cause) {
    throw new HoldfastError('SYNC_FAILED', {
      message:
        'The session is there, but the directory that names it could not be synced. Begin again: that gives this session, or another.',
      outcome: 'unknown',
      step: 'begin',
      path,
      cause,
    });
  }
}

async function fillSession(fs: Fs, { handle }: OwnedDirectory, facts: SessionFacts): Promise<void> {
  await fs.mkdir(handle.at(ATTEMPTS));
  await fs.mkdir(handle.at(PARTS));
  const flags = { access: 'write', create: 'exclusive' } as const;
  const { handle: file } = await openOwn(fs, handle.at(SESSION_FILE), flags);
  try {
    await writeAll(file, Buffer.from(sessionText(facts)));
    await file.sync();
  } finally {
    await closeQuietly(file);
  }
  await handle.sync();
}

function otherSession(place: SessionPlace, { id, partCount }: SessionFacts): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message: `The target has a session of another job, ${id} (${partCount} parts). Commit it or abandon it first.`,
    step: 'begin',
    path: pathIn(place.parent, sessionName(place, id, 'open')),
  });
}

/**
 * Ends a session and removes what its parts have made; whether there was one. The target stays as
 * it is, and what was committed stays committed. Parts that are under way fail with SESSION_GONE.
 *
 * @throws HoldfastError LOCK_TIMEOUT; ABORTED; NOT_FOUND; INVALID_ARGUMENT; IO, with a part of the
 *   session left: call it again
 */
export async function abandonParts(
  path: string,
  id: string,
  options: Pick<BeginPartsOptions, 'timeoutMs' | 'signal' | 'fs'> = {},
): Promise<boolean> {
  checkOptions('abandonParts', options, ['timeoutMs', 'signal', 'fs']);
  checkId('abandonParts', id);
  const fs = options.fs ?? nodeFileSystem;
  const abandon = (): Promise<boolean> =>
    atPlace(fs, path, (place) => removeSession(fs, place, id));
  return withLock(path, abandon, { ...options, fs });
}
