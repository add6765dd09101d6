/** The value that means "no data": whether it fits the samples, and its text in the GDAL_NODATA tag (42113). */
import { invalidArgument } from 'holdfast/options';
import { dataTypes, type DataType, type Nodata } from '../model.js';

const LARGEST_FLOAT32 = 3.4028234663852886e38;

/**
 * Checks that samples of the type can have this value.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a boolean or other non-number, a fraction or `NaN` for integers, or a
 *   number out of range
 */
export function checkNodata(call: string, nodata: Nodata, dataType: DataType): void {
  if (typeof nodata !== 'number' && typeof nodata !== 'bigint') {
    throw invalidArgument(call, `nodata is a number or a bigint, not ${typeof nodata}.`);
  }
  if (!fits(nodata, dataType)) {
    throw invalidArgument(
      call,
      `nodata ${nodata} is not a value that ${dataType} samples can have.`,
    );
  }
}

function fits(nodata: Nodata, dataType: DataType): boolean {
  const { sampleFormat, bytes } = dataTypes[dataType];
  if (sampleFormat === 3) {
    const value = Number(nodata);
    return bytes === 8 || !Number.isFinite(value) || Math.abs(value) <= LARGEST_FLOAT32;
  }
  if (typeof nodata === 'number' && !Number.isInteger(nodata)) return false;
  const value = BigInt(nodata);
  const bits = bytes * 8;
  return value === (sampleFormat === 1 ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value));
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
