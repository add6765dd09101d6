/**
 * Brings bytes from a device into memory, through staging buffers that are bounded, used again and
 * destroyed at the end.
 *
 * 1. take a staging buffer: a free one of the size, or a new one where the bound leaves room, or
 *    wait
 * 2. in one turn: open error scopes, make the buffer, record and submit the copies, ask for the
 *    map, close the scopes
 * 3. wait for the map and the scopes, the loss of the device or the signal, whichever is first
 * 4. in one turn: have the bytes copied out of the mapped range, and unmap; the buffer is free
 *
 * Invariant: bytes are given only of a map that resolved with its scopes empty. What failed or was
 * ended is destroyed.
 */
import { HoldfastError } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import {
  BUFFER_USAGE,
  type GpuCommandEncoder,
  type GpuDevice,
  type GpuMappableBuffer,
  MAP_ALIGNMENT,
  MAP_MODE_READ,
  roundedDown,
  roundedUp,
} from './webgpu.js';

/** Staging buffers alive at most, in bytes, unless the caller says another bound. */
export const DEFAULT_STAGING_BYTES: number = 64 * 1024 * 1024;

/** What is to be copied into a staging buffer. */
export interface Copying {
  readonly sizeBytes: number;
  record(encoder: GpuCommandEncoder, staging: GpuMappableBuffer): void;
}

/** A staging buffer, or the room for one that is not made yet. */
interface Lease {
  readonly sizeBytes: number;
  buffer?: GpuMappableBuffer;
}

/** What becomes of a copy that was submitted. */
interface Submitted {
  readonly buffer: GpuMappableBuffer;
  readonly mapping: Promise<unknown>;
  readonly scopes: readonly Promise<unknown>[];
}

export class Readback {
  readonly #device: GpuDevice;
  readonly #stagingBytes: number;
  /** The largest piece that one staging buffer can hold. */
  readonly mostBytes: number;
  readonly #free: Lease[] = [];
  readonly #waiting = new Set<() => void>();
  /** Aborted when the device is lost, with what it said. */
  readonly #loss = new AbortController();
  #aliveBytes = 0;

  /**
   * @throws HoldfastError INVALID_ARGUMENT for what is no device, or a bound that is no whole
   *   number of at least 8
   */
  constructor(call: string, device: GpuDevice, stagingBytes: number = DEFAULT_STAGING_BYTES) {
    if (!Number.isSafeInteger(device?.limits?.maxBufferSize))
      throw invalidArgument(call, 'device is the GPUDevice that the samples lie on.');
    if (!Number.isSafeInteger(stagingBytes) || stagingBytes < MAP_ALIGNMENT) {
      throw invalidArgument(
        call,
        `stagingBytes is a whole number of at least ${MAP_ALIGNMENT}, not ${String(stagingBytes)}.`,
      );
    }
    this.#device = device;
    this.#stagingBytes = stagingBytes;
    const most = Math.min(stagingBytes, device.limits.maxBufferSize);
    this.mostBytes = roundedDown(most, MAP_ALIGNMENT);
    // As many as there are reads.
    setMaxListeners(0, this.#loss.signal);
    // Once, and not at every wait: a promise that stays keeps whatever was ever hung on it.
    device.lost.then(
      ({ reason, message }) => this.#loss.abort(new Error(`(${reason}) ${message}`.trim())),
      (cause: unknown) => this.#loss.abort(cause),
    );
  }

  /**
   * Copies bytes of the device into memory.
   *
   * @param copying - of `mostBytes` at most
   * @param use - copies out what it wants of the bytes, which are there for no longer than its call
   * @throws HoldfastError UPDATER_FAILED with what the device says; the signal's reason. Of a lost
   *   device see {@link run}
   */
  async read(
    copying: Copying,
    signal: AbortSignal | undefined,
    use: (bytes: Uint8Array) => void,
  ): Promise<void> {
    const lease = await this.#take(roundedUp(copying.sizeBytes, MAP_ALIGNMENT), signal);
    try {
      const submitted = this.#submit(copying, lease);
      await this.#settled(submitted, lease.sizeBytes, signal);
      const { buffer } = submitted;
      // At once: of a device that is destroyed meanwhile the memory may be gone, and not every
      // binding says so.
      use(new Uint8Array(buffer.getMappedRange(0, lease.sizeBytes)));
      buffer.unmap();
    } catch (error) {
      // Also ends a map that is pending.
      this.#destroy(lease);
      throw error;
    }
    this.#free.push(lease);
    this.#wake();
  }

  /**
   * Runs a read, and tells of its failure what is known by then: the signal's reason, or why the
   * device was lost.
   *
   * @throws HoldfastError UPDATER_FAILED for a lost device, with what failed as the cause; else
   *   what `work` throws
   */
  async run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      signal?.throwIfAborted();
      // What failed may be told before the loss that it comes of.
      await setImmediate();
      if (!this.#loss.signal.aborted) throw cause;
      throw readFailed(
        `The GPU device was lost: ${saidBy(this.#loss.signal.reason).replace(/\.$/u, '')}. Ask for another device; a write with resume goes on with it.`,
        cause,
      );
    }
  }

  /**
   * Destroys the staging buffers, once the reads under way have ended. A later read makes new ones.
   */
  async close(): Promise<void> {
    for (;;) {
      for (const lease of this.#free.splice(0)) this.#destroy(lease);
      if (this.#aliveBytes === 0) return;
      await this.#woken();
    }
  }

  /** A free buffer of just the size, or room for a new one. It is counted from now on. */
  async #take(sizeBytes: number, signal: AbortSignal | undefined): Promise<Lease> {
    for (;;) {
      signal?.throwIfAborted();
      this.#loss.signal.throwIfAborted();
      const fitting = this.#free.findIndex((lease) => lease.sizeBytes === sizeBytes);
      const [free] = fitting < 0 ? [] : this.#free.splice(fitting, 1);
      if (free) return free;
      while (this.#aliveBytes + sizeBytes > this.#stagingBytes) {
        const other = this.#free.shift();
        if (!other) break;
        this.#destroy(other);
      }
      if (this.#aliveBytes + sizeBytes <= this.#stagingBytes) {
        this.#aliveBytes += sizeBytes;
        return { sizeBytes };
      }
      await this.#woken(signal, this.#loss.signal);
    }
  }

  async #woken(...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
    let wake = (): void => undefined;
    const woken = new Promise<void>((resolve) => (wake = resolve));
    this.#waiting.add(wake);
    try {
      await unlessAborted(woken, signals);
    } finally {
      this.#waiting.delete(wake);
    }
  }

  /** Wakes who waits for room: some may be had. */
  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Step 2. The error scopes of a device are one stack, so nobody else may run between. */
  #submit(copying: Copying, lease: Lease): Submitted {
    const device = this.#device;
    const { sizeBytes } = lease;
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    let mapping: Promise<unknown> | undefined;
    let scopes: readonly Promise<unknown>[] = [];
    try {
      const buffer = (lease.buffer ??= device.createBuffer({ size: sizeBytes, usage: STAGING }));
      const encoder = device.createCommandEncoder();
      copying.record(encoder, buffer);
      device.queue.submit([encoder.finish()]);
      mapping = buffer.mapAsync(MAP_MODE_READ, 0, sizeBytes);
      scopes = [device.popErrorScope(), device.popErrorScope()];
      return { buffer, mapping, scopes };
    } finally {
      if (!mapping) scopes = [device.popErrorScope(), device.popErrorScope()];
      // When they are settled, nobody may be waiting for them any more.
      for (const promise of [mapping, ...scopes]) promise?.catch(() => undefined);
    }
  }

  /** Step 3. */
  async #settled(
    { mapping, scopes }: Submitted,
    sizeBytes: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const settled = Promise.allSettled([...scopes, mapping]);
    const outcomes = await unlessAborted(settled, [signal, this.#loss.signal]);
    const [memory, validation] = outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : null,
    );
    if (memory) {
      throw readFailed(
        `There is no memory on the GPU for ${sizeBytes} bytes of staging: ${saidBy(memory)}. Lower stagingBytes, or the concurrency of the write.`,
        memory,
      );
    }
    const rejected = outcomes.filter((outcome) => outcome.status === 'rejected');
    const [cause] = [validation, ...rejected.map(({ reason }) => reason as unknown)].filter(
      Boolean,
    );
    if (cause)
      throw readFailed(`The samples could not be copied from the GPU: ${saidBy(cause)}`, cause);
  }

  /** Lets go of a buffer, if it was made, and of its share of the bound. */
  #destroy({ buffer, sizeBytes }: Lease): void {
    this.#aliveBytes -= sizeBytes;
    try {
      buffer?.destroy();
    } catch {
      // A device that is lost may refuse; with it the buffer is gone as well.
    }
    this.#wake();
  }
}

const STAGING = BUFFER_USAGE.MAP_READ | BUFFER_USAGE.COPY_DST;

/** What a promise gives, unless a signal is aborted before: then its reason is thrown. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signals: readonly (AbortSignal | undefined)[],
): Promise<T> {
  const listening = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    for (const signal of signals) {
      if (signal?.aborted) reject(signal.reason as Error);
      signal?.addEventListener('abort', () => reject(signal.reason as Error), {
        signal: listening.signal,
      });
    }
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    listening.abort();
  }
}

/** The words of an error of a device, which need not be an `Error` and may have none. */
function saidBy(thrown: unknown): string {
  const { message, name } = Object(thrown) as Partial<Error>;
  return message || name || 'the device does not say why';
}

function readFailed(message: string, cause: unknown): HoldfastError {
  return new HoldfastError('UPDATER_FAILED', {
    message,
    step: 'read',
    path: '',
    cause,
  });
}
