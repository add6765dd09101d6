/**
 * The TIFF tags that tile files have. Sources: TIFF 6.0 (254 to 339), OGC 19-008r4 GeoTIFF 1.1
 * (33550 to 34737), GDAL's GTiff driver page (42112, 42113), libtiff's `tiff.h` (50674).
 */
export const tags = {
  newSubfileType: 254,
  imageWidth: 256,
  imageLength: 257,
  bitsPerSample: 258,
  compression: 259,
  photometricInterpretation: 262,
  samplesPerPixel: 277,
  planarConfiguration: 284,
  predictor: 317,
  colorMap: 320,
  tileWidth: 322,
  tileLength: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  extraSamples: 338,
  sampleFormat: 339,
  modelPixelScale: 33550,
  modelTiepoint: 33922,
  modelTransformation: 34264,
  geoKeyDirectory: 34735,
  geoDoubleParams: 34736,
  geoAsciiParams: 34737,
  gdalMetadata: 42112,
  gdalNodata: 42113,
  lercParameters: 50674,
} as const;

/**
 * A TIFF field type (TIFF 6.0, section 2; BigTIFF adds long8): its code, its width, and how a value
 * is written.
 */
interface FieldType {
  readonly code: number;
  readonly bytes: number;
  readonly put: (view: DataView, offsetBytes: number, value: number) => void;
}

export type FieldTypeName = 'byte' | 'ascii' | 'undefined' | 'short' | 'long' | 'double' | 'long8';

export const fieldTypes: Readonly<Record<FieldTypeName, FieldType>> = {
  byte: { code: 1, bytes: 1, put: (view, offset, value) => view.setUint8(offset, value) },
  ascii: { code: 2, bytes: 1, put: (view, offset, value) => view.setUint8(offset, value) },
  short: { code: 3, bytes: 2, put: (view, offset, value) => view.setUint16(offset, value, true) },
  long: { code: 4, bytes: 4, put: (view, offset, value) => view.setUint32(offset, value, true) },
  undefined: { code: 7, bytes: 1, put: (view, offset, value) => view.setUint8(offset, value) },
  double: {
    code: 12,
    bytes: 8,
    put: (view, offset, value) => view.setFloat64(offset, value, true),
  },
  long8: {
    code: 16,
    bytes: 8,
    put: (view, offset, value) => view.setBigUint64(offset, BigInt(value), true),
  },
};

/**
 * Where classic TIFF and BigTIFF differ: the file header, the widths of counts and offsets, and
 * what fits inline.
 */
export interface TiffVariant {
  readonly name: 'classic' | 'big';
  /** The file header, with the offset of the first directory as its last part. */
  readonly header: readonly number[];
  /** The type of offsets and of values that may be as large. */
  readonly offsetType: FieldType;
  /** The type of the number of entries in a directory. */
  readonly entryCountType: FieldType;
  /** The largest offset that fits. */
  readonly maxOffsetBytes: number;
}

/**
 * Classic TIFF: "II", 42, offset of the directory. BigTIFF: "II", 43, the bytes of an offset, zero,
 * offset of the directory. In both the directory follows the header at once.
 */
export const tiffVariants: Readonly<Record<TiffVariant['name'], TiffVariant>> = {
  classic: {
    name: 'classic',
    header: [0x49, 0x49, 42, 0, 8, 0, 0, 0],
    offsetType: fieldTypes.long,
    entryCountType: fieldTypes.short,
    maxOffsetBytes: 2 ** 32 - 1,
  },
  big: {
    name: 'big',
    header: [0x49, 0x49, 43, 0, 8, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0],
    offsetType: fieldTypes.long8,
    entryCountType: fieldTypes.long8,
    maxOffsetBytes: Number.MAX_SAFE_INTEGER,
  },
};
