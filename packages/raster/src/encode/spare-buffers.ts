/** Memory that goes to and fro between threads. */
import { types } from 'node:util';

/** What is kept of all sizes, unless a single one is larger. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Buffers to be used again: to make new ones and to collect them costs more than to fill them. */
export class SpareBuffers {
  readonly #most: number;
  readonly #buffers: ArrayBuffer[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  give(buffer: ArrayBufferLike): void {
    if (!types.isArrayBuffer(buffer)) return;
    this.#buffers.push(buffer);
    while (this.#buffers.length > this.#most || this.#isTooMuch()) this.#buffers.shift();
  }

  take(sizeBytes: number): ArrayBuffer {
    const index = this.#buffers.findIndex((buffer) => buffer.byteLength === sizeBytes);
    return this.#buffers.splice(index, index < 0 ? 0 : 1)[0] ?? new ArrayBuffer(sizeBytes);
  }

  #isTooMuch(): boolean {
    const bytes = this.#buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    return this.#buffers.length > 1 && bytes > MOST_BYTES;
  }
}
