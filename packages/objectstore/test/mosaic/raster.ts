/** Rasters by a label, whose pixels are never those of another. */
import { fromArray, type RasterSource } from '@holdfast/raster';

export const [width, height] = [700, 500];
export const index = 's3://bucket/maps/dem.vrt';

export function samplesOf(label: number): Float32Array {
  return Float32Array.from({ length: width * height }, (_, at) => label * 1e6 + (at % 900_001));
}

export function rasterOf(label: number): RasterSource {
  const transform = [500_000, 10, 0, 5_000_000, 0, -10] as const;
  return fromArray({ data: samplesOf(label), width, height, crs: 'EPSG:32632', transform });
}

export const options = { tileSizePx: 256, overviews: [2], threads: 0 } as const;
