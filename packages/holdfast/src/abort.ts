/**
 * What is to happen when a caller's AbortSignal fires. However many calls share a signal (a
 * program's one for its shutdown), it has one listener at most: Node warns of a leak from the
 * eleventh on.
 */

interface Heard {
  readonly callbacks: Set<() => void>;
  /** Takes the one listener away: a signal that somebody listens to is not collected. */
  readonly stop: () => void;
}

const heard = new WeakMap<AbortSignal, Heard>();

/**
 * Calls `onAbort` when the signal fires; never when it has fired already.
 *
 * @returns ends that
 */
export function whenAborted(signal: AbortSignal | undefined, onAbort: () => void): () => void {
  if (signal === undefined || signal.aborted) return () => undefined;
  const { callbacks, stop } = heard.get(signal) ?? hear(signal);
  // Two callers may give the same function.
  const callback = (): void => onAbort();
  callbacks.add(callback);
  return () => {
    const wasLast = callbacks.delete(callback) && callbacks.size === 0;
    if (wasLast) stop();
  };
}

function hear(signal: AbortSignal): Heard {
  const callbacks = new Set<() => void>();
  const onFire = (): void => callbacks.forEach((callback) => callback());
  const stop = (): void => {
    signal.removeEventListener('abort', onFire);
    heard.delete(signal);
  };
  signal.addEventListener('abort', onFire, { once: true });
  heard.set(signal, { callbacks, stop });
  return { callbacks, stop };
}
