/**
 * Sockets of Linux's abstract namespace (unix(7)), by a name of up to 100 bytes. They lie in no
 * directory and end with their process.
 */
import type { Library } from './unix.js';

// <sys/socket.h> and <linux/un.h>; the same on every architecture of 64 bits that Node runs on.
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** A name of the abstract namespace begins with NUL and ends with the address. */
const ABSTRACT = '\0';

interface NamedSockets {
  /** A descriptor with this name, on which nobody listens yet; `undefined` where that cannot be. */
  bound(name: string): number | undefined;
  /** Connects to the name and hangs up, or does nothing. */
  call(name: string): void;
  close(fd: number): void;
}

export function loadNamedSockets(libc: Library): NamedSockets {
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t size)');
  const connect = libc.func('int connect(int fd, const uint8_t *address, uint32_t size)');
  const close = libc.func('int close(int fd)');

  /** A socket to which the call has given the name; `undefined` where it cannot. */
  function namedBy(call: typeof bind, name: string): number | undefined {
    const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) as number;
    if (fd < 0) return undefined;
    const address = addressOf(name);
    if (call(fd, address, address.length) === 0) return fd;
    close(fd);
    return undefined;
  }

  return {
    bound: (name) => namedBy(bind, name),
    call(name) {
      const fd = namedBy(connect, name);
      if (fd !== undefined) close(fd);
    },
    close: (fd) => void close(fd),
  };
}

/** `struct sockaddr_un`, whose first field is a number in the order of this machine. */
function addressOf(name: string): Uint8Array {
  const family = new Uint8Array(new Uint16Array([AF_UNIX]).buffer);
  return Buffer.concat([family, Buffer.from(ABSTRACT + name)]);
}
