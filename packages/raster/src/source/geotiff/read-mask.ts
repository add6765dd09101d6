/**
 * Which pixels of a GeoTIFF are valid, as GDAL says it where an index asks for the mask of a file:
 * by a mask inside it or beside it, else by nodata, else by alpha; else all are.
 */
import { hasMask, type Nodata, type Pixels, type RasterInfo } from '../../model.js';
import { VALID } from '../mask.js';
import {
  type GeoTiffOptions,
  type OpenedGeoTiff,
  readGeoTiff,
  readOwnMask,
} from './from-geotiff.js';
import type { MosaicFiles } from '../../read/mosaic-files.js';

/**
 * Opens that of a band, from 1, as a source of one band of bytes, 0 where pixels are not valid; of
 * alpha, how much so.
 */
export async function readMask(
  path: string,
  bandNumber: number,
  options: GeoTiffOptions,
  files: Pick<MosaicFiles, 'open' | 'sidecars'>,
): Promise<OpenedGeoTiff> {
  const own = await readOwnMask(path, options, () => files.open(path));
  if (own) return own;
  const beside = async () => {
    const { aux, mask } = await files.sidecars(path);
    const unread = { placing: [], telling: [] };
    return { aux, mask, world: undefined, rpc: undefined, unread };
  };
  const source = await readGeoTiff(path, options, () => files.open(path), beside);
  const telling = validityIn(source.info, bandNumber);
  return {
    ...source,
    info: { ...source.info, dataType: 'uint8', bands: [{}], nodata: undefined },
    raw: undefined,
    read: async (window, signal) => byteMask(await source.read(window, signal), telling),
  };
}

/** The band that tells, from 0, and how valid a pixel is by its sample there. */
interface Telling {
  readonly band: number;
  validity(sample: number | bigint | undefined): number;
}

function validityIn(info: RasterInfo, bandNumber: number): Telling {
  const { bands, nodata, dataType } = info;
  const last = bands.length - 1;
  const isAlpha =
    bands[last]?.colour === 'Alpha' &&
    (last === 1 || last === 3) &&
    (dataType === 'uint8' || dataType === 'uint16');
  if (hasMask(info))
    return { band: last, validity: (sample) => (Number(sample) === 0 ? 0 : VALID) };
  if (nodata !== undefined)
    return { band: bandNumber - 1, validity: (sample) => (isNodata(sample, nodata) ? 0 : VALID) };
  if (!isAlpha) return { band: 0, validity: () => VALID };
  // What is opaque a little stays so.
  const share = dataType === 'uint8' ? 1 : VALID / 65535;
  const validity = (sample: number | bigint | undefined) =>
    sample ? Math.max(1, Math.round(Number(sample) * share)) : 0;
  return { band: last, validity };
}

function isNodata(sample: number | bigint | undefined, nodata: Nodata): boolean {
  if (typeof sample === 'bigint') return sample === BigInt(nodata);
  return Number.isNaN(nodata) ? Number.isNaN(sample) : sample === Number(nodata);
}

function byteMask({ data, interleave, bandCount, ...size }: Pixels, telling: Telling): Pixels {
  const count = size.widthPx * size.heightPx;
  const [first, step] =
    interleave === 'band' ? [telling.band * count, 1] : [telling.band, bandCount];
  const mask = Uint8Array.from({ length: count }, (_, at) =>
    telling.validity(data[first + at * step]),
  );
  return { ...size, data: mask, bandCount: 1, interleave: 'band', hasMask: undefined };
}
