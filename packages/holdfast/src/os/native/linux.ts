/**
 * The native layer of Linux (glibc and musl): flock(2), renameat2(2), syncfs(2), fgetxattr(2) and
 * kin.
 */
import { systemError } from '../system-error.js';
import { loadByteLock } from './linux-byte-lock.js';
import { loadReadSome } from './linux-entries.js';
import { loadOpenWatch } from './linux-open-watch.js';
import { loadStat } from './linux-stat.js';
import { ARCHITECTURES_OF_64_BITS, loadTickets } from './linux-tickets.js';
import type { Koffi } from './koffi.js';
import type { Native } from './native.js';
import { errnoOnPool, unixNative } from './unix.js';

// <fcntl.h> and <linux/fs.h>, renameat2(2).
const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;
// <fcntl.h>, sync_file_range(2).
const SYNC_FILE_RANGE_WRITE = 2;
const TO_THE_END = 0;

export function linuxNative(koffi: Koffi): Native {
  const libc = koffi.load(null);
  const renameat2 = libc.func(
    'int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags)',
  );
  const syncfs = libc.func('int syncfs(int fd)');
  const syncFileRange = libc.func(
    'int sync_file_range(int fd, int64_t offset, int64_t size, unsigned int flags)',
  );
  const preadv = libc.func(
    'long preadv(int fd, const uint64_t *vector, int count, int64_t offset)',
  );
  const fsetxattr = libc.func(
    'int fsetxattr(int fd, const char *name, const uint8_t *value, size_t size, int flags)',
  );
  const { check, ...unix } = unixNative(koffi, libc, {
    list: libc.func('long flistxattr(int fd, _Out_ uint8_t *list, size_t size)'),
    get: libc.func('long fgetxattr(int fd, const char *name, _Out_ uint8_t *value, size_t size)'),
    set: (fd, name, value, size) => fsetxattr(fd, name, value, size, 0),
    remove: libc.func('int fremovexattr(int fd, const char *name)'),
  });

  function rename2(from: string, to: string, flags: number): void {
    check(renameat2(AT_FDCWD, from, AT_FDCWD, to, flags), 'renameat2', from);
  }

  /**
   * Where the bytes of a buffer lie. Asked for its `buffer`, a small one moves out of the heap,
   * where it would not stay.
   */
  function addressOf({ buffer, byteOffset }: Uint8Array): bigint {
    return koffi.address(new Uint8Array(buffer)) + BigInt(byteOffset);
  }

  return {
    ...unix,
    renameNoReplace(from, to) {
      rename2(from, to, RENAME_NOREPLACE);
    },
    exchange(a, b) {
      rename2(a, b, RENAME_EXCHANGE);
    },
    startWriteOut(fd, offsetBytes = 0, mostBytes = TO_THE_END) {
      // It keeps no error to itself: the sync that follows reports whatever could not be written.
      syncFileRange(fd, offsetBytes, mostBytes, SYNC_FILE_RANGE_WRITE);
    },
    // Elsewhere off_t may have 32 bits.
    ...(ARCHITECTURES_OF_64_BITS.includes(process.arch) && {
      readSome: loadReadSome(koffi, libc),
      readRows(fd, buffers, { rowCount, offsetBytes, strideBytes }, path) {
        // struct iovec of <sys/uio.h>: the address and the size of each piece.
        const vector = new BigUint64Array(2 * buffers.length);
        let rowBytes = 0;
        for (const [index, buffer] of buffers.entries()) {
          const pieceBytes = buffer.length / rowCount;
          vector[2 * index] = addressOf(buffer);
          vector[2 * index + 1] = BigInt(pieceBytes);
          rowBytes += pieceBytes;
        }
        let done = 0;
        for (let row = 0; row < rowCount; row += 1) {
          const count = preadv(
            fd,
            vector,
            buffers.length,
            offsetBytes + row * strideBytes,
          ) as number;
          if (count < 0) throw systemError(koffi.errno(), 'preadv', path);
          done += count;
          if (count < rowBytes) break;
          for (let at = 0; at < vector.length; at += 2) vector[at]! += vector[at + 1]!;
        }
        return done;
      },
    }),
    async syncFilesystem(fd, path) {
      const errno = await errnoOnPool(koffi, syncfs, fd);
      if (errno !== 0) throw systemError(errno, 'syncfs', path);
    },
    stat: loadStat(koffi, libc),
    tryLockBytes: loadByteLock(koffi, libc),
    watchOpens: loadOpenWatch(koffi, libc),
    tickets: loadTickets(libc),
  };
}
