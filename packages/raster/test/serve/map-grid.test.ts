import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutoutOf, hasSquare, type MapGrid, mapGridOf } from '#src/serve/map-grid.js';
import { Turns } from '#src/serve/turns.js';
import { spelledOut } from '#src/crs/spelled-out.js';
import type { Mosaic } from '#src/api.js';

function gridOf(widthPx: number, heightPx: number, overviews?: string): MapGrid {
  const metadata = new Map([['HOLDFAST', overviews === undefined ? {} : { OVERVIEWS: overviews }]]);
  return mapGridOf({ info: { widthPx, heightPx }, document: { metadata } } as unknown as Mosaic);
}

test('level 0 is one square, and the deepest has a pixel for each of the raster', () => {
  assert.deepEqual(gridOf(256, 10), { widthPx: 256, heightPx: 10, minZoom: 0, maxZoom: 0 });
  assert.equal(gridOf(257, 10).maxZoom, 1);
  assert.equal(gridOf(10, 100_000, '2,4,8,16,32,64,128,256').maxZoom, 9);
});

test('what would be made of too many pixels is not drawn', () => {
  assert.equal(gridOf(65_536, 65_536).minZoom, 8 - 4);
  assert.equal(gridOf(65_536, 65_536, '2,4').minZoom, 8 - 6);
  assert.equal(gridOf(65_536, 65_536, '2,4,8,16,32,64').minZoom, 0);
});

test('squares end with the raster', () => {
  const grid = gridOf(700, 530);
  assert.ok(hasSquare(grid, { z: 2, x: 2, y: 2 }));
  for (const square of [
    { z: 2, x: 3, y: 0 },
    { z: 2, x: 0, y: 3 },
    { z: 3, x: 0, y: 0 },
  ])
    assert.ok(!hasSquare(grid, square));
});

test('a margin is read where the raster has one', () => {
  const grid = gridOf(700, 530);
  assert.deepEqual(cutoutOf(grid, { z: 2, x: 0, y: 1 }, 1), {
    window: { xPx: 0, yPx: 255, widthPx: 257, heightPx: 258 },
    scale: 1,
    firstColumn: 0,
    firstRow: 1,
  });
  assert.deepEqual(cutoutOf(grid, { z: 1, x: 1, y: 0 }, 1).window, {
    xPx: 510,
    yPx: 0,
    widthPx: 190,
    heightPx: 514,
  });
});

test('so many work at one time, and the others in the order in which they came', async () => {
  const turns = new Turns(2, 2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const works = [0, 1, 2, 3].map((number) =>
    turns.use(async () => {
      begun.push(number);
      await new Promise<void>((end) => ends.push(end));
    }),
  );
  assert.deepEqual(begun, [0, 1]);
  assert.ok(turns.isFull);
  ends.shift()?.();
  await works[0];
  await Promise.resolve();
  assert.deepEqual(begun, [0, 1, 2]);
  assert.ok(!turns.isFull);
  ends.shift()?.();
  await works[1];
  await Promise.resolve();
  for (const end of ends) end();
  await works[2];
  while (ends.length < 2) await Promise.resolve();
  for (const end of ends) end();
  await Promise.all(works);
  assert.deepEqual(begun, [0, 1, 2, 3]);
});

test('a code is spelled out for programs without a table of codes', () => {
  assert.match(spelledOut('EPSG:4326') ?? '', /^GEOGCS\[/);
  assert.match(spelledOut('EPSG:25832') ?? '', /^PROJCS\[.*Transverse_Mercator/);
  assert.match(spelledOut('EPSG:3857') ?? '', /merc|Mercator/);
  assert.match(spelledOut('EPSG:25832+5783') ?? '', /^PROJCS\[/);
  assert.equal(spelledOut('EPSG:1'), undefined);
  assert.equal(spelledOut('+proj=longlat'), '+proj=longlat');
  assert.equal(spelledOut(undefined), undefined);
});
