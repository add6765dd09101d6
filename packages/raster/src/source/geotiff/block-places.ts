/**
 * Where the blocks of a GeoTIFF lie, and how they are read. Strips of few rows, as most writers
 * make them, are read and kept many together: one by one, what is done around a strip would cost
 * more than the strip.
 */
import { type HoldfastError, isError, isHoldfastError, messageOf } from 'holdfast/errors';
import { readFully } from 'holdfast/os';
import { dataTypes, type RasterArray, type RasterInfo } from '../../model.js';
import { decodeOnThreads } from '../../encode/encoder-pool.js';
import type { Block } from '../block-reader.js';
import type { Cell } from '../grid.js';
import type { ReadableFile } from '../readable-file.js';
import { corrupt } from './corrupt.js';
import type { BlockEncoding, BlockSize, EncodedBlock, EncodedBlocks } from './decode-block.js';
import type { ImageShape } from './image-shape.js';
import type { Tags } from './image-tags.js';
import { MOST_BLOCKS } from './limits.js';

/**
 * Where the blocks lie in the file: a list for every plane of bands that lie together, one after
 * another.
 */
export interface BlockPlaces {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
  /** Sizes that are not stated are the most that a block can have. */
  readonly areSizesKnown: boolean;
  readonly planes: number;
  readonly blocksPerPlane: number;
  readonly columns: number;
  /** The size of one tile or strip. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Strips are cut at the bottom of the image; tiles are padded. */
  readonly cut: boolean;
  /** Strips that are read as one block; 1 for tiles. */
  readonly stripsTogether: number;
  readonly fileBytes: number;
}

/** About the decoded size of strips that are read together. */
const TOGETHER_BYTES = 1024 * 1024;
/** However little there is in a strip, each takes its own time. */
const MOST_STRIPS_TOGETHER = 256;

/** @throws Error when the file does not list all of its blocks */
export async function placesOf(
  file: ReadableFile,
  tags: Tags,
  shape: ImageShape,
  encoding: BlockEncoding,
): Promise<BlockPlaces> {
  const { tiled, planes, blocksPerPlane, columns, blockWidthPx, blockHeightPx } = shape;
  const offsets = await tags.numbers(tiled ? 'tileOffsets' : 'stripOffsets', MOST_BLOCKS);
  const stated = await tags.numbers(tiled ? 'tileByteCounts' : 'stripByteCounts', MOST_BLOCKS);
  const count = blocksPerPlane * planes;
  // As libtiff has it, only a single strip is taken to be there although its size is 0: else a
  // block is left out.
  const isUnknown = stated.length === 0 || (!tiled && count === 1 && stated[0] === 0);
  if (offsets.length < count || (!isUnknown && stated.length < count))
    throw new Error('it does not list all of its blocks');
  const { sizeBytes: fileBytes } = await file.stat();
  const places = {
    offsets,
    sizes: isUnknown ? sizesBetween(offsets, fileBytes) : stated,
    areSizesKnown: !isUnknown,
    planes,
    blocksPerPlane,
    columns,
    widthPx: blockWidthPx,
    heightPx: blockHeightPx,
    cut: !tiled,
    stripsTogether: 1,
    fileBytes,
  };
  if (tiled) return places;
  const strips = encoding.isUncompressed ? dividedStrips(places, encoding) : places;
  return { ...strips, stripsTogether: stripsTogether(strips, encoding) };
}

/**
 * Where no sizes are stated, a block reaches to the next one in the file, or to its end; more than
 * it needs is not read.
 */
function sizesBetween(offsets: readonly number[], fileBytes: number): readonly number[] {
  const ends = [...new Set([...offsets, fileBytes])].toSorted((a, b) => a - b);
  const endOf = new Map(ends.map((each, index) => [each, ends[index + 1] ?? each]));
  return offsets.map((offset) => (offset === 0 ? 0 : (endOf.get(offset) ?? offset) - offset));
}

function stripsTogether({ widthPx, heightPx }: BlockPlaces, encoding: BlockEncoding): number {
  const { bandsTogether, dataType } = encoding;
  const stripBytes = widthPx * heightPx * bandsTogether * dataTypes[dataType].bytes;
  const fitting = Math.floor(TOGETHER_BYTES / stripBytes);
  return Math.min(MOST_STRIPS_TOGETHER, Math.max(1, fitting));
}

/**
 * Uncompressed, one strip of all rows is as good as many of few rows: so a file of any size is read
 * in bounded memory.
 */
function dividedStrips(places: BlockPlaces, encoding: BlockEncoding): BlockPlaces {
  const rowBytes = rowBytesOf(places, encoding);
  const rows = Math.max(1, Math.floor(TOGETHER_BYTES / rowBytes));
  const count = Math.ceil(places.heightPx / rows);
  const isLarge = places.blocksPerPlane === 1 && count > 1;
  if (!isLarge || count * places.planes > MOST_BLOCKS) return places;
  const whole = places.heightPx * rowBytes;
  const { offsets, sizes, fileBytes } = places;
  const areWhole = sizes.every((size, at) => size >= whole && offsets[at]! + whole <= fileBytes);
  if (!areWhole) return places;
  const starts = Array.from({ length: count }, (_, strip) => strip * rows * rowBytes);
  return {
    ...places,
    blocksPerPlane: count,
    heightPx: rows,
    offsets: offsets.flatMap((offset) => starts.map((start) => offset + start)),
    sizes: offsets.flatMap(() => starts.map((start) => Math.min(rows * rowBytes, whole - start))),
  };
}

/** An image in an open file. */
interface BlockImage {
  readonly file: ReadableFile;
  readonly path: string;
  readonly info: RasterInfo;
  readonly places: BlockPlaces;
  readonly encoding: BlockEncoding;
}

/** The function that reads and decodes one cell of the block grid, all its bands. */
export function blockLoader(image: BlockImage): (cell: Cell) => Promise<Block> {
  const { places, encoding } = image;
  return async (cell) => {
    const heightPx = places.cut ? cell.window.heightPx : places.heightPx;
    const window = { ...cell.window, widthPx: places.widthPx, heightPx };
    const pieces = piecesOf(places, encoding, cell, heightPx);
    const { isDecodedHere } = await import('./decode-block.js');
    const data =
      encoding.isUncompressed || !isDecodedHere(encoding)
        ? await loadPieces(image, pieces)
        : await decodePieces(image, pieces);
    return { data, window };
  };
}

async function loadPieces(image: BlockImage, pieces: readonly Piece[]): Promise<RasterArray> {
  const decoded = await Promise.all(
    pieces.map(async (piece) => {
      try {
        return await loadPiece(image, piece);
      } catch (error) {
        throw blockError(image.path, piece.index, error);
      }
    }),
  );
  return joined(decoded);
}

/** Reads pieces, those that follow each other by one call, and has them decoded into one array. */
async function decodePieces(stored: BlockImage, pieces: readonly Piece[]): Promise<RasterArray> {
  const { path, info, places, encoding } = stored;
  const { array, bytes } = dataTypes[encoding.dataType];
  const { widthPx } = places;
  const rowBytes = widthPx * encoding.bandsTogether * bytes;
  const blocks: PlacedBlock[] = [];
  let [startByte, targetByte] = [0, 0];
  for (const { index, offset, sizeBytes: statedBytes, heightPx } of pieces) {
    // GDAL's sparse files: a block of no bytes is all nodata.
    if (statedBytes > 0) {
      const sizeBytes = sizeOfPiece(stored, { index, offset, sizeBytes: statedBytes, heightPx });
      blocks.push({ index, offset, startByte, sizeBytes, targetByte, heightPx });
      startByte += sizeBytes;
    }
    targetByte += rowBytes * heightPx;
  }
  if (blocks.length === 0) return sparseBlock(info, encoding, targetByte / bytes);
  const encoded = await readBlocks(stored, blocks, startByte);
  const task = { encoded, blocks, widthPx, mostHeightPx: places.heightPx, encoding };
  const data = new array(await samplesOf(path, { ...task, sizeBytes: targetByte }));
  if (blocks.length < pieces.length) fillSparse(data, info, rowBytes / bytes, pieces);
  return data;
}

/** A block, and where it lies in its file. */
interface PlacedBlock extends EncodedBlock {
  readonly offset: number;
}

function sizeOfPiece({ path, places, encoding }: BlockImage, piece: Piece): number {
  const { heightPx } = piece;
  const size = {
    widthPx: places.widthPx,
    heightPx,
    mostHeightPx: Math.max(heightPx, places.heightPx),
  };
  try {
    return encodedBytes(places, encoding, piece, size);
  } catch (error) {
    throw blockError(path, piece.index, error);
  }
}

async function readBlocks(
  { file, path }: BlockImage,
  blocks: readonly PlacedBlock[],
  sizeBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const encoded = new Uint8Array(sizeBytes);
  for (let first = 0; first < blocks.length;) {
    let end = first + 1;
    while (end < blocks.length && areTogether(blocks[end - 1], blocks[end])) end += 1;
    const [{ offset, startByte, index }, last] = [blocks[first], blocks[end - 1]] as [
      PlacedBlock,
      PlacedBlock,
    ];
    const room = encoded.subarray(startByte, last.startByte + last.sizeBytes);
    try {
      const count = await readFully(file, room, offset);
      if (count < room.length)
        throw new Error(`the file ends ${room.length - count} bytes before the block does`);
    } catch (error) {
      throw blockError(path, index, error);
    }
    first = end;
  }
  return encoded;
}

function areTogether(left: PlacedBlock | undefined, right: PlacedBlock | undefined): boolean {
  return left && right ? left.offset + left.sizeBytes === right.offset : false;
}

async function samplesOf(path: string, task: EncodedBlocks): Promise<ArrayBuffer> {
  try {
    return await decodeOnThreads(task);
  } catch (error) {
    if (!isError(error) || !('blockIndex' in error)) throw error;
    throw blockError(path, error.blockIndex as number, error.cause);
  }
}

function fillSparse(
  data: RasterArray,
  { nodata }: RasterInfo,
  rowSamples: number,
  pieces: readonly Piece[],
): void {
  // The memory may have been another block's.
  const value = nodata ?? (typeof data[0] === 'bigint' ? 0n : 0);
  let start = 0;
  for (const { sizeBytes, heightPx } of pieces) {
    const end = start + rowSamples * heightPx;
    if (sizeBytes === 0) data.fill(value as never, start, end);
    start = end;
  }
}

function blockError(path: string, index: number, cause: unknown): HoldfastError {
  // A library that is missing is no fault of the file.
  if (isHoldfastError(cause)) return cause;
  const why = messageOf(cause);
  return corrupt(path, `Block ${index} of the GeoTIFF cannot be decoded: ${why}.`, cause);
}

/**
 * What is read and decoded in one go: one tile or strip, or uncompressed strips that follow each
 * other in the file.
 */
interface Piece {
  /** Of its first tile or strip. */
  readonly index: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly heightPx: number;
}

function piecesOf(
  places: BlockPlaces,
  encoding: BlockEncoding,
  cell: Cell,
  heightPx: number,
): readonly Piece[] {
  const count = Math.ceil(heightPx / places.heightPx);
  const first = cell.row * places.stripsTogether * places.columns + cell.column;
  return Array.from({ length: places.planes }, (_, plane) => {
    const blocks = Array.from({ length: count }, (__, block) =>
      pieceAt(
        places,
        plane * places.blocksPerPlane + first + block,
        heightPx - block * places.heightPx,
      ),
    );
    return encoding.isUncompressed ? merged(blocks, rowBytesOf(places, encoding)) : blocks;
  }).flat();
}

function pieceAt(
  { offsets, sizes, heightPx }: BlockPlaces,
  index: number,
  rowsLeft: number,
): Piece {
  const [offset, sizeBytes] = [offsets[index] as number, sizes[index] as number];
  return { index, offset, sizeBytes, heightPx: Math.min(heightPx, rowsLeft) };
}

/** The bytes of a row as it lies in a block. */
function rowBytesOf({ widthPx }: BlockPlaces, encoding: BlockEncoding): number {
  return Math.ceil((widthPx * encoding.bandsTogether * encoding.bitsPerSample) / 8);
}

/** Pieces that follow each other in the file as one, if nothing lies between their samples. */
function merged(pieces: readonly Piece[], rowBytes: number): readonly Piece[] {
  const all: Piece[] = [];
  for (const piece of pieces) {
    const last = all.at(-1);
    const follows =
      last?.sizeBytes === rowBytes * (last?.heightPx ?? 0) &&
      last.offset + last.sizeBytes === piece.offset;
    if (!follows || piece.sizeBytes === 0) {
      all.push(piece);
      continue;
    }
    const sizeBytes = last.sizeBytes + piece.sizeBytes;
    all[all.length - 1] = { ...last, sizeBytes, heightPx: last.heightPx + piece.heightPx };
  }
  return all;
}

async function loadPiece(
  { file, info, places, encoding }: BlockImage,
  { offset, sizeBytes, heightPx }: Piece,
): Promise<RasterArray> {
  // GDAL's sparse files: a block of no bytes is all nodata.
  if (sizeBytes === 0)
    return sparseBlock(info, encoding, places.widthPx * heightPx * encoding.bandsTogether);
  const { widthPx } = places;
  const size = { widthPx, heightPx, mostHeightPx: Math.max(heightPx, places.heightPx) };
  const encoded = new Uint8Array(encodedBytes(places, encoding, { offset, sizeBytes }, size));
  const count = await readFully(file, encoded, offset);
  if (count < encoded.length)
    throw new Error(`the file ends ${encoded.length - count} bytes before the block does`);
  const { decodeGuestBlock } = await import('./guest-block.js');
  return decodeGuestBlock(encoded, size, encoding);
}

/**
 * What a compression adds at most to samples that do not shrink: a half for LZW, and markers for
 * JPEG.
 */
const MOST_GROWTH = { factor: 2, bytes: 1024 * 1024 };

/**
 * How much is to be read of a block; what it says of its size is not believed before it is
 * measured.
 */
function encodedBytes(
  places: BlockPlaces,
  encoding: BlockEncoding,
  { offset, sizeBytes }: Pick<Piece, 'offset' | 'sizeBytes'>,
  { heightPx, mostHeightPx }: BlockSize,
): number {
  const areWhole = [offset, sizeBytes].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!areWhole || offset + sizeBytes > places.fileBytes)
    throw new Error(`the file ends before byte ${offset + sizeBytes}`);
  const rowBytes = rowBytesOf(places, encoding);
  if (encoding.isUncompressed) return Math.min(sizeBytes, rowBytes * heightPx);
  const most = MOST_GROWTH.factor * rowBytes * mostHeightPx + MOST_GROWTH.bytes;
  if (sizeBytes > most && !places.areSizesKnown) return most;
  if (sizeBytes > most) throw new Error(`${sizeBytes} bytes are too many for its samples`);
  return sizeBytes;
}

function sparseBlock(info: RasterInfo, encoding: BlockEncoding, samples: number): RasterArray {
  const data = new dataTypes[encoding.dataType].array(samples);
  if (info.nodata !== undefined) data.fill(info.nodata as never);
  return data;
}

/** Samples one after another in one array. */
function joined(parts: readonly RasterArray[]): RasterArray {
  const [first] = parts as [RasterArray];
  if (parts.length === 1) return first;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of parts) {
    all.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return new (first.constructor as new (buffer: ArrayBuffer) => RasterArray)(all.buffer);
}
