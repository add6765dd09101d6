/** Reads of a source that were told to end. */

/** How long a read that was told to end is waited for. */
const LONGEST_ENDING_MS = 2000;

/** What a read gives; when it does not take notice of its signal, it is left to itself. */
export async function untilEnded<T>(reading: Promise<T>, signal: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let stop = (): void => undefined;
  const left = new Promise<never>((_, reject) => {
    stop = () => {
      timer = setTimeout(() => reject(signal.reason as Error), LONGEST_ENDING_MS);
    };
  });
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([reading, left]);
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(timer);
  }
}
