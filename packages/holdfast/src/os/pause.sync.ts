/**
 * pause.ts for synchronous calls: this thread waits in the kernel (futex(2)), and nothing else of
 * it runs meanwhile.
 */

const nobodyWakes = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

export async function pause(ms: number): Promise<void> {
  Atomics.wait(nobodyWakes, 0, 0, ms);
}

/** A synchronous call has no turns to give. */
export async function turn(): Promise<void> {}

/** It is never idle before the call is over, and later nobody may need it. */
export function whenIdle(): void {}
