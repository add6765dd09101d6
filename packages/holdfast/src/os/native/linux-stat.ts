/**
 * stat(2) without the times, by statx(2). From Linux 6.13 on (multigrain timestamps), the first
 * write after somebody has looked at a file's times must stamp the file anew, and the sync after it
 * takes longer: a tenth, for an append. Node's own stat always looks at them.
 */
import { PERMISSION_BITS, type FileKind, type FileStat } from '../fs.js';
import { systemError } from '../system-error.js';
import type { Koffi } from './koffi.js';
import type { Native } from './native.js';
import { functionIfThere, type Library } from './unix.js';

// <fcntl.h>
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_STATX_FORCE_SYNC = 0x2000;
// <linux/stat.h>: type, mode, links, owner, group, inode and size.
const WITHOUT_TIMES = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100 | 0x200;

// `struct statx` is the same on every architecture. Where its fields are, counted in fields of
// their own size:
const STRUCT_STATX_BYTES = 256;
const LINK_COUNT = 4;
const UID = 5;
const GID = 6;
const MODE = 14;
const INO = 4;
const SIZE = 5;
const DEV_MAJOR = 34;
const DEV_MINOR = 35;

// <linux/stat.h>, S_IFMT and what it holds.
const KIND_BITS = 0o170000;
const kinds: ReadonlyMap<number, FileKind> = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
  [0o060000, 'blockDevice'],
  [0o020000, 'characterDevice'],
]);

/** Undefined where the C library or the kernel is older than the call, or a sandbox refuses it. */
export function loadStat(koffi: Koffi, libc: Library): Native['stat'] {
  const statx = functionIfThere(
    libc,
    'int statx(int dirfd, const char *path, int flags, unsigned int mask, _Out_ uint8_t *record)',
  );
  const record = new ArrayBuffer(STRUCT_STATX_BYTES);
  const asBytes = new Uint8Array(record);
  const asShorts = new Uint16Array(record);
  const asInts = new Uint32Array(record);
  const asLongs = new BigUint64Array(record);
  if (statx?.(AT_FDCWD, '/', 0, WITHOUT_TIMES, asBytes) !== 0) return undefined;

  function read(): FileStat {
    const mode = asShorts[MODE] ?? 0;
    return {
      kind: kinds.get(mode & KIND_BITS) ?? 'unknown',
      dev: deviceNumber(BigInt(asInts[DEV_MAJOR] ?? 0), BigInt(asInts[DEV_MINOR] ?? 0)),
      ino: asLongs[INO] ?? 0n,
      sizeBytes: Number(asLongs[SIZE]),
      mode: mode & PERMISSION_BITS,
      uid: asInts[UID] ?? 0,
      gid: asInts[GID] ?? 0,
      linkCount: asInts[LINK_COUNT] ?? 0,
    };
  }

  return {
    ofFile(fd, path, freshness) {
      const flags = freshness === 'fresh' ? AT_EMPTY_PATH | AT_STATX_FORCE_SYNC : AT_EMPTY_PATH;
      if (statx(fd, '', flags, WITHOUT_TIMES, asBytes) === 0) return read();
      throw systemError(koffi.errno(), 'fstat', path);
    },
    ofPath(path, call) {
      const flags = call === 'lstat' ? AT_SYMLINK_NOFOLLOW : 0;
      if (statx(AT_FDCWD, path, flags, WITHOUT_TIMES, asBytes) === 0) return read();
      throw systemError(koffi.errno(), call, path);
    },
  };
}

/** As stat(2) gives it: makedev(3) of glibc and musl. */
function deviceNumber(major: bigint, minor: bigint): bigint {
  return (
    ((major & 0xfffff000n) << 32n) |
    ((major & 0xfffn) << 8n) |
    ((minor & 0xffffff00n) << 12n) |
    (minor & 0xffn)
  );
}
