/**
 * Where the session of a target lies, and what it is:
 *
 *     .NAME.session-ID/               while parts are written
 *     .NAME.session-ID.committing/    while it is committed, or removed
 *       session.json                  what it is; removed first, so one without it is nobody's
 *       attempts/PART-ATTEMPT/        what one call has made of one part
 *       parts/PART.json               which attempt it is that counts, and what is in it
 *     .NAME.session.json              the session that was committed last, and what came of it
 *
 * Who is to find something by name first opens the directory that names it: on a filesystem that
 * other machines share, what was looked up before is then looked up anew (os/freshen.ts).
 */
import { errnoOf, HoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { settledName } from '../journal/settled-name.js';
import type { JsonObject, JsonValue } from '../json/json-value.js';
import { followSymlinks } from '../os/follow-symlinks.js';
import { freshenNames } from '../os/freshen.js';
import type { Fs, FsDirectory } from '../os/fs.js';
import { closeQuietly, isNamed, openCanonical, openOwnDirectory, pathIn } from '../os/handles.js';
import { basename } from '../os/paths.js';
import { cutToBytes } from '../stage/staged-directory.js';
import { stageFile } from '../stage/staged-file.js';
import { checkedText, readChecked } from './checked-json.js';

const VERSION = 1;
const INFIX = '.session-';
const COMMITTING = '.committing';
const ID = '[0-9a-f]{20}';
/**
 * NAME_MAX of Linux's filesystems (path_resolution(7)), less what is added to the name of a target.
 */
const ROOM_BYTES = 255 - 1 - INFIX.length - 20 - COMMITTING.length;

export const SESSION_FILE = 'session.json';
export const ATTEMPTS = 'attempts';
export const PARTS = 'parts';

/** How the tree of a session is to be published. */
export interface PartsPublishing {
  readonly ifExists: 'fail' | 'replace';
  readonly keepPrevious: number;
  /** As `publishDirectory` has it where it is not said: by the platform. */
  readonly withoutExchange?: 'fail' | 'twoRenames';
}

/** What a session is, as it was begun. */
export interface SessionFacts {
  readonly id: string;
  readonly partCount: number;
  readonly job: JsonValue;
  readonly publishing: PartsPublishing;
}

/** The target, resolved, and the directory that names it and its sessions. */
export interface SessionPlace {
  readonly path: string;
  readonly name: string;
  readonly parent: FsDirectory;
}

/** A session that is there. */
export interface FoundSession {
  readonly facts: SessionFacts;
  readonly state: 'open' | 'committing';
  readonly name: string;
  readonly handle: FsDirectory;
}

/** The session that was committed last. */
export interface LastCommit {
  readonly facts: SessionFacts;
  readonly result: JsonValue;
}

/** Works where a target lies, with its directory open. */
export async function atPlace<T>(
  fs: Fs,
  path: string,
  work: (place: SessionPlace) => Promise<T>,
): Promise<T> {
  const resolved = await settledName(fs, () => followSymlinks(fs, path));
  const parent = await typed('open', resolved.directory, () =>
    openCanonical(fs, resolved.directory),
  );
  try {
    return await work({ path: resolved.path, name: basename(resolved.path), parent });
  } catch (error) {
    throw failure('parts', resolved.path, error);
  } finally {
    await closeQuietly(parent);
  }
}

/** The name of a session's directory. */
export function sessionName(
  { name }: SessionPlace,
  id: string,
  state: FoundSession['state'],
): string {
  const suffix = state === 'open' ? '' : COMMITTING;
  return `.${cutToBytes(name, ROOM_BYTES)}${INFIX}${id}${suffix}`;
}

/** The ids of all sessions of a target that have a directory, also of what is being removed. */
export async function sessionIds(
  fs: Fs,
  { parent, name }: SessionPlace,
): Promise<readonly string[]> {
  const prefix = `.${cutToBytes(name, ROOM_BYTES)}${INFIX}`;
  const form = new RegExp(`^(${ID})(?:${COMMITTING})?$`, 'u');
  const names = (await fs.readDirectory(parent.at('.'))).map((entry) => entry.name);
  return names.flatMap((each) => {
    const id = each.startsWith(prefix) ? form.exec(each.slice(prefix.length))?.[1] : undefined;
    return id === undefined ? [] : [id];
  });
}

/** Opens a directory of a session, whatever is in it; `undefined` when there is none. */
export async function openSessionDirectory(
  fs: Fs,
  place: SessionPlace,
  id: string,
): Promise<Omit<FoundSession, 'facts'> | undefined> {
  // A commit that gives the session back may come in between.
  for (const state of ['open', 'committing', 'open'] as const) {
    const name = sessionName(place, id, state);
    try {
      const { handle } = await openOwnDirectory(fs, place.parent.at(name));
      return { state, name, handle };
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw failure('open', pathIn(place.parent, name), error);
    }
  }
  return undefined;
}

/**
 * Works on a session of a target; with `undefined` when there is none of this id, or none any more.
 *
 * @throws HoldfastError CORRUPT_DOCUMENT for one that does not say what it is
 */
export async function withSession<T>(
  fs: Fs,
  place: SessionPlace,
  id: string,
  work: (session: FoundSession | undefined) => Promise<T>,
): Promise<T> {
  const found = await openSessionDirectory(fs, place, id);
  if (!found) return work(undefined);
  try {
    const facts = await readFacts(fs, found.handle);
    return await work(facts && { ...found, facts });
  } finally {
    await closeQuietly(found.handle);
  }
}

async function readFacts(fs: Fs, session: FsDirectory): Promise<SessionFacts | undefined> {
  const path = pathIn(session, SESSION_FILE);
  const file = await typed('read', path, () => readChecked(fs, session.at(SESSION_FILE)));
  if (file === undefined) return undefined;
  const facts = file === 'damaged' ? undefined : factsIn(file.value);
  if (facts) return facts;
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message:
      'The session does not say what it is: its file is damaged, or another version of Holdfast wrote it. Go on with that version, or abandon the session and begin again.',
    step: 'read',
    path,
  });
}

function factsIn(value: JsonObject): SessionFacts | undefined {
  const { version, id, partCount, job, publishing } = value;
  if (version !== VERSION || typeof id !== 'string' || typeof partCount !== 'number')
    return undefined;
  return { id, partCount, job: job ?? null, publishing: publishing as unknown as PartsPublishing };
}

/** The text of a session's own file. */
export function sessionText(facts: SessionFacts): string {
  return checkedText(asJson(facts));
}

function asJson({ id, partCount, job, publishing }: SessionFacts): JsonObject {
  return { version: VERSION, id, partCount, job, publishing: { ...publishing } };
}

function lastName(name: string): string {
  return `.${cutToBytes(name, ROOM_BYTES)}.session.json`;
}

/** What was committed last at a target; `undefined` where that is not known. */
export async function readLastCommit(
  fs: Fs,
  { parent, name }: SessionPlace,
): Promise<LastCommit | undefined> {
  const path = pathIn(parent, lastName(name));
  const file = await typed('read', path, () => readChecked(fs, parent.at(lastName(name))));
  if (file === undefined || file === 'damaged' || file.value['target'] !== name) return undefined;
  const facts = factsIn(file.value);
  return facts && { facts, result: file.value['result'] ?? null };
}

/** Says durably what was committed. */
export async function writeLastCommit(
  fs: Fs,
  { parent, name }: SessionPlace,
  { facts, result }: LastCommit,
): Promise<void> {
  const text = checkedText({ ...asJson(facts), target: name, result });
  const target = {
    path: pathIn(parent, lastName(name)),
    directory: parent.path,
    existing: undefined,
  };
  const staged = await stageFile(fs, target, text);
  try {
    await staged.publish();
  } finally {
    await staged.discard();
  }
}

/**
 * Whether the name of a session still leads to it, as the server of the filesystem knows; true
 * where nobody can tell.
 */
export async function isStillNamed(
  fs: Fs,
  { parent }: SessionPlace,
  { name, handle }: FoundSession,
): Promise<boolean> {
  try {
    await freshenNames(fs, parent.path);
    return await isNamed(fs, parent.at(name), handle);
  } catch {
    return true;
  }
}

/** What the system says, as a typed error. */
export async function typed<T>(step: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(step, path, error);
  }
}

/** The error for a session that is not there. */
export function sessionGone(path: string, id: string, cause?: unknown): HoldfastError {
  return new HoldfastError('SESSION_GONE', {
    message: `There is no session ${id} of this target any more: it was committed and another came after it, it was abandoned, or it never was. Do not try again; begin another one if the target is still to be made.`,
    step: 'join',
    path,
    cause,
  });
}
