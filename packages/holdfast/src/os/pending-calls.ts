/**
 * Keeps the process alive while a call is pending. Node ends a process, with status 0, as soon as
 * its event loop has nothing to wait for, and a promise is nothing to it: neither is one that waits
 * for the caller's own function, for another call of this process, or for a timer that does not
 * count (`AbortSignal.timeout`).
 */
// Taken at once: a test that replaces the timers of its program replaces none of ours.
const { setInterval } = globalThis;

/** The longest that a timer can be set to (2^31 - 1 ms); it does nothing when it fires. */
const MAX_TIMER_MS = 0x7fffffff;

let pending = 0;
let anchor: NodeJS.Timeout | undefined;

/** The promise itself, for which the process stays alive until it has settled. */
export function keepAlive<T>(call: Promise<T>): Promise<T> {
  pending += 1;
  anchor ??= setInterval(() => undefined, MAX_TIMER_MS);
  if (pending === 1) anchor.ref();
  call.then(settled, settled);
  return call;
}

function settled(): void {
  pending -= 1;
  if (pending === 0) anchor?.unref();
}
