/**
 * What Linux and macOS have in common: flock(2), errors in errno, and extended attributes whose
 * size is asked first.
 */
import { constants } from 'node:os';
import { systemError } from '../system-error.js';
import type { Koffi } from './koffi.js';
import type { Native } from './native.js';
import { onPool } from './on-pool.js';

export type Library = ReturnType<Koffi['load']>;

/** A function that older C libraries lack. */
export function functionIfThere(
  libc: Library,
  declaration: string,
): ReturnType<Library['func']> | undefined {
  try {
    return libc.func(declaration);
  } catch {
    return undefined;
  }
}

// <sys/file.h>, flock(2); the same numbers on both.
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** The calls for extended attributes, whose further arguments differ. */
interface XattrCalls {
  list(fd: number, list: Uint8Array | null, size: number): number;
  get(fd: number, name: string, value: Uint8Array | null, size: number): number;
  set(fd: number, name: string, value: Uint8Array, size: number): number;
  remove(fd: number, name: string): number;
}

/** What both make of these; the platform adds the rest. */
type UnixNative = Omit<Native, 'renameNoReplace' | 'exchange' | 'syncFilesystem' | 'tickets'> & {
  /** Throws what errno says when a call has failed. */
  readonly check: (result: number, syscall: string, path: string) => void;
};

/** Makes a call on the thread pool; gives 0, or what errno says there when it has failed. */
export function errnoOnPool(
  koffi: Koffi,
  call: ReturnType<Library['func']>,
  ...args: readonly number[]
): Promise<number> {
  return onPool(call, args, (result) => (result < 0 ? koffi.errno() : 0));
}

/** SMB says EACCES of a lock that another holds, as fcntl(2) allows for its own. */
const TAKEN: readonly number[] = [constants.errno.EWOULDBLOCK, constants.errno.EACCES];

export function unixNative(koffi: Koffi, libc: Library, xattr: XattrCalls): UnixNative {
  const flock = libc.func('int flock(int fd, int operation)');
  const fsync = libc.func('int fsync(int fd)');
  const fchmod = libc.func('int fchmod(int fd, unsigned int mode)');
  const fchown = libc.func('int fchown(int fd, unsigned int uid, unsigned int gid)');

  function check(result: number, syscall: string, path: string): void {
    if (result < 0) throw systemError(koffi.errno(), syscall, path);
  }

  /**
   * Reads a value whose size the kernel tells first; asks again when it grew in between (ERANGE).
   */
  function readSized(
    call: (buffer: Uint8Array | null, size: number) => number,
  ): Uint8Array | number {
    for (;;) {
      const size = call(null, 0);
      if (size <= 0) return size < 0 ? koffi.errno() : new Uint8Array();
      const buffer = new Uint8Array(size);
      const got = call(buffer, size);
      if (got >= 0) return buffer.subarray(0, got);
      if (koffi.errno() !== constants.errno.ERANGE) return koffi.errno();
    }
  }

  return {
    check,
    library: libc,
    tryLock(fd, mode, path) {
      const operation = (mode === 'exclusive' ? LOCK_EX : LOCK_SH) | LOCK_NB;
      for (;;) {
        if (flock(fd, operation) === 0) return true;
        const errno = koffi.errno();
        if (TAKEN.includes(errno)) return false;
        if (errno !== constants.errno.EINTR) throw systemError(errno, 'flock', path);
      }
    },
    unlock(fd, path) {
      check(flock(fd, LOCK_UN), 'flock', path);
    },
    async sync(fd, path) {
      const errno = await errnoOnPool(koffi, fsync, fd);
      if (errno !== 0) throw systemError(errno, 'fsync', path);
    },
    chmod(fd, mode, path) {
      check(fchmod(fd, mode), 'fchmod', path);
    },
    chown(fd, uid, gid, path) {
      check(fchown(fd, uid, gid), 'fchown', path);
    },
    listXattrs(fd, path) {
      const list = readSized((buffer, size) => xattr.list(fd, buffer, size));
      if (list === constants.errno.ENOTSUP) return [];
      if (typeof list === 'number') throw systemError(list, 'flistxattr', path);
      return new TextDecoder().decode(list).split('\0').filter(Boolean);
    },
    getXattr(fd, name, path) {
      const value = readSized((buffer, size) => xattr.get(fd, name, buffer, size));
      if (typeof value === 'number') throw systemError(value, 'fgetxattr', path);
      return value;
    },
    setXattr(fd, name, value, path) {
      check(xattr.set(fd, name, value, value.length), 'fsetxattr', path);
    },
    removeXattr(fd, name, path) {
      check(xattr.remove(fd, name), 'fremovexattr', path);
    },
  };
}
