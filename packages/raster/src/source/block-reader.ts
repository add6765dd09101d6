/**
 * Gives any window of a raster that is stored in blocks. A block is decoded once for all windows that ask for it while
 * it is kept, and it is let go as soon as every pixel of it has been given out, so reading tile by tile decodes each
 * block once and keeps no more than the blocks of one row of tiles. A bound on the bytes kept holds in any order.
 */
import type { Interleave, Pixels, RasterArray, RasterInfo, Window } from '../model.js';
import { dataTypes } from '../model.js';
import { copyWindow, intersection } from './copy-window.js';
import { type Cell, cellsTouching, type Grid } from './grid.js';
import { checkWindow, roomFor, type TakeBuffer } from './raster-source.js';

/** A decoded block; its window may reach past the raster's edges (TIFF pads its tiles). */
export interface Block {
  readonly data: RasterArray;
  readonly window: Window;
}

interface KeptBlock {
  readonly block: Promise<Block>;
  readonly sizeBytes: number;
  pixelsLeft: number;
}

export interface BlockReaderOptions {
  readonly info: RasterInfo;
  readonly interleave: Interleave;
  readonly blocks: Grid;
  /** Decodes one block. */
  readonly load: (cell: Cell) => Promise<Block>;
  /** Decoded bytes to keep at most for windows still to come. */
  readonly keptBytes: number;
}

export class BlockReader {
  readonly #options: BlockReaderOptions;
  /** In the order of last use, the oldest first. */
  readonly #kept = new Map<string, KeptBlock>();
  #keptBytes = 0;

  constructor(options: BlockReaderOptions) {
    this.#options = options;
  }

  /** Reads a window; see `RasterSource.read`. */
  async read(window: Window, signal?: AbortSignal, takeBuffer?: TakeBuffer): Promise<Pixels> {
    const { info, interleave, blocks } = this.#options;
    signal?.throwIfAborted();
    checkWindow(info, window);
    const { widthPx, heightPx } = window;
    const bandCount = info.bands.length;
    const data = roomFor(info.dataType, widthPx * heightPx * bandCount, takeBuffer);
    const copies = [...cellsTouching(blocks, window)].map(async (cell) => {
      const block = await this.#take(cell, window);
      copyWindow(block, { data, window }, bandCount, interleave);
    });
    await allSettled(copies);
    signal?.throwIfAborted();
    return { data, widthPx, heightPx, bandCount, interleave };
  }

  /** The block of a cell, decoded now or before; counts what the window takes from it. */
  async #take(cell: Cell, window: Window): Promise<Block> {
    const key = keyOf(cell);
    const kept = this.#kept.get(key) ?? this.#load(cell);
    this.#forget(key);
    const taken = intersection(cell.window, window);
    kept.pixelsLeft -= taken ? taken.widthPx * taken.heightPx : 0;
    if (kept.pixelsLeft > 0) this.#keep(key, kept);
    return kept.block;
  }

  #load(cell: Cell): KeptBlock {
    const { info, load } = this.#options;
    const pixels = cell.window.widthPx * cell.window.heightPx;
    const sizeBytes = pixels * info.bands.length * dataTypes[info.dataType].bytes;
    const kept = { block: load(cell), sizeBytes, pixelsLeft: pixels };
    // A block that failed is not kept: the next window tries again. Who asked for it sees the error.
    kept.block.catch(() => {
      const key = keyOf(cell);
      if (this.#kept.get(key) === kept) this.#forget(key);
    });
    return kept;
  }

  #keep(key: string, kept: KeptBlock): void {
    this.#kept.set(key, kept);
    this.#keptBytes += kept.sizeBytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= this.#options.keptBytes) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    this.#kept.delete(key);
    this.#keptBytes -= kept.sizeBytes;
  }
}

function keyOf(cell: Cell): string {
  return `${cell.row},${cell.column}`;
}

/** Waits for all; then throws the first error, if any. */
async function allSettled(promises: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(promises);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}
