/**
 * Writes one tile as the bytes of a TIFF file: header and directory first, then its blocks in
 * order. One with overviews is a Cloud Optimized GeoTIFF: all directories first, then the blocks of
 * the smallest overview, those of the tile last. The same samples give the same bytes, on any thread
 * and at any time.
 */
import { openCodec } from '../codec/open-codec.js';
import type { Codec } from '../codec/codec.js';
import { BlockGatherer } from './block-gatherer.js';
import { choosePredictor } from './choose-predictor.js';
import { dataTypeOf, dataTypes, type Pixels, type RasterArray, type Transform } from '../model.js';
import { blockGrid, blocksOf, isWholeBlock, type BlockGrid } from './block-grid.js';
import { directoriesFirst } from './directories-first.js';
import { alignToBlock, headerBytes, writeHeader, type Field } from './directory.js';
import { overviewFields } from './overview-fields.js';
import { replaceNaN, type SeenPixels } from './replace-nan.js';
import { transformFields } from './transform-fields.js';
import { tags, tiffVariants, type TiffVariant } from './tags.js';
import { splitMask } from '../source/mask.js';
import { MASK, maskFormat, type TileFormat } from './tile-format.js';

/** What GDAL may believe of a tile with overviews; the blank is room for YES. */
const TILE_FACTS = 'LAYOUT=IFDS_BEFORE_DATA\nKNOWN_INCOMPATIBLE_EDITION=NO\n ';
/** The most that these take. */
const GHOST_BYTES = 128;

/** The bytes of a tile file, in one part or several that follow each other. */
export interface EncodedTile {
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** Gives the parts' memory back to the encoder; they must not be looked at after. */
  release(): void;
}

/**
 * Encodes tiles of one format, one after another, with the same codec and buffers: for one thread.
 * What `encode` returns lies in these buffers (or is the tile's own array) until it is released.
 */
export class TileEncoder {
  readonly #format: TileFormat;
  readonly #codec: Codec;
  readonly #gatherer: BlockGatherer;
  readonly #overviewFields: readonly Field[];
  readonly #masks: TileEncoder | undefined;
  readonly #outputs: Uint8Array[] = [];

  /**
   * @throws HoldfastError UNSUPPORTED_PLATFORM when the compression needs a library that the system
   *   lacks
   */
  constructor(format: TileFormat) {
    this.#format = format;
    this.#gatherer = new BlockGatherer(format.dataType);
    this.#overviewFields = overviewFields(format.fields);
    this.#codec = openCodec(format.compression, format.dataType);
    this.#masks = format.hasMask ? new TileEncoder(maskFormat(format)) : undefined;
  }

  /** @param overviews - smaller pictures of the tile, the largest first */
  encode(
    pixels: SeenPixels,
    transform?: Transform,
    overviews: readonly Pixels[] = [],
  ): EncodedTile {
    const main = this.#imagesOf(pixels, MASK.subfile, [
      ...this.#format.fields,
      ...(transform ? transformFields(transform, this.#format.pixelIs) : []),
    ]);
    const others = overviews.flatMap((overview) =>
      this.#imagesOf(overview, MASK.reducedSubfile, this.#overviewFields),
    );
    const images = [...main, ...others];
    const mostBytes = images.reduce(
      (sum, { by, image }) => sum + by.#mostBytes(image),
      GHOST_BYTES,
    );
    const variant = tiffVariants[variantFor(this.#format.bigTiff, mostBytes)];
    if (overviews.length > 0) return this.#directoriesFirst(variant, images);
    const encoded: EncodedImage[] = [];
    let startBytes = 0;
    for (const [index, { by, image }] of images.entries()) {
      const each = by.#encodeImage(variant, image, startBytes, index === images.length - 1);
      encoded.push(each);
      startBytes += each.sizeBytes;
    }
    return {
      parts: encoded.flatMap(({ parts }) => parts),
      sizeBytes: startBytes,
      release: () => {
        for (const [index, { by }] of images.entries())
          by.#outputs.push((encoded[index] as EncodedImage).output);
      },
    };
  }

  #directoriesFirst(
    variant: TiffVariant,
    images: readonly { readonly by: TileEncoder; readonly image: Image }[],
  ): EncodedTile {
    const made = images.map(({ by, image }) => {
      const blocks = image.isWrapped ? by.#wrapped(image, 0) : by.#compressed(image, 0);
      return { by, image, blocks, sizeBytes: alignToBlock(blocks.endBytes) };
    });
    const places = made.map(({ image, blocks }) => ({
      fields: fieldsOf(image),
      places: { startBytes: blocks.starts, sizesBytes: blocks.sizes },
    }));
    let endBytes = 0;
    const header = directoriesFirst(variant, TILE_FACTS, places, (beforeBytes) => {
      endBytes = alignToBlock(beforeBytes);
      const starts = made.toReversed().map(({ sizeBytes }) => {
        const start = endBytes;
        endBytes += sizeBytes;
        return start;
      });
      return starts.toReversed();
    });
    const gap = new Uint8Array(alignToBlock(header.length) - header.length);
    const data = made.toReversed().flatMap(({ image, blocks, sizeBytes }) => {
      const bytes = image.isWrapped
        ? bytesOf(image.pixels.data)
        : blocks.output.subarray(0, blocks.endBytes);
      return [bytes, new Uint8Array(sizeBytes - blocks.endBytes)];
    });
    return {
      parts: [header, gap, ...data].filter(({ length }) => length > 0),
      sizeBytes: endBytes,
      release: () => {
        for (const { by, blocks } of made) by.#outputs.push(blocks.output);
      },
    };
  }

  /** Frees the codec. */
  close(): void {
    this.#masks?.close();
    this.#codec.close();
  }

  /** An image, and its mask if there is one, each with who encodes it. */
  #imagesOf(
    pixels: SeenPixels,
    maskKind: number,
    fields: readonly Field[],
  ): readonly { readonly by: TileEncoder; readonly image: Image }[] {
    const masks = this.#masks;
    if (!masks) return [{ by: this, image: this.#imageOf(pixels, fields) }];
    const { image, mask } = splitMask(pixels);
    const kind: Field = { tag: tags.newSubfileType, type: 'long', values: [maskKind] };
    return [
      { by: this, image: this.#imageOf(image, fields) },
      { by: masks, image: masks.#imageOf(mask, [kind, ...masks.#format.fields]) },
    ];
  }

  #imageOf(given: SeenPixels, ownFields: readonly Field[]): Image {
    checkPixels(given, this.#format);
    const pixels = replaceNaN(given, this.#format.nanBecomes);
    const grid = blockGrid(this.#format, pixels.widthPx, pixels.heightPx);
    const isWrapped = this.#format.compression.name === 'none' && isWholeBlock(grid, pixels);
    const predictor = isWrapped ? 1 : choosePredictor(this.#format, this.#codec, grid, pixels);
    return { pixels, grid, isWrapped, predictor, ownFields };
  }

  /** The most bytes that an image takes in a classic file. */
  #mostBytes(image: Image): number {
    return headerBytes(tiffVariants.classic, emptyFields(image)) + this.#mostDataBytes(image);
  }

  #mostDataBytes({ pixels, grid, isWrapped }: Image): number {
    if (isWrapped) return pixels.data.byteLength;
    return this.#codec.boundBytes(this.#blockBytes(grid)) * blockCount(grid);
  }

  #blockBytes({ blockWidthPx, blockHeightPx, samplesPerPixel }: BlockGrid): number {
    return blockWidthPx * blockHeightPx * samplesPerPixel * dataTypes[this.#format.dataType].bytes;
  }

  /** Encodes an image for its place in the file; it ends where another one may begin. */
  #encodeImage(
    variant: TiffVariant,
    image: Image,
    startBytes: number,
    isLast: boolean,
  ): EncodedImage {
    const headBytes = headerBytes(variant, emptyFields(image), { startBytes, nextBytes: 0 });
    const blocks = image.isWrapped
      ? this.#wrapped(image, headBytes)
      : this.#compressed(image, headBytes);
    const { output, endBytes } = blocks;
    const sizeBytes = isLast ? endBytes : alignToBlock(endBytes);
    output.fill(0, endBytes, sizeBytes);
    const offsets = blocks.starts.map((start) => startBytes + start);
    const nextBytes = isLast ? 0 : startBytes + sizeBytes;
    writeHeader(variant, fieldsWithPlaces(image, offsets, blocks.sizes), output, {
      startBytes,
      nextBytes,
    });
    const own = output.subarray(0, image.isWrapped ? headBytes : sizeBytes);
    return {
      output,
      parts: image.isWrapped ? [own, bytesOf(image.pixels.data)] : [own],
      sizeBytes,
    };
  }

  /** An image that is its own only block needs no copy: its array follows the header as it is. */
  #wrapped({ pixels }: Image, headBytes: number): Blocks {
    const { byteLength } = pixels.data;
    return {
      output: this.#takeOutput(headBytes),
      starts: [headBytes],
      sizes: [byteLength],
      endBytes: headBytes + byteLength,
    };
  }

  #compressed(image: Image, headBytes: number): Blocks {
    const { grid } = image;
    const blockBytes = this.#blockBytes(grid);
    const boundBytes = this.#codec.boundBytes(blockBytes);
    const output = this.#takeOutput(alignToBlock(headBytes + this.#mostDataBytes(image)));
    const { blockWidthPx: widthPx, blockHeightPx: heightPx, samplesPerPixel } = grid;
    const starts: number[] = [];
    const sizes: number[] = [];
    let endBytes = headBytes;
    for (const block of blocksOf(grid)) {
      const samples = this.#gatherer.gather(image, block);
      const room = output.subarray(endBytes, endBytes + boundBytes);
      const size = this.#codec.compress(samples, room, { widthPx, heightPx, samplesPerPixel });
      starts.push(endBytes);
      sizes.push(size);
      endBytes += size;
    }
    return { output, starts, sizes, endBytes };
  }

  #takeOutput(sizeBytes: number): Uint8Array {
    const index = this.#outputs.findIndex((output) => output.length >= sizeBytes);
    return this.#outputs.splice(index, index < 0 ? 0 : 1)[0] ?? new Uint8Array(sizeBytes);
  }
}

/** A picture on its way into a file: the tile itself, or an overview of it. */
interface Image {
  readonly pixels: Pixels;
  readonly grid: BlockGrid;
  /** Not compressed, and its array is its only block. */
  readonly isWrapped: boolean;
  readonly predictor: 1 | 2 | 3;
  /** The fields that do not come from its size and blocks. */
  readonly ownFields: readonly Field[];
}

interface EncodedImage {
  /** A buffer of the encoder's that the parts lie in. */
  readonly output: Uint8Array;
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
}

/** Where the blocks of an image are, from the image's own start. */
interface Blocks {
  readonly output: Uint8Array;
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly endBytes: number;
}

/** All fields but the places of its blocks. */
function fieldsOf({ pixels, grid, predictor, ownFields }: Image): readonly Field[] {
  return [
    ...ownFields,
    { tag: tags.imageWidth, type: 'long', values: [pixels.widthPx] },
    { tag: tags.imageLength, type: 'long', values: [pixels.heightPx] },
    { tag: tags.tileWidth, type: 'long', values: [grid.blockWidthPx] },
    { tag: tags.tileLength, type: 'long', values: [grid.blockHeightPx] },
    ...(predictor === 1
      ? []
      : [{ tag: tags.predictor, type: 'short', values: [predictor] } as const]),
  ];
}

function fieldsWithPlaces(
  image: Image,
  offsets: readonly number[],
  sizes: readonly number[],
): readonly Field[] {
  return [
    ...fieldsOf(image),
    { tag: tags.tileOffsets, type: 'offset', values: offsets },
    { tag: tags.tileByteCounts, type: 'offset', values: sizes },
  ];
}

/** Fields of the right size, before it is known where the blocks lie. */
function emptyFields(image: Image): readonly Field[] {
  const none = Array.from({ length: blockCount(image.grid) }, () => 0);
  return fieldsWithPlaces(image, none, none);
}

function blockCount({ columns, rows, planes }: BlockGrid): number {
  return columns * rows * planes;
}

/** Which TIFF a file of at most this size becomes. */
export function variantFor(bigTiff: TileFormat['bigTiff'], sizeBytes: number): TiffVariant['name'] {
  if (bigTiff === 'always') return 'big';
  if (sizeBytes <= tiffVariants.classic.maxOffsetBytes) return 'classic';
  if (bigTiff === 'auto') return 'big';
  throw new RangeError(`a tile file may take ${sizeBytes} bytes, and classic TIFF ends at 4 GiB`);
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
  if (dataTypeOf(data) !== format.dataType) {
    throw new TypeError(`a tile's samples are not ${format.dataType} as its raster's are`);
  }
}

function bytesOf(data: RasterArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
