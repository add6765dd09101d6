/** The blocks of a single file are made in an order in which each finds what it is made of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromChunks } from '#src/api.js';
import { blockOrder } from '#src/cog/block-order.js';
import { type CogLevel, planCog } from '#src/cog/cog-plan.js';
import { cellsTouching, columnCount, rowCount } from '#src/source/grid.js';

const sizes = [
  [4096, 4096],
  [16, 5000],
  [5000, 16],
  [100, 100],
  [3333, 2049],
] as const;

function levelsOf(
  [width, height]: readonly [number, number],
  overviews: readonly number[] | 'auto',
  resampling: 'average' | 'gauss',
): readonly CogLevel[] {
  const chunks = { width: 128, height: 128 };
  const compute = (): Uint8Array => new Uint8Array(128 ** 2);
  const source = fromChunks({ width, height, dataType: 'uint8', chunks, compute });
  return planCog('a.tif', source, { blockSizePx: 128, overviews, resampling }).levels;
}

for (const size of sizes)
  for (const overviews of ['auto', [2, 4], [3, 6], []] as const)
    for (const resampling of ['average', 'gauss'] as const)
      test(`${size.join(' x ')}, overviews ${String(overviews)}, ${resampling}: each block once, in the order of its level, after those that it is made of`, () => {
        const levels = levelsOf(size, overviews, resampling);
        const counts = levels.map(() => 0);
        for (const { level, cell, index } of blockOrder(levels)) {
          const { grid, reduction } = levels[level] as CogLevel;
          assert.equal(index, counts[level]);
          assert.equal(index, cell.row * columnCount(grid) + cell.column);
          counts[level] = index + 1;
          if (!reduction) continue;
          const below = levels[level - 1] as CogLevel;
          for (const { row, column } of cellsTouching(below.grid, reduction.needs(cell.window)))
            assert.ok(row * columnCount(below.grid) + column < (counts[level - 1] ?? 0));
        }
        const all = levels.map(({ grid }) => rowCount(grid) * columnCount(grid));
        assert.deepEqual(counts, all);
      });

test('of each level little more than a row of blocks waits for the next', () => {
  const levels = levelsOf([4096, 4096], 'auto', 'average');
  const [whole] = levels as [CogLevel];
  const done = levels.map(() => 0);
  let most = 0;
  for (const { level } of blockOrder(levels)) {
    done[level] = (done[level] ?? 0) + 1;
    // A block of the first overview lets go of four of the raster.
    most = Math.max(most, (done[0] ?? 0) - 4 * (done[1] ?? 0));
  }
  const columns = columnCount(whole.grid);
  assert.ok(most <= columns + 8, `${most} blocks, in rows of ${columns}`);
});
