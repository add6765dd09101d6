/** Tiles that hold nothing but nodata. */
import { types } from 'node:util';
import type { Nodata, RasterArray } from '../model.js';

/**
 * Whether every sample is the nodata value (`NaN` equals itself here). Without nodata no tile is
 * empty. A float32 sample equals the nodata value if that rounds to it.
 */
export function isEmptyTile(data: RasterArray, nodata: Nodata | undefined): boolean {
  if (nodata === undefined) return false;
  if (types.isBigInt64Array(data) || types.isBigUint64Array(data)) {
    const value = BigInt(nodata);
    return data.every((sample) => sample === value);
  }
  const value = types.isFloat32Array(data) ? Math.fround(Number(nodata)) : Number(nodata);
  if (Number.isNaN(value)) return isAllNaN(data);
  for (let i = 0; i < data.length; i += 1) if (data[i] !== value) return false;
  return true;
}

function isAllNaN(data: Exclude<RasterArray, BigInt64Array | BigUint64Array>): boolean {
  for (let i = 0; i < data.length; i += 1) if (!Number.isNaN(data[i])) return false;
  return true;
}
