/**
 * Encodes single blocks of an image that is written block by block, each as it lies in a Cloud
 * Optimized GeoTIFF: its size in four bytes, the block, and its last four bytes once more; the
 * block of the mask follows those of the samples at once (GDAL's COG driver page, "Header ghost
 * area").
 */
import { openCodec } from '../codec/open-codec.js';
import type { Codec } from '../codec/codec.js';
import { dataTypes, type Pixels } from '../model.js';
import { splitMask } from '../source/mask.js';
import type { BlockGrid } from './block-grid.js';
import { BlockGatherer } from './block-gatherer.js';
import { replaceNaN } from './replace-nan.js';
import { maskFormat, type TileFormat } from './tile-format.js';

/** Bytes before each block. */
export const LEADER_BYTES = 4;
/** Bytes after each block. */
export const TRAILER_BYTES = 4;

/** One block of samples, or one a band, and that of their mask, as they lie in the file. */
export interface EncodedBlock {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * The sizes of the blocks of samples, one a plane, and of the mask, without what is around them.
   */
  readonly sizes: readonly number[];
}

/** How all blocks of a file are cut and compressed. */
export interface BlockFormat {
  readonly format: TileFormat;
  readonly blockSizePx: number;
  readonly predictor: 1 | 2 | 3;
  /** Samples of 0 and others, one band of bytes, become bits. */
  readonly isOfBits?: boolean | undefined;
}

/** The grid that one block is. */
export function singleBlock(
  { bandCount, interleave }: Pick<TileFormat, 'bandCount' | 'interleave'>,
  blockSizePx: number,
): BlockGrid {
  const [planes, samplesPerPixel] = interleave === 'band' ? [bandCount, 1] : [1, bandCount];
  const size = { blockWidthPx: blockSizePx, blockHeightPx: blockSizePx };
  return { ...size, columns: 1, rows: 1, planes, samplesPerPixel };
}

/** Encodes blocks, one after another: for one thread. */
export class BlockEncoder {
  readonly #given: BlockFormat;
  readonly #codec: Codec;
  readonly #gatherer: BlockGatherer;
  readonly #masks: BlockEncoder | undefined;
  #output = new Uint8Array(0);

  /**
   * @throws HoldfastError UNSUPPORTED_PLATFORM when the compression needs a library that the system
   *   lacks
   */
  constructor(given: BlockFormat) {
    const { format } = given;
    this.#given = given;
    this.#codec = openCodec(format.compression, format.dataType);
    this.#gatherer = new BlockGatherer(format.dataType);
    this.#masks = format.hasMask
      ? new BlockEncoder({ ...given, format: maskFormat(format), predictor: 1, isOfBits: true })
      : undefined;
  }

  /** @param pixels - of the block, as far as they lie inside of the raster */
  encode(pixels: Pixels): EncodedBlock {
    const masks = this.#masks;
    if (!masks) return this.#encoded(pixels);
    const { image, mask } = splitMask(pixels);
    const [samples, validity] = [this.#encoded(image), masks.#encoded(mask)];
    const bytes = new Uint8Array(samples.bytes.length + validity.bytes.length);
    bytes.set(samples.bytes);
    bytes.set(validity.bytes, samples.bytes.length);
    return { bytes, sizes: [...samples.sizes, ...validity.sizes] };
  }

  /** Frees the codecs. */
  close(): void {
    this.#masks?.close();
    this.#codec.close();
  }

  #encoded(given: Pixels): EncodedBlock {
    const { format, blockSizePx, predictor, isOfBits } = this.#given;
    const pixels = replaceNaN(given, format.nanBecomes);
    const grid = singleBlock(format, blockSizePx);
    const { samplesPerPixel, planes } = grid;
    const blockBytes = blockSizePx ** 2 * samplesPerPixel * dataTypes[format.dataType].bytes;
    const boundBytes = this.#codec.boundBytes(blockBytes);
    const mostBytes = planes * (LEADER_BYTES + boundBytes + TRAILER_BYTES);
    if (this.#output.length < mostBytes) this.#output = new Uint8Array(mostBytes);
    const output = this.#output;
    const view = new DataView(output.buffer);
    const sizes: number[] = [];
    let end = 0;
    for (let plane = 0; plane < planes; plane += 1) {
      const gathered = this.#gatherer.gather(
        { grid, pixels, predictor },
        { xPx: 0, yPx: 0, plane },
      );
      const samples = isOfBits ? bitsOf(gathered) : gathered;
      const start = end + LEADER_BYTES;
      const size = this.#codec.compress(samples, output.subarray(start, start + boundBytes), {
        widthPx: blockSizePx,
        heightPx: blockSizePx,
        samplesPerPixel,
      });
      view.setUint32(end, size, true);
      end = start + size;
      output.copyWithin(end, end - TRAILER_BYTES, end);
      end += TRAILER_BYTES;
      sizes.push(size);
    }
    return { bytes: output.slice(0, end), sizes };
  }
}

/**
 * One bit a byte, from the highest on, set where the byte is not 0; rows of blocks are whole bytes.
 */
function bitsOf(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array(bytes.length / 8);
  for (let at = 0; at < bytes.length; at += 1)
    if (bytes[at] !== 0) bits[at >> 3]! |= 0x80 >> (at & 7);
  return bits;
}
