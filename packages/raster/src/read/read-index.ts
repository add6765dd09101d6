/** Reads the text of an index, and says in a typed error what is wrong with it. */
import { messageOf } from 'holdfast/errors';
import { dirname } from 'node:path';
import { HoldfastError, isHoldfastError, withLock } from 'holdfast';
import {
  askAgain,
  errnoOf,
  filesystemOf,
  freshenWay,
  type Fs,
  type FsFile,
  openGiven,
  readFully,
} from 'holdfast/os';
import { aborted } from './aborted.js';
import { type IndexLimits, parseVrt } from './parse-vrt.js';
import type { VrtDocument } from './vrt-document.js';

/** A reader is not to wait as long as a writer may work. */
const READER_PATIENCE_MS = 1000;

/** What an index is read with. */
export interface IndexSettings extends IndexLimits {
  readonly fs: Fs;
  readonly maxIndexBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads and parses an index.
 *
 * @param open - how it is opened, where that is not just by its path
 *
 * @throws HoldfastError NOT_FOUND; IO; ABORTED; UNSUPPORTED_TARGET for a directory, FIFO or device;
 *   CORRUPT_DOCUMENT for one that is not a VRT of simple sources, or is over a limit
 */
export async function readIndex(
  path: string,
  settings: IndexSettings,
  open?: () => Promise<FsFile>,
): Promise<VrtDocument> {
  const { fs, maxIndexBytes, signal } = settings;
  const opened = open ?? (async () => (await openGiven(fs, path)).handle);
  const text = await readText(fs, path, opened, maxIndexBytes);
  return understand(path, text, settings, signal);
}

/** Parses the text of an index, with the errors of {@link readIndex}. */
export async function understand(
  path: string,
  text: string,
  limits: IndexLimits,
  signal: AbortSignal | undefined,
): Promise<VrtDocument> {
  try {
    return await parseVrt(text, limits, signal);
  } catch (cause) {
    if (signal?.aborted) throw aborted(path, signal);
    const why = messageOf(cause);
    throw corrupt(path, `The VRT index cannot be understood: ${why}.`, cause);
  }
}

async function readText(
  fs: Fs,
  path: string,
  open: () => Promise<FsFile>,
  maximumBytes: number,
): Promise<string> {
  try {
    await freshenWay(fs, dirname(path));
    const text = await lookOrLock(fs, path, () => readOnce(path, open, maximumBytes));
    if (text !== undefined) return text;
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    const message = 'The VRT index cannot be read.';
    throw new HoldfastError('IO', { message, step: 'open', path, cause });
  }
  const message = 'There is no VRT index.';
  throw new HoldfastError('NOT_FOUND', { message, step: 'open', path });
}

/**
 * Where a name may lead nowhere while it is replaced: asked several times, and then under the lock
 * of the writers.
 */
async function lookOrLock(
  fs: Fs,
  path: string,
  look: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const found = await askAgain(fs, path, look);
  if (found !== undefined || !(await fs.exists(`${path}.lock`))) return found;
  if ((await filesystemOf(fs, dirname(path))).isLocal) return undefined;
  return withLock(path, () => askAgain(fs, path, look), {
    mode: 'shared',
    timeoutMs: READER_PATIENCE_MS,
    fs,
  }).catch((error: unknown) => {
    if (isHoldfastError(error, 'CORRUPT_DOCUMENT')) throw error;
    // Without the lock, what was seen before has to do.
    return undefined;
  });
}

async function readOnce(
  path: string,
  open: () => Promise<FsFile>,
  maximumBytes: number,
): Promise<string | undefined> {
  const file = await openIfThere(open);
  if (file === undefined) return undefined;
  try {
    const { sizeBytes } = await file.stat('fresh');
    if (sizeBytes > maximumBytes) throw tooLarge(path, sizeBytes, maximumBytes);
    const bytes = new Uint8Array(sizeBytes);
    const count = await readFully(file, bytes, 0);
    return new TextDecoder().decode(bytes.subarray(0, count));
  } finally {
    await file.close();
  }
}

/** `undefined` for a file that is missing. */
export async function openIfThere(open: () => Promise<FsFile>): Promise<FsFile | undefined> {
  try {
    return await open();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** An index that is over the limit. */
export function tooLarge(path: string, sizeBytes: number, maximumBytes: number): HoldfastError {
  const limit = `Raise maxIndexBytes if it is to be trusted.`;
  return corrupt(path, `The VRT index has ${sizeBytes} bytes, over ${maximumBytes}. ${limit}`);
}

function corrupt(path: string, message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message,
    step: 'parse',
    path,
    cause,
  });
}
