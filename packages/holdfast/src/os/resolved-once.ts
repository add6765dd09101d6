/** Work of several calls in one directory, whose path is made canonical once. */
import type { Fs } from './fs.js';

/**
 * A filesystem on which a canonical directory is not resolved again: a symlink that takes its place
 * later, or that of one above it, is refused (`OpenDirectoryFlags.noSymlinks`), where a call that
 * began anew would follow it. For locks give the filesystem itself: queues of one process are by
 * filesystem.
 */
export function resolvedOnce(fs: Fs, directory: string): Fs {
  const realpath = async (path: string): Promise<string> =>
    path === directory ? directory : fs.realpath(path);
  return new Proxy(fs, {
    get: (target, name) => {
      if (name === 'realpath') return realpath;
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => Reflect.apply(member, target, args);
    },
  });
}
