/**
 * Computed values as samples: rounded as GDAL rounds, within the type's range, and never nodata by
 * accident.
 */
import { types } from 'node:util';
import { dataTypeOf, dataTypes, type Nodata, type RasterArray } from '../model.js';

/** A computed value as a sample of a type. */
export type Rounding = (value: number) => number | bigint;

/** How computed values become samples of an array's type; `nodata` as the samples have it. */
export function roundingOf(data: RasterArray, nodata: Nodata | undefined): Rounding {
  if (types.isFloat32Array(data))
    return avoidingFloat(new Float32Array(1), new Int32Array(1), nodata);
  if (types.isFloat64Array(data))
    return avoidingFloat(new Float64Array(1), new BigInt64Array(1), nodata);
  const [least, most] = rangeOf(data);
  if (types.isBigInt64Array(data) || types.isBigUint64Array(data))
    return (value) =>
      avoidingWhole(clamped(BigInt(awayFromZero(value)), least, most), nodata, most);
  const [low, high] = [Number(least), Number(most)];
  return (value) => {
    const whole = Math.max(low, Math.min(high, awayFromZero(value)));
    if (whole !== nodata) return whole;
    return whole < high ? whole + 1 : whole - 1;
  };
}

/** Halves go away from zero. -0 is 0. */
function awayFromZero(value: number): number {
  return value < 0 ? -Math.floor(0.5 - value) || 0 : Math.floor(value + 0.5);
}

function clamped(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}

function avoidingWhole(value: bigint, nodata: Nodata | undefined, most: bigint): bigint {
  if (value !== nodata) return value;
  return value < most ? value + 1n : value - 1n;
}

function rangeOf(data: RasterArray): readonly [bigint, bigint] {
  const { bytes, sampleFormat } = dataTypes[dataTypeOf(data) ?? 'uint8'];
  const count = 2n ** BigInt(8 * bytes);
  return sampleFormat === 2 ? [-count / 2n, count / 2n - 1n] : [0n, count - 1n];
}

function avoidingFloat(
  room: Float32Array | Float64Array,
  bits: Int32Array | BigInt64Array,
  nodata: Nodata | undefined,
): Rounding {
  return (value) => {
    room[0] = value;
    if (room[0] !== nodata) return room[0];
    return nextUp(room, bits);
  };
}

/**
 * The next larger value of the type: its bits as a whole number, one more or, below zero, one less
 * (IEEE 754).
 */
function nextUp(value: Float32Array | Float64Array, bits: Int32Array | BigInt64Array): number {
  const room = new Uint8Array(bits.buffer);
  if (value[0] === 0) value[0] = 0;
  room.set(new Uint8Array(value.buffer));
  const up = (value[0] as number) < 0 ? -1 : 1;
  if (types.isBigInt64Array(bits)) bits[0] = (bits[0] as bigint) + BigInt(up);
  else bits[0] = (bits[0] as number) + up;
  new Uint8Array(value.buffer).set(room);
  return value[0] as number;
}
