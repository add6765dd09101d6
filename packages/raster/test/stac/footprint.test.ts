import assert from 'node:assert/strict';
import test from 'node:test';
import { fromArray } from '#src/index.js';
import type { Crs, Transform } from '#src/model.js';
import { type Footprint, footprintOf } from '#src/stac/footprint.js';

function placeOf(
  crs: number | string | Crs | undefined,
  transform: Transform | undefined,
  [width, height]: readonly [number, number] = [100, 100],
): Promise<Footprint | undefined> {
  const data = new Uint8Array(width * height);
  return footprintOf(fromArray({ data, width, height, crs, transform }).info);
}

function close(found: readonly number[] | undefined, expected: readonly number[]): void {
  assert.equal(found?.length, expected.length);
  for (const [index, value] of expected.entries())
    assert.ok(
      Math.abs((found[index] as number) - value) < 2e-5,
      `${String(found)} is not ${String(expected)}`,
    );
}

/** Twice the area of each ring, which is positive for one that goes round counterclockwise. */
function areasOf({ geometry }: Footprint): readonly number[] {
  const rings = geometry.type === 'Polygon' ? geometry.coordinates : geometry.coordinates.flat();
  return rings.map((ring) => {
    assert.deepEqual(ring[0], ring.at(-1));
    return ring.slice(1).reduce((sum, [x, y], index) => {
      const [beforeX, beforeY] = ring[index] as readonly [number, number];
      return sum + beforeX * y - x * beforeY;
    }, 0);
  });
}

test('a raster in degrees is the polygon of its corners, counterclockwise, whichever way it lies', async () => {
  const upright = await placeOf(4326, [10, 0.1, 0, 50, 0, -0.1]);
  assert.deepEqual(upright?.bbox, [10, 40, 20, 50]);
  const southUp = await placeOf(4326, [10, 0.1, 0, 40, 0, 0.1]);
  assert.deepEqual(southUp?.bbox, [10, 40, 20, 50]);
  const rotated = await placeOf(4326, [10, 0.1, 0.05, 50, 0.02, -0.1]);
  close(rotated?.bbox, [10, 40, 25, 52]);
  for (const each of [upright, southUp, rotated]) {
    assert.equal(each?.geometry.coordinates[0]?.length, 5);
    assert.ok(areasOf(each).every((area) => area > 0));
  }
});

test('a raster over the antimeridian is cut there, and its west is larger than its east', async () => {
  for (const west of [175, -185]) {
    const found = await placeOf(4326, [west, 0.1, 0, 50, 0, -0.1]);
    assert.deepEqual(found?.bbox, [175, 40, -175, 50]);
    const rings = found?.geometry.coordinates.map((polygon) => polygon[0] as readonly unknown[]);
    const edges = (ring: readonly unknown[] = []): readonly unknown[] =>
      [...new Set((ring as readonly (readonly [number])[]).map(([x]) => Math.abs(x)))].toSorted(
        (one, other) => one - other,
      );
    assert.deepEqual(rings?.map(edges), [
      [175, 180],
      [175, 180],
    ]);
    assert.deepEqual(areasOf(found), [100, 100]);
  }
});

test('a projected raster over the antimeridian is cut too', async () => {
  // UTM zone 60 ends at 180 degrees.
  const found = await placeOf(32660, [790_000, 1000, 0, 1_100_000, 0, -1000]);
  assert.equal(found?.geometry.type, 'MultiPolygon');
  const [west, south, east, north] = found?.bbox ?? [];
  assert.ok(west !== undefined && west > 179 && east !== undefined && east < -179);
  assert.ok(south !== undefined && south > 8 && north !== undefined && north < 10);
  assert.ok(areasOf(found).every((area) => area > 0));
});

test('one that goes round a pole has all longitudes up to the pole; one whose corner is the pole has a quarter', async () => {
  const round = await placeOf(3995, [-1_000_000, 20_000, 0, 1_000_000, 0, -20_000]);
  assert.deepEqual(
    round?.bbox.filter((_, index) => index !== 1),
    [-180, 180, 90],
  );
  assert.ok((round?.bbox[1] ?? 0) < 78 && (round?.bbox[1] ?? 0) > 76);
  const south = await placeOf(3031, [-1_000_000, 20_000, 0, 1_000_000, 0, -20_000]);
  assert.deepEqual(
    south?.bbox.filter((_, index) => index !== 3),
    [-180, -90, 180],
  );
  const quarter = await placeOf(3995, [0, 10_000, 0, 1_000_000, 0, -10_000]);
  close(
    quarter?.bbox.filter((_, index) => index !== 1),
    [90, 180, 90],
  );
});

test('the whole world is one polygon, from -180 to 180 and no further than the poles', async () => {
  const world = [-180, -90, 180, 90];
  assert.deepEqual((await placeOf(4326, [-180, 3.6, 0, 90, 0, -1.8]))?.bbox, world);
  assert.deepEqual((await placeOf(4326, [0, 3.6, 0, 90, 0, -1.8]))?.bbox, world);
  // Pixels whose centres are the poles.
  assert.deepEqual((await placeOf(4326, [-181.8, 3.6, 0, 90.9, 0, -1.8], [100, 101]))?.bbox, world);
  const half = 20_037_508.342789244;
  const web = await placeOf(3857, [-half, half / 50, 0, half, 0, -half / 50]);
  close(web?.bbox, [-180, -85.051129, 180, 85.051129]);
});

test('units, prime meridians and WKT are taken as they are', async () => {
  // Paris, in grads.
  close((await placeOf(4807, [0, 0.01, 0, 50, 0, -0.01]))?.bbox, [2.337229, 44.1, 3.237229, 45]);
  const wkt =
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]';
  assert.deepEqual((await placeOf(wkt, [10, 0.1, 0, 50, 0, -0.1]))?.bbox, [10, 40, 20, 50]);
  const feet = await placeOf(2263, [980_000, 100, 0, 200_000, 0, -100]);
  close(feet?.bbox, [-74.015331, 40.688181, -73.979258, 40.715629]);
});

test('a place that is not certain is none: no CRS, no transform, codes of two meanings, off the edge of the world', async () => {
  const transform: Transform = [0, 1000, 0, 0, 0, -1000];
  assert.equal(await placeOf(undefined, transform), undefined);
  assert.equal(await placeOf(32633, undefined), undefined);
  assert.equal(
    await placeOf({ kind: 'epsg', code: 3408 }, transform),
    undefined,
    'a sphere for some, an ellipsoid for others',
  );
  assert.equal(await placeOf(5514, transform), undefined, 'Krovak is not computed here');
  const half = 20_037_508.342789244;
  const beyond: Transform = [-half, half / 50, 0, half, 0, -half / 50];
  assert.equal(await placeOf(6933, beyond), undefined, 'equal area ends before that');
  assert.equal(await placeOf(4326, [500_000, 10, 0, 6_000_000, 0, -10]), undefined, 'no degrees');
});
