/**
 * The sizes that an image states: of itself, its samples and its blocks. Read and checked once,
 * before anything is allocated by them; everything that follows takes them from here.
 */
import { type DataType, dataTypeNames, dataTypes } from '../../model.js';
import type { defaultLimits } from '../block-limits.js';
import { unsupportedSamples } from './corrupt.js';
import type { Tags } from './image-tags.js';
import { MOST_BLOCKS } from './limits.js';

/** Sizes that agree with each other, and with the limits. */
export interface ImageShape {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bandCount: number;
  readonly bitsPerSample: number;
  /** What the samples become; wider than the file's where it stores fewer bits. */
  readonly dataType: DataType;
  readonly compression: number;
  /**
   * Tiles are padded at the edges of the image; strips are as wide as it, and cut at its bottom.
   */
  readonly tiled: boolean;
  readonly blockWidthPx: number;
  readonly blockHeightPx: number;
  readonly columns: number;
  readonly blocksPerPlane: number;
  /** Planes of blocks: one for each band that lies alone. */
  readonly planes: number;
  /** Bands that lie together in a block. */
  readonly bandsTogether: number;
}

const UNCOMPRESSED = 1;
const JPEG = 7;
const WEBP = 50001;
const LERC = 34887;
const YCBCR = 6;
/** Of SampleFormat. */
const VOID = 4;
/**
 * What geotiff.js's decoder keeps of a JPEG beside the result, in sizes of the result, is about
 * seven; of WebP there are three copies with alpha.
 */
const GUEST_SHARE = 4;

/**
 * Reads the sizes of an image.
 *
 * @throws Error for sizes that are none, contradict each other, or are over a limit; HoldfastError
 *   INVALID_ARGUMENT for samples that no data type holds
 */
export async function imageShapeOf(
  tags: Tags,
  path: string,
  limits: typeof defaultLimits,
): Promise<ImageShape> {
  const widthPx = await sizeOf(tags, 'imageWidth');
  const heightPx = await sizeOf(tags, 'imageLength');
  const bandCount = await sizeOf(tags, 'samplesPerPixel', 1);
  if (bandCount > limits.maxBands)
    throw new Error(`it has ${bandCount} bands, over maxBands (${limits.maxBands})`);
  const samples = await samplesOf(tags, bandCount, path);
  const compression = (await tags.number('compression')) ?? UNCOMPRESSED;
  await checkCompressed(tags, compression, samples);
  const planar = (await tags.number('planarConfiguration')) === 2;
  const tiled = tags.has('tileOffsets');
  const rowsPerStrip = await sizeOf(tags, 'rowsPerStrip', heightPx);
  const blockWidthPx = tiled ? await sizeOf(tags, 'tileWidth') : widthPx;
  const blockHeightPx = tiled ? await sizeOf(tags, 'tileLength') : Math.min(rowsPerStrip, heightPx);
  const columns = Math.ceil(widthPx / blockWidthPx);
  const blocksPerPlane = columns * Math.ceil(heightPx / blockHeightPx);
  const planes = planar ? bandCount : 1;
  if (blocksPerPlane * planes > MOST_BLOCKS)
    throw new Error(`it has ${blocksPerPlane * planes} blocks, over ${MOST_BLOCKS}`);
  return {
    widthPx,
    heightPx,
    bandCount,
    ...samples,
    compression,
    tiled,
    blockWidthPx,
    blockHeightPx,
    columns,
    blocksPerPlane,
    planes,
    bandsTogether: planar ? 1 : bandCount,
  };
}

/** What a compression can hold at all: its own blocks say nothing of bits that are packed. */
async function checkCompressed(
  tags: Tags,
  compression: number,
  { bitsPerSample, dataType }: Pick<ImageShape, 'bitsPerSample' | 'dataType'>,
): Promise<void> {
  if (compression === LERC && bitsPerSample !== 8 * dataTypes[dataType].bytes)
    throw new Error(`LERC holds whole samples, and these have ${bitsPerSample} bits`);
  if (compression !== JPEG && compression !== WEBP) return;
  const name = compression === JPEG ? 'JPEG' : 'WebP';
  if (dataType !== 'uint8' || bitsPerSample !== 8)
    throw new Error(
      `${name} is read with 8 bits a sample, and these are ${bitsPerSample} of ${dataType}`,
    );
  const bandCount = (await tags.number('samplesPerPixel')) ?? 1;
  if (compression === WEBP) {
    const isPlanar = (await tags.number('planarConfiguration')) === 2;
    if (isPlanar || (bandCount !== 3 && bandCount !== 4))
      throw new Error('WebP holds three or four bands that lie together');
    return;
  }
  if ((await tags.number('photometricInterpretation')) === YCBCR && bandCount !== 3)
    throw new Error(`its colours are YCbCr, and it has ${bandCount} bands`);
}

/** Refuses blocks that are larger than a caller wants to see decoded. */
export function checkBlockBytes(shape: ImageShape, blockHeightPx: number, mostBytes: number): void {
  const { blockWidthPx, bandsTogether, dataType, compression } = shape;
  const bytes = blockWidthPx * blockHeightPx * bandsTogether * dataTypes[dataType].bytes;
  const isGuest = compression === JPEG || compression === WEBP;
  const most = isGuest ? mostBytes / GUEST_SHARE : mostBytes;
  if (bytes <= most) return;
  const whose = isGuest ? 'a quarter of maxBlockBytes, as its decoder needs' : 'maxBlockBytes';
  throw new Error(
    `a block of ${blockWidthPx}x${blockHeightPx} pixels and ${bandsTogether} bands takes ${bytes} bytes, over ${whose} (${most}); raise it if the file is to be trusted`,
  );
}

/** A field that counts pixels or bands: a whole number of at least 1. */
async function sizeOf(
  tags: Tags,
  name: Parameters<Tags['number']>[0],
  ifMissing?: number,
): Promise<number> {
  const value = (await tags.number(name)) ?? ifMissing;
  if (value !== undefined && Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(
    `its field ${name} is ${value ?? 'missing'}, and not a whole number of at least 1`,
  );
}

async function samplesOf(
  tags: Tags,
  bandCount: number,
  path: string,
): Promise<Pick<ImageShape, 'bitsPerSample' | 'dataType'>> {
  const bits = await tags.numbers('bitsPerSample');
  const formats = await tags.numbers('sampleFormat');
  for (const [name, { length }] of Object.entries({ bitsPerSample: bits, sampleFormat: formats })) {
    // A single value for all bands is not TIFF 6.0, but libtiff reads it.
    if (length > 1 && length !== bandCount)
      throw new Error(`its field ${name} has ${length} values for ${bandCount} bands`);
  }
  // Undefined samples are taken for unsigned ones, as TIFF 6.0 asks for (page 80).
  const known = formats.map((format) => (format === VOID ? 1 : format));
  const [bitsPerSample = 1, sampleFormat = 1] = [bits[0], known[0]];
  const mixed =
    bits.some((each) => each !== bitsPerSample) || known.some((each) => each !== sampleFormat);
  const dataType = mixed ? undefined : dataTypeOfTiff(sampleFormat, bitsPerSample);
  if (!dataType) throw unsupportedSamples(path, bits, formats);
  return { bitsPerSample, dataType };
}

/**
 * The type that holds a file's samples, or `undefined` for one that none does (complex numbers,
 * 24-bit floats).
 */
function dataTypeOfTiff(sampleFormat: number, bitsPerSample: number): DataType | undefined {
  if (sampleFormat === 1 && bitsPerSample > 0 && bitsPerSample < 8) return 'uint8';
  if (sampleFormat === 1 && bitsPerSample > 8 && bitsPerSample < 16) return 'uint16';
  if (sampleFormat === 3 && bitsPerSample === 16) return 'float32';
  return dataTypeNames.find((name) => {
    const { bytes, sampleFormat: format } = dataTypes[name];
    return bytes * 8 === bitsPerSample && format === sampleFormat;
  });
}
