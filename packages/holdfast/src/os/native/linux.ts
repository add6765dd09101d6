/** The native layer of Linux (glibc and musl): flock(2), renameat2(2), syncfs(2), fgetxattr(2) and kin. */
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { systemError } from '../system-error.js';
import { loadTickets } from './linux-tickets.js';
import type { Native } from './native.js';

type Koffi = typeof import('koffi');

// <sys/file.h>, flock(2).
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
// <fcntl.h> and <linux/fs.h>, renameat2(2).
const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;

export function loadLinux(): Native {
  // koffi is CommonJS and loads its binary synchronously; require keeps this function synchronous too.
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const libc = koffi.load(null);
  const flock = libc.func('int flock(int fd, int operation)');
  const renameat2 = libc.func(
    'int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags)',
  );
  const syncfs = libc.func('int syncfs(int fd)');
  const flistxattr = libc.func('long flistxattr(int fd, _Out_ uint8_t *list, size_t size)');
  const fgetxattr = libc.func(
    'long fgetxattr(int fd, const char *name, _Out_ uint8_t *value, size_t size)',
  );
  const fsetxattr = libc.func(
    'int fsetxattr(int fd, const char *name, const uint8_t *value, size_t size, int flags)',
  );

  const fremovexattr = libc.func('int fremovexattr(int fd, const char *name)');

  function check(result: number, syscall: string, path: string): number {
    if (result >= 0) return result;
    throw systemError(koffi.errno(), syscall, path);
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

  function rename2(from: string, to: string, flags: number): void {
    check(renameat2(AT_FDCWD, from, AT_FDCWD, to, flags), 'renameat2', from);
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
      check(flock(fd, LOCK_UN), 'flock', path);
    },
    renameNoReplace(from, to) {
      rename2(from, to, RENAME_NOREPLACE);
    },
    exchange(a, b) {
      rename2(a, b, RENAME_EXCHANGE);
    },
    syncFilesystem(fd, path) {
      return new Promise((resolve, reject) => {
        // errno is read on the pool's thread by koffi and handed over with the result's error.
        syncfs.async(fd, (error: unknown, result: number) => {
          if (error) reject(error);
          else if (result < 0) reject(systemError(koffi.errno(), 'syncfs', path));
          else resolve();
        });
      });
    },
    listXattrs(fd, path) {
      const list = readSized((buffer, size) => flistxattr(fd, buffer, size));
      if (list === constants.errno.ENOTSUP) return [];
      if (typeof list === 'number') throw systemError(list, 'flistxattr', path);
      return new TextDecoder().decode(list).split('\0').filter(Boolean);
    },
    getXattr(fd, name, path) {
      const value = readSized((buffer, size) => fgetxattr(fd, name, buffer, size));
      if (typeof value === 'number') throw systemError(value, 'fgetxattr', path);
      return value;
    },
    setXattr(fd, name, value, path) {
      check(fsetxattr(fd, name, value, value.length, 0), 'fsetxattr', path);
    },
    removeXattr(fd, name, path) {
      check(fremovexattr(fd, name), 'fremovexattr', path);
    },
    tickets: loadTickets(libc),
  };
}
