/** Reads a window in as few pieces as fit into a staging buffer each, one after another. */
import { invalidArgument } from 'holdfast/options';
import type { Window } from '../../model.js';
import type { Rows } from './buffer-rows.js';
import { copyOut, denseRows } from './copy-out.js';
import type { Copying, Readback } from './readback.js';

/** What is to be read. */
interface PiecewiseRead {
  readonly window: Window;
  /** The copy of a window, and where its rows lie in staging. */
  readonly copyingOf: (piece: Window) => Copying & Rows;
  /** Takes the rows, close together, plane after plane. */
  readonly target: Uint8Array;
}

/**
 * @throws as {@link Readback.read}; HoldfastError INVALID_ARGUMENT when not even one pixel fits
 */
export async function readPieces(
  readback: Readback,
  { window, copyingOf, target }: PiecewiseRead,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { piece, copying } of piecesOf(window, copyingOf, readback.mostBytes)) {
    await readback.read(copying, signal, (bytes) => {
      const from = { bytes, rows: copying, window: piece };
      copyOut(from, { bytes: target, rows: denseRows(window, copying), window }, piece);
    });
  }
}

interface Piece {
  readonly piece: Window;
  readonly copying: Copying & Rows;
}

/** Halves a window, rows before columns, until each part fits. */
function* piecesOf(
  piece: Window,
  copyingOf: (piece: Window) => Copying & Rows,
  mostBytes: number,
): Generator<Piece> {
  const copying = copyingOf(piece);
  if (copying.sizeBytes <= mostBytes) {
    yield { piece, copying };
    return;
  }
  for (const half of halvesOf(piece, copying.sizeBytes))
    yield* piecesOf(half, copyingOf, mostBytes);
}

function halvesOf(window: Window, sizeBytes: number): readonly [Window, Window] {
  const { xPx, yPx, widthPx, heightPx } = window;
  if (heightPx > 1) {
    const top = heightPx >> 1;
    return [
      { ...window, heightPx: top },
      { ...window, yPx: yPx + top, heightPx: heightPx - top },
    ];
  }
  if (widthPx === 1)
    throw invalidArgument(
      'read',
      `one pixel takes ${sizeBytes} bytes of staging: raise stagingBytes`,
    );
  const left = widthPx >> 1;
  return [
    { ...window, widthPx: left },
    { ...window, xPx: xPx + left, widthPx: widthPx - left },
  ];
}
