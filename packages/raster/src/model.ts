/**
 * The words that sources, tiles and indexes share: sample types, windows, georeferencing, bands.
 * Types and tables only; nothing here touches a file.
 */

/** The name of a sample type. */
export type DataType =
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'float32'
  | 'float64';

/** Samples in memory. May lie on a `SharedArrayBuffer`. */
export type RasterArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** Makes an array of zeros, or a view on a buffer. */
interface RasterArrayConstructor {
  new (length: number): RasterArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): RasterArray;
}

/** What is known of a sample type. */
interface DataTypeInfo {
  readonly bytes: 1 | 2 | 4 | 8;
  /** TIFF `SampleFormat` (TIFF 6.0, section 19): 1 unsigned, 2 signed, 3 IEEE floating point. */
  readonly sampleFormat: 1 | 2 | 3;
  readonly gdalName: string;
  readonly array: RasterArrayConstructor;
}

/** Every sample type. A name that is not here is an error; it never falls back to a default. */
export const dataTypes: Readonly<Record<DataType, DataTypeInfo>> = {
  uint8: { bytes: 1, sampleFormat: 1, gdalName: 'Byte', array: Uint8Array },
  int8: { bytes: 1, sampleFormat: 2, gdalName: 'Int8', array: Int8Array },
  uint16: { bytes: 2, sampleFormat: 1, gdalName: 'UInt16', array: Uint16Array },
  int16: { bytes: 2, sampleFormat: 2, gdalName: 'Int16', array: Int16Array },
  uint32: { bytes: 4, sampleFormat: 1, gdalName: 'UInt32', array: Uint32Array },
  int32: { bytes: 4, sampleFormat: 2, gdalName: 'Int32', array: Int32Array },
  uint64: { bytes: 8, sampleFormat: 1, gdalName: 'UInt64', array: BigUint64Array },
  int64: { bytes: 8, sampleFormat: 2, gdalName: 'Int64', array: BigInt64Array },
  float32: { bytes: 4, sampleFormat: 3, gdalName: 'Float32', array: Float32Array },
  float64: { bytes: 8, sampleFormat: 3, gdalName: 'Float64', array: Float64Array },
};

/** The names of all sample types, in the order of the table. */
export const dataTypeNames: readonly DataType[] = Object.keys(dataTypes) as DataType[];

/**
 * The sample type of an array, or `undefined` for an array that is none of them (a `DataView`, a
 * clamped array).
 */
export function dataTypeOf(array: unknown): DataType | undefined {
  if (!ArrayBuffer.isView(array)) return undefined;
  // Its tag, and not its class: an array of another realm (a vm context, a test runner's sandbox)
  // has another class.
  const { [Symbol.toStringTag]: tag } = array as { [Symbol.toStringTag]?: string };
  return dataTypeNames.find((name) => dataTypes[name].array.name === tag);
}

/** A rectangle of pixels; `xPx` and `yPx` are of its upper left corner, from that of the raster. */
export interface Window {
  readonly xPx: number;
  readonly yPx: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/**
 * How several bands lie in one array: `pixel`, all bands of a pixel together (RGBRGB…); `band`,
 * whole planes one after another (RR…GG…BB…).
 */
export type Interleave = 'pixel' | 'band';

/** Samples of a window: `widthPx * heightPx * bandCount` of them, rows from the top. */
export interface Pixels {
  readonly data: RasterArray;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bandCount: number;
  readonly interleave: Interleave;
  /** Whether the last band is the mask of the others ({@link BandInfo.isMask}). */
  readonly hasMask?: boolean | undefined;
}

/** What the samples of a window take in memory. */
export function sampleBytes(
  { widthPx, heightPx }: Window,
  { dataType, bandCount }: { readonly dataType: DataType; readonly bandCount: number },
): number {
  return widthPx * heightPx * bandCount * dataTypes[dataType].bytes;
}

/**
 * GDAL's geotransform. The outer corner of the upper left pixel is at `(t[0], t[3])`, and the
 * corner of pixel `(x, y)` at `(t[0] + x * t[1] + y * t[2], t[3] + x * t[4] + y * t[5])`. Always of
 * the corner, also when {@link Georeferencing.pixelIs} is `point`.
 */
export type Transform = readonly [number, number, number, number, number, number];

/** One key of a GeoTIFF key directory, with its value (OGC 19-008r4, 7.1.2). */
export interface GeoKey {
  readonly id: number;
  readonly value: number | readonly number[] | string;
}

/** A coordinate reference system, in the words of whoever named it. */
export type Crs =
  | ({ readonly kind: 'epsg'; readonly code: number } & WithEpoch)
  | ({ readonly kind: 'wkt'; readonly wkt: string } & WithEpoch)
  | ({ readonly kind: 'proj'; readonly proj: string } & WithEpoch)
  | {
      readonly kind: 'geoKeys';
      readonly keys: readonly GeoKey[];
      /**
       * The minor revision of their directory: 0 is GeoTIFF 1.0, whose vertical keys GDAL does not
       * believe.
       */
      readonly minorRevision?: number | undefined;
    };

/** Of a system that moves with the ground. */
export interface WithEpoch {
  /**
   * When the coordinates are true, as a decimal year; GeoKeys have one of their own for it (5120).
   */
  readonly coordinateEpoch?: number | undefined;
}

/** Where the pixels lie. Each part may be missing: then it is not written, and never invented. */
export interface Georeferencing {
  readonly transform?: Transform | undefined;
  readonly crs?: Crs | undefined;
  /**
   * Whether a pixel stands for its area (`AREA_OR_POINT=Area`) or the point at its centre; `area`
   * by default.
   */
  readonly pixelIs?: 'area' | 'point' | undefined;
}

/**
 * The value that means "no data"; a bigint for 64-bit integers past 2^53. `NaN` only for floats.
 */
export type Nodata = number | bigint;

/** What a band is, in GDAL's words (`GDALColorInterp`, those of 3.10 too). */
export const colourInterpretations = [
  'Undefined',
  'Gray',
  'Palette',
  'Red',
  'Green',
  'Blue',
  'Alpha',
  'Hue',
  'Saturation',
  'Lightness',
  'Cyan',
  'Magenta',
  'Yellow',
  'Black',
  'YCbCr_Y',
  'YCbCr_Cb',
  'YCbCr_Cr',
  'Pan',
  'Coastal',
  'RedEdge',
  'NIR',
  'SWIR',
  'MWIR',
  'LWIR',
  'TIR',
  'OtherIR',
  'SAR_Ka',
  'SAR_K',
  'SAR_Ku',
  'SAR_X',
  'SAR_C',
  'SAR_S',
  'SAR_L',
  'SAR_P',
] as const;

/** What a band is, in GDAL's words. */
export type ColourInterpretation = (typeof colourInterpretations)[number];

/** Red, green, blue and alpha, each 0 to 255. */
export type PaletteEntry = readonly [number, number, number, number];

/** What is known of a band beyond its samples. */
export interface BandInfo {
  readonly description?: string | undefined;
  readonly unit?: string | undefined;
  readonly scale?: number | undefined;
  readonly offset?: number | undefined;
  readonly colour?: ColourInterpretation | undefined;
  /** One entry a value, with colour `Palette`, on the first band of uint8 or uint16. */
  readonly palette?: readonly PaletteEntry[] | undefined;
  /** Further metadata items of the band (`STATISTICS_MAXIMUM`, …). */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Its other metadata domains; in the index only. */
  readonly domains?: MetadataDomains | undefined;
  /** Names of the values 0, 1, 2 …; in the index only. */
  readonly categories?: readonly string[] | undefined;
  /**
   * The last band may be the mask of the others: 0 where they have no data. It is written as a
   * mask, inside of each tile, and not as a band.
   */
  readonly isMask?: boolean | undefined;
  /** GDAL's `GDALRasterAttributeTable` element, as XML; in the index only. */
  readonly attributeTable?: string | undefined;
}

/**
 * Metadata domains by name: items, or the text of a document where the name begins with `xml:` or
 * `json:`.
 */
export type MetadataDomains = Readonly<Record<string, Readonly<Record<string, string>> | string>>;

/**
 * A point whose place is known: pixel and line from the outer corner of the first pixel, and where
 * that lies.
 */
export interface GroundControlPoint {
  readonly id: string;
  readonly info?: string | undefined;
  readonly pixel: number;
  readonly line: number;
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/** What a raster is placed by when it has no transform. */
export interface GroundControlPoints {
  readonly crs: Crs | undefined;
  readonly points: readonly GroundControlPoint[];
}

/** Something that a source says and a mosaic does not. */
export interface NotCarried {
  /** What it is, and its value where that is short. */
  readonly what: string;
  /** The field, item or file that says it. */
  readonly where: string;
  /** Why it stays behind, and what was taken in its place if anything was. */
  readonly why: string;
}

/** The bands that are not the mask of the others. */
export function imageBands({ bands }: Pick<RasterInfo, 'bands'>): readonly BandInfo[] {
  return hasMask({ bands }) ? bands.slice(0, -1) : bands;
}

/** Whether the last band is the mask of the others. */
export function hasMask({ bands }: Pick<RasterInfo, 'bands'>): boolean {
  return bands.at(-1)?.isMask === true;
}

/** Everything about a raster but its samples. */
export interface RasterInfo {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly dataType: DataType;
  /** One entry a band; its length is the number of bands. */
  readonly bands: readonly BandInfo[];
  readonly nodata?: Nodata | undefined;
  readonly georeferencing: Georeferencing;
  /** Metadata items of the raster as a whole, without `AREA_OR_POINT`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Its other metadata domains (`RPC`, `xml:XMP`, …); in the index only. */
  readonly domains?: MetadataDomains | undefined;
  /** In the index only, of a raster without a transform. */
  readonly gcps?: GroundControlPoints | undefined;
}
