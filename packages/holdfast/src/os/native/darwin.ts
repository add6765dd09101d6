/**
 * The native layer of macOS: flock(2), renamex_np(2), fgetxattr(2) and kin with their two further
 * arguments, and F_FULLFSYNC of fcntl(2). Node's fsync begins with that as well, but when it fails
 * it goes on to F_BARRIERFSYNC and fsync(2), whatever the reason (uv__fs_fsync in libuv's
 * src/unix/fs.c), and these may say that all is well.
 */
import { constants } from 'node:os';
import { systemError } from '../system-error.js';
import type { Koffi } from './koffi.js';
import type { Native } from './native.js';
import { errnoOnPool, unixNative } from './unix.js';

// <sys/stdio.h>, renamex_np(2).
const RENAME_SWAP = 2;
const RENAME_EXCL = 4;

// <sys/fcntl.h>, fcntl(2). It takes no argument.
const F_FULLFSYNC = 51;

export function darwinNative(koffi: Koffi): Native {
  const libc = koffi.load('/usr/lib/libSystem.B.dylib');
  const renamex = libc.func('int renamex_np(const char *from, const char *to, unsigned int flags)');
  const fcntl = libc.func('int fcntl(int fd, int command)');
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
  const { check, ...unix } = unixNative(koffi, libc, {
    list: (fd, list, size) => flistxattr(fd, list, size, 0),
    get: (fd, name, value, size) => fgetxattr(fd, name, value, size, 0, 0),
    set: (fd, name, value, size) => fsetxattr(fd, name, value, size, 0, 0),
    remove: (fd, name) => fremovexattr(fd, name, 0),
  });

  return {
    ...unix,
    renameNoReplace(from, to) {
      check(renamex(from, to, RENAME_EXCL), 'renamex_np', from);
    },
    exchange(a, b) {
      check(renamex(a, b, RENAME_SWAP), 'renamex_np', a);
    },
    async syncFilesystem(_fd, path) {
      throw systemError(constants.errno.ENOSYS, 'syncfs', path);
    },
    async sync(fd, path) {
      const errno = await errnoOnPool(koffi, fcntl, fd, F_FULLFSYNC);
      // A network filesystem has no drive to flush; there fsync(2) asks its server.
      if (errno === constants.errno.ENOTSUP) return unix.sync?.(fd, path);
      if (errno !== 0) throw systemError(errno, 'F_FULLFSYNC', path);
    },
    tickets: () => undefined,
  };
}
