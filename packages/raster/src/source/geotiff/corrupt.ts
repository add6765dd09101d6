/** The errors of a GeoTIFF that is none, or is damaged. */
import { HoldfastError, messageOf } from 'holdfast/errors';

/** How other kinds of files begin, what they are, and what makes a GeoTIFF of them. */
const otherKinds: readonly (readonly [start: string, what: string, how?: string])[] = [
  ['<VRTDataset', 'a VRT, an index of other files'],
  ['\x89PNG', 'a PNG'],
  ['\xff\xd8\xff', 'a JPEG'],
  ['GIF8', 'a GIF'],
  ['\0\0\0\x0cjP  ', 'a JPEG 2000'],
  ['\xff\x4f\xff\x51', 'a JPEG 2000'],
  ['RIFF', 'a WebP'],
  ['\x89HDF', 'an HDF5 or NetCDF file'],
  ['CDF', 'a NetCDF file'],
  ['GRIB', 'a GRIB file'],
  ['EHFA_HEADER_TAG', 'an Erdas Imagine file'],
  ['SQLite format 3', 'a GeoPackage or another database'],
  ['ncols ', 'an ASCII grid'],
  ['\x1f\x8b', 'compressed by gzip', 'gunzip'],
  ['PK\x03\x04', 'a ZIP archive', 'unzip'],
  ['version https://git-lfs', 'a pointer of Git LFS', 'git lfs pull'],
  ['<html', 'a page of HTML, not a file', 'a new download'],
  ['<!DOCTYPE html', 'a page of HTML, not a file', 'a new download'],
];

/** What a file is by its first bytes, as the reason why it is no GeoTIFF. */
export function otherKindOf(head: Uint8Array): string | undefined {
  const text = Buffer.from(head).toString('latin1').trimStart();
  const kind = otherKinds.find(([start]) => text.startsWith(start));
  if (!kind) return undefined;
  const [, what, how] = kind;
  return how === undefined
    ? `it is ${what}; gdal_translate INPUT OUTPUT.tif makes a GeoTIFF of it`
    : `it is ${what}; ${how} gives what is meant`;
}

/**
 * A name that is no path: of something on another machine, or of one of GDAL's virtual filesystems.
 */
export function isRemote(path: string): boolean {
  return /^(?:[a-z][a-z0-9+.-]+:\/\/|\/vsi[a-z0-9]+\/)/iu.test(path);
}

export function notATiff(path: string, cause: unknown): HoldfastError {
  const why = messageOf(cause);
  return corrupt(
    path,
    `The file cannot be read as a GeoTIFF: ${why}. Check it with gdalinfo.`,
    cause,
  );
}

export function corrupt(path: string, message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message,
    step: 'read',
    path,
    cause,
  });
}

/** Samples of a kind that no data type here holds, or of several kinds. */
export function unsupportedSamples(
  path: string,
  bits: readonly number[],
  formats: readonly number[],
): HoldfastError {
  const [sizes, kinds] = [bits, formats].map((list) => [...new Set(list)].join(', '));
  return new HoldfastError('INVALID_ARGUMENT', {
    message: `The GeoTIFF has samples of ${sizes} bits in format ${kinds}, which a mosaic cannot hold.`,
    step: 'fromGeoTiff',
    path,
  });
}
