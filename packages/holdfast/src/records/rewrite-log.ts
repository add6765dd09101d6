/**
 * Puts a log in the place of another one that is made of its own bytes: what a compaction and a
 * repair write.
 */
import { Buffer } from 'node:buffer';
import { isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { openTarget } from '../file/open-target.js';
import { replaceFile } from '../file/replace-file.js';
import type { Fs, FsFile } from '../os/fs.js';
import { closeQuietly } from '../os/handles.js';
import { readWhole, sizeOf } from './log-bytes.js';
import { LINE_FEED } from './log-lines.js';
import { corruptLog, logHasGrown } from './record-errors.js';
import type { Stretch } from './torn-bytes.js';

/** Bytes of the log as it is, or a line end where it has none. */
export type LogPart = Stretch | 'lineFeed';

const CHUNK_BYTES = 256 * 1024;

/** Opens a log for as long as it is read. Throws NOT_FOUND when there is none. */
export async function whileOpen<T>(
  fs: Fs,
  path: string,
  use: (file: FsFile) => Promise<T>,
): Promise<T> {
  const file = await openExisting(fs, path);
  try {
    return await use(file);
  } finally {
    await closeQuietly(file);
  }
}

/**
 * Replaces a log by some of its own bytes, under its lock. A crash leaves the old log or the new
 * one.
 *
 * @param parts - in the order that they are to have
 * @param sizeBytes - what the log must not have grown beyond when they have been copied; a program
 *   that takes no lock may write
 * @throws HoldfastError TARGET_CHANGED when it has; CORRUPT_DOCUMENT when it became shorter; those
 *   of `replaceFile`
 */
export async function rewriteLog(
  fs: Fs,
  path: string,
  parts: Iterable<LogPart>,
  sizeBytes?: number,
): Promise<void> {
  try {
    await replaceFile(path, bytesOf(fs, path, parts, sizeBytes), { fs });
  } catch (error) {
    // What reading the log says is more than that the data ended too early.
    const isOurs = isHoldfastError(error, 'UPDATER_FAILED') && isHoldfastError(error.cause);
    throw isOurs ? error.cause : error;
  }
}

async function openExisting(fs: Fs, path: string): Promise<FsFile> {
  const opened = await openTarget(fs, path);
  if (opened) return opened.handle;
  throw failure('open', path, Object.assign(new Error('there is no log'), { code: 'ENOENT' }));
}

/**
 * In chunks. The log is open no longer than they are taken, since a file that is open cannot be
 * replaced everywhere.
 */
async function* bytesOf(
  fs: Fs,
  path: string,
  parts: Iterable<LogPart>,
  sizeBytes = Infinity,
): AsyncGenerator<Uint8Array> {
  const file = await openExisting(fs, path);
  try {
    let chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let held = 0;
    for (const part of parts) {
      const size = part === 'lineFeed' ? 1 : part.sizeBytes;
      for (let done = 0; done < size;) {
        const place = chunk.subarray(held, held + Math.min(size - done, CHUNK_BYTES - held));
        const got =
          part === 'lineFeed'
            ? place.fill(LINE_FEED).length
            : await readWhole(file, place, part.offsetBytes + done);
        if (got === 0) throw corruptLog(path, 'The log became shorter while it was written anew.');
        held += got;
        done += got;
        if (held < CHUNK_BYTES) continue;
        yield chunk;
        chunk = Buffer.allocUnsafe(CHUNK_BYTES);
        held = 0;
      }
    }
    if (held > 0) yield chunk.subarray(0, held);
    if ((await sizeOf(file)) > sizeBytes) throw logHasGrown(path);
  } finally {
    await closeQuietly(file);
  }
}
