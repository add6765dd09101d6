/**
 * In which order the blocks of a file are made: each after all blocks that it is made of, and soon
 * after.
 */
import { type Cell, cells, rowCount, columnCount } from '../source/grid.js';
import type { CogLevel } from './cog-plan.js';

/** A block to be made. */
export interface BlockPlace {
  /** Which level, from 0, the raster itself. */
  readonly level: number;
  readonly cell: Cell;
  /** Its number in the level, row by row. */
  readonly index: number;
}

/**
 * Row by row of the raster; as soon as the rows are there that a row of blocks of an overview is
 * made of, that row follows. So nothing is kept for long.
 */
export function* blockOrder(levels: readonly CogLevel[]): Generator<BlockPlace> {
  const rows = levels.map(({ grid }) => rowsOf(grid));
  const donePx = levels.map(() => 0);
  function* row(level: number): Generator<BlockPlace> {
    const { grid } = levels[level] as CogLevel;
    const { value } = (rows[level] as ReturnType<typeof rowsOf>).next();
    for (const cell of value as readonly Cell[])
      yield { level, cell, index: cell.row * columnCount(grid) + cell.column };
    const [{ window }] = value as [Cell];
    donePx[level] = window.yPx + window.heightPx;
    const isNextReady = (): boolean => {
      const above = levels[level + 1];
      return above !== undefined && isReady(above, donePx[level + 1] ?? 0, donePx[level] ?? 0);
    };
    while (isNextReady()) yield* row(level + 1);
  }
  const [whole] = levels as [CogLevel];
  for (let index = 0; index < rowCount(whole.grid); index += 1) yield* row(0);
}

/** Whether all is there that the next row of blocks is made of. */
function isReady(
  { reduction, grid, widthPx, heightPx }: CogLevel,
  donePx: number,
  belowDonePx: number,
): boolean {
  if (!reduction || donePx >= heightPx) return false;
  const next = grid.rowEdgesPx.find((edge) => edge > donePx) ?? heightPx;
  const window = { xPx: 0, yPx: donePx, widthPx, heightPx: next - donePx };
  const needed = reduction.needs(window);
  return needed.yPx + needed.heightPx <= belowDonePx;
}

function* rowsOf(grid: CogLevel['grid']): Generator<readonly Cell[], undefined> {
  let row: Cell[] = [];
  for (const cell of cells(grid)) {
    row.push(cell);
    if (row.length < columnCount(grid)) continue;
    yield row;
    row = [];
  }
  return undefined;
}
