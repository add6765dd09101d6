/** GeoKeys as the three TIFF tags that hold them, written and read (OGC 19-008r4, 7.1.2). */
import type { GeoKey } from '../model.js';
import { textField, type Field } from './directory.js';
import { decodedText } from './decoded-text.js';
import { tags } from './tags.js';

/**
 * Key directory version 1, revision 1, and the minor revision: 0 is GeoTIFF 1.0, which every reader
 * takes; 1 is GeoTIFF 1.1, in which GDAL believes vertical systems.
 */
const VERSION = [1, 1] as const;
const VERTICAL_KEYS = { first: 4096, last: 5119 } as const;

/**
 * The ranges of keys whose values are doubles: unit sizes, ellipsoid and projection parameters,
 * TOWGS84, epoch.
 */
const DOUBLE_KEYS: readonly (readonly [number, number])[] = [
  [2053, 2053],
  [2055, 2055],
  [2057, 2059],
  [2061, 2062],
  [3077, 3096],
  [5120, 5120],
];

/**
 * The fields for these keys; none for no keys.
 *
 * @param minorRevision - of the directory that they come from, if they come from one
 */
export function geoKeyFields(keys: readonly GeoKey[], minorRevision?: number): readonly Field[] {
  if (keys.length === 0) return [];
  const doubles: number[] = [];
  let text = '';
  const entries = keys
    .toSorted((a, b) => a.id - b.id)
    .flatMap(({ id, value }) => {
      if (typeof value === 'string') {
        // The offset and the count are of bytes, and '|' stands for the NUL that ends each text.
        const start = byteLength(text);
        text += `${value}|`;
        return [id, tags.geoAsciiParams, byteLength(text) - start, start];
      }
      const values = typeof value === 'number' ? [value] : value;
      if (values.length === 1 && !isDouble(id, values[0] ?? 0)) return [id, 0, 1, values[0] ?? 0];
      doubles.push(...values);
      return [id, tags.geoDoubleParams, values.length, doubles.length - values.length];
    });
  const vertical = keys.some(({ id }) => id >= VERTICAL_KEYS.first && id <= VERTICAL_KEYS.last);
  const directory = [...VERSION, minorRevision ?? (vertical ? 1 : 0), keys.length, ...entries];
  return [
    { tag: tags.geoKeyDirectory, type: 'short', values: directory },
    ...(doubles.length > 0
      ? [{ tag: tags.geoDoubleParams, type: 'double', values: doubles } as const]
      : []),
    ...(text === '' ? [] : [textField(tags.geoAsciiParams, text)]),
  ];
}

/**
 * Reads the keys from the values of the three fields.
 *
 * @param mostValues - of all keys together, which may share what they have
 * @throws Error for more
 */
export function readGeoKeys(
  directory: ArrayLike<number>,
  doubles: ArrayLike<number>,
  ascii: Uint8Array,
  mostValues: number = Number.MAX_SAFE_INTEGER,
): readonly GeoKey[] {
  const keys: GeoKey[] = [];
  let valueCount = 0;
  for (let at = 4; at + 3 < directory.length && keys.length < (directory[3] ?? 0); at += 4) {
    const [id, location, count, offset] = Array.from(
      { length: 4 },
      (_, field) => directory[at + field] as number,
    ) as [number, number, number, number];
    const isList = location === tags.geoDoubleParams || location === tags.geoAsciiParams;
    valueCount += isList ? count : 1;
    if (valueCount > mostValues) throw new Error(`its keys have over ${mostValues} values`);
    if (location === tags.geoDoubleParams) {
      const values = Array.from(doubles).slice(offset, offset + count);
      keys.push({ id, value: values.length === 1 ? (values[0] as number) : values });
    } else if (location === tags.geoAsciiParams) {
      // Counted in bytes; every string ends with a bar, which is not part of it.
      const text = decodedText(ascii.subarray(offset, offset + count));
      keys.push({ id, value: text.replace(/\|$/u, '') });
    } else {
      keys.push({ id, value: offset });
    }
  }
  return keys;
}

function isDouble(id: number, value: number): boolean {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) return true;
  return DOUBLE_KEYS.some(([first, last]) => id >= first && id <= last);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
