/**
 * Decodes one strip or tile of a GeoTIFF into native samples. Deflate goes through Node's own zlib, off the main
 * thread; every other codec is geotiff.js's. Predictors are undone here, since geotiff.js knows them neither for
 * 64-bit samples nor for big-endian files.
 */
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { getDecoder } from 'geotiff';
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
  readonly isPlain: boolean;
  readonly isYCbCr: boolean;
  /** What geotiff.js's decoders want to know of the file. */
  readonly decoderParameters: Parameters<typeof getDecoder>[1];
}

const COMPRESSION = { none: 1, jpeg: 7, deflate: 8, deflateOld: 32946 };
const PREDICTOR = { none: 1, horizontal: 2, floatingPoint: 3 };

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
  const bytes = await decompress(encoded, rowBytes * heightPx, encoding);
  if (bytes.length < rowBytes * heightPx)
    throw new Error(`it holds ${bytes.length} bytes instead of ${rowBytes * heightPx}`);
  const exact = bytes.subarray(0, rowBytes * heightPx);
  if (encoding.isYCbCr) return rgbOf(exact);
  return nativeSamples(exact, rowSamples, heightPx, encoding);
}

async function decompress(
  encoded: Uint8Array,
  expectedBytes: number,
  encoding: BlockEncoding,
): Promise<Uint8Array> {
  const { compression, decoderParameters } = encoding;
  if (compression === COMPRESSION.none) return encoded;
  if (compression === COMPRESSION.deflate || compression === COMPRESSION.deflateOld)
    return inflateAsync(encoded, { maxOutputLength: Math.max(1024, 2 * expectedBytes) });
  const decoder = await getDecoder(compression, decoderParameters);
  return new Uint8Array(await decoder.decode(aligned(encoded).buffer));
}

function nativeSamples(
  bytes: Uint8Array,
  rowSamples: number,
  rows: number,
  encoding: BlockEncoding,
): RasterArray {
  const { bitsPerSample, dataType, predictor, bandsTogether } = encoding;
  if (bitsPerSample < 8 || bitsPerSample === 12)
    return unpacked(bytes, rowSamples, rows, bitsPerSample, dataType);
  const width = bitsPerSample / 8;
  if (predictor === PREDICTOR.floatingPoint)
    return finished(undoFloatingPoint(bytes, rowSamples, rows, bandsTogether, width), encoding);
  const native = encoding.littleEndian || width === 1 ? aligned(bytes) : swapped(bytes, width);
  const samples = finished(native, { ...encoding, dataType: storedType(encoding) });
  if (predictor === PREDICTOR.horizontal) undoHorizontal(samples, rowSamples, rows, bandsTogether);
  return storedType(encoding) === dataType ? samples : halfToFloat(samples as Uint16Array);
}

/** Half floats lie in the file as 16-bit words. */
function storedType({ bitsPerSample, dataType }: BlockEncoding): DataType {
  return dataType === 'float32' && bitsPerSample === 16 ? 'uint16' : dataType;
}

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

/** TIFF 6.0, section 14: each sample holds the difference to the same band of the pixel before. */
function undoHorizontal(
  samples: RasterArray,
  rowSamples: number,
  rows: number,
  stride: number,
): void {
  // Differences wrap around at the width of the words in the file, also for floats.
  const words = wordsOf(samples);
  for (let row = 0; row < rows; row += 1) {
    const end = (row + 1) * rowSamples;
    for (let index = row * rowSamples + stride; index < end; index += 1) {
      (words[index] as number) += words[index - stride] as number;
    }
  }
}

type Words = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

function wordsOf({ buffer, BYTES_PER_ELEMENT }: RasterArray): Words {
  if (BYTES_PER_ELEMENT === 1) return new Uint8Array(buffer);
  if (BYTES_PER_ELEMENT === 2) return new Uint16Array(buffer);
  return BYTES_PER_ELEMENT === 4 ? new Uint32Array(buffer) : new BigUint64Array(buffer);
}

/**
 * Adobe Photoshop TIFF Technical Note 3: a row holds the most significant bytes of all samples, then the next ones,
 * and so on, each as the difference to the byte before; whatever the file's byte order.
 */
function undoFloatingPoint(
  bytes: Uint8Array,
  rowSamples: number,
  rows: number,
  stride: number,
  width: number,
): Uint8Array {
  const native = new Uint8Array(bytes.length);
  const rowBytes = rowSamples * width;
  const row = new Uint8Array(rowBytes);
  for (let start = 0; start < rows * rowBytes; start += rowBytes) {
    row.set(bytes.subarray(start, start + rowBytes));
    for (let at = stride; at < rowBytes; at += 1)
      row[at] = (row[at] as number) + (row[at - stride] as number);
    for (let byte = 0; byte < width; byte += 1) {
      const plane = (width - 1 - byte) * rowSamples;
      for (let sample = 0; sample < rowSamples; sample += 1)
        native[start + sample * width + byte] = row[plane + sample] as number;
    }
  }
  return native;
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

/** The type that holds a file's samples, or `undefined` for one that none does (complex numbers, 24-bit floats). */
export function dataTypeOfTiff(sampleFormat: number, bitsPerSample: number): DataType | undefined {
  if (sampleFormat === 1 && bitsPerSample < 8) return 'uint8';
  if (sampleFormat === 1 && bitsPerSample === 12) return 'uint16';
  if (sampleFormat === 3 && bitsPerSample === 16) return 'float32';
  const names = Object.keys(dataTypes) as DataType[];
  return names.find((name) => {
    const { bytes, sampleFormat: format } = dataTypes[name];
    return bytes * 8 === bitsPerSample && format === sampleFormat;
  });
}
