/**
 * Native calls that may wait for the disk, on koffi's thread pool; on-pool.sync.ts has those of the
 * synchronous calls.
 */
import type { Library } from './unix.js';

/**
 * Makes a call on the thread pool.
 *
 * @param read - takes its result, and what the thread's errno says then
 */
export function onPool<T>(
  call: ReturnType<Library['func']>,
  args: readonly number[],
  read: (result: number) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call.async(...args, (error: unknown, result: number) => {
      if (error) reject(error);
      else resolve(read(result));
    });
  });
}
