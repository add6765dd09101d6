/**
 * GDAL's text of the nodata value (tag 42113, or an element of a sidecar) as a value that samples
 * can have.
 */
import { invalidArgument } from 'holdfast/options';
import { type DataType, dataTypes, type Nodata, type NotCarried } from '../../model.js';
import { fitsNodata, nodataSample } from '../../tiff/nodata.js';
import { leadingNumber } from './number-text.js';

interface NodataText {
  readonly text: string;
  /** The field or file that holds it. */
  readonly where: string;
}

/**
 * The value as GDAL takes it; what had to be changed for it, or marks nothing, is told.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a text that no number can be read from: it decides
 *   which pixels are valid
 */
export function nodataOf(
  { text, where }: NodataText,
  dataType: DataType,
  path: string,
  told: NotCarried[],
): Nodata | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const what = `nodata ${JSON.stringify(trimmed)}`;
  const wide = dataType === 'int64' || dataType === 'uint64';
  const whole = wide ? /^[+-]?\d+/u.exec(trimmed)?.[0] : undefined;
  const number = leadingNumber(trimmed);
  const value = whole === undefined ? number?.value : BigInt(whole);
  if (value === undefined)
    throw invalidArgument(
      'fromGeoTiff',
      `the GeoTIFF marks pixels without data by ${JSON.stringify(trimmed)} (${where}), which is no number: give it one with gdal_edit.py -a_nodata, or none with gdal_edit.py -unsetnodata`,
      path,
    );
  const sample = sampleOf(value, dataType);
  if (!fitsNodata(sample, dataType)) {
    told.push({ what, where, why: `no ${dataType} sample can have it: it marks nothing` });
    return undefined;
  }
  const isWhole = whole === undefined ? number?.isWhole === true : whole === trimmed;
  if (!isWhole) told.push({ what, where, why: `it is not one number: ${sample} was taken` });
  else if (typeof value === 'number' && sample !== value && dataTypes[dataType].sampleFormat !== 3)
    told.push({ what, where, why: `no ${dataType} sample can have it: ${sample} was taken` });
  return sample;
}

/** Rounded as GDAL does: to the nearest float, or to the integer nearer to zero. */
function sampleOf(value: Nodata, dataType: DataType): Nodata {
  if (dataTypes[dataType].sampleFormat === 3) return nodataSample(value, dataType);
  return typeof value === 'number' && Number.isFinite(value) ? Math.trunc(value) : value;
}
