/**
 * Writes one tile as the bytes of a TIFF file: header and directory first, then its blocks in order. The same samples
 * give the same bytes, on any thread and at any time.
 */
import { openCodec } from '../codec/open-codec.js';
import type { Codec } from '../codec/codec.js';
import { predictRowOf, wordsOf, wordsPerSample } from '../codec/predictor.js';
import { choosePredictor } from './choose-predictor.js';
import { dataTypes, type Pixels, type RasterArray, type Transform } from '../model.js';
import {
  blockGrid,
  blocksOf,
  gatherBlock,
  isWholeBlock,
  type Block,
  type BlockGrid,
} from './block-grid.js';
import { headerBytes, writeHeader, type Field } from './directory.js';
import { transformFields } from './georeference-fields.js';
import { tags, tiffVariants, type TiffVariant } from './tags.js';
import type { TileFormat } from './tile-format.js';

/** The bytes of a tile file, in one part or several that follow each other. */
export interface EncodedTile {
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** Gives the parts' memory back to the encoder; they must not be looked at after. */
  release(): void;
}

/**
 * Encodes tiles of one format, one after another, with the same codec and buffers: for one thread. What `encode` returns
 * lies in these buffers (or is the tile's own array) until it is released.
 */
export class TileEncoder {
  readonly #format: TileFormat;
  readonly #codec: Codec;
  readonly #outputs: Uint8Array[] = [];
  #block = new Uint8Array(0);
  #row = new Uint8Array(0);

  /** @throws HoldfastError UNSUPPORTED_PLATFORM when the compression needs a library that the system lacks */
  constructor(format: TileFormat) {
    this.#format = format;
    this.#codec = openCodec(format.compression, format.dataType);
  }

  encode(pixels: Pixels, transform?: Transform): EncodedTile {
    checkPixels(pixels, this.#format);
    const tile = replaceNaN(pixels, this.#format.nanBecomes);
    const grid = blockGrid(this.#format, tile.widthPx, tile.heightPx);
    const uncompressed = this.#format.compression.name === 'none' && isWholeBlock(grid, tile);
    return uncompressed ? this.#wrap(grid, tile, transform) : this.#compress(grid, tile, transform);
  }

  /** Frees the codec. */
  close(): void {
    this.#codec.close();
  }

  /** A tile that is its own only block needs no copy: its array is the second part of the file. */
  #wrap(grid: BlockGrid, pixels: Pixels, transform: Transform | undefined): EncodedTile {
    const data = bytesOf(pixels.data);
    const { variant, start } = this.#layout(grid, pixels, 1, transform, data.length);
    const header = this.#takeOutput(start);
    const fields = this.#fields(grid, pixels, 1, transform, [start], [data.length]);
    writeHeader(variant, fields, header);
    return this.#encoded(header, [header.subarray(0, start), data]);
  }

  #compress(grid: BlockGrid, pixels: Pixels, transform: Transform | undefined): EncodedTile {
    const { bytes } = dataTypes[this.#format.dataType];
    const blockBytes = grid.blockWidthPx * grid.blockHeightPx * grid.samplesPerPixel * bytes;
    const blocks = blocksOf(grid);
    const predictor = choosePredictor(this.#format, this.#codec, grid, pixels);
    const boundBytes = this.#codec.boundBytes(blockBytes);
    const dataBytes = boundBytes * blocks.length;
    const { variant, start } = this.#layout(grid, pixels, predictor, transform, dataBytes);
    const output = this.#takeOutput(start + dataBytes);
    const offsets: number[] = [];
    const sizes: number[] = [];
    let end = start;
    for (const block of blocks) {
      const samples = this.#gather(grid, block, pixels, predictor, blockBytes);
      const room = output.subarray(end, end + boundBytes);
      const shape = {
        widthPx: grid.blockWidthPx,
        heightPx: grid.blockHeightPx,
        samplesPerPixel: grid.samplesPerPixel,
      };
      const size = this.#codec.compress(samples, room, shape);
      offsets.push(end);
      sizes.push(size);
      end += size;
    }
    const fields = this.#fields(grid, pixels, predictor, transform, offsets, sizes);
    writeHeader(variant, fields, output);
    return this.#encoded(output, [output.subarray(0, end)]);
  }

  /** Where the blocks begin, in the variant that holds as many bytes as there can be. */
  #layout(
    grid: BlockGrid,
    pixels: Pixels,
    predictor: 1 | 2 | 3,
    transform: Transform | undefined,
    dataBytes: number,
  ): { variant: TiffVariant; start: number } {
    const none = Array.from({ length: grid.columns * grid.rows * grid.planes }, () => 0);
    const fields = this.#fields(grid, pixels, predictor, transform, none, none);
    const classicStart = headerBytes(tiffVariants.classic, fields);
    const variant = tiffVariants[variantFor(this.#format.bigTiff, classicStart + dataBytes)];
    return { variant, start: headerBytes(variant, fields) };
  }

  #fields(
    grid: BlockGrid,
    pixels: Pixels,
    predictor: 1 | 2 | 3,
    transform: Transform | undefined,
    offsets: readonly number[],
    sizes: readonly number[],
  ): readonly Field[] {
    return [
      ...this.#format.fields,
      { tag: tags.imageWidth, type: 'long', values: [pixels.widthPx] },
      { tag: tags.imageLength, type: 'long', values: [pixels.heightPx] },
      { tag: tags.tileWidth, type: 'long', values: [grid.blockWidthPx] },
      { tag: tags.tileLength, type: 'long', values: [grid.blockHeightPx] },
      { tag: tags.tileOffsets, type: 'offset', values: offsets },
      { tag: tags.tileByteCounts, type: 'offset', values: sizes },
      ...(predictor === 1
        ? []
        : [{ tag: tags.predictor, type: 'short', values: [predictor] } as const]),
      ...(transform ? transformFields(transform, this.#format.pixelIs) : []),
    ];
  }

  /** A block's samples, ready for the codec: where they lie, if nothing has to be done to them. */
  #gather(
    grid: BlockGrid,
    block: Block,
    pixels: Pixels,
    predictor: 1 | 2 | 3,
    blockBytes: number,
  ): Uint8Array {
    if (predictor === 1 && isWholeBlock(grid, pixels)) return bytesOf(pixels.data);
    const { bytes } = dataTypes[this.#format.dataType];
    if (this.#block.length < blockBytes) this.#block = new Uint8Array(blockBytes);
    const rowBytes = blockBytes / grid.blockHeightPx;
    if (this.#row.length < rowBytes) this.#row = new Uint8Array(rowBytes);
    const target = this.#block.subarray(0, blockBytes);
    gatherBlock(
      grid,
      block,
      pixels,
      wordsOf(pixels.data, bytes),
      wordsPerSample(bytes),
      wordsOf(this.#row.subarray(0, rowBytes), bytes),
      wordsOf(target, bytes),
      predictRowOf(predictor, bytes),
    );
    return target;
  }

  #encoded(output: Uint8Array, parts: readonly Uint8Array[]): EncodedTile {
    const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
    return { parts, sizeBytes, release: () => void this.#outputs.push(output) };
  }

  #takeOutput(sizeBytes: number): Uint8Array {
    const output = this.#outputs.pop();
    return output && output.length >= sizeBytes ? output : new Uint8Array(sizeBytes);
  }
}

/** Which TIFF a file of at most this size becomes. */
export function variantFor(bigTiff: TileFormat['bigTiff'], sizeBytes: number): TiffVariant['name'] {
  if (bigTiff === 'always') return 'big';
  if (sizeBytes <= tiffVariants.classic.maxOffsetBytes) return 'classic';
  if (bigTiff === 'auto') return 'big';
  throw new RangeError(`a tile file may take ${sizeBytes} bytes, and classic TIFF ends at 4 GiB`);
}

/**
 * Encodes one tile as a whole TIFF file. For more than a few, a {@link TileEncoder} keeps its codec and buffers.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM when the compression needs a library that the system lacks
 */
export function encodeTile(format: TileFormat, pixels: Pixels, transform?: Transform): Uint8Array {
  const encoder = new TileEncoder(format);
  try {
    return joinParts(encoder.encode(pixels, transform));
  } finally {
    encoder.close();
  }
}

/** The bytes of an encoded tile in an array of their own. */
export function joinParts({ parts, sizeBytes }: EncodedTile): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Only a mistake of ours can break these: sources are checked before any tile is encoded. */
function checkPixels(pixels: Pixels, format: TileFormat): void {
  const { widthPx, heightPx, bandCount, data } = pixels;
  const samples = widthPx * heightPx * bandCount;
  if (samples < 1 || data.length !== samples || bandCount !== format.bandCount) {
    throw new RangeError(
      `a tile of ${widthPx} x ${heightPx} with ${bandCount} bands cannot have ${data.length} samples`,
    );
  }
  if (!(data instanceof dataTypes[format.dataType].array)) {
    throw new TypeError(`a tile's samples are not ${format.dataType} as its raster's are`);
  }
}

function replaceNaN(pixels: Pixels, substitute: number | undefined): Pixels {
  const { data } = pixels;
  const floats = data instanceof Float32Array || data instanceof Float64Array;
  if (substitute === undefined || !floats || !hasNaN(data)) return pixels;
  return { ...pixels, data: data.map((value) => (Number.isNaN(value) ? substitute : value)) };
}

function hasNaN(data: Float32Array | Float64Array): boolean {
  for (let i = 0; i < data.length; i += 1) if (Number.isNaN(data[i])) return true;
  return false;
}

function bytesOf(data: RasterArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
