/**
 * A filesystem that tells of each of its calls, so that something can be done right before one of
 * them.
 */
import { nodeFileSystem, type Fs } from 'holdfast/os';

/** Calls something before each call on a path, with the number of that call. */
export function counting(before: (index: number, call: string) => void): Fs {
  let index = 0;
  return new Proxy(nodeFileSystem, {
    get(fs, name) {
      const member: unknown = Reflect.get(fs, name);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      return (...args: unknown[]): unknown => {
        before(index, name);
        index += 1;
        return Reflect.apply(member, fs, args);
      };
    },
  });
}
