import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hillshade } from '#src/preview/shade.js';
import { terrainColour } from '#src/preview/colour-ramp.js';

/**
 * Shade of the middle of a 3x3 plane that rises by these amounts per cell towards the east and the
 * north.
 */
function shadeOfPlane(east: number, north: number): number {
  const values = Float64Array.from(
    { length: 9 },
    (_, index) => (index % 3) * east - Math.floor(index / 3) * north,
  );
  return hillshade({ values, widthPx: 3, heightPx: 3, cellWidth: 1, cellHeight: 1 })[4] as number;
}

test('flat ground is as bright as the sine of the height of the light', () => {
  assert.ok(Math.abs(shadeOfPlane(0, 0) - Math.SQRT1_2) < 1e-12);
});

test('a slope that faces the light square on is fully lit, and the one behind it lies in the dark', () => {
  // The light stands in the north-west at 45 degrees: ground that rises by 1 towards the south-east
  // faces it.
  assert.ok(Math.abs(shadeOfPlane(Math.SQRT1_2, -Math.SQRT1_2) - 1) < 1e-12);
  assert.ok(shadeOfPlane(-Math.SQRT1_2, Math.SQRT1_2) < 1e-12);
});

test('the hillshade of missing ground is missing, and does not reach its neighbours', () => {
  const values = new Float64Array(9).fill(5);
  values[0] = Number.NaN;
  const shade = hillshade({ values, widthPx: 3, heightPx: 3, cellWidth: 1, cellHeight: 1 });
  assert.ok(Number.isNaN(shade[0]));
  assert.ok(shade.slice(1).every((value) => Math.abs(value - Math.SQRT1_2) < 1e-12));
});

test('colours run from green to white and stay there outside the range', () => {
  assert.deepEqual(terrainColour(-1), terrainColour(0));
  assert.deepEqual(terrainColour(2), [250, 250, 250]);
  assert.deepEqual(terrainColour(0.2), [102, 141, 78]);
  assert.deepEqual(terrainColour(Number.NaN), terrainColour(0));
});
