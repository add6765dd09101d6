/** A piece of a directory on Linux: getdents64(2), which Node makes only for the whole of it. */
import type { DirectoryEntry, FileKind } from '../fs.js';
import { systemError } from '../system-error.js';
import type { Koffi } from './koffi.js';
import type { Native } from './native.js';
import { functionIfThere, type Library } from './unix.js';

const PIECE_BYTES = 32 * 1024;
const SEEK_SET = 0;

// `struct linux_dirent64`: inode and place of the next (64 bits each), size of the entry (16 bits),
// kind, name, NUL. Where these are, in fields of their own size:
const NEXT = 1;
const SIZE = 8;
const KIND = 18;
const NAME = 19;
/** The longest entry, with a name of NAME_MAX bytes; a smaller room may be refused. */
const ENTRY_BYTES = 280;

// <dirent.h>, DT_REG and its kin.
const kinds: ReadonlyMap<number, FileKind> = new Map([
  [1, 'fifo'],
  [2, 'characterDevice'],
  [4, 'directory'],
  [6, 'blockDevice'],
  [8, 'file'],
  [10, 'symlink'],
  [12, 'socket'],
]);

/** Undefined where the C library is older than the call. To be asked where off_t has 64 bits. */
export function loadReadSome(koffi: Koffi, libc: Library): Native['readSome'] {
  // musl has it by the older name only, with the same entries.
  const getdents =
    functionIfThere(libc, 'long getdents64(int fd, _Out_ uint8_t *entries, size_t size)') ??
    functionIfThere(libc, 'int getdents(int fd, _Out_ uint8_t *entries, size_t size)');
  if (getdents === undefined) return undefined;
  const lseek = libc.func('int64_t lseek(int fd, int64_t offset, int whence)');
  const piece = new ArrayBuffer(PIECE_BYTES);
  const asBytes = Buffer.from(piece);
  const asShorts = new Uint16Array(piece);
  const asLongs = new BigInt64Array(piece);

  return (directory, place, path) => {
    if (Number(lseek(directory, place, SEEK_SET)) < 0) return { entries: [], next: undefined };
    let size = 0;
    let isEnd = false;
    while (!isEnd && PIECE_BYTES - size >= ENTRY_BYTES) {
      const got = getdents(directory, asBytes.subarray(size), PIECE_BYTES - size) as number;
      if (got < 0) throw systemError(koffi.errno(), 'getdents64', path);
      size += got;
      isEnd = got === 0;
    }
    const entries: DirectoryEntry[] = [];
    let next: bigint | undefined;
    for (let at = 0; at < size; at += asShorts[at / 2 + SIZE] as number) {
      next = asLongs[at / 8 + NEXT];
      const name = asBytes.toString('utf8', at + NAME, asBytes.indexOf(0, at + NAME));
      if (name === '.' || name === '..') continue;
      entries.push({ name, kind: kinds.get(asBytes[at + KIND] ?? 0) ?? 'unknown' });
    }
    return { entries, next: isEnd ? undefined : next };
  };
}
