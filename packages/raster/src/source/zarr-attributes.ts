/**
 * What a Zarr array says of itself in its attributes and the names of its dimensions, as xarray,
 * rioxarray, GDAL and kerchunk say it.
 */
import { messageOf } from 'holdfast/errors';
import { parseCrs } from '../crs/crs.js';
import type { BandInfo, Crs, Nodata, NotCarried, Transform } from '../model.js';
import { fitsNodata } from '../tiff/nodata.js';
import type { RasterProfile, RasterShape } from './profile.js';
import type { ZarrArray } from './zarr-array.js';

const columnNames =
  /^(?:x|lon|longitude|easting|eastings|col|cols|column|columns|width|rlon|projection_x_coordinate)$/iu;
const rowNames =
  /^(?:y|lat|latitude|northing|northings|row|rows|line|lines|height|rlat|projection_y_coordinate)$/iu;

/**
 * The array with its rows and columns last, as the names of its dimensions say; without names it
 * stays as it is.
 */
export function bandsFirst(array: ZarrArray): ZarrArray {
  const names = namesOf(array);
  const [column, row] = [columnNames, rowNames].map((pattern) =>
    names.findIndex((name) => pattern.test(name ?? '')),
  ) as [number, number];
  const count = array.shape.length;
  const isKnown = names.length === count && column >= 0 && row >= 0 && column !== row;
  if (!isKnown || (column === count - 1 && row === count - 2)) return array;
  const others = [...array.shape.keys()].filter((axis) => axis !== column && axis !== row);
  const axes = [...others, row, column];
  const ordered = <T>(values: readonly T[]): T[] => axes.map((axis) => values[axis] as T);
  return {
    shape: ordered(array.shape),
    chunks: ordered(array.chunks),
    dtype: array.dtype,
    attrs: array.attrs,
    fillValue: array.fillValue,
    getChunk: async (coordinates, options) => {
      const asStored = array.shape.map((_, axis) => coordinates[axes.indexOf(axis)] as number);
      const { data, shape, stride } = await array.getChunk(asStored, options);
      return { data, shape: ordered(shape), stride: ordered(stride) };
    },
  };
}

function namesOf({ dimensionNames, attrs }: ZarrArray): readonly (string | null)[] {
  const names = dimensionNames ?? attrs['_ARRAY_DIMENSIONS'];
  return Array.isArray(names) ? (names as (string | null)[]) : [];
}

/** What the caller says about what lies outside of the array. */
interface Says {
  readonly gridMapping: Readonly<Record<string, unknown>> | undefined;
  readonly fillValueIsNodata: boolean | undefined;
}

/** What the attributes say, of which the caller may say something else. */
export function describedBy(
  array: ZarrArray,
  shape: RasterShape,
  { gridMapping, fillValueIsNodata }: Says,
  told: NotCarried[],
): RasterProfile {
  const { attrs } = array;
  const band: BandInfo = {
    description: textOf(attrs['long_name']),
    unit: textOf(attrs['units']),
    scale: numberOf(attrs['scale_factor']),
    offset: numberOf(attrs['add_offset']),
  };
  const isSilent = Object.values(band).every((value) => value === undefined);
  const name = textOf(attrs['grid_mapping']);
  if (name !== undefined && !gridMapping) {
    const why = 'it is another array: give its attributes as gridMapping, or crs and transform';
    told.push({ what: `the variable ${name}`, where: 'grid_mapping', why });
  }
  return {
    nodata: nodataOf(array, shape, fillValueIsNodata, told),
    bands: isSilent ? undefined : Array.from({ length: shape.bandCount }, () => band),
    crs: crsOf({ ...attrs, ...gridMapping }, told),
    transform: transformOf({ ...attrs, ...gridMapping }, told),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function nodataOf(
  array: ZarrArray,
  { dataType }: RasterShape,
  fillValueIsNodata: boolean | undefined,
  told: NotCarried[],
): Nodata | undefined {
  const { attrs, fillValue } = array;
  const where = ['_FillValue', 'missing_value'].find((name) => attrs[name] !== undefined);
  const isFill = fillValueIsNodata ?? (where === undefined && '_ARRAY_DIMENSIONS' in attrs);
  if (!isFill && where === undefined) return undefined;
  const given = isFill ? fillValue : attrs[where as string];
  if (given === undefined || given === null) return undefined;
  const value = valueOf(given);
  const what = `nodata ${value === undefined ? JSON.stringify(given) : String(value)}`;
  const place = isFill ? 'fill_value' : (where as string);
  if (value === undefined) {
    told.push({ what, where: place, why: 'it is no number that is understood: give nodata' });
    return undefined;
  }
  const isWide = dataType === 'int64' || dataType === 'uint64';
  if (isWide && typeof value === 'number' && !Number.isSafeInteger(value)) {
    const why = 'JSON gives numbers past 2^53 rounded: give nodata as a bigint';
    told.push({ what, where: place, why });
  }
  if (fitsNodata(value, dataType)) return value;
  told.push({ what, where: place, why: `no ${dataType} sample can have it: it marks nothing` });
  return undefined;
}

const BASE64_OF_DOUBLE = /^[A-Za-z0-9+/]{11}=$/u;

/**
 * A number, as JSON, Zarr and xarray have it: xarray writes floats in Zarr 3 as base64 of a
 * little-endian float64.
 */
function valueOf(given: unknown): Nodata | undefined {
  if (typeof given === 'number' || typeof given === 'bigint') return given;
  if (Array.isArray(given) && given.length === 1) return valueOf(given[0]);
  if (typeof given !== 'string') return undefined;
  if (/^[+-]?(?:NaN|Infinity)$/u.test(given)) return Number(given.replace(/^[+-](?=NaN)/u, ''));
  if (BASE64_OF_DOUBLE.test(given)) return Buffer.from(given, 'base64').readDoubleLE(0);
  return given.trim() !== '' && Number.isFinite(Number(given)) && !/^0x/iu.test(given)
    ? Number(given)
    : undefined;
}

function crsOf(attrs: Readonly<Record<string, unknown>>, told: NotCarried[]): Crs | undefined {
  const gdal = attrs['_CRS'];
  const ofGdal =
    typeof gdal === 'object' && gdal !== null ? (gdal as Record<string, unknown>)['wkt'] : gdal;
  const text = [ofGdal, attrs['crs_wkt'], attrs['spatial_ref']].map(textOf).find(Boolean);
  if (text === undefined) return undefined;
  try {
    return parseCrs('fromZarr', text);
  } catch (error) {
    const why = messageOf(error);
    told.push({ what: 'the CRS', where: 'the attributes', why });
    return undefined;
  }
}

/** GDAL's six numbers in one text, as rioxarray writes them. */
function transformOf(
  attrs: Readonly<Record<string, unknown>>,
  told: NotCarried[],
): Transform | undefined {
  const text = textOf(attrs['GeoTransform']);
  if (text === undefined) return undefined;
  const numbers = text
    .trim()
    .split(/[\s,]+/u)
    .map(Number);
  if (numbers.length === 6 && numbers.every(Number.isFinite))
    return numbers as unknown as Transform;
  told.push({
    what: `GeoTransform ${text}`,
    where: 'the attributes',
    why: 'it has not six numbers',
  });
  return undefined;
}
