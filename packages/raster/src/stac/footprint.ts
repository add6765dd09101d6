/**
 * Where a raster lies, as GeoJSON (RFC 7946): a polygon in longitude and latitude, cut where it
 * passes the antimeridian, and a bounding box whose west is larger than its east there.
 */
import type { RasterInfo, Transform } from '../model.js';
import { degreesOf, type Point } from './to-degrees.js';

type Ring = readonly Point[];

/** What STAC calls geometry and bbox. */
export interface Footprint {
  readonly geometry:
    | { readonly type: 'Polygon'; readonly coordinates: readonly Ring[] }
    | { readonly type: 'MultiPolygon'; readonly coordinates: readonly (readonly Ring[])[] };
  readonly bbox: readonly [west: number, south: number, east: number, north: number];
}

/** Straight pieces of an edge that may be curved in longitude and latitude. */
const PIECES = 32;
/** A tenth of a metre. */
const DIGITS = 6;
/** A metre. */
const STRAIGHT_DEGREES = 1e-5;

/**
 * `undefined` for a raster without a transform or CRS, or of which it is not certain where each
 * corner lies.
 */
export async function footprintOf({
  widthPx,
  heightPx,
  georeferencing: { transform, crs },
}: RasterInfo): Promise<Footprint | undefined> {
  const degrees = crs && transform && (await degreesOf(crs));
  if (!degrees) return undefined;
  const corners = cornersOf(transform, widthPx, heightPx);
  const ring: Point[] = [];
  for (const edge of edgesOf(corners, degrees.isGeographic ? 1 : PIECES)) {
    const places = edge.map(degrees.toDegrees);
    if (!places.every((place) => place !== undefined)) return undefined;
    // The last one begins the next edge.
    ring.push(...(isStraight(places) ? places.slice(0, 1) : places.slice(0, -1)));
  }
  return onGlobe(degrees.isGeographic ? { ring, turns: 0 } : unrolled(ring));
}

/** The outer corners of a raster, in its own coordinates. */
export function cornersOf(
  [x0, a, b, y0, d, e]: Transform,
  widthPx: number,
  heightPx: number,
): readonly Point[] {
  const at = (x: number, y: number): Point => [x0 + x * a + y * b, y0 + x * d + y * e];
  return [at(0, 0), at(widthPx, 0), at(widthPx, heightPx), at(0, heightPx)];
}

/** Each edge with both its ends. */
function edgesOf(corners: Ring, pieces: number): readonly Ring[] {
  return corners.map((from, index) => {
    const to = corners[(index + 1) % corners.length] as Point;
    return Array.from({ length: pieces + 1 }, (_, piece) => between(from, to, piece / pieces));
  });
}

function between([fromX, fromY]: Point, [toX, toY]: Point, part: number): Point {
  return [fromX + (toX - fromX) * part, fromY + (toY - fromY) * part];
}

/** Whether points lie, evenly spaced, on the line between the first and the last. */
function isStraight(points: Ring): boolean {
  const [from, to] = [points[0] as Point, points.at(-1) as Point];
  // Of a longer one its ends alone do not say which way it goes.
  if (Math.abs(to[0] - from[0]) > 90) return false;
  return points.every(([x, y], index) => {
    const [straightX, straightY] = between(from, to, index / (points.length - 1));
    return Math.max(Math.abs(x - straightX), Math.abs(y - straightY)) < STRAIGHT_DEGREES;
  });
}

const POLE = 90 - 1e-9;

/**
 * Longitudes that go on where the antimeridian is passed, and how often the ring goes round a pole.
 */
function unrolled(given: Ring): { readonly ring: Ring; readonly turns: number } {
  const ring: Point[] = [];
  let before: number | undefined;
  const near = (longitude: number): number =>
    before === undefined ? longitude : longitude - 360 * Math.round((longitude - before) / 360);
  // A pole has all longitudes: it is left with that by which it was come to, and with the next.
  const first = given.findIndex(([, latitude]) => Math.abs(latitude) < POLE);
  const ordered = [...given.slice(first), ...given.slice(0, first)];
  for (const [index, [longitude, latitude]] of ordered.entries()) {
    if (Math.abs(latitude) < POLE) ring.push([(before = near(longitude)), latitude]);
    else {
      const [next] = ordered[(index + 1) % ordered.length] as Point;
      ring.push([before ?? longitude, latitude], [near(next), latitude]);
    }
  }
  const [start] = ring[0] as Point;
  return { ring, turns: Math.round((near(start) - start) / 360) };
}

function onGlobe({
  ring: given,
  turns,
}: {
  readonly ring: Ring;
  readonly turns: number;
}): Footprint {
  const ring = given.map(([x, y]): Point => [rounded(x), rounded(y)]);
  const [west, south, east, north] = boundsOf(ring);
  if (turns !== 0) {
    const isNorth = north + south > 0;
    return ofRectangle([-180, isNorth ? south : -90, 180, isNorth ? 90 : north]);
  }
  if (east - west >= 360) return ofRectangle([-180, south, 180, north]);
  const shift = 360 * Math.floor((west + 180) / 360);
  const shifted = ring.map(([x, y]): Point => [rounded(x - shift), y]);
  const [from, to] = [rounded(west - shift), rounded(east - shift)];
  if (to <= 180)
    return {
      geometry: { type: 'Polygon', coordinates: [closed(shifted)] },
      bbox: [from, south, to, north],
    };
  const beyond = cut(shifted, false).map(([x, y]): Point => [rounded(x - 360), y]);
  return {
    geometry: {
      type: 'MultiPolygon',
      coordinates: [[closed(cut(shifted, true))], [closed(beyond)]],
    },
    bbox: [from, south, rounded(to - 360), north],
  };
}

/** The box of points in any coordinates: least x and y, largest x and y. */
export function boundsOf(points: Ring): [number, number, number, number] {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

function ofRectangle(bbox: Footprint['bbox']): Footprint {
  const [west, south, east, north] = bbox;
  const ring: Ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
  ];
  return { geometry: { type: 'Polygon', coordinates: [closed(ring)] }, bbox };
}

/** What of a ring lies west of 180 degrees, or east of it. */
function cut(ring: Ring, isWest: boolean): Ring {
  const isIn = ([x]: Point): boolean => (isWest ? x <= 180 : x >= 180);
  return ring.flatMap((point, index): Point[] => {
    const before = ring.at(index - 1) as Point;
    const kept = isIn(point) ? [point] : [];
    if (isIn(before) === isIn(point) || before[0] === 180 || point[0] === 180) return kept;
    const part = (180 - before[0]) / (point[0] - before[0]);
    return [[180, rounded(before[1] + (point[1] - before[1]) * part)], ...kept];
  });
}

/** Counterclockwise, and the first point again at its end. */
function closed(ring: Ring): Ring {
  const points = ring.filter(([x, y], index) => {
    const [beforeX, beforeY] = ring.at(index - 1) as Point;
    return ring.length === 1 || x !== beforeX || y !== beforeY;
  });
  const twiceArea = points.reduce((sum, [x, y], index) => {
    const [beforeX, beforeY] = points.at(index - 1) as Point;
    return sum + beforeX * y - x * beforeY;
  }, 0);
  const turned = twiceArea < 0 ? points.toReversed() : points;
  return [...turned, turned[0] as Point];
}

function rounded(degrees: number): number {
  // Adding 0 makes 0 of -0.
  return Number(degrees.toFixed(DIGITS)) + 0;
}
