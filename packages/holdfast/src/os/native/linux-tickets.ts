/**
 * Tickets on Linux: open file description locks (fcntl(2)) on single bytes far beyond the end of the file. They belong
 * to the open file, not to the process, so the descriptors of one process see each other; the kernel drops them with
 * the descriptor. On a local filesystem they and flock(2) do not know of each other. Where flock is itself made of byte
 * locks (NFS, CIFS, FUSE) they would, so only filesystems known to keep them apart are used.
 */
import { filesystemType } from '../filesystem-type.js';
import type { LockTickets } from '../fs.js';
import type { Native } from './native.js';

type Koffi = typeof import('koffi');
type Library = ReturnType<Koffi['load']>;

// <linux/fcntl.h>; the same on every architecture that Node runs on, MIPS apart.
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** `struct flock` where off_t has 64 bits: type and whence (16 bits each), padding, start, length, pid, padding. */
const STRUCT_FLOCK_BYTES = 32;
const TYPE = 0;
const START = 1;
const LENGTH = 2;
export const ARCHITECTURES_OF_64_BITS: readonly string[] = [
  'x64',
  'arm64',
  'riscv64',
  'loong64',
  'ppc64',
  's390x',
];
/** Bytes from here on are tickets. No program that locks parts of a file locks parts this far out. */
const FIRST_BYTE = 1n << 62n;

export function loadTickets(libc: Library): Native['tickets'] {
  if (!ARCHITECTURES_OF_64_BITS.includes(process.arch)) return () => undefined;
  const fcntl = libc.func('int fcntl(int fd, int command, _Inout_ uint8_t *lock)');
  const record = new ArrayBuffer(STRUCT_FLOCK_BYTES);
  const asBytes = new Uint8Array(record);
  const asShorts = new Int16Array(record);
  const asLongs = new BigInt64Array(record);

  /** Whether the kernel did it. A hint that cannot be given or had is none, and never a reason to fail. */
  function control(
    fd: number,
    command: number,
    type: number,
    start: bigint,
    length: bigint,
  ): boolean {
    asLongs.fill(0n);
    asShorts[TYPE] = type;
    asLongs[START] = start;
    asLongs[LENGTH] = length;
    return fcntl(fd, command, asBytes) === 0;
  }

  /** A ticket below the given one, or any (`length` 0 reaches to the end of all offsets). */
  function anyOther(fd: number, below: bigint | undefined): bigint | undefined {
    const isKnown = control(fd, F_OFD_GETLK, F_WRLCK, FIRST_BYTE, below ?? 0n);
    if (!isKnown || asShorts[TYPE] === F_UNLCK) return undefined;
    const ticket = (asLongs[START] ?? 0n) - FIRST_BYTE;
    // A lock that begins before the tickets is another program's, on the whole file.
    return ticket < 0n ? undefined : ticket;
  }

  function lowest(fd: number): bigint | undefined {
    let found = anyOther(fd, undefined);
    while (found !== undefined && found > 0n) {
      const lower = anyOther(fd, found);
      if (lower === undefined) break;
      found = lower;
    }
    return found;
  }

  return (fd, magic): LockTickets | undefined => {
    if (!filesystemType(magic).isLocal) return undefined;
    return {
      draw: (ticket) => control(fd, F_OFD_SETLK, F_RDLCK, FIRST_BYTE + ticket, 1n),
      drop: (ticket) => control(fd, F_OFD_SETLK, F_UNLCK, FIRST_BYTE + ticket, 1n),
      lowestOfOthers: () => lowest(fd),
    };
  };
}
