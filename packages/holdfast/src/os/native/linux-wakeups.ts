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
import { loadNamedSockets } from './linux-named-sockets.js';
import type { Library } from './unix.js';

/** Calls by name: any text of up to 100 bytes. */
export interface Wakeups {
  /** Wakes whoever waits under this name. */
  wake(name: string): void;
  /** Calls back each time that somebody wakes this name, until the wait is ended. */
  wait(name: string, woken: () => void): NamedWait;
}

/** That somebody can be woken by a name. */
export interface NamedWait {
  end(): void;
  /**
   * Sleeps until somebody wakes the name, `mostMs` at most. Of synchronous calls alone, which do
   * not call back (linux-wakeups.sync.ts).
   */
  readonly sleep?: (mostMs: number) => Promise<void>;
}

const DEAF: NamedWait = { end: () => undefined };

export function loadWakeups(libc: Library): Wakeups {
  const sockets = loadNamedSockets(libc);
  return {
    wake(name) {
      sockets.call(name);
    },
    wait(name, woken) {
      if (!isNode) return DEAF;
      // Bound here, since Node's versions do not agree on how long such a name is.
      const fd = sockets.bound(name);
      if (fd === undefined) return DEAF;
      try {
        return { end: listen(fd, woken) };
      } catch {
        // Node's permission model may refuse it.
        sockets.close(fd);
        return DEAF;
      }
    },
  };
}

const isNode = !('bun' in process.versions) && !('Deno' in globalThis);

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
