/**
 * The pieces of data that a caller gives one by one; chunks.sync.ts has those of synchronous calls.
 */
import { whenAborted } from '../abort.js';
import { aborted } from '../failure.js';
import { invalidArgument } from '../options.js';

export type Chunks = Iterator<unknown> | AsyncIterator<unknown>;

export function iteratorOf(
  data: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  path: string,
): Chunks {
  if (typeof data === 'object' && data !== null) {
    if (Symbol.asyncIterator in data) return data[Symbol.asyncIterator]();
    if (Symbol.iterator in data) return data[Symbol.iterator]();
  }
  throw invalidArgument('write', 'data is a string, bytes, or an iterable of bytes', path);
}

/**
 * Tells an iterator that nobody reads on, so that it frees what it has. Not awaited: one that hangs
 * may never answer, and its failure to close must not mask the first error. (A stream of Node is
 * closed by who was given it: readingFrom.)
 */
export function stop(chunks: Chunks): void {
  void Promise.resolve(chunks.return?.()).catch(() => undefined);
}

/** What is read, or ABORTED as soon as the signal fires. */
export async function unlessAborted<T>(
  read: () => Promise<T>,
  path: string,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return read();
  if (signal.aborted) throw aborted('write', path, signal);
  let endWatch = (): void => undefined;
  const abort = new Promise<never>((_, reject) => {
    endWatch = whenAborted(signal, () => reject(aborted('write', path, signal)));
  });
  try {
    return await Promise.race([read(), abort]);
  } finally {
    endWatch();
  }
}
