/**
 * linux-wakeups.ts for synchronous calls: this thread sleeps in poll(2) on the socket, and nothing
 * calls back. No event loop sees the socket, so every runtime can have it.
 */
import { pause } from '../pause.js';
import { loadNamedSockets } from './linux-named-sockets.js';
import type { NamedWait, Wakeups } from './linux-wakeups.js';
import type { Library } from './unix.js';

// <poll.h>: `struct pollfd` is the descriptor and two numbers of 16 bits, wanted and found.
const POLLIN = 1;
const STRUCT_POLLFD_BYTES = 8;
const EVENTS = 2;
/** More need not wait: one is enough to wake. */
const BACKLOG = 1;

export function loadWakeups(libc: Library): Wakeups {
  const sockets = loadNamedSockets(libc);
  const listen = libc.func('int listen(int fd, int backlog)');
  const poll = libc.func('int poll(_Inout_ uint8_t *sockets, unsigned long count, int timeoutMs)');
  const accept = libc.func('int accept(int fd, void *address, void *size)');

  async function sleepOn(fd: number, mostMs: number): Promise<void> {
    const record = new ArrayBuffer(STRUCT_POLLFD_BYTES);
    new Int32Array(record)[0] = fd;
    new Int16Array(record)[EVENTS] = POLLIN;
    const found = poll(new Uint8Array(record), 1, Math.ceil(mostMs)) as number;
    // A signal has ended it, or a sandbox refuses it: who asks again and again is not to spin.
    if (found < 0) await pause(mostMs);
    if (found > 0) hangUp(fd);
  }

  function hangUp(fd: number): void {
    for (let caller = 0; caller >= 0;) {
      caller = accept(fd, null, null) as number;
      if (caller >= 0) sockets.close(caller);
    }
  }

  return {
    wake: (name) => sockets.call(name),
    wait(name): NamedWait {
      const fd = sockets.bound(name);
      if (fd === undefined) return { end: () => undefined };
      if (listen(fd, BACKLOG) !== 0) return { end: () => sockets.close(fd) };
      return { end: () => sockets.close(fd), sleep: (mostMs) => sleepOn(fd, mostMs) };
    },
  };
}
