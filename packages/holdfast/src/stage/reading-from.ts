/** Calls that read what their caller gives. */
import { hearFailure, isStream } from '../failure.js';

/**
 * Makes a call that is to read the data. When the call fails, also before it reads, a stream of
 * Node is closed: one that keeps its reader waiting would not hear of its iterator's end before its
 * next chunk.
 */
export function readingFrom<T>(data: unknown, call: () => Promise<T>): Promise<T> {
  hearFailure(data);
  const ended = call();
  if (isStream(data)) ended.catch(() => data.destroy());
  return ended;
}
