/** What the writer reads from. Anything that can give a window of pixels is a source. */
import { isError } from 'holdfast/errors';
import { invalidArgument } from 'holdfast/options';
import {
  type DataType,
  dataTypes,
  type Interleave,
  type NotCarried,
  type Pixels,
  type RasterArray,
  type RasterInfo,
  type Window,
} from '../model.js';
import type { Grid } from './grid.js';
import type { RawSamples } from './raw-samples.js';

/** Gives a buffer of just this size; what is in it is left over from its last use. */
export type TakeBuffer = (sizeBytes: number) => ArrayBuffer;

/** A raster that is read window by window; it may be larger than memory. */
export interface RasterSource {
  readonly info: RasterInfo;
  /** How `read` lays out several bands; the tiles are written the same way. */
  readonly interleave: Interleave;
  /** The cells in which reading is cheap: a file's blocks, or the chunks of a lazy source. */
  readonly blocks: Grid;
  /**
   * `blocks`: each block becomes one tile, so that each is computed once. `tileSize`: the writer
   * cuts tiles of its own size.
   */
  readonly tiling: 'blocks' | 'tileSize';
  /**
   * Reads a window that lies inside the raster. The array given back is the caller's own: it may be
   * changed, or moved to another thread. Several reads may be under way at once.
   *
   * @param takeBuffer - where the source may take the array's buffer from, rather than have the
   *   machine make a new one
   */
  read(window: Window, signal?: AbortSignal, takeBuffer?: TakeBuffer): Promise<Pixels>;
  /**
   * Where the samples lie in a file as `read` gives them, if they do: for threads that read them by
   * themselves.
   */
  readonly raw?: RawSamples | undefined;
  /**
   * Tells these samples from others: the same text for the same samples, at any time and in any
   * process. A source without it cannot be resumed.
   */
  fingerprint?(): Promise<string>;
  /** What the source was found to say that `info` does not hold. */
  readonly notCarried?: readonly NotCarried[] | undefined;
  /** Lets go of what the source holds open. */
  close?(): Promise<void>;
}

/** The part of a source that gives the fingerprint its caller gave, if he gave one. */
export function givenFingerprint(text: string | undefined): Pick<RasterSource, 'fingerprint'> {
  return text === undefined ? {} : { fingerprint: async () => text };
}

/**
 * Room for samples that will all be written.
 *
 * @throws HoldfastError INVALID_ARGUMENT for more than there is memory
 */
export function roomFor(dataType: DataType, length: number, takeBuffer?: TakeBuffer): RasterArray {
  const { array, bytes } = dataTypes[dataType];
  try {
    return takeBuffer ? new array(takeBuffer(length * bytes)) : new array(length);
  } catch (cause) {
    // A number over the limit of arrays, or memory that was not to be had.
    if (!(isError(cause) && cause.name === 'RangeError')) throw cause;
    throw invalidArgument(
      'read',
      `there is no memory for a window of ${length} samples of ${dataType}; read smaller ones`,
    );
  }
}

/** Refuses a window that is empty or leaves the raster. */
export function checkWindow(info: RasterInfo, window: Window): void {
  const { xPx, yPx, widthPx, heightPx } = window;
  const whole = [xPx, yPx, widthPx, heightPx].every((value) => Number.isSafeInteger(value));
  const inside =
    xPx >= 0 && yPx >= 0 && xPx + widthPx <= info.widthPx && yPx + heightPx <= info.heightPx;
  if (whole && inside && widthPx > 0 && heightPx > 0) return;
  throw invalidArgument(
    'read',
    `the window ${xPx},${yPx} ${widthPx}x${heightPx} does not lie inside the raster of ${info.widthPx}x${info.heightPx} pixels`,
  );
}
