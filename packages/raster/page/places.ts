/** Where a pixel lies: in the raster's own system, and on the earth where that is known. */
import proj4 from 'proj4';
import type { Description } from '#src/serve/description.js';

type Pair = readonly [number, number];

/** Places of a raster. */
export interface Places {
  /** Of a point in pixels from the upper left corner; `undefined` without a transform. */
  readonly inSystem: (x: number, y: number) => Pair | undefined;
  /** Longitude and latitude, in degrees. */
  readonly onEarth: (x: number, y: number) => Pair | undefined;
}

export function placesOf({ raster: { transform, crsSpelledOut } }: Description): Places {
  const inSystem = (x: number, y: number): Pair | undefined => {
    if (!transform) return undefined;
    const [left, across, acrossDown, top, downAcross, down] = transform;
    return [left + x * across + y * acrossDown, top + x * downAcross + y * down];
  };
  const toEarth = earthOf(crsSpelledOut);
  const onEarth = (x: number, y: number): Pair | undefined => {
    const place = inSystem(x, y);
    const [longitude, latitude] = (place && toEarth?.(place)) ?? [Number.NaN, Number.NaN];
    return Number.isFinite(longitude) && Math.abs(latitude) <= 90
      ? [longitude, latitude]
      : undefined;
  };
  return { inSystem, onEarth };
}

/** `undefined` for a system that is not known to proj4. */
function earthOf(crs: string | undefined): ((place: Pair) => Pair | undefined) | undefined {
  if (crs === undefined) return undefined;
  try {
    const { forward } = proj4(crs, 'WGS84');
    return ([x, y]) => {
      try {
        const [longitude = Number.NaN, latitude = Number.NaN] = forward([x, y]);
        return [longitude, latitude];
      } catch {
        return undefined;
      }
    };
  } catch {
    return undefined;
  }
}
