/**
 * Gives any window of a raster that is stored in blocks. A block is decoded once for all windows
 * that ask for it while it is kept, and it is let go as soon as every pixel of it has been given
 * out, so reading tile by tile decodes each block once and keeps no more than the blocks of one row
 * of tiles. A bound on the bytes kept holds in any order.
 */
import type { Interleave, Pixels, RasterArray, RasterInfo, Window } from '../model.js';
import { dataTypes } from '../model.js';
import { ByteBudget } from './byte-budget.js';
import { copyWindow, intersection } from './copy-window.js';
import { type Cell, cellCount, cellsTouching, type Grid } from './grid.js';
import { checkWindow, roomFor, type TakeBuffer } from './raster-source.js';

/** A decoded block; its window may reach past the raster's edges (TIFF pads its tiles). */
export interface Block {
  readonly data: RasterArray;
  readonly window: Window;
}

interface KeptBlock {
  readonly block: Promise<Block>;
  readonly signal: AbortSignal | undefined;
  readonly sizeBytes: number;
  pixelsLeft: number;
}

interface BlockReaderOptions {
  readonly info: RasterInfo;
  readonly interleave: Interleave;
  readonly blocks: Grid;
  /**
   * Decodes one block, for the read that has the signal and for others that ask for it meanwhile.
   */
  readonly load: (cell: Cell, signal: AbortSignal | undefined) => Promise<Block>;
  /** Decoded bytes to keep at most for windows still to come. */
  readonly keptBytes: number;
  /**
   * Windows share pixels: a block is kept also when all of it has been given out. `parts`: windows
   * that are parts of blocks do, as map tiles; one that is a whole block has it for itself.
   */
  readonly windowsOverlap?: boolean | 'parts' | undefined;
  /**
   * Bounds what is decoded at one time, of this raster and of others that share it. Without a bound
   * by default.
   */
  readonly budget?: ByteBudget | undefined;
}

/** Blocks of one window that are under way at once: enough for every thread that decodes. */
const MOST_AT_ONCE = 64;

export class BlockReader {
  readonly #options: BlockReaderOptions;
  readonly #budget: ByteBudget;
  /** In the order of last use, the oldest first. */
  readonly #kept = new Map<string, KeptBlock>();
  #keptBytes = 0;

  constructor(options: BlockReaderOptions) {
    this.#options = options;
    this.#budget = options.budget ?? new ByteBudget(Number.POSITIVE_INFINITY);
  }

  /** Reads a window; see `RasterSource.read`. */
  async read(window: Window, signal?: AbortSignal, takeBuffer?: TakeBuffer): Promise<Pixels> {
    const { info, interleave, blocks } = this.#options;
    signal?.throwIfAborted();
    checkWindow(info, window);
    const { widthPx, heightPx } = window;
    const bandCount = info.bands.length;
    const own = await this.#loadWhole(window, signal);
    signal?.throwIfAborted();
    if (own && isSame(own.window, window))
      return { data: own.data, widthPx, heightPx, bandCount, interleave };
    const data = roomFor(info.dataType, widthPx * heightPx * bandCount, takeBuffer);
    if (own) {
      copyWindow(own, { data, window }, bandCount, interleave);
      return { data, widthPx, heightPx, bandCount, interleave };
    }
    const todo = cellsTouching(blocks, window);
    let failed = false;
    const copy = async (): Promise<void> => {
      for (const cell of todo) {
        if (failed || signal?.aborted) return;
        try {
          const block = await this.#take(cell, window, signal);
          copyWindow(block, { data, window }, bandCount, interleave);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    await allSettled(
      Array.from({ length: Math.min(MOST_AT_ONCE, cellCount(blocks, window)) }, copy),
    );
    signal?.throwIfAborted();
    return { data, widthPx, heightPx, bandCount, interleave };
  }

  /**
   * The block that is just this window, if nobody else has asked for it: its samples need not be
   * copied then.
   */
  async #loadWhole(window: Window, signal: AbortSignal | undefined): Promise<Block | undefined> {
    const [cell] = cellsTouching(this.#options.blocks, window);
    const isWhole = cell && isSame(cell.window, window) && this.#options.windowsOverlap !== true;
    if (!isWhole || this.#kept.has(keyOf(cell))) return undefined;
    return this.#load(cell, signal).block;
  }

  /** The block of a cell, decoded now or before; counts what the window takes from it. */
  async #take(cell: Cell, window: Window, signal: AbortSignal | undefined): Promise<Block> {
    const key = keyOf(cell);
    const kept = this.#kept.get(key) ?? this.#load(cell, signal);
    this.#forget(key);
    const taken = intersection(cell.window, window);
    kept.pixelsLeft -= taken ? taken.widthPx * taken.heightPx : 0;
    if (kept.pixelsLeft > 0 || this.#options.windowsOverlap) this.#keep(key, kept);
    try {
      return await kept.block;
    } catch (error) {
      // The read that had asked for it first was ended; this one was not.
      if (!kept.signal?.aborted || kept.signal === signal || signal?.aborted) throw error;
      return this.#take(cell, window, signal);
    }
  }

  #load(cell: Cell, signal: AbortSignal | undefined): KeptBlock {
    const { info, load } = this.#options;
    const pixels = cell.window.widthPx * cell.window.heightPx;
    const sizeBytes = pixels * info.bands.length * dataTypes[info.dataType].bytes;
    this.#makeRoom(sizeBytes);
    const kept = {
      block: this.#budget.use(sizeBytes, () => load(cell, signal)),
      signal,
      sizeBytes,
      pixelsLeft: pixels,
    };
    // A block that failed is not kept: the next window tries again. The caller sees the error.
    kept.block.catch(() => {
      const key = keyOf(cell);
      if (this.#kept.get(key) === kept) this.#forget(key);
    });
    return kept;
  }

  #keep(key: string, kept: KeptBlock): void {
    this.#kept.set(key, kept);
    this.#keptBytes += kept.sizeBytes;
    this.#makeRoom(0);
  }

  /** Lets the oldest blocks go, so that one more of a size is within the bound. */
  #makeRoom(sizeBytes: number): void {
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes + sizeBytes <= this.#options.keptBytes) return;
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

function isSame(a: Window, b: Window): boolean {
  return a.xPx === b.xPx && a.yPx === b.yPx && a.widthPx === b.widthPx && a.heightPx === b.heightPx;
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
