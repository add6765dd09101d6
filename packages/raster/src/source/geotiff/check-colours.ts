/**
 * Colour spaces whose samples are no red, green and blue, nor grey; they are refused by name
 * (libtiff's `tiff.h`).
 */
import { invalidArgument } from 'holdfast/options';
import type { Tags } from './image-tags.js';

const YCBCR = 6;
const JPEG = 7;

const names: Readonly<Record<number, string>> = {
  [YCBCR]: 'YCbCr without JPEG',
  8: 'CIE L*a*b*',
  9: 'ICC L*a*b*',
  10: 'ITU L*a*b*',
  32803: 'a colour filter array',
  32844: 'LogL',
  32845: 'LogLuv',
};

/** @throws HoldfastError INVALID_ARGUMENT for colours that are not converted here */
export async function checkColours(tags: Tags, path: string): Promise<void> {
  const photometric = (await tags.number('photometricInterpretation')) ?? 0;
  const name = names[photometric];
  // The blocks of JPEG are made red, green and blue as they are decoded.
  if (name === undefined || (photometric === YCBCR && (await tags.number('compression')) === JPEG))
    return;
  throw invalidArgument(
    'fromGeoTiff',
    `the colours of the GeoTIFF are ${name} (PhotometricInterpretation ${photometric}), which is not supported; gdal_translate -co PHOTOMETRIC=RGB INPUT.tif OUTPUT.tif makes red, green and blue of what GDAL can convert`,
    path,
  );
}
