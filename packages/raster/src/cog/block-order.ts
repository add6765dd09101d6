/**
 * In which order the blocks of a file are made: each after all blocks that it is made of, and soon
 * after.
 */
import { type Cell, cells, cellsTouching, columnCount } from '../source/grid.js';
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
 * Blocks that go between an overview's and those that it is made of: whoever comes to it finds them
 * made, or nearly.
 */
const BLOCKS_BETWEEN = 2;

/**
 * Each level row by row. A block of an overview follows soon after the last one that it is made of,
 * so that of each level little more than one row of blocks is waited for by the next.
 */
export function* blockOrder(levels: readonly CogLevel[]): Generator<BlockPlace> {
  const begun = levels.map(({ grid }) => {
    const todo = cells(grid);
    return { todo, next: todo.next(), done: 0 };
  });
  function* nextOf(number: number): Generator<BlockPlace> {
    const level = begun[number] as (typeof begun)[0];
    yield { level: number, cell: level.next.value as Cell, index: level.done };
    level.next = level.todo.next();
    level.done += 1;
    const below = levels[number] as CogLevel;
    const isDone = level.next.done === true;
    const ready = isDone ? Infinity : level.done - BLOCKS_BETWEEN;
    while (lastNeeded(levels[number + 1], begun[number + 1]?.next, below) < ready)
      yield* nextOf(number + 1);
  }
  while (begun[0]?.next.done !== true) yield* nextOf(0);
}

/** The number of the last block that one of an overview is made of; `Infinity` after its last. */
function lastNeeded(
  above: CogLevel | undefined,
  next: IteratorResult<Cell> | undefined,
  { grid }: CogLevel,
): number {
  if (!above?.reduction || !next || next.done) return Infinity;
  const needed = [...cellsTouching(grid, above.reduction.needs(next.value.window))].at(-1) as Cell;
  return needed.row * columnCount(grid) + needed.column;
}
