/**
 * Where the blocks of a GeoTIFF lie, and how they are read. Strips of few rows, as most writers make them, are read and
 * kept many together: one by one, what is done around a strip would cost more than the strip.
 */
import type { FsFile } from 'holdfast/os';
import { dataTypes, type RasterArray, type RasterInfo } from '../../model.js';
import type { Block } from '../block-reader.js';
import type { Cell } from '../grid.js';
import { corrupt } from './corrupt.js';
import type { BlockEncoding } from './decode-block.js';
import { readFully } from './read-fully.js';
import type { Tags } from './image-tags.js';

/** Where the blocks lie in the file: a list for every plane of bands that lie together, one after another. */
export interface BlockPlaces {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
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
}

/** About the decoded size of strips that are read together. */
const TOGETHER_BYTES = 1024 * 1024;

export async function placesOf(tags: Tags, encoding: BlockEncoding): Promise<BlockPlaces> {
  const tiled = tags.has('tileOffsets');
  const offsets = await tags.numbers(tiled ? 'tileOffsets' : 'stripOffsets');
  const sizes = await tags.numbers(tiled ? 'tileByteCounts' : 'stripByteCounts');
  const imageWidth = (await tags.number('imageWidth')) ?? 0;
  const imageHeight = (await tags.number('imageLength')) ?? 0;
  const rowsPerStrip = (await tags.number('rowsPerStrip')) ?? imageHeight;
  const widthPx = tiled ? ((await tags.number('tileWidth')) ?? 0) : imageWidth;
  const heightPx = tiled
    ? ((await tags.number('tileLength')) ?? 0)
    : Math.min(rowsPerStrip, imageHeight);
  const columns = Math.ceil(imageWidth / widthPx);
  const blocksPerPlane = columns * Math.ceil(imageHeight / heightPx);
  if (Math.min(offsets.length, sizes.length) < blocksPerPlane * encoding.planes)
    throw new Error('the file does not list all of its blocks');
  const stripBytes =
    widthPx * heightPx * encoding.bandsTogether * dataTypes[encoding.dataType].bytes;
  return {
    offsets,
    sizes,
    planes: encoding.planes,
    blocksPerPlane,
    columns,
    widthPx,
    heightPx,
    cut: !tiled,
    stripsTogether: tiled ? 1 : Math.max(1, Math.floor(TOGETHER_BYTES / stripBytes)),
  };
}

/** The function that reads and decodes one cell of the block grid, all its bands. */
export function blockLoader(
  file: FsFile,
  path: string,
  info: RasterInfo,
  places: BlockPlaces,
  encoding: BlockEncoding,
): (cell: Cell) => Promise<Block> {
  return async (cell) => {
    const heightPx = places.cut ? cell.window.heightPx : places.heightPx;
    const window = { ...cell.window, widthPx: places.widthPx, heightPx };
    const pieces = piecesOf(places, encoding, cell, heightPx);
    const decoded = await Promise.all(
      pieces.map(async (piece) => {
        try {
          return await loadPiece(file, info, places, encoding, piece);
        } catch (error) {
          throw corrupt(path, `Block ${piece.index} of the GeoTIFF cannot be decoded.`, error);
        }
      }),
    );
    return { data: joined(decoded), window };
  };
}

/** What is read and decoded in one go: one tile or strip, or uncompressed strips that follow each other in the file. */
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
    return encoding.isUncompressed ? merged(blocks) : blocks;
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

/** Pieces that follow each other in the file as one. */
function merged(pieces: readonly Piece[]): readonly Piece[] {
  const all: Piece[] = [];
  for (const piece of pieces) {
    const last = all.at(-1);
    const follows = last && last.sizeBytes > 0 && last.offset + last.sizeBytes === piece.offset;
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
  file: FsFile,
  info: RasterInfo,
  places: BlockPlaces,
  encoding: BlockEncoding,
  { offset, sizeBytes, heightPx }: Piece,
): Promise<RasterArray> {
  // GDAL's sparse files: a block of no bytes is all nodata.
  if (sizeBytes === 0) return sparseBlock(info, encoding, places.widthPx * heightPx);
  const encoded = new Uint8Array(sizeBytes);
  const count = await readFully(file, encoded, offset);
  if (count < sizeBytes)
    throw new Error(`the file ends ${sizeBytes - count} bytes before the block does`);
  const { decodeBlock } = await import('./decode-block.js');
  return decodeBlock(encoded, places.widthPx, heightPx, encoding);
}

function sparseBlock(info: RasterInfo, encoding: BlockEncoding, pixels: number): RasterArray {
  const data = new dataTypes[encoding.dataType].array(pixels * encoding.bandsTogether);
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
