/**
 * How the tile files of one raster are written: all options checked, all tags that are the same in
 * every tile made. A plain value, so that it can be sent to worker threads.
 */
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  checkCompression,
  compressions,
  type Compression,
  type CompressionOptions,
} from '../codec/compressions.js';
import { openCodec } from '../codec/open-codec.js';
import { geoKeysOf } from '../crs/geo-keys.js';
import {
  dataTypes,
  type DataType,
  hasMask,
  imageBands,
  type Interleave,
  type Nodata,
  type RasterInfo,
} from '../model.js';
import { BLOCK_MULTIPLE_PX } from './block-grid.js';
import { colourFields, untoldColours } from './colour-fields.js';
import { textField, type Field } from './directory.js';
import { gdalMetadataXml } from './gdal-metadata.js';
import { geoKeyFields } from './geo-key-directory.js';
import { checkNodata, nodataText } from './nodata.js';
import { tags } from './tags.js';

/** What a caller may say about tile files. */
export interface TileOptions extends CompressionOptions {
  /**
   * Width and height of the blocks inside a tile file, a multiple of 16. By default a tile of up to
   * 512 pixels is one block, and a larger one is cut into equal blocks of at most 512.
   */
  readonly blockSizePx?: number | undefined;
  /** `pixel` by default: the bands of a pixel lie together. */
  readonly interleave?: Interleave | undefined;
  /** BigTIFF: `auto` by default, which takes it for files that may pass 4 GiB. */
  readonly bigTiff?: 'auto' | 'always' | 'never' | undefined;
  /**
   * Writes `NaN` samples as the nodata value, when the raster has another one; true by default.
   * `false` keeps them.
   */
  readonly nanIsNodata?: boolean | undefined;
}

/** The names of {@link TileOptions}. */
export const tileOptionNames: readonly (keyof TileOptions)[] = [
  'compression',
  'level',
  'predictor',
  'maxZError',
  'blockSizePx',
  'interleave',
  'bigTiff',
  'nanIsNodata',
];

/** How the tile files of one raster are written. */
export interface TileFormat {
  readonly dataType: DataType;
  /** Without the mask. */
  readonly bandCount: number;
  /** Whether the samples have a mask as their last band, which becomes images of its own. */
  readonly hasMask: boolean;
  readonly interleave: Interleave;
  readonly compression: Compression;
  readonly blockSizePx: number | undefined;
  readonly bigTiff: 'auto' | 'always' | 'never';
  readonly pixelIs: 'area' | 'point';
  readonly nodata: Nodata | undefined;
  /** What `NaN` samples are written as, if as anything else. */
  readonly nanBecomes: number | undefined;
  /** The fields that are the same in every tile. */
  readonly fields: readonly Field[];
}

const LARGEST_BLOCK_PX = 4096;
const PLANAR = { pixel: 1, band: 2 } as const;
/** The tag counts samples in 16 bits (TIFF 6.0, SamplesPerPixel). */
const MOST_BANDS = 65_535;

/**
 * Checks how a raster is to be written and prepares it.
 *
 * @throws HoldfastError INVALID_ARGUMENT; UNSUPPORTED_PLATFORM when the compression needs a library
 *   that the system lacks. Nothing has been touched then
 */
export function tileFormat(
  call: string,
  raster: RasterInfo,
  options: TileOptions = {},
): TileFormat {
  checkOptions(call, options, tileOptionNames);
  checkRaster(call, raster);
  checkBlockSize(call, options.blockSizePx);
  const interleave = checkInterleave(call, raster, options);
  const bigTiff = checkOneOf(call, 'bigTiff', options.bigTiff ?? 'auto', [
    'auto',
    'always',
    'never',
  ]);
  const compression = checkCompression(call, options, raster.dataType);
  // A library that is missing is missed now, not by the first tile.
  openCodec(compression, raster.dataType).close();
  return {
    dataType: raster.dataType,
    bandCount: imageBands(raster).length,
    hasMask: hasMask(raster),
    interleave,
    compression,
    blockSizePx: options.blockSizePx,
    bigTiff,
    pixelIs: raster.georeferencing.pixelIs ?? 'area',
    nodata: raster.nodata,
    nanBecomes: nanSubstitute(raster, options.nanIsNodata ?? true),
    fields: commonFields(raster, interleave, compression),
  };
}

function checkRaster(call: string, raster: RasterInfo): void {
  const { dataType, nodata } = raster;
  const bands = imageBands(raster);
  if (bands.some(({ isMask }) => isMask))
    throw invalidArgument(call, 'only the last band may be a mask.');
  if (!Object.hasOwn(dataTypes, dataType)) {
    const known = Object.keys(dataTypes).join(', ');
    throw invalidArgument(call, `there is no data type '${dataType}'; there are ${known}.`);
  }
  if (bands.length < 1 || bands.length > MOST_BANDS) {
    throw invalidArgument(call, `a raster has 1 to ${MOST_BANDS} bands, not ${bands.length}.`);
  }
  if (nodata !== undefined) checkNodata(call, nodata, dataType);
}

function checkBlockSize(call: string, blockSizePx: number | undefined): void {
  if (blockSizePx === undefined) return;
  const legal = blockSizePx >= BLOCK_MULTIPLE_PX && blockSizePx <= LARGEST_BLOCK_PX;
  if (legal && blockSizePx % BLOCK_MULTIPLE_PX === 0) return;
  throw invalidArgument(
    call,
    `blockSizePx is a multiple of ${BLOCK_MULTIPLE_PX} from ${BLOCK_MULTIPLE_PX} to ${LARGEST_BLOCK_PX}, not ${String(blockSizePx)}.`,
  );
}

/** LERC takes one band at a time, so that its mask can tell which samples of which band are NaN. */
function checkInterleave(call: string, raster: RasterInfo, options: TileOptions): Interleave {
  const bandwise = options.compression === 'lerc' && imageBands(raster).length > 1;
  const interleave = options.interleave ?? (bandwise ? 'band' : 'pixel');
  checkOneOf(call, 'interleave', interleave, ['pixel', 'band']);
  if (bandwise && interleave === 'pixel') {
    throw invalidArgument(call, "LERC takes several bands with interleave 'band' only.");
  }
  return interleave;
}

function checkOneOf<T extends string>(
  call: string,
  name: string,
  value: T,
  known: readonly T[],
): T {
  if (known.includes(value)) return value;
  throw invalidArgument(call, `${name} is one of ${known.join(', ')}, not ${value}.`);
}

function nanSubstitute({ dataType, nodata }: RasterInfo, wanted: boolean): number | undefined {
  const floats = dataTypes[dataType].sampleFormat === 3;
  if (!wanted || !floats || nodata === undefined || Number.isNaN(nodata)) return undefined;
  return Number(nodata);
}

function commonFields(
  raster: RasterInfo,
  interleave: Interleave,
  compression: Compression,
): readonly Field[] {
  const { bytes, sampleFormat } = dataTypes[raster.dataType];
  const bands = imageBands(raster);
  const bandCount = bands.length;
  const each = (value: number): readonly number[] => Array.from({ length: bandCount }, () => value);
  const metadata = gdalMetadataXml({
    bands,
    metadata: raster.metadata,
    colours: untoldColours(bands, raster.dataType),
  });
  const { nodata } = raster;
  const { crs } = raster.georeferencing;
  const short = (tag: number, values: readonly number[]): Field => ({ tag, type: 'short', values });
  return [
    short(tags.bitsPerSample, each(bytes * 8)),
    short(tags.compression, [compressions[compression.name].tag]),
    short(tags.samplesPerPixel, [bandCount]),
    short(tags.planarConfiguration, [PLANAR[interleave]]),
    short(tags.sampleFormat, each(sampleFormat)),
    ...colourFields(bands, raster.dataType),
    ...geoKeyFields(
      geoKeysOf(raster.georeferencing),
      crs?.kind === 'geoKeys' ? crs.minorRevision : undefined,
    ),
    ...(metadata === undefined ? [] : [textField(tags.gdalMetadata, metadata)]),
    ...(nodata === undefined ? [] : [textField(tags.gdalNodata, nodataText(nodata))]),
    ...(compression.name === 'lerc' ? [LERC_PARAMETERS] : []),
  ];
}

/** TIFF 6.0: NewSubfileType of a mask, and its photometric interpretation. */
export const MASK = { subfile: 4, reducedSubfile: 5, photometric: 4 } as const;

/**
 * How masks are written: by bytes of 0 and 255, as GDAL gives them, in tiles; by bits of 0 and 1,
 * as TIFF 6.0 has them, where whoever writes packs them.
 */
export function maskFormat({ bigTiff, blockSizePx }: TileFormat, bits: 1 | 8 = 8): TileFormat {
  const short = (tag: number, value: number): Field => ({ tag, type: 'short', values: [value] });
  const compression: Compression = {
    name: 'deflate',
    level: 6,
    predictor: 1,
    maxZError: 0,
  };
  return {
    dataType: 'uint8',
    bandCount: 1,
    hasMask: false,
    interleave: 'pixel',
    compression,
    blockSizePx,
    bigTiff,
    pixelIs: 'area',
    nodata: undefined,
    nanBecomes: undefined,
    fields: [
      short(tags.bitsPerSample, bits),
      short(tags.compression, compressions.deflate.tag),
      short(tags.photometricInterpretation, MASK.photometric),
      short(tags.samplesPerPixel, 1),
      short(tags.planarConfiguration, PLANAR.pixel),
    ],
  };
}

/**
 * LERC's version (4 is that of Lerc 2.4, libtiff's choice too), and no further compression
 * (libtiff's `tiff.h`).
 */
const LERC_PARAMETERS: Field = { tag: tags.lercParameters, type: 'long', values: [4, 0] };
