/**
 * Reading a file that Metaflow's own Python writes too.
 *
 * Released versions of Metaflow write in place, so a reader may find a file empty or half written for a moment, and must
 * not take that for its content. The manifest is written under an exclusive flock(2) on the file itself: who holds the
 * shared one reads it whole. The token file is truncated and written under no lock: waiting is all there is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError, isHoldfastError, readJson, type Fs, type JsonObject } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import type { FsFile } from 'holdfast/os';

/** How long a file may stay locked, broken or empty before that is taken for its state. */
const SETTLE_MS = 250;
const POLL_MS = 5;

const EMPTY: JsonObject = {};

/**
 * The JSON object that a file holds, or `undefined` when it is missing or empty.
 *
 * @param empty - `settled` if an empty file is nothing but that, `passing` if a writer may be about to fill it
 * @throws HoldfastError CORRUPT_DOCUMENT for a file that holds anything but an object; and as `readJson`
 */
export async function readSharedObject(
  fs: Fs,
  path: string,
  empty: 'settled' | 'passing',
): Promise<JsonObject | undefined> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const isLate = performance.now() > deadline;
    const object = await readOnce(fs, path, isLate);
    const isPassing = object === EMPTY && empty === 'passing';
    if (object !== 'disturbed' && (!isPassing || isLate)) {
      return object === EMPTY ? undefined : object;
    }
    await sleep(POLL_MS);
  }
}

/** One look at the file; `disturbed` when somebody is writing into it, which is not asked any more when it is late. */
async function readOnce(
  fs: Fs,
  path: string,
  isLate: boolean,
): Promise<JsonObject | 'disturbed' | undefined> {
  const file = await openIfThere(fs, path);
  if (file === undefined) return undefined;
  try {
    if (!file.tryLock('shared') && !isLate) return 'disturbed';
    return objectOf(await readJson(path, { fs, initial: EMPTY }), path);
  } catch (error) {
    if (isHoldfastError(error, 'CORRUPT_DOCUMENT') && !isLate) return 'disturbed';
    throw error;
  } finally {
    await file.close();
  }
}

async function openIfThere(fs: Fs, path: string): Promise<FsFile | undefined> {
  try {
    return await fs.open(path, { access: 'read' });
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
    outcome: 'unchanged',
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
    outcome: 'unchanged',
    step: 'resolve',
    path: name,
  });
}
