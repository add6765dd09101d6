/** Waits that let the event loop go on; pause.sync.ts has those of the synchronous calls. */
import { setImmediate, setTimeout } from 'node:timers/promises';

/** Waits for so long, or a little longer. The process stays alive meanwhile. */
export async function pause(ms: number): Promise<void> {
  await setTimeout(ms);
}

/** Lets timers, signals and other work of this thread run. */
export async function turn(): Promise<void> {
  await setImmediate();
}

/** Does something when this thread has nothing else to do. */
export function whenIdle(work: () => void): void {
  globalThis.setImmediate(work);
}
