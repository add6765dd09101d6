/** Tries a call again for a while, when what has stopped it may pass. */
import { setTimeout } from 'node:timers/promises';

/**
 * Too many open files, or somebody who has the file for a moment. On Windows refusals too are what
 * another program's open file gives; elsewhere they do not pass, and are told at once.
 */
const passing: readonly (string | undefined)[] = [
  'EMFILE',
  'ENFILE',
  'EAGAIN',
  'EBUSY',
  ...(process.platform === 'win32' ? ['EACCES', 'EPERM'] : []),
];

const ASYNC_PAUSE_MS = 100;
const SYNC_PAUSE_MS = 20;

/** @param timeoutMs - for how long; a call is made at least once */
export async function retrying<T>(timeoutMs: number, call: () => Promise<T>): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!mayPass(error) || performance.now() >= end) throw error;
    }
    await setTimeout(ASYNC_PAUSE_MS);
  }
}

export function retryingSync<T>(timeoutMs: number, call: () => T): T {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (!mayPass(error) || performance.now() >= end) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SYNC_PAUSE_MS);
  }
}

function mayPass(error: unknown): boolean {
  return passing.includes((error as NodeJS.ErrnoException | undefined)?.code);
}
