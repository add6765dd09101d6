/**
 * Decodes one strip or tile of a GeoTIFF into native samples. Deflate goes through Node's own zlib, off the main
 * thread; codecs that are not our own are geotiff.js's. Predictors are undone here, since geotiff.js knows them neither
 * for 64-bit samples nor for big-endian files.
 */
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import type { getDecoder } from 'geotiff';
import { blockDecoder } from '../../codec/block-decoder.js';
import type { BlockShape } from '../../codec/codec.js';
import {
  type SampleBytes,
  unpredictRowOf,
  wordsOf,
  wordsPerSample,
} from '../../codec/predictor.js';
import { type DataType, type RasterArray, dataTypes } from '../../model.js';
import { halfToFloat } from '../half-float.js';

/** How the blocks of a file are stored. */
export interface BlockEncoding {
  readonly compression: number;
  readonly predictor: number;
  readonly littleEndian: boolean;
  readonly bitsPerSample: number;
  /** What `dataType` the samples become; wider than the file's where it stores fewer bits. */
  readonly dataType: DataType;
  /** Bands that lie together in a block. */
  readonly bandsTogether: number;
  /** Planes of blocks: one for each band that lies alone. */
  readonly planes: number;
  /** Stored uncompressed, so that blocks which follow each other decode as one. */
  readonly isUncompressed: boolean;
  readonly isYCbCr: boolean;
  /** What geotiff.js's decoders want to know of the file. */
  readonly decoderParameters: Parameters<typeof getDecoder>[1];
}

const COMPRESSION = { none: 1, jpeg: 7, deflate: 8, deflateOld: 32946 };
const PREDICTOR = { horizontal: 2, floatingPoint: 3 } as const;

const inflateAsync = promisify(inflate);

/** Decodes a block of `widthPx` by `heightPx` pixels. Throws a plain error where the bytes are not such a block. */
export async function decodeBlock(
  encoded: Uint8Array,
  widthPx: number,
  heightPx: number,
  encoding: BlockEncoding,
): Promise<RasterArray> {
  const rowSamples = widthPx * encoding.bandsTogether;
  const rowBytes = Math.ceil((rowSamples * encoding.bitsPerSample) / 8);
  const shape = { widthPx, heightPx, samplesPerPixel: encoding.bandsTogether };
  const bytes = await decompress(encoded, rowBytes * heightPx, shape, encoding);
  if (bytes.length < rowBytes * heightPx)
    throw new Error(`it holds ${bytes.length} bytes instead of ${rowBytes * heightPx}`);
  const exact = bytes.subarray(0, rowBytes * heightPx);
  if (encoding.isYCbCr) return rgbOf(exact);
  return nativeSamples(exact, rowSamples, heightPx, encoding);
}

async function decompress(
  encoded: Uint8Array,
  expectedBytes: number,
  shape: BlockShape,
  encoding: BlockEncoding,
): Promise<Uint8Array> {
  const { compression, dataType, decoderParameters } = encoding;
  if (compression === COMPRESSION.none) return encoded;
  if (compression === COMPRESSION.deflate || compression === COMPRESSION.deflateOld)
    return inflateAsync(encoded, { maxOutputLength: Math.max(1024, 2 * expectedBytes) });
  const own = isPackedTwice(encoding) ? undefined : blockDecoder(compression, dataType);
  if (own) {
    const bytes = new Uint8Array(expectedBytes);
    own.decompress(encoded, bytes, shape);
    return bytes;
  }
  const geotiff = await import('geotiff');
  const decoder = await geotiff.getDecoder(compression, decoderParameters);
  return new Uint8Array(await decoder.decode(aligned(encoded).buffer));
}

/** LERC blocks may be compressed once more, by what the second of LERC's parameters says (libtiff's `tiff.h`). */
function isPackedTwice({ decoderParameters }: BlockEncoding): boolean {
  const { LercParameters } = decoderParameters as { readonly LercParameters?: ArrayLike<number> };
  return (LercParameters?.[1] ?? 0) !== 0;
}

function nativeSamples(
  bytes: Uint8Array,
  rowSamples: number,
  rows: number,
  encoding: BlockEncoding,
): RasterArray {
  const { bitsPerSample, dataType, predictor } = encoding;
  if (bitsPerSample < 8 || bitsPerSample === 12)
    return unpacked(bytes, rowSamples, rows, bitsPerSample, dataType);
  const width = (bitsPerSample / 8) as SampleBytes;
  // The planes of the floating-point predictor are in the same order in files of either byte order.
  const swap = !encoding.littleEndian && width > 1 && predictor !== PREDICTOR.floatingPoint;
  const native = swap ? swapped(bytes, width) : aligned(bytes);
  undoPredictor(native, rowSamples, rows, encoding, width);
  return finished(native, encoding);
}

function undoPredictor(
  bytes: Uint8Array,
  rowSamples: number,
  rows: number,
  { predictor, bandsTogether }: BlockEncoding,
  width: SampleBytes,
): void {
  if (predictor !== PREDICTOR.horizontal && predictor !== PREDICTOR.floatingPoint) return;
  const undoRow = unpredictRowOf(predictor, width);
  const words = wordsOf(bytes, width);
  const rowWords = rowSamples * wordsPerSample(width);
  for (let row = 0; row < rows; row += 1) undoRow(words, row * rowWords, rowSamples, bandsTogether);
}

/** Half floats lie in the file as 16-bit words. */
function finished(bytes: Uint8Array, { dataType, bitsPerSample }: BlockEncoding): RasterArray {
  if (dataType === 'float32' && bitsPerSample === 16)
    return halfToFloat(new Uint16Array(bytes.buffer));
  return new dataTypes[dataType].array(bytes.buffer);
}

/** The bytes in a buffer of their own, so that any array type can view it. (A `Buffer`'s own `slice` does not copy.) */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const copy = Buffer.from(new Uint8Array(bytes).buffer);
  if (width === 2) return copy.swap16();
  return width === 4 ? copy.swap32() : copy.swap64();
}

/** Samples of fewer bits than a byte, or 12: packed from the highest bit on, each row from a byte of its own. */
function unpacked(
  bytes: Uint8Array,
  rowSamples: number,
  rows: number,
  bits: number,
  dataType: DataType,
): RasterArray {
  const samples = new dataTypes[dataType].array(rowSamples * rows) as Uint16Array;
  const rowBytes = Math.ceil((rowSamples * bits) / 8);
  for (let row = 0; row < rows; row += 1) {
    for (let index = 0; index < rowSamples; index += 1) {
      const bit = index * bits;
      const at = row * rowBytes + (bit >> 3);
      const pair = ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0);
      samples[row * rowSamples + index] = (pair >> (16 - bits - (bit & 7))) & ((1 << bits) - 1);
    }
  }
  return samples;
}

/** JPEG's colours (ITU-T T.871, section 7) as red, green and blue. */
function rgbOf(yCbCr: Uint8Array): Uint8Array {
  const rgb = new Uint8ClampedArray(yCbCr.length);
  for (let at = 0; at + 2 < yCbCr.length; at += 3) {
    const luma = yCbCr[at] as number;
    const blue = (yCbCr[at + 1] as number) - 128;
    const red = (yCbCr[at + 2] as number) - 128;
    rgb[at] = luma + 1.402 * red;
    rgb[at + 1] = luma - 0.344136 * blue - 0.714136 * red;
    rgb[at + 2] = luma + 1.772 * blue;
  }
  return new Uint8Array(rgb.buffer);
}
