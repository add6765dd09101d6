/**
 * Strips: whole rows of a raster in a buffer, brought into memory by one copy a plane and kept
 * there while windows side by side take their part. Commands cost more than bytes: a copy for each
 * row of each tile takes many times as long.
 *
 * A strip goes when every pixel of it has been taken, or when it is the oldest that nobody reads
 * and there are more bytes than may be kept: then a later window brings it again. One that all who
 * asked for it have left is ended.
 */
import type { Window } from '../../model.js';
import { type BufferRows, copyOfRows, type Rows } from './buffer-rows.js';
import { copyOut, denseRows } from './copy-out.js';
import { readPieces } from './read-pieces.js';
import { type Copying, type Readback, unlessAborted } from './readback.js';

interface Strip {
  readonly window: Window;
  readonly bytes: Uint8Array;
  readonly ending: AbortController;
  readonly loading: Promise<void>;
  isLoaded: boolean;
  /** Windows that wait for it now. */
  readers: number;
  pixelsLeft: number;
}

export class Strips {
  readonly #readback: Readback;
  readonly #rows: BufferRows;
  readonly #widthPx: number;
  readonly #mostKeptBytes: number;
  /** By first row and height; the one that was used last is the last. */
  readonly #kept = new Map<string, Strip>();
  /**
   * The memory of the last strip that went, for the next one: new memory takes as long as the
   * samples that fill it.
   */
  #spare: Uint8Array | undefined;

  constructor(readback: Readback, rows: BufferRows, widthPx: number, mostKeptBytes: number) {
    this.#readback = readback;
    this.#rows = rows;
    this.#widthPx = widthPx;
    this.#mostKeptBytes = mostKeptBytes;
  }

  /** Whether the strip that a window lies in can be kept, and the next one beside it. */
  fits({ heightPx }: Window): boolean {
    return 2 * this.#sizeBytes(heightPx) <= this.#mostKeptBytes;
  }

  /**
   * Copies a window out of its strip.
   *
   * @param target - takes the rows, close together, plane after plane
   * @throws as {@link Readback.read}
   */
  async read(window: Window, target: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const key = `${window.yPx},${window.heightPx}`;
    const strip = this.#kept.get(key) ?? this.#load(window);
    this.#kept.delete(key);
    this.#kept.set(key, strip);
    strip.readers += 1;
    try {
      await unlessAborted(strip.loading, [signal]);
      const rows = denseRows(strip.window, this.#rows);
      const from = { bytes: strip.bytes, rows, window: strip.window };
      copyOut(from, { bytes: target, rows: denseRows(window, this.#rows), window }, window);
      strip.pixelsLeft -= window.widthPx * window.heightPx;
    } finally {
      strip.readers -= 1;
      if (strip.readers === 0) this.#leave(key, strip);
    }
  }

  /** Forgets what is kept. */
  clear(): void {
    this.#kept.clear();
    this.#spare = undefined;
  }

  #sizeBytes(heightPx: number): number {
    const { planeCount, pixelBytes } = this.#rows;
    return planeCount * heightPx * this.#widthPx * pixelBytes;
  }

  #load({ yPx, heightPx }: Window): Strip {
    const window = { xPx: 0, yPx, widthPx: this.#widthPx, heightPx };
    const bytes = this.#room(this.#sizeBytes(heightPx));
    const ending = new AbortController();
    const copyingOf = (piece: Window): Copying & Rows => copyOfRows(this.#rows, piece, 'span');
    const wanted = { window, copyingOf, target: bytes };
    const loading = readPieces(this.#readback, wanted, ending.signal);
    const pixelsLeft = window.widthPx * heightPx;
    const strip = { window, bytes, ending, loading, isLoaded: false, readers: 0, pixelsLeft };
    loading.then(
      () => (strip.isLoaded = true),
      () => undefined,
    );
    return strip;
  }

  /**
   * Its last reader has left a strip: it stays for windows to come, or goes. One that failed is
   * loaded again by the next.
   */
  #leave(key: string, strip: Strip): void {
    if (strip.isLoaded && strip.pixelsLeft > 0) return;
    strip.ending.abort();
    if (this.#kept.get(key) === strip) this.#kept.delete(key);
    // What is still being loaded may yet be written to.
    if (strip.isLoaded) this.#spare = strip.bytes;
  }

  /** Memory for a strip; for it the oldest strips go that nobody reads. */
  #room(sizeBytes: number): Uint8Array {
    let keptBytes = sizeBytes;
    for (const { bytes } of this.#kept.values()) keptBytes += bytes.length;
    for (const [key, { bytes, readers }] of this.#kept) {
      if (keptBytes <= this.#mostKeptBytes) break;
      if (readers > 0) continue;
      this.#kept.delete(key);
      keptBytes -= bytes.length;
    }
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.length === sizeBytes ? spare : new Uint8Array(sizeBytes);
  }
}
