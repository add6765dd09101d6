/**
 * Decodes strips and tiles of a GeoTIFF into native samples: on whichever thread, into memory that
 * is given. What others decode is in guest-block.ts. Predictors are undone here, since geotiff.js
 * knows them neither for 64-bit samples nor for big-endian files.
 */
import { messageOf } from 'holdfast/errors';
import { blockDecoder, hasBlockDecoder } from '../../codec/block-decoder.js';
import { inflate, inflateBlock } from '../../codec/deflate.js';
import { type SampleBytes, unpredict, wordsOf } from '../../codec/predictor.js';
import { openZstd, zstdContentBytes } from '../../codec/zstd.js';
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
  /** The first bit of a byte is its lowest (TIFF 6.0, FillOrder 2). */
  readonly lowestBitFirst: boolean;
  /** Stored uncompressed, so that blocks which follow each other decode as one. */
  readonly isUncompressed: boolean;
  readonly isYCbCr: boolean;
  /** Tables that the JPEG blocks share. */
  readonly jpegTables: Uint8Array | undefined;
  /**
   * The version of LERC, and what its blocks are compressed with once more (libtiff's `tiff.h`).
   */
  readonly lercParameters: readonly number[];
}

/** TIFF 6.0, and libtiff's `tiff.h`. */
export const COMPRESSION: Readonly<
  Record<'none' | 'jpeg' | 'deflate' | 'deflateOld' | 'lerc' | 'zstd' | 'webp', number>
> = {
  none: 1,
  jpeg: 7,
  deflate: 8,
  deflateOld: 32946,
  lerc: 34887,
  zstd: 50000,
  webp: 50001,
};
const LERC_PACKED = { not: 0, deflate: 1, zstd: 2 };
const PREDICTOR = { horizontal: 2, floatingPoint: 3 } as const;

/** Some writers end a block with more than its samples, which everybody passes over. */
export const SLACK_BYTES: number = 64 * 1024;

/**
 * The size of a block, and how many rows it may have beyond those that are wanted: a last strip may
 * not be cut.
 */
export interface BlockSize {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly mostHeightPx: number;
}

/** A block among others that were read together. */
export interface EncodedBlock {
  /** Its number in the file. */
  readonly index: number;
  /** Where it lies in the bytes that were read. */
  readonly startByte: number;
  readonly sizeBytes: number;
  /** Where its samples go. */
  readonly targetByte: number;
  readonly heightPx: number;
}

/**
 * Blocks of one file, read and not yet decoded: a plain value, which another thread can be given.
 */
export interface EncodedBlocks {
  readonly encoded: Uint8Array<ArrayBuffer>;
  readonly blocks: readonly EncodedBlock[];
  readonly widthPx: number;
  readonly mostHeightPx: number;
  readonly encoding: BlockEncoding;
  /** Of the samples of all blocks. */
  readonly sizeBytes: number;
}

/**
 * The error of one block. Also when it comes from another thread, where it is no instance of this
 * class any more.
 */
export class BlockError extends Error {
  readonly blockIndex: number;

  constructor(blockIndex: number, cause: unknown) {
    super(messageOf(cause), { cause });
    this.blockIndex = blockIndex;
  }
}

/** Whether blocks are decoded here, and not by a guest. */
export function isDecodedHere({ compression }: BlockEncoding): boolean {
  return isDeflate(compression) || hasBlockDecoder(compression);
}

/**
 * Decodes blocks into the samples of them all, whose memory is given.
 *
 * @throws BlockError where the bytes are not such a block
 */
export function decodeBlocks(task: EncodedBlocks, room: ArrayBuffer): void {
  const { encoded, blocks, widthPx, mostHeightPx, encoding } = task;
  const pixelBytes = encoding.bandsTogether * dataTypes[encoding.dataType].bytes;
  for (const { index, startByte, sizeBytes, targetByte, heightPx } of blocks) {
    const block = encoded.subarray(startByte, startByte + sizeBytes);
    const target = new Uint8Array(room, targetByte, widthPx * heightPx * pixelBytes);
    try {
      decodeInto(block, { widthPx, heightPx, mostHeightPx }, encoding, target);
    } catch (cause) {
      throw new BlockError(index, cause);
    }
  }
}

function decodeInto(
  block: Uint8Array,
  size: BlockSize,
  encoding: BlockEncoding,
  target: Uint8Array<ArrayBuffer>,
): void {
  const { compression, dataType, bandsTogether } = encoding;
  const rowSamples = size.widthPx * bandsTogether;
  const rowBytes = rowBytesOf(size, encoding);
  // Fewer bits than a sample has, or half floats, become more bytes.
  const isInPlace = target.length === rowBytes * size.heightPx;
  const bytes = isInPlace ? target : new Uint8Array(rowBytes * size.heightPx);
  const ordered = inOrder(block, encoding);
  const mostBytes = rowBytes * size.mostHeightPx + SLACK_BYTES;
  if (isDeflate(compression)) inflateBlock(ordered, bytes, mostBytes);
  else {
    const shape = { ...size, samplesPerPixel: bandsTogether };
    const packed =
      compression === COMPRESSION.lerc ? unpackedLerc(ordered, mostBytes, encoding) : ordered;
    blockDecoder(compression, dataType)?.decompress(packed, bytes, shape);
  }
  const samples = nativeSamples(bytes, rowSamples, size.heightPx, encoding);
  if (samples.buffer !== target.buffer)
    target.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
}

/** The bytes of a row as it lies in a block. */
export function rowBytesOf(
  { widthPx }: BlockSize,
  { bandsTogether, bitsPerSample }: BlockEncoding,
): number {
  return Math.ceil((widthPx * bandsTogether * bitsPerSample) / 8);
}

function isDeflate(compression: number): boolean {
  return compression === COMPRESSION.deflate || compression === COMPRESSION.deflateOld;
}

/** As libtiff has it, the bits of compressed bytes are turned round too, but for those of JPEG. */
export function inOrder(
  encoded: Uint8Array,
  { lowestBitFirst, compression }: BlockEncoding,
): Uint8Array {
  if (!lowestBitFirst || compression === COMPRESSION.jpeg) return encoded;
  return encoded.map((byte) => reversedBits[byte] as number);
}

const reversedBits = Uint8Array.from({ length: 256 }, (_, byte) => {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit += 1) reversed |= ((byte >> bit) & 1) << (7 - bit);
  return reversed;
});

/**
 * LERC blocks may be compressed once more, by what the second of LERC's parameters says (libtiff's
 * `tiff.h`).
 */
export function unpackedLerc(
  block: Uint8Array,
  mostBytes: number,
  { lercParameters }: BlockEncoding,
): Uint8Array {
  const maxOutputLength = 2 * mostBytes;
  switch (lercParameters[1] ?? LERC_PACKED.not) {
    case LERC_PACKED.not:
      return block;
    case LERC_PACKED.deflate:
      return inflate(block, maxOutputLength, mostBytes);
    case LERC_PACKED.zstd: {
      const bytes = zstdContentBytes(block);
      if (bytes === undefined || bytes > maxOutputLength)
        throw new Error(`it says that it holds ${bytes ?? 'an unknown number of'} bytes`);
      const unpackedBytes = new Uint8Array(bytes);
      const codec = openZstd(1);
      codec.decompress(block, unpackedBytes, { widthPx: bytes, heightPx: 1, samplesPerPixel: 1 });
      codec.close();
      return unpackedBytes;
    }
    default:
      throw new Error(`its LERC is packed in a way that is not known, ${lercParameters[1]}`);
  }
}

export function nativeSamples(
  bytes: Uint8Array,
  rowSamples: number,
  rows: number,
  encoding: BlockEncoding,
): RasterArray {
  const { bitsPerSample, predictor } = encoding;
  if (bitsPerSample < 8 || (bitsPerSample > 8 && bitsPerSample < 16))
    return unpacked(bytes, rowSamples, rows, encoding);
  const width = (bitsPerSample / 8) as SampleBytes;
  // The planes of the floating-point predictor are in the same order in files of either byte order.
  const swap = !encoding.littleEndian && width > 1 && predictor !== PREDICTOR.floatingPoint;
  const native = swap ? swapped(bytes, width) : aligned(bytes);
  undoPredictor(native, rowSamples, rows, encoding);
  return finished(native, encoding);
}

function undoPredictor(
  bytes: Uint8Array,
  rowSamples: number,
  rows: number,
  { predictor, bandsTogether, bitsPerSample }: BlockEncoding,
): void {
  if (predictor !== PREDICTOR.horizontal && predictor !== PREDICTOR.floatingPoint) return;
  const width = (bitsPerSample / 8) as SampleBytes;
  const layout = {
    sampleBytes: width,
    rowCount: rows,
    sampleCount: rowSamples,
    stride: bandsTogether,
  };
  unpredict(predictor, wordsOf(bytes, width), layout);
}

/** Half floats lie in the file as 16-bit words. */
function finished(bytes: Uint8Array, { dataType, bitsPerSample }: BlockEncoding): RasterArray {
  if (dataType === 'float32' && bitsPerSample === 16)
    return halfToFloat(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
  const { array, bytes: width } = dataTypes[dataType];
  return new array(bytes.buffer, bytes.byteOffset, bytes.byteLength / width);
}

/**
 * The bytes where any array type can view them; they are ours, and stay where they are if that will
 * do.
 */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
}

/** In place. */
function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const { buffer, byteOffset, byteLength } = aligned(bytes);
  const words = Buffer.from(buffer, byteOffset, byteLength);
  if (width === 2) return words.swap16();
  return width === 4 ? words.swap32() : words.swap64();
}

/**
 * Samples of fewer bits than a byte, or than two: packed from the highest bit on, each row from a
 * byte of its own.
 */
function unpacked(
  bytes: Uint8Array,
  rowSamples: number,
  rows: number,
  { bitsPerSample: bits, dataType }: BlockEncoding,
): RasterArray {
  const samples = new dataTypes[dataType].array(rowSamples * rows) as Uint16Array;
  const rowBytes = Math.ceil((rowSamples * bits) / 8);
  for (let row = 0; row < rows; row += 1) {
    for (let index = 0; index < rowSamples; index += 1) {
      const bit = index * bits;
      const at = row * rowBytes + (bit >> 3);
      const three =
        ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
      samples[row * rowSamples + index] = (three >> (24 - bits - (bit & 7))) & ((1 << bits) - 1);
    }
  }
  return samples;
}
