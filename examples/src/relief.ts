/**
 * The relief of the earth that the examples use: shades of grey for heights, from the package
 * three-globe.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ArrayRaster, Transform } from '@holdfast/raster';
import { decode as decodePng } from 'fast-png';

/** The package's main file lies in dist/, its images beside it. */
export const images: string = fileURLToPath(
  new URL('../example/img', import.meta.resolve('three-globe')),
);

/** A picture of the whole earth: longitude and latitude in degrees, EPSG:4326. */
export function wholeEarth(
  width: number,
  height: number,
): { crs: ArrayRaster['crs']; transform: Transform } {
  return {
    crs: 4326,
    transform: [-180, 360 / width, 0, 90, 0, -180 / height],
  };
}

/** Heights, row by row; black, which is the sea, stands for nodata. */
export interface Relief {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  readonly nodata: number;
  readonly crs: ArrayRaster['crs'];
  readonly transform: Transform;
}

export function relief(): Relief {
  const { data, width, height, channels } = decodePng(
    readFileSync(join(images, 'earth-topology.png')),
  );
  const grey = Uint8Array.from({ length: width * height }, (_, i) => Number(data[i * channels]));
  return { data: grey, width, height, nodata: 0, ...wholeEarth(width, height) };
}
