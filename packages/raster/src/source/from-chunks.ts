/** A lazy raster: chunks that a callback computes when they are needed, each of them once. */
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  type DataType,
  type Interleave,
  type Pixels,
  type RasterArray,
  type RasterInfo,
  type Window,
  dataTypeOf,
  dataTypes,
} from '../model.js';
import { BlockReader } from './block-reader.js';
import { type Cell, cellsTouching, type Grid, gridOfSizes, regularGrid } from './grid.js';
import { profileNames, rasterInfo, type RasterProfile } from './profile.js';
import { givenFingerprint, type RasterSource, roomFor, type TakeBuffer } from './raster-source.js';

/** What {@link fromChunks} takes. */
export interface ChunkedRaster extends RasterProfile {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  readonly dataType: DataType;
  /** 1 by default. */
  readonly bandCount?: number | undefined;
  /** How several bands lie in a chunk's array: `band` (whole planes) by default. */
  readonly interleave?: Interleave | undefined;
  /**
   * The chunk grid: one width and one height in pixels for regular chunks, or the width of every column and the
   * height of every row, which must add up to the raster's.
   */
  readonly chunks: {
    readonly width: number | readonly number[];
    readonly height: number | readonly number[];
  };
  /**
   * Computes one chunk: `window.widthPx * window.heightPx * bandCount` samples. Several calls may be under way at
   * once, in any order; the writer makes one call a chunk. An error that it throws reaches the caller of the write.
   */
  readonly compute: (chunk: Cell, signal?: AbortSignal) => RasterArray | Promise<RasterArray>;
  /** A text that changes with the samples that `compute` gives; needed for a write that is to be resumed. */
  readonly fingerprint?: string | undefined;
}

const optionNames = [
  ...profileNames,
  'width',
  'height',
  'dataType',
  'bandCount',
  'interleave',
  'chunks',
  'compute',
  'fingerprint',
];

/** Decoded bytes kept for windows that are not whole chunks. */
const KEPT_BYTES = 64 * 1024 * 1024;

/**
 * A source whose chunks are computed on demand. Each chunk becomes one tile of the mosaic.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a size of zero, an unknown data type, or chunks that do not add up
 */
export function fromChunks(raster: ChunkedRaster): RasterSource {
  checkOptions('fromChunks', raster, optionNames);
  const { width: widthPx, height: heightPx, dataType, interleave = 'band' } = raster;
  if (!Object.hasOwn(dataTypes, dataType))
    throw invalidArgument('fromChunks', `fromChunks knows no data type '${dataType}'`);
  const shape = { widthPx, heightPx, bandCount: raster.bandCount ?? 1, dataType };
  const info = rasterInfo('fromChunks', shape, raster);
  const blocks = chunkGrid(raster);
  const compute = async (chunk: Cell, signal?: AbortSignal): Promise<RasterArray> =>
    checkedChunk(info, chunk, await raster.compute(chunk, signal));
  const load = async (cell: Cell) => ({ data: await compute(cell), window: cell.window });
  const reader = new BlockReader({ info, interleave, blocks, load, keptBytes: KEPT_BYTES });
  return {
    info,
    interleave,
    blocks,
    tiling: 'blocks',
    ...givenFingerprint(raster.fingerprint),
    async read(window, signal, takeBuffer) {
      const chunk = wholeChunk(blocks, window);
      if (!chunk) return reader.read(window, signal, takeBuffer);
      signal?.throwIfAborted();
      return wholePixels(info, interleave, chunk, await compute(chunk, signal), takeBuffer);
    },
  };
}

function chunkGrid(raster: ChunkedRaster): Grid {
  const { width, height } = raster.chunks;
  return {
    columnEdgesPx: chunkEdges('width', width, raster.width),
    rowEdgesPx: chunkEdges('height', height, raster.height),
  };
}

function chunkEdges(
  name: string,
  sizes: number | readonly number[],
  lengthPx: number,
): readonly number[] {
  const given = typeof sizes === 'number' ? [sizes] : sizes;
  const positive =
    given.length > 0 && given.every((size) => Number.isSafeInteger(size) && size > 0);
  if (!positive) throw chunkError(name, 'whole numbers of at least 1');
  if (typeof sizes === 'number') return regularGrid(lengthPx, 1, sizes, 1).columnEdgesPx;
  const edges = gridOfSizes(sizes, []).columnEdgesPx;
  if (edges.at(-1) !== lengthPx) throw chunkError(name, `sizes that add up to ${lengthPx}`);
  return edges;
}

function chunkError(name: string, wanted: string): Error {
  return invalidArgument('fromChunks', `chunks.${name} must be ${wanted}`);
}

/** The chunk that a window is, if it is exactly one. */
function wholeChunk(grid: Grid, window: Window): Cell | undefined {
  const [first] = cellsTouching(grid, window);
  const same =
    first !== undefined &&
    first.window.xPx === window.xPx &&
    first.window.yPx === window.yPx &&
    first.window.widthPx === window.widthPx &&
    first.window.heightPx === window.heightPx;
  return same ? first : undefined;
}

function checkedChunk(info: RasterInfo, chunk: Cell, data: RasterArray): RasterArray {
  const { widthPx, heightPx } = chunk.window;
  const length = widthPx * heightPx * info.bands.length;
  if (dataTypeOf(data) === info.dataType && data.length === length) return data;
  throw invalidArgument(
    'compute',
    `the chunk at row ${chunk.row}, column ${chunk.column} must be ${length} samples of ${info.dataType}, but compute gave ${data?.length} of ${dataTypeOf(data)}`,
  );
}

/** The chunk as the reader's own copy, since whoever computed it may go on using the array. */
function wholePixels(
  info: RasterInfo,
  interleave: Interleave,
  chunk: Cell,
  data: RasterArray,
  takeBuffer: TakeBuffer | undefined,
): Pixels {
  const { widthPx, heightPx } = chunk.window;
  const copy = roomFor(info.dataType, data.length, takeBuffer);
  (copy as Uint8Array).set(data as Uint8Array);
  return { data: copy, widthPx, heightPx, bandCount: info.bands.length, interleave };
}
