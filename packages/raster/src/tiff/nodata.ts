/**
 * The value that means "no data": whether it fits the samples, and its text in the GDAL_NODATA tag
 * (42113).
 */
import { invalidArgument } from 'holdfast/options';
import { dataTypes, type DataType, type Nodata } from '../model.js';

const LARGEST_FLOAT32 = 3.4028234663852886e38;
/** What the limits are off by at most when they are printed with six digits. */
const PRINTING = 1e-5;

/**
 * Checks that samples of the type can have this value.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a boolean or other non-number, a fraction or `NaN` for
 *   integers, or a number out of range
 */
export function checkNodata(call: string, nodata: Nodata, dataType: DataType): void {
  if (typeof nodata !== 'number' && typeof nodata !== 'bigint') {
    throw invalidArgument(call, `nodata is a number or a bigint, not ${typeof nodata}.`);
  }
  if (!fitsNodata(nodata, dataType)) {
    throw invalidArgument(
      call,
      `nodata ${nodata} is not a value that ${dataType} samples can have.`,
    );
  }
}

/** Whether samples of the type can have this value, or one that it is rounded to. */
export function fitsNodata(nodata: Nodata, dataType: DataType): boolean {
  const { sampleFormat, bytes } = dataTypes[dataType];
  if (sampleFormat === 3) {
    const value = Number(nodata);
    return bytes === 8 || !Number.isFinite(value) || Number.isFinite(Math.fround(rounded(value)));
  }
  if (typeof nodata === 'number' && !Number.isInteger(nodata)) return false;
  const value = BigInt(nodata);
  const bits = bytes * 8;
  return value === (sampleFormat === 1 ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value));
}

/**
 * The value as samples of the type have it: rounded, and where it lies past the range of float32
 * only by its printing, or is the limit of float64, that of float32. Integers are left as they are,
 * and what no sample can have too.
 */
export function nodataSample(nodata: Nodata, dataType: DataType): Nodata {
  // As a number its digits past 2^53 would be those of its shortest text.
  const isWide = dataType === 'int64' || dataType === 'uint64';
  if (isWide && typeof nodata === 'number' && Number.isInteger(nodata))
    return Number.isSafeInteger(nodata) ? nodata : BigInt(nodata);
  return dataType === 'float32' && typeof nodata === 'number' ? rounded(nodata) : nodata;
}

function rounded(value: number): number {
  const size = Math.abs(value);
  const isLimit = size > LARGEST_FLOAT32 && size < LARGEST_FLOAT32 * (1 + PRINTING);
  if (isLimit || (Number.isFinite(value) && size >= Number.MAX_VALUE * (1 - PRINTING)))
    return Math.sign(value) * LARGEST_FLOAT32;
  const near = Math.fround(value);
  return Number.isFinite(near) || !Number.isFinite(value) ? near : value;
}

/** The value in the words that GDAL reads: digits, `nan`, `inf` or `-inf`. */
export function nodataText(nodata: Nodata): string {
  if (typeof nodata === 'bigint') return String(nodata);
  if (Number.isNaN(nodata)) return 'nan';
  if (!Number.isFinite(nodata)) return nodata > 0 ? 'inf' : '-inf';
  // Integers past 2^53 keep all their digits; JavaScript would write them as 1e+21.
  return Number.isInteger(nodata) && Math.abs(nodata) < 2 ** 64
    ? String(BigInt(nodata))
    : String(nodata);
}
