/**
 * A lock of all bytes of a file that belongs to what was opened, not to the process (fcntl(2),
 * F_OFD_SETLK). Two descriptors of one process exclude each other, and closing another one of the
 * file frees nothing. It excludes, and is excluded by, the locks of processes on these bytes
 * (F_SETLK, lockf(3), Java, Boost): the kernel keeps both in one list, and asks only whether the
 * owners differ (posix_locks_conflict in its fs/locks.c).
 */
import { constants } from 'node:os';
import { systemError } from '../system-error.js';
import type { Koffi } from './koffi.js';
import { ARCHITECTURES_OF_64_BITS } from './linux-tickets.js';
import type { Native } from './native.js';

// <linux/fcntl.h>; the same on every architecture that Node runs on, MIPS apart.
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
/**
 * `struct flock` where off_t has 64 bits: 32 bytes, which begin with the type. From byte 0, of
 * length 0: all there will be.
 */
const STRUCT_FLOCK_BYTES = 32;

/** `undefined` where the layout of the argument is not known. */
export function loadByteLock(
  koffi: Koffi,
  libc: ReturnType<Koffi['load']>,
): Native['tryLockBytes'] | undefined {
  if (!ARCHITECTURES_OF_64_BITS.includes(process.arch)) return undefined;
  const fcntl = libc.func('int fcntl(int fd, int command, _Inout_ uint8_t *lock)');
  return (fd, mode, path) => {
    const lock = new Int16Array(STRUCT_FLOCK_BYTES / 2);
    lock[0] = mode === 'exclusive' ? F_WRLCK : F_RDLCK;
    if (fcntl(fd, F_OFD_SETLK, new Uint8Array(lock.buffer)) === 0) return true;
    const errno = koffi.errno();
    if (errno === constants.errno.EAGAIN || errno === constants.errno.EACCES) return false;
    throw systemError(errno, 'fcntl', path);
  };
}
