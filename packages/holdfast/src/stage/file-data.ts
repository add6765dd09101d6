/** The data of a file, whole or as a stream, written to an open file from its beginning. */
import { types } from 'node:util';
import { HoldfastError } from '../errors.js';
import { aborted, failure } from '../failure.js';
import { invalidArgument } from '../options.js';
import type { FsFile } from '../os/fs.js';
import { shortWrite } from '../os/handles.js';
import { iteratorOf, stop, unlessAborted, type Chunks } from './chunks.js';

/**
 * What a file can be made of. A stream (Node's Readable is an AsyncIterable) is never held in
 * memory whole, and is closed when the call fails.
 */
export type FileData = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * One write(2); a larger array is written piece by piece, so that the caller's signal is heard in
 * between.
 */
const PIECE_BYTES = 8 * 1024 * 1024;

/**
 * Writes the data and resolves to its size in bytes. On a failure an iterator is told that nobody
 * reads on.
 *
 * @throws HoldfastError NO_SPACE, also for a short count; UPDATER_FAILED when the stream fails;
 *   ABORTED; UNREPRESENTABLE for a string with half a character; INVALID_ARGUMENT; IO
 */
export function writeData(
  file: FsFile,
  data: FileData,
  signal: AbortSignal | undefined,
): Promise<number> {
  return typeof data === 'string' || types.isUint8Array(data)
    ? writePieces(file, data, 0, signal)
    : writeStream(file, data, signal);
}

async function writeStream(
  file: FsFile,
  data: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const chunks = iteratorOf(data, file.path);
  let sizeBytes = 0;
  try {
    for (;;) {
      const chunk = await nextChunk(chunks, file.path, signal);
      if (chunk === undefined) return sizeBytes;
      sizeBytes += await writePieces(file, chunk, sizeBytes, signal);
    }
  } catch (error) {
    stop(chunks);
    throw error;
  }
}

/**
 * Writes at the offset, and gives back how many bytes that were. One function from here to the call
 * of the kernel: a tree of small files goes through it once a file.
 */
async function writePieces(
  file: FsFile,
  data: string | Uint8Array,
  offsetBytes: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const bytes = typeof data === 'string' ? encodeString(data, file.path) : data;
  for (let done = 0; done < bytes.length; done += PIECE_BYTES) {
    if (signal?.aborted) throw aborted('write', file.path, signal);
    const piece = bytes.length > PIECE_BYTES ? bytes.subarray(done, done + PIECE_BYTES) : bytes;
    let taken: number;
    try {
      taken = await file.write(piece, offsetBytes + done);
    } catch (error) {
      throw failure('write', file.path, error);
    }
    if (taken !== piece.length) throw shortWrite(file.path, taken, piece.length);
  }
  return bytes.length;
}

export function encodeString(text: string, path: string): Buffer {
  if (/\p{Surrogate}/u.test(text)) {
    throw new HoldfastError('UNREPRESENTABLE', {
      message:
        'The string holds half of a surrogate pair, which UTF-8 cannot hold. Give bytes instead.',
      step: 'encode',
      path,
    });
  }
  return Buffer.from(text);
}

async function nextChunk(
  chunks: Chunks,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const { done, value } = await unlessAborted(() => readChunk(chunks, path), path, signal);
  if (done === true) return undefined;
  if (types.isUint8Array(value)) return value;
  throw invalidArgument('write', `the stream gave ${typeof value} where bytes are needed`, path);
}

async function readChunk(chunks: Chunks, path: string): Promise<IteratorResult<unknown>> {
  try {
    return await chunks.next();
  } catch (cause) {
    throw new HoldfastError('UPDATER_FAILED', {
      message: 'The stream that gives the data failed.',
      step: 'read data',
      path,
      cause,
    });
  }
}
