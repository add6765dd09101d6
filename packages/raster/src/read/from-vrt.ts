/**
 * A VRT of simple sources as a source: those of GDAL (gdalbuildvrt, gdal_translate -of VRT) and
 * ours.
 */
import { createHash } from 'node:crypto';
import { checkOptions, checkPath, invalidArgument } from 'holdfast/options';
import { joinMask } from '../source/mask.js';
import { regularGrid } from '../source/grid.js';
import { isAddress } from '../remote/address.js';
import type { RasterSource } from '../source/raster-source.js';
import { identitiesOf, type Mosaic, openVrt, type OpenVrtOptions } from './open-vrt.js';
import { textOfParts } from './vrt-document.js';

/** A source on an opened VRT. */
export interface OpenedVrt extends RasterSource {
  /** Lets go of the files. */
  close(): Promise<void>;
}

/** How a VRT is read as a source. */
export type VrtSourceOptions = Pick<OpenVrtOptions, 'outside' | 'fs' | 'store' | 'allowHttp'>;

/** What is read together: as large as a tile is by default. */
const BLOCK_PX = 512;

/**
 * Opens a VRT as a source; call `close` on it when done. Its fingerprint is that of the index and
 * of each file that it names, by path, size and time of change; far away, by address and version.
 *
 * @param path - of the index; or its address, `https://host/dem.vrt` or `s3://bucket/dem.vrt`, as
 *   `openVrt` reads one: each file in the version in which it was first opened
 * @throws HoldfastError NOT_FOUND, CORRUPT_DOCUMENT and PATH_ESCAPES as `openVrt` does, and of an
 *   address what that throws; INVALID_ARGUMENT for one whose bands have different nodata values
 */
export async function fromVrt(path: string, options: VrtSourceOptions = {}): Promise<OpenedVrt> {
  checkOptions('fromVrt', options, ['outside', 'fs', 'store', 'allowHttp']);
  if (!isAddress(path)) checkPath('fromVrt', path);
  const mosaic = await openVrt(path, options);
  try {
    return sourceOf(mosaic);
  } catch (error) {
    await mosaic.close();
    throw error;
  }
}

function sourceOf(mosaic: Mosaic): OpenedVrt {
  const { document, hasMask, path } = mosaic;
  const bands = hasMask ? [...mosaic.info.bands, { isMask: true }] : mosaic.info.bands;
  const info = { ...mosaic.info, bands };
  if (new Set(document.bands.map(({ nodata }) => String(nodata))).size > 1)
    throw invalidArgument(
      'fromVrt',
      'its bands have different nodata values, and a mosaic has one for all: take them one by one, with gdal_translate -b',
      path,
    );
  const notCarried = [...mosaic.notCarried];
  return {
    info,
    notCarried,
    interleave: 'band',
    blocks: regularGrid(info.widthPx, info.heightPx, BLOCK_PX, BLOCK_PX),
    tiling: 'tileSize',
    read: async (window, signal) => {
      const image = await mosaic.read(window, { signal });
      if (!hasMask) return image;
      const mask = await mosaic.read(window, { signal, band: 'mask' });
      return joinMask(image, mask.data, notCarried);
    },
    fingerprint: () => fingerprintOf(mosaic),
    close: () => mosaic.close(),
  };
}

/** Whoever changes samples in place moves the time of their file. */
async function fingerprintOf(mosaic: Mosaic): Promise<string> {
  const { document } = mosaic;
  const files = await identitiesOf(mosaic);
  const index = textOfParts([document, [...document.metadata]]);
  return createHash('sha256')
    .update(JSON.stringify([index, files]))
    .digest('hex');
}
