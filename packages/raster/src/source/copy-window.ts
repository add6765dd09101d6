/**
 * Copies the common part of two windows from one array of samples to another, row by row, whatever
 * their type.
 */
import type { Interleave, RasterArray, Window } from '../model.js';

/** Samples, and where in the raster they lie. */
interface PlacedSamples {
  readonly data: RasterArray;
  readonly window: Window;
}

/** Both arrays hold `bandCount` bands of one type, laid out the same way. */
export function copyWindow(
  from: PlacedSamples,
  to: PlacedSamples,
  bandCount: number,
  interleave: Interleave,
): void {
  const overlap = intersection(from.window, to.window);
  if (!overlap) return;
  const planes = interleave === 'band' ? bandCount : 1;
  const pixelBytes = to.data.BYTES_PER_ELEMENT * (interleave === 'band' ? 1 : bandCount);
  const [source, target] = [bytesOf(from.data), bytesOf(to.data)];
  for (let plane = 0; plane < planes; plane += 1) {
    let fromByte = startOf(from.window, overlap, plane) * pixelBytes;
    let toByte = startOf(to.window, overlap, plane) * pixelBytes;
    for (let row = 0; row < overlap.heightPx; row += 1) {
      target.set(source.subarray(fromByte, fromByte + overlap.widthPx * pixelBytes), toByte);
      fromByte += from.window.widthPx * pixelBytes;
      toByte += to.window.widthPx * pixelBytes;
    }
  }
}

function startOf(window: Window, overlap: Window, plane: number): number {
  const rows = plane * window.heightPx + overlap.yPx - window.yPx;
  return rows * window.widthPx + overlap.xPx - window.xPx;
}

/** The bytes of an array of samples. */
export function bytesOf(data: RasterArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The part that two windows share, if any. */
export function intersection(a: Window, b: Window): Window | undefined {
  const xPx = Math.max(a.xPx, b.xPx);
  const yPx = Math.max(a.yPx, b.yPx);
  const widthPx = Math.min(a.xPx + a.widthPx, b.xPx + b.widthPx) - xPx;
  const heightPx = Math.min(a.yPx + a.heightPx, b.yPx + b.heightPx) - yPx;
  return widthPx > 0 && heightPx > 0 ? { xPx, yPx, widthPx, heightPx } : undefined;
}
