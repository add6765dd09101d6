/** From a CRS, however it was named, to the GeoKeys that say it (OGC 19-008r4, annex E and 7.4). */
import type { Crs, GeoKey, Georeferencing } from '../model.js';

/** The ids of the keys that are written here. */
export const geoKeyIds = {
  modelType: 1024,
  rasterType: 1025,
  citation: 1026,
  geodeticCrs: 2048,
  projectedCrs: 3072,
  projectedCitation: 3073,
  verticalCrs: 4096,
} as const;

const RASTER_TYPE = { area: 1, point: 2 } as const;

/** All keys of a georeferencing; none when there is neither a CRS nor pixels that are points. */
export function geoKeysOf({ crs, pixelIs = 'area' }: Georeferencing): readonly GeoKey[] {
  if (!crs && pixelIs === 'area') return [];
  const keys = crs ? crsKeys(crs) : [];
  return [
    { id: geoKeyIds.rasterType, value: RASTER_TYPE[pixelIs] },
    ...keys.filter((key) => key.id !== geoKeyIds.rasterType),
  ];
}

function crsKeys(crs: Crs): readonly GeoKey[] {
  return crs.kind === 'geoKeys' ? crs.keys : [];
}
