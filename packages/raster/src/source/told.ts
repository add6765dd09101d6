/** What is told of a source before it is written, and after. */
import { crsNotCarried } from '../crs/crs.js';
import type { NotCarried } from '../model.js';
import type { RasterSource } from './raster-source.js';

const SIGNED_BYTES: NotCarried = {
  what: 'signed bytes',
  where: 'GDAL before 3.7',
  why: 'it opens no index of Int8: for such readers make the input Int16, by gdal_translate -ot Int16',
};

/** What the source has told, and what of it not every GDAL takes in. */
export function toldOf({
  notCarried,
  info,
}: Pick<RasterSource, 'info' | 'notCarried'>): readonly NotCarried[] {
  const told = notCarried ?? crsNotCarried(info.georeferencing.crs);
  const isTold = told.some(({ what }) => what === SIGNED_BYTES.what);
  return info.dataType === 'int8' && !isTold ? [...told, SIGNED_BYTES] : told;
}
