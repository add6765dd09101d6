/**
 * What was set aside beside a file because it is not what the file should hold:
 * `<name>.corrupt-<id>` (a document that cannot be parsed) and `<name>.torn-<digest>` (bytes that
 * are no record of a log). They are for people to look at, so they stay, but not without end: after
 * each new one, those beyond a number and those past an age are removed. The newest never is.
 *
 * How old one is: an id of 16 digits begins with the second in which it was given, since a hard
 * link keeps the times of the file that it is another name of. Of any other name, when the file was
 * last written.
 */
import { channel } from 'node:diagnostics_channel';
import { invalidArgument } from '../options.js';
import { crypto } from '../os/lazy-modules.js';
import type { FileStat, Fs, FsDirectory } from '../os/fs.js';
import {
  closeQuietly,
  inDirectoryOf,
  isSameFile,
  openOwn,
  pathIn,
  unlinkIfThere,
} from '../os/handles.js';
import { isOurs } from '../os/owner.js';

/** How much of what is set aside beside one file stays. */
export interface SetAsideLimits {
  /** So many files, the newest; 1 or more. Default: 32. */
  readonly count?: number | undefined;
  /** Those that were set aside so many days ago or less, of 24 hours. Default: 90. */
  readonly maxAgeDays?: number | undefined;
}

/** The option of every call that sets something aside. */
export interface SetAsideOptions {
  /**
   * How much of what was set aside beside the file stays (`<name>.corrupt-…`, `<name>.torn-…`), by
   * number and by age; each call that sets something aside then removes the rest, never what is
   * newest, and tells the channel `holdfast:set-aside` of `node:diagnostics_channel`
   * ({@link SetAsideRemoval}). Default: 32 files, 90 days.
   */
  readonly keepSetAside?: SetAsideLimits | undefined;
}

/** What was removed because it was more, or older, than is to stay. */
export interface SetAsideRemoval {
  /** The document or log. */
  readonly path: string;
  readonly removed: readonly string[];
}

export const SET_ASIDE_OPTION = 'keepSetAside';
const DEFAULT_COUNT = 32;
const DEFAULT_AGE_DAYS = 90;
/** 12 digits are of ids that an earlier version gave. */
const ID = /^[0-9a-f]{12}(?:[0-9a-f]{4})?$/u;
const DAY_MS = 24 * 60 * 60 * 1000;

const removals = channel('holdfast:set-aside');

/** Refuses wrong values of the option, on behalf of `call`. */
export function checkSetAside(call: string, path: string, limits: SetAsideLimits = {}): void {
  const { count = 1, maxAgeDays = 0, ...others } = limits;
  const isKnown = Object.keys(others).length === 0;
  if (isKnown && Number.isSafeInteger(count) && count >= 1 && maxAgeDays >= 0) return;
  const wanted = '{ count, maxAgeDays }: a number of files, 1 or more, and one of days, 0 or more';
  throw invalidArgument(call, `${SET_ASIDE_OPTION} is ${wanted}`, path);
}

/** The second of now and 32 random bits, 16 hexadecimal digits. */
export function newSetAsideId(): string {
  const seconds = Math.floor(Date.now() / 1000);
  return seconds.toString(16).padStart(8, '0') + crypto().randomBytes(4).toString('hex');
}

/** What a call has set aside. */
export interface SetAside {
  /** The document or log, canonical. */
  readonly path: string;
  /** What the names of those begin with that are counted; an id follows. */
  readonly prefix: string;
  /** The names that this call has given, which stay. */
  readonly newest: readonly string[];
}

interface Aside {
  readonly name: string;
  readonly stat: FileStat;
  readonly madeMs: number;
}

/**
 * Removes what is too much, or too old. Never fails: what stays too long is no reason to.
 *
 */
export async function limitSetAside(
  fs: Fs,
  { path, prefix, newest }: SetAside,
  { count = DEFAULT_COUNT, maxAgeDays = DEFAULT_AGE_DAYS }: SetAsideLimits = {},
): Promise<void> {
  try {
    const removed = await inDirectoryOf(fs, path, async (directory) => {
      const older = (await asidesIn(fs, directory, prefix))
        .filter(({ name }) => !newest.includes(name))
        .toSorted((a, b) => b.madeMs - a.madeMs);
      const room = Math.max(0, count - newest.length);
      const since = Date.now() - maxAgeDays * DAY_MS;
      const excess = older.filter(({ madeMs }, index) => index >= room || madeMs < since);
      return removeAll(fs, directory, excess);
    });
    if (removed.length > 0 && removals.hasSubscribers) removals.publish({ path, removed });
  } catch {
    // The next one that is set aside looks again.
  }
}

async function asidesIn(fs: Fs, directory: FsDirectory, prefix: string): Promise<Aside[]> {
  const surroundings = { directory: await directory.stat() };
  const asides: Aside[] = [];
  for (const { name, kind } of await fs.readDirectory(directory.at('.'))) {
    const isAside = name.startsWith(prefix) && ID.test(name.slice(prefix.length));
    if (!isAside || !['file', 'unknown'].includes(kind)) continue;
    const aside = await lookAtAside(fs, directory, name).catch(() => undefined);
    if (aside && (await isOurs(fs, directory.at(name), aside.stat, surroundings)))
      asides.push(aside);
  }
  return asides;
}

async function lookAtAside(fs: Fs, directory: FsDirectory, name: string): Promise<Aside> {
  const path = directory.at(name);
  const { handle, stat } = await openOwn(fs, path, { access: 'read' }, { owner: 'anyone' });
  try {
    return { name, stat, madeMs: givenMs(name) ?? (await handle.modifiedMs()) };
  } finally {
    await closeQuietly(handle);
  }
}

/** When a name was given, if it tells. */
function givenMs(name: string): number | undefined {
  const seconds = /\.corrupt-([0-9a-f]{8})[0-9a-f]{8}$/u.exec(name)?.[1];
  return seconds === undefined ? undefined : Number.parseInt(seconds, 16) * 1000;
}

async function removeAll(
  fs: Fs,
  directory: FsDirectory,
  asides: readonly Aside[],
): Promise<string[]> {
  const removed: string[] = [];
  for (const { name, stat } of asides) {
    const there = await fs.lstat(directory.at(name)).catch(() => undefined);
    if (there === undefined || !isSameFile(there, stat)) continue;
    if (await unlinkIfThere(fs, directory.at(name))) removed.push(pathIn(directory, name));
  }
  return removed;
}
