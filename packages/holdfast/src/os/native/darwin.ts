/**
 * The native layer of macOS: flock(2), renamex_np(2), fgetxattr(2) and kin with their two further arguments. F_FULLFSYNC
 * is not here, since libuv's fsync and fdatasync make it on this system (uv__fs_fsync in src/unix/fs.c).
 */
import { constants } from 'node:os';
import { systemError } from '../system-error.js';
import type { Native } from './native.js';

type Koffi = typeof import('koffi');

// <sys/fcntl.h>, flock(2).
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
// <sys/stdio.h>, renamex_np(2).
const RENAME_SWAP = 2;
const RENAME_EXCL = 4;

export function darwinNative(koffi: Koffi): Native {
  const libc = koffi.load('/usr/lib/libSystem.B.dylib');
  const flock = libc.func('int flock(int fd, int operation)');
  const renamex = libc.func('int renamex_np(const char *from, const char *to, unsigned int flags)');
  const flistxattr = libc.func(
    'long flistxattr(int fd, _Out_ uint8_t *list, size_t size, int options)',
  );
  const fgetxattr = libc.func(
    'long fgetxattr(int fd, const char *name, _Out_ uint8_t *value, size_t size, uint32_t position, int options)',
  );
  const fsetxattr = libc.func(
    'int fsetxattr(int fd, const char *name, const uint8_t *value, size_t size, uint32_t position, int options)',
  );
  const fremovexattr = libc.func('int fremovexattr(int fd, const char *name, int options)');

  function check(result: number, syscall: string, path: string): void {
    if (result < 0) throw systemError(koffi.errno(), syscall, path);
  }

  /** Reads a value whose size the kernel tells first; asks again when it grew in between (ERANGE). */
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
    tryLock(fd, mode, path) {
      const operation = (mode === 'exclusive' ? LOCK_EX : LOCK_SH) | LOCK_NB;
      for (;;) {
        if (flock(fd, operation) === 0) return true;
        const errno = koffi.errno();
        if (errno === constants.errno.EWOULDBLOCK) return false;
        if (errno !== constants.errno.EINTR) throw systemError(errno, 'flock', path);
      }
    },
    unlock(fd, path) {
      check(flock(fd, LOCK_UN) as number, 'flock', path);
    },
    renameNoReplace(from, to) {
      check(renamex(from, to, RENAME_EXCL) as number, 'renamex_np', from);
    },
    exchange(a, b) {
      check(renamex(a, b, RENAME_SWAP) as number, 'renamex_np', a);
    },
    async syncFilesystem(_fd, path) {
      throw systemError(constants.errno.ENOSYS, 'syncfs', path);
    },
    listXattrs(fd, path) {
      const list = readSized((buffer, size) => flistxattr(fd, buffer, size, 0) as number);
      if (list === constants.errno.ENOTSUP) return [];
      if (typeof list === 'number') throw systemError(list, 'flistxattr', path);
      return new TextDecoder().decode(list).split('\0').filter(Boolean);
    },
    getXattr(fd, name, path) {
      const value = readSized((buffer, size) => fgetxattr(fd, name, buffer, size, 0, 0) as number);
      if (typeof value === 'number') throw systemError(value, 'fgetxattr', path);
      return value;
    },
    setXattr(fd, name, value, path) {
      check(fsetxattr(fd, name, value, value.length, 0, 0) as number, 'fsetxattr', path);
    },
    removeXattr(fd, name, path) {
      check(fremovexattr(fd, name, 0) as number, 'fremovexattr', path);
    },
    tickets: () => undefined,
  };
}
