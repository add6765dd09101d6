/**
 * Grids: a raster cut into rows and columns of cells, regular or not. The same words serve a
 * source's blocks and a mosaic's tiles.
 */
import { invalidArgument } from 'holdfast/options';
import type { Window } from '../model.js';

/** Where the cells begin and end: from 0 to the raster's width or height, strictly growing. */
export interface Grid {
  readonly columnEdgesPx: readonly number[];
  readonly rowEdgesPx: readonly number[];
}

/** One cell of a grid. */
export interface Cell {
  readonly row: number;
  readonly column: number;
  readonly window: Window;
}

/** Cells in a row or column at most: the edges of so many take 32 MiB. */
const MOST_CELLS_IN_LINE = 2 ** 22;

/**
 * Cells of one size, those at the right and bottom edges cut.
 *
 * @throws HoldfastError INVALID_ARGUMENT for more cells in a row or column than 4,194,304
 */
export function regularGrid(
  widthPx: number,
  heightPx: number,
  cellWidthPx: number,
  cellHeightPx: number,
): Grid {
  return {
    columnEdgesPx: regularEdges(widthPx, cellWidthPx),
    rowEdgesPx: regularEdges(heightPx, cellHeightPx),
  };
}

function regularEdges(lengthPx: number, cellPx: number): readonly number[] {
  const count = Math.ceil(lengthPx / cellPx);
  if (!(count <= MOST_CELLS_IN_LINE)) {
    throw invalidArgument(
      'grid',
      `${lengthPx} pixels in cells of ${cellPx} are over ${MOST_CELLS_IN_LINE} cells in a line; take larger ones`,
    );
  }
  return Array.from({ length: count + 1 }, (_, index) => Math.min(index * cellPx, lengthPx));
}

/** Cells of the widths and heights given, in order. */
export function gridOfSizes(widthsPx: readonly number[], heightsPx: readonly number[]): Grid {
  return { columnEdgesPx: runningSum(widthsPx), rowEdgesPx: runningSum(heightsPx) };
}

function runningSum(sizes: readonly number[]): readonly number[] {
  let sum = 0;
  return [0, ...sizes.map((size) => (sum += size))];
}

export function columnCount(grid: Grid): number {
  return grid.columnEdgesPx.length - 1;
}

export function rowCount(grid: Grid): number {
  return grid.rowEdgesPx.length - 1;
}

function cellAt(grid: Grid, row: number, column: number): Cell {
  const [left, right] = span(grid.columnEdgesPx, column);
  const [top, bottom] = span(grid.rowEdgesPx, row);
  const window = { xPx: left, yPx: top, widthPx: right - left, heightPx: bottom - top };
  return { row, column, window };
}

function span(edges: readonly number[], index: number): [number, number] {
  const [from, to] = [edges[index], edges[index + 1]];
  if (from === undefined || to === undefined) throw new RangeError(`the grid has no cell ${index}`);
  return [from, to];
}

/** The largest width and the largest height of cells. */
export function largestCell({ columnEdgesPx, rowEdgesPx }: Grid): {
  readonly widthPx: number;
  readonly heightPx: number;
} {
  return { widthPx: largestStep(columnEdgesPx), heightPx: largestStep(rowEdgesPx) };
}

function largestStep(edges: readonly number[]): number {
  return edges.reduce((most, edge, index) => Math.max(most, edge - (edges[index - 1] ?? 0)), 0);
}

/** Every cell, row by row. */
export function* cells(grid: Grid): Generator<Cell> {
  for (let row = 0; row < rowCount(grid); row += 1) {
    for (let column = 0; column < columnCount(grid); column += 1) yield cellAt(grid, row, column);
  }
}

/** The cells that a window touches, row by row. */
export function* cellsTouching(grid: Grid, window: Window): Generator<Cell> {
  const firstRow = indexAt(grid.rowEdgesPx, window.yPx);
  const lastRow = indexAt(grid.rowEdgesPx, window.yPx + window.heightPx - 1);
  const firstColumn = indexAt(grid.columnEdgesPx, window.xPx);
  const lastColumn = indexAt(grid.columnEdgesPx, window.xPx + window.widthPx - 1);
  for (let row = firstRow; row <= lastRow; row += 1) {
    for (let column = firstColumn; column <= lastColumn; column += 1)
      yield cellAt(grid, row, column);
  }
}

/** How many cells a window touches. */
export function cellCount({ rowEdgesPx, columnEdgesPx }: Grid, window: Window): number {
  const { xPx, yPx, widthPx, heightPx } = window;
  const rows = indexAt(rowEdgesPx, yPx + heightPx - 1) - indexAt(rowEdgesPx, yPx) + 1;
  const columns = indexAt(columnEdgesPx, xPx + widthPx - 1) - indexAt(columnEdgesPx, xPx) + 1;
  return rows * columns;
}

/** The cell that holds a position, by bisection. */
function indexAt(edges: readonly number[], positionPx: number): number {
  let [low, high] = [0, edges.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((edges[middle] as number) <= positionPx) low = middle;
    else high = middle - 1;
  }
  return low;
}
