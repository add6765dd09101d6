/** How tiles lie beside each other: where two share pixels, and where none has any. */
import type { Window } from '../model.js';

/** What was found. */
export interface Arrangement {
  /** Pairs that share pixels, by their numbers, each once. */
  readonly overlaps: readonly (readonly [number, number])[];
  /** Rectangles that no tile has. */
  readonly holes: readonly Window[];
}

/** A tile and its number. */
interface Placed extends Window {
  readonly index: number;
}

/**
 * Goes down from edge to edge: between two of them the tiles that are there stand side by side, and
 * each must begin where the one before it ends.
 */
export function arrangementOf(
  windows: readonly Window[],
  { widthPx, heightPx }: Pick<Window, 'widthPx' | 'heightPx'>,
): Arrangement {
  const tiles = windows.map((window, index) => ({ ...window, index }));
  const byTop = tiles.toSorted((a, b) => a.yPx - b.yPx || a.xPx - b.xPx);
  const edges = new Set([0, heightPx, ...tiles.flatMap((tile) => [tile.yPx, bottom(tile)])]);
  const overlaps = new Map<string, readonly [number, number]>();
  const holes: Window[] = [];
  let standing: readonly Placed[] = [];
  let next = 0;
  const rows = [...edges].toSorted((a, b) => a - b);
  for (const [row, yPx] of rows.slice(0, -1).entries()) {
    const rowHeightPx = (rows[row + 1] as number) - yPx;
    const begun: Placed[] = [];
    for (let tile = byTop[next]; tile && tile.yPx === yPx; tile = byTop[(next += 1)])
      begun.push(tile);
    const left = standing.filter((tile) => bottom(tile) > yPx);
    standing = begun.length === 0 ? left : [...left, ...begun].toSorted((a, b) => a.xPx - b.xPx);
    let endPx = 0;
    let last: Placed | undefined;
    for (const tile of standing) {
      if (tile.xPx > endPx)
        addHole(holes, { xPx: endPx, yPx, widthPx: tile.xPx - endPx, heightPx: rowHeightPx });
      if (last && tile.xPx < endPx) {
        const pair = [last.index, tile.index].toSorted((a, b) => a - b) as [number, number];
        overlaps.set(pair.join(), pair);
      }
      const tileEndPx = tile.xPx + tile.widthPx;
      if (tileEndPx > endPx) [endPx, last] = [tileEndPx, tile];
    }
    if (endPx < widthPx)
      addHole(holes, { xPx: endPx, yPx, widthPx: widthPx - endPx, heightPx: rowHeightPx });
  }
  return { overlaps: [...overlaps.values()], holes };
}

function bottom({ yPx, heightPx }: Window): number {
  return yPx + heightPx;
}

/** One that goes on from the row above is the same hole. */
function addHole(holes: Window[], hole: Window): void {
  const above = holes.findIndex(
    (each) => bottom(each) === hole.yPx && each.xPx === hole.xPx && each.widthPx === hole.widthPx,
  );
  if (above < 0) holes.push(hole);
  else
    holes[above] = {
      ...(holes[above] as Window),
      heightPx: (holes[above] as Window).heightPx + hole.heightPx,
    };
}
