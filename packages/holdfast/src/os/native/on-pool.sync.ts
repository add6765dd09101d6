/** on-pool.ts for synchronous calls: the call is made on this thread. */
import type { Library } from './unix.js';

export async function onPool<T>(
  call: ReturnType<Library['func']>,
  args: readonly number[],
  read: (result: number) => T,
): Promise<T> {
  return read(call(...args) as number);
}
