/**
 * Which compressions are read; others are refused by name before anything else is (libtiff's
 * `tiff.h` has the numbers).
 */
import { HoldfastError } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { hasLzma } from '../../codec/lzma.js';
import { hasWebp, WEBP_PACKAGE } from './webp-package.js';

/**
 * Those of decode-block.ts: none, LZW, JPEG, deflate twice, PackBits, LERC, LZMA, Zstandard, WebP,
 * LZ4.
 */
const read: ReadonlySet<number> = new Set([
  1, 5, 7, 8, 32773, 32946, 34887, 34925, 50000, 50001, 50004,
]);

/** What decodes a compression and is not part of this package. */
const needed: Readonly<Record<number, () => { readonly name: string; readonly isThere: boolean }>> =
  {
    34925: () => ({ name: "the system's liblzma.so.5", isThere: hasLzma() }),
    50001: () => ({
      name: `the package ${WEBP_PACKAGE} (npm install ${WEBP_PACKAGE})`,
      isThere: hasWebp(),
    }),
  };

const names: Readonly<Record<number, string>> = {
  2: 'CCITT RLE',
  3: 'CCITT Group 3 fax',
  4: 'CCITT Group 4 fax',
  6: 'JPEG of TIFF 6.0',
  9: 'JBIG',
  10: 'JBIG',
  32766: 'NeXT',
  32771: 'CCITT RLE with words',
  32809: 'ThunderScan',
  32908: 'PixarFilm',
  32909: 'PixarLog',
  33003: 'JPEG 2000 (Aperio)',
  33004: 'JPEG 2000 (Aperio)',
  33005: 'JPEG 2000 (Aperio)',
  34661: 'JBIG',
  34676: 'SGI Log',
  34677: 'SGI Log 24',
  34712: 'JPEG 2000',
  34892: 'lossy JPEG of DNG',
  34925: 'LZMA',
  50001: 'WebP',
  50002: 'JPEG XL',
  52546: 'JPEG XL of DNG',
};

const WAY_OUT = 'gdal_translate -co COMPRESS=DEFLATE INPUT.tif OUTPUT.tif';

/**
 * @throws HoldfastError INVALID_ARGUMENT for a compression that nothing here decodes;
 *   UNSUPPORTED_PLATFORM for one whose package or library is missing
 */
export function checkCompressionTag(compression: number, path: string): void {
  const need = needed[compression]?.();
  if (need?.isThere === false)
    throw new HoldfastError('UNSUPPORTED_PLATFORM', {
      message: `The compression ${names[compression]} (${compression}) of the GeoTIFF needs ${need.name}, which is not here: install it, or make a file that is read without it: ${WAY_OUT}`,
      step: 'load',
      path,
    });
  if (read.has(compression)) return;
  const name = names[compression];
  const what = name === undefined ? String(compression) : `${name} (${compression})`;
  throw invalidArgument(
    'fromGeoTiff',
    `the compression ${what} of the GeoTIFF is not supported; ${WAY_OUT} makes a file that is`,
    path,
  );
}
