/** chunks.ts for synchronous calls, which cannot wait for a piece. */
import { invalidArgument } from '../options.js';

export function iteratorOf(data: Iterable<Uint8Array>, path: string): Iterator<unknown> {
  if (typeof data === 'object' && data !== null && Symbol.iterator in data) {
    return data[Symbol.iterator]();
  }
  const what = 'data is a string, bytes, or an iterable of bytes (a synchronous one)';
  throw invalidArgument('write', what, path);
}

/** Tells an iterator that nobody reads on. Its failure to close must not mask the first error. */
export function stop(chunks: Iterator<unknown>): void {
  try {
    chunks.return?.();
  } catch {
    // As said above.
  }
}

export async function unlessAborted<T>(read: () => Promise<T>): Promise<T> {
  return read();
}
