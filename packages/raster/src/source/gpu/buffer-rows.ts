/**
 * Rows of samples in a buffer on a device, and the copies that bring a window of them into staging.
 */
import { invalidArgument } from 'holdfast/options';
import { dataTypes, type Interleave, type RasterInfo, type Window } from '../../model.js';
import type { Copying } from './readback.js';
import { BUFFER_USAGE, COPY_ALIGNMENT, type GpuBuffer, roundedDown, roundedUp } from './webgpu.js';

/** How samples lie in a buffer. Every number may be any number of bytes. */
export interface BufferLayout {
  /** Bytes before the first sample; 0 by default. */
  readonly offset?: number | undefined;
  /** Bytes from the beginning of a row to that of the next; by default rows lie close together. */
  readonly bytesPerRow?: number | undefined;
  /**
   * Rows from the beginning of a band to that of the next, where bands lie one after another; the
   * height by default.
   */
  readonly rowsPerImage?: number | undefined;
}

/**
 * Rows of all planes of a raster or chunk. A plane is a band, or all bands together where pixels
 * hold them.
 */
export interface BufferRows {
  readonly buffer: GpuBuffer;
  readonly offset: number;
  readonly bytesPerRow: number;
  readonly bytesPerPlane: number;
  readonly planeCount: number;
  readonly pixelBytes: number;
}

/** Where the rows of a window lie among bytes. */
export interface Rows {
  readonly planeCount: number;
  readonly pixelBytes: number;
  /** The place of the first pixel of a row. */
  at(plane: number, row: number): number;
}

/** How many planes there are, and what a pixel takes in one. */
export function planesOf(
  { bands, dataType }: RasterInfo,
  interleave: Interleave,
): Pick<Rows, 'planeCount' | 'pixelBytes'> {
  const planeCount = interleave === 'band' ? bands.length : 1;
  return { planeCount, pixelBytes: dataTypes[dataType].bytes * (bands.length / planeCount) };
}

/**
 * The rows of a window that a buffer holds whole.
 *
 * @param whose - for messages: the call, and what the buffer is in it
 * @throws HoldfastError INVALID_ARGUMENT for a buffer that cannot be copied from or does not hold
 *   all of the rows
 */
export function bufferRows(
  { call, what }: { readonly call: string; readonly what: string },
  buffer: GpuBuffer,
  layout: BufferLayout,
  wanted: Pick<Window, 'widthPx' | 'heightPx'> & Pick<Rows, 'planeCount' | 'pixelBytes'>,
): BufferRows {
  const { widthPx, heightPx, planeCount, pixelBytes } = wanted;
  const refused = (why: string): Error => invalidArgument(call, `${what}: ${why}`);
  if (!Number.isSafeInteger(buffer?.size) || !Number.isSafeInteger(buffer.usage))
    throw refused('the samples must lie in a GPUBuffer');
  if ((buffer.usage & BUFFER_USAGE.COPY_SRC) === 0)
    throw refused('the buffer cannot be copied from: make it with GPUBufferUsage.COPY_SRC');
  const rowBytes = widthPx * pixelBytes;
  const { offset = 0, bytesPerRow = rowBytes, rowsPerImage = heightPx } = layout;
  const least = { offset: [offset, 0], bytesPerRow: [bytesPerRow, rowBytes] } as const;
  for (const [name, [value, most]] of Object.entries({
    ...least,
    rowsPerImage: [rowsPerImage, heightPx],
  } as const)) {
    if (!Number.isSafeInteger(value) || value < most)
      throw refused(`${name} is a whole number of at least ${most}, not ${String(value)}`);
  }
  const bytesPerPlane = rowsPerImage * bytesPerRow;
  const end = offset + (planeCount - 1) * bytesPerPlane + (heightPx - 1) * bytesPerRow + rowBytes;
  if (end > buffer.size)
    throw refused(`the samples end at byte ${end}, but the buffer has ${buffer.size}`);
  if (end > roundedDown(buffer.size, COPY_ALIGNMENT)) {
    throw refused(
      `the samples end in the last ${buffer.size % COPY_ALIGNMENT} of ${buffer.size} bytes, which no copy reaches: make the buffer's size a multiple of ${COPY_ALIGNMENT}`,
    );
  }
  return { buffer, offset, bytesPerRow, bytesPerPlane, planeCount, pixelBytes };
}

/** What may lie between two rows of a copy: to copy as much takes longer than one more command. */
const MOST_GAP_BYTES = 16 * 1024;

/**
 * The copies of a window: one a plane, with what lies between its rows unless that is much
 * (`span`), or one a row.
 *
 * Copies begin and end at multiples of 4 bytes, and with them a few bytes before and after are
 * taken.
 */
export function copyOfRows(rows: BufferRows, window: Window, by: 'span' | 'row'): Copying & Rows {
  const { planeCount, pixelBytes, bytesPerRow } = rows;
  const gapBytes = bytesPerRow - window.widthPx * pixelBytes;
  const rowsAtOnce = by === 'span' && gapBytes <= MOST_GAP_BYTES ? window.heightPx : 1;
  const runsAPlane = window.heightPx / rowsAtOnce;
  const runs = Array.from({ length: planeCount * runsAPlane }, (_, index) => {
    const row = window.yPx + (index % runsAPlane) * rowsAtOnce;
    const plane = Math.floor(index / runsAPlane);
    const first =
      rows.offset + plane * rows.bytesPerPlane + row * bytesPerRow + window.xPx * pixelBytes;
    const last = first + (rowsAtOnce - 1) * bytesPerRow + window.widthPx * pixelBytes;
    const from = roundedDown(first, COPY_ALIGNMENT);
    return { from, skipped: first - from, sizeBytes: roundedUp(last, COPY_ALIGNMENT) - from };
  });
  let sizeBytes = 0;
  const placed = runs.map((run) => {
    const to = sizeBytes;
    sizeBytes += run.sizeBytes;
    return { ...run, to };
  });
  return {
    sizeBytes,
    planeCount,
    pixelBytes,
    record(encoder, staging) {
      for (const run of placed)
        encoder.copyBufferToBuffer(rows.buffer, run.from, staging, run.to, run.sizeBytes);
    },
    at(plane, row) {
      const run = placed[plane * runsAPlane + Math.floor(row / rowsAtOnce)];
      if (!run) throw new RangeError(`the window has no row ${row} in plane ${plane}`);
      return run.to + run.skipped + (row % rowsAtOnce) * bytesPerRow;
    },
  };
}
