/**
 * How a process of Linux that sleeps is woken by another one: it listens on a socket of the
 * abstract namespace (unix(7)), which lies in no directory and ends with its process; who wakes it
 * connects and hangs up. Nothing is read from the socket, so whoever else connects wakes it in
 * vain, and that is all.
 *
 * A hint, that never fails and may not arrive: processes of two network namespaces (containers) do
 * not reach each other, and a sandbox may refuse sockets. Node alone sees such a socket in its
 * event loop: Bun is not relied on, and Deno would ask its user.
 */
import { net } from '../lazy-modules.js';
import type { Library } from './unix.js';

/** Calls by name: any text of up to 100 bytes. */
export interface Wakeups {
  /** Wakes whoever waits under this name. */
  wake(name: string): void;
  /**
   * Calls back each time that somebody wakes this name, until the function that it gives is called.
   */
  wait(name: string, woken: () => void): () => void;
}

// <sys/socket.h> and <linux/un.h>; the same on every architecture of 64 bits that Node runs on.
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** A name of the abstract namespace begins with NUL and ends with the address. */
const ABSTRACT = '\0';

export function loadWakeups(libc: Library): Wakeups {
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
    wake(name) {
      const fd = namedBy(connect, name);
      if (fd !== undefined) close(fd);
    },
    wait(name, woken) {
      if (!isNode) return () => undefined;
      // Bound here, since Node's versions do not agree on how long such a name is.
      const fd = namedBy(bind, name);
      if (fd === undefined) return () => undefined;
      try {
        return listen(fd, woken);
      } catch {
        // Node's permission model may refuse it.
        close(fd);
        return () => undefined;
      }
    },
  };
}

const isNode = !('bun' in process.versions) && !('Deno' in globalThis);

/** `struct sockaddr_un`, whose first field is a number in the order of this machine. */
function addressOf(name: string): Uint8Array {
  const family = new Uint8Array(new Uint16Array([AF_UNIX]).buffer);
  return Buffer.concat([family, Buffer.from(ABSTRACT + name)]);
}

/** The socket is closed with the server. */
function listen(fd: number, woken: () => void): () => void {
  const server = net().createServer({ pauseOnConnect: true }, (caller) => {
    caller.destroy();
    woken();
  });
  server.on('error', () => undefined);
  // In a worker of node:cluster too the socket is this process's own.
  server.listen({ fd, exclusive: true });
  server.unref();
  return () => void server.close();
}
