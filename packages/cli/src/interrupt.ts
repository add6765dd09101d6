/**
 * Ctrl-C as an AbortSignal: the first one ends the work cleanly, the second one ends the process.
 */

/** Runs some work with a signal that SIGINT and SIGTERM fire. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const names = ['SIGINT', 'SIGTERM'] as const;
  const stop = (name: NodeJS.Signals): void => {
    forget();
    controller.abort(new Error(`interrupted by ${name}`));
  };
  const forget = (): void => {
    for (const name of names) process.off(name, stop);
  };
  for (const name of names) process.on(name, stop);
  try {
    return await work(controller.signal);
  } finally {
    forget();
  }
}
