/**
 * Half-precision floats (IEEE 754 binary16), which GeoTIFF readers rarely know, as the float32
 * values they stand for.
 */

/** Widens the bits of half floats; every half float is exactly a float32. */
export function halfToFloat(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, widen);
}

/** Whether an array is a `Float16Array`, which Node has from 24 on. */
export function isHalves(array: unknown): boolean {
  return Object.prototype.toString.call(array) === '[object Float16Array]';
}

/** The bits of a `Float16Array`, where they lie; any other array as it is. */
export function bitsOfHalves<T extends ArrayBufferView>(array: T): T | Uint16Array {
  if (!isHalves(array)) return array;
  return new Uint16Array(array.buffer, array.byteOffset, array.byteLength / 2);
}

function widen(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
