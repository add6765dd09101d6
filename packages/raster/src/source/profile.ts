/**
 * What a caller says about a raster besides its samples, and the checks that every source shares.
 */
import { invalidArgument } from 'holdfast/options';
import { parseCrs } from '../crs/crs.js';
import { nodataSample } from '../tiff/nodata.js';
import {
  type BandInfo,
  type Crs,
  type DataType,
  dataTypes,
  type Nodata,
  type RasterInfo,
  type Transform,
} from '../model.js';

/** Everything about a raster that its samples do not say. All of it may be left out. */
export interface RasterProfile {
  /** GDAL's geotransform, of the outer corner of the upper left pixel; see {@link Transform}. */
  readonly transform?: Transform | undefined;
  /** An EPSG code, WKT, or a PROJ string. */
  readonly crs?: number | string | Crs | undefined;
  /** Whether a pixel stands for its area or for the point at its centre; `area` by default. */
  readonly pixelIs?: 'area' | 'point' | undefined;
  /** The value that means "no data"; 0 is a value like any other. */
  readonly nodata?: Nodata | undefined;
  /** One entry a band. */
  readonly bands?: readonly BandInfo[] | undefined;
  /** Metadata items of the raster as a whole. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** The names of {@link RasterProfile}, for option checks. */
export const profileNames: readonly (keyof RasterProfile)[] = [
  'transform',
  'crs',
  'pixelIs',
  'nodata',
  'bands',
  'metadata',
];

/** The size and samples of a raster, from its source. */
export interface RasterShape {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bandCount: number;
  readonly dataType: DataType;
}

/**
 * Joins what a source found and what the caller said.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a size that is not a positive integer, or bands that
 *   do not match
 */
export function rasterInfo(call: string, shape: RasterShape, profile: RasterProfile): RasterInfo {
  const { widthPx, heightPx, bandCount, dataType } = shape;
  checkSize(call, 'width', widthPx);
  checkSize(call, 'height', heightPx);
  checkSize(call, 'number of bands', bandCount);
  const bands = profile.bands ?? Array.from({ length: bandCount }, () => ({}));
  if (bands.length !== bandCount) {
    throw invalidArgument(
      call,
      `${call} was told about ${bands.length} bands, but the data has ${bandCount}: give one entry a band`,
    );
  }
  const { transform, pixelIs, metadata } = profile;
  const nodata = profile.nodata === undefined ? undefined : nodataSample(profile.nodata, dataType);
  checkTransform(call, transform);
  const crs = crsOf(call, profile.crs);
  const georeferencing = { transform, crs, pixelIs };
  return { widthPx, heightPx, dataType, bands, nodata, georeferencing, metadata };
}

/** @throws HoldfastError INVALID_ARGUMENT for a name that is no data type's */
export function checkDataType(call: string, dataType: unknown): void {
  if (typeof dataType === 'string' && Object.hasOwn(dataTypes, dataType)) return;
  throw invalidArgument(call, `${call} knows no data type '${String(dataType)}'`);
}

/** Whoever read the CRS out of a file knows its kind; what a caller writes is looked at. */
function crsOf(call: string, crs: RasterProfile['crs']): Crs | undefined {
  if (crs === undefined) return undefined;
  return typeof crs === 'object' && crs !== null ? crs : parseCrs(call, crs);
}

function checkTransform(call: string, transform: Transform | undefined): void {
  if (transform === undefined) return;
  const finite = Array.isArray(transform) && transform.every((value) => Number.isFinite(value));
  const [, a, b, , d, e] = transform;
  if (finite && transform.length === 6 && a * e !== b * d) return;
  throw invalidArgument(
    call,
    `transform must be six finite numbers that give a pixel an area, not ${String(transform)}`,
  );
}

function checkSize(call: string, name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw invalidArgument(
    call,
    `the ${name} of a raster must be a whole number of at least 1, but ${call} got ${value}`,
  );
}
