/** Copies the rows of a window out of mapped memory. */
import type { Window } from '../../model.js';
import type { Rows } from './buffer-rows.js';

/** Bytes that hold the rows of a window. */
interface PlacedBytes {
  readonly bytes: Uint8Array;
  readonly rows: Rows;
  readonly window: Window;
}

/** Copies the part of a window that another holds, both with the same planes and pixels. */
export function copyOut(from: PlacedBytes, to: PlacedBytes, part: Window): void {
  const { planeCount, pixelBytes } = from.rows;
  const lengthBytes = part.widthPx * pixelBytes;
  const placeIn = ({ rows, window }: PlacedBytes, plane: number, row: number): number =>
    rows.at(plane, part.yPx - window.yPx + row) + (part.xPx - window.xPx) * pixelBytes;
  for (let plane = 0; plane < planeCount; plane += 1) {
    for (let row = 0; row < part.heightPx; row += 1) {
      const first = placeIn(from, plane, row);
      to.bytes.set(from.bytes.subarray(first, first + lengthBytes), placeIn(to, plane, row));
    }
  }
}

/** Rows that lie close together, plane after plane. */
export function denseRows(
  { widthPx, heightPx }: Window,
  { planeCount, pixelBytes }: Pick<Rows, 'planeCount' | 'pixelBytes'>,
): Rows {
  const rowBytes = widthPx * pixelBytes;
  return {
    planeCount,
    pixelBytes,
    at: (plane, row) => (plane * heightPx + row) * rowBytes,
  };
}
