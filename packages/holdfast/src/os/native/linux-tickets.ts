/**
 * Tickets on Linux: shared open file description locks (fcntl(2)) on single bytes of the directory
 * that the lock file lies in. They belong to the open directory, not to the process, so the
 * descriptors of one process see each other; the kernel drops them with the descriptor.
 *
 * On the lock file itself they would keep out whoever locks the whole of it exclusively (fcntl(2),
 * lockf(3)). A directory has no bytes that anybody locks: nobody can open it for writing, which an
 * exclusive lock demands, and shared ones do not exclude each other. They and flock(2) do not know
 * of each other on a local filesystem. Where flock is itself made of byte locks (NFS, CIFS, FUSE)
 * they would, so only filesystems known to keep them apart are used.
 *
 * A byte's offset: 2^62, then 14 bits of the lock file's inode number, then 48 bits of the ticket.
 * Two lock files of one directory that agree in the 14 bits wait for each other's turns, which
 * costs a few milliseconds and nothing else.
 */
import { loadWakeups, type NamedWait } from './linux-wakeups.js';
import type { Native, OpenTickets } from './native.js';
import type { Library } from './unix.js';

// <linux/fcntl.h>; the same on every architecture that Node runs on, MIPS apart.
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
/**
 * `struct flock` where off_t has 64 bits: type and whence (16 bits each), padding, start, length,
 * pid, padding.
 */
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
const FIRST_BYTE = 1n << 62n;
const TICKET_BITS = 48n;
const FILE_BITS = 14n;

interface Bytes {
  readonly start: bigint;
  readonly length: bigint;
}

export function loadTickets(libc: Library): Native['tickets'] {
  if (!ARCHITECTURES_OF_64_BITS.includes(process.arch)) return () => undefined;
  const fcntl = libc.func('int fcntl(int fd, int command, _Inout_ uint8_t *lock)');
  const record = new ArrayBuffer(STRUCT_FLOCK_BYTES);
  const asBytes = new Uint8Array(record);
  const asShorts = new Int16Array(record);
  const asLongs = new BigInt64Array(record);

  /**
   * Whether the kernel did it. A hint that cannot be given or had is none, and never a reason to
   * fail.
   */
  function control(fd: number, command: number, type: number, { start, length }: Bytes): boolean {
    asLongs.fill(0n);
    asShorts[TYPE] = type;
    asLongs[START] = start;
    asLongs[LENGTH] = length;
    return fcntl(fd, command, asBytes) === 0;
  }

  /** A ticket of the others from one number on and below another one. */
  function anyOther(
    fd: number,
    firstByte: bigint,
    from: bigint,
    below: bigint,
  ): bigint | undefined {
    if (from >= below) return undefined;
    const isKnown = control(fd, F_OFD_GETLK, F_WRLCK, {
      start: firstByte + from,
      length: below - from,
    });
    if (!isKnown || asShorts[TYPE] === F_UNLCK) return undefined;
    const ticket = (asLongs[START] ?? 0n) - firstByte;
    // A lock that begins before the tickets is another program's, on more than one byte.
    return ticket < 0n ? undefined : ticket;
  }

  function lowest(fd: number, firstByte: bigint, from: bigint, below: bigint): bigint | undefined {
    let found: bigint | undefined;
    for (let lower: bigint | undefined = below; lower !== undefined;) {
      lower = anyOther(fd, firstByte, from, lower);
      found = lower ?? found;
    }
    return found;
  }

  const wakeups = loadWakeups(libc);

  return (directory, { dev, ino }): OpenTickets => {
    const firstByte = FIRST_BYTE + (BigInt.asUintN(Number(FILE_BITS), ino) << TICKET_BITS);
    const byteOf = (ticket: bigint): Bytes => ({ start: firstByte + ticket, length: 1n });
    const nameOf = (ticket: bigint): string => `holdfast-${dev}-${ino}-${ticket}`;
    const waits = new Map<bigint, NamedWait>();
    const endWait = (ticket: bigint): void => {
      waits.get(ticket)?.end();
      waits.delete(ticket);
    };
    return {
      draw(ticket, woken) {
        // Whoever sees the ticket can wake it.
        waits.set(ticket, wakeups.wait(nameOf(ticket), woken));
        control(directory, F_OFD_SETLK, F_RDLCK, byteOf(ticket));
      },
      drop(ticket) {
        control(directory, F_OFD_SETLK, F_UNLCK, byteOf(ticket));
        endWait(ticket);
      },
      lowestOfOthers: () => lowest(directory, firstByte, 0n, 1n << TICKET_BITS),
      countBelow(ticket, most) {
        let count = 0;
        for (let from: bigint | undefined = 0n; count < most; count += 1) {
          const found: bigint | undefined = lowest(directory, firstByte, from, ticket);
          if (found === undefined) break;
          from = found + 1n;
        }
        return count;
      },
      wake: (ticket) => wakeups.wake(nameOf(ticket)),
      sleepOf: (ticket) => waits.get(ticket)?.sleep,
      close: () => [...waits.keys()].forEach(endWait),
    };
  };
}

/** The first byte for the tickets of a lock file, and the first one after them. */
export function bytesOfTickets(ino: bigint): readonly [bigint, bigint] {
  const first = FIRST_BYTE + (BigInt.asUintN(Number(FILE_BITS), ino) << TICKET_BITS);
  return [first, first + (1n << TICKET_BITS)];
}
