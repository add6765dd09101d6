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

export const file = 's3://bucket/maps/dem.tif';
/** Uncompressed: more than one part. */
export const [wideWidth, wideHeight] = [1800, 1300];
export const cogOptions = { compression: 'none', threads: 0 } as const;

export function wideSamplesOf(label: number): Float32Array {
  return Float32Array.from({ length: wideWidth * wideHeight }, (_, at) => label * 1e6 + (at % 997));
}

export function wideRasterOf(label: number): RasterSource {
  const transform = [500_000, 10, 0, 5_000_000, 0, -10] as const;
  const size = { width: wideWidth, height: wideHeight };
  return fromArray({ data: wideSamplesOf(label), ...size, crs: 'EPSG:32632', transform });
}
