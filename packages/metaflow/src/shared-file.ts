/**
 * Reading a file that Metaflow's own Python writes too.
 *
 * Released versions of Metaflow write in place, so a reader may find a file empty or half written
 * for a moment, and must not take that for its content. The manifest is written under an exclusive
 * flock(2) on the file itself: who holds the shared one reads it whole. The token file is truncated
 * and written under no lock: waiting is all there is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError, readJson, type Fs, type JsonObject } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { openGiven, type FsFile } from 'holdfast/os';

/**
 * How long a file may stay locked before it is read all the same; how long it may stay empty or
 * torn, readJson knows.
 */
const SETTLE_MS = 250;
const POLL_MS = 5;

const EMPTY: JsonObject = {};

/**
 * The JSON object that a file holds, or `undefined` when it is missing, or empty from its
 * beginning.
 *
 * @throws HoldfastError CORRUPT_DOCUMENT for a file that holds anything but an object, or has lost
 *   what it held; and as `readJson`
 */
export async function readSharedObject(fs: Fs, path: string): Promise<JsonObject | undefined> {
  await unlocked(fs, path);
  const object = objectOf(await readJson(path, { fs, initial: EMPTY }), path);
  return object === EMPTY ? undefined : object;
}

/** Waits for one who writes the file under its own lock. */
async function unlocked(fs: Fs, path: string): Promise<void> {
  const file = await openIfThere(fs, path);
  if (file === undefined) return;
  try {
    const deadline = performance.now() + SETTLE_MS;
    while (!file.tryLock('shared') && performance.now() < deadline) await sleep(POLL_MS);
  } finally {
    await file.close();
  }
}

async function openIfThere(fs: Fs, path: string): Promise<FsFile | undefined> {
  try {
    return (await openGiven(fs, path)).handle;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    // What else is wrong with the file, readJson says in its own words.
    await readJson(path, { fs });
    throw error;
  }
}

/** @throws HoldfastError CORRUPT_DOCUMENT for a string, a number, a list, … */
export function objectOf(value: unknown, path: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message: 'There is another value where an object is expected. Repair the file or restore it.',
    step: 'read',
    path,
  });
}

/**
 * Refuses a name that would lead out of the directory that it is put into.
 *
 * @throws HoldfastError PATH_ESCAPES
 */
export function checkInside(name: string, what: string): void {
  if (typeof name !== 'string') throw invalidArgument('resolve', `${what} is a string`);
  const parts = name.split('/');
  if (parts.includes('') || parts.includes('.') || parts.includes('..')) throw escapes(name, what);
  // Python could not name a file so either; Node would write another name without a word.
  if (name.includes('\0') || /\p{Surrogate}/u.test(name)) throw escapes(name, what);
}

/** The error for a name that is no name below its directory. */
export function escapes(name: string, what: string): HoldfastError {
  return new HoldfastError('PATH_ESCAPES', {
    message: `${what} is a plain name below its directory: no '..', no leading '/', no NUL.`,
    step: 'resolve',
    path: name,
  });
}
