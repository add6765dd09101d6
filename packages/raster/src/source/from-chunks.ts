/** A lazy raster: chunks that a callback computes when they are needed, each of them once. */
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  type DataType,
  type Interleave,
  type RasterArray,
  type RasterInfo,
  type Window,
  dataTypeOf,
} from '../model.js';
import { BlockReader } from './block-reader.js';
import { ByteBudget } from './byte-budget.js';
import { type Cell, cellsTouching, type Grid, gridOfSizes, regularGrid } from './grid.js';
import { checkDataType, profileNames, rasterInfo, type RasterProfile } from './profile.js';
import { givenFingerprint, type RasterSource, roomFor, type TakeBuffer } from './raster-source.js';

/** The shape of a lazy raster and its chunks. */
export interface ChunkedShape extends RasterProfile {
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
   * The chunk grid: one width and one height in pixels for regular chunks, or the width of every
   * column and the height of every row, which must add up to the raster's.
   */
  readonly chunks: {
    readonly width: number | readonly number[];
    readonly height: number | readonly number[];
  };
  /**
   * A text that changes with the samples that `compute` gives; needed for a write that is to be
   * resumed.
   */
  readonly fingerprint?: string | undefined;
}

/** What {@link fromChunks} takes. */
export interface ChunkedRaster extends ChunkedShape {
  /**
   * Computes one chunk: `window.widthPx * window.heightPx * bandCount` samples. Several calls may
   * be under way at once, in any order; the writer makes one call a chunk. An error that it throws
   * reaches the caller of the write.
   */
  readonly compute: (chunk: Cell, signal?: AbortSignal) => RasterArray | Promise<RasterArray>;
}

/** The names of {@link ChunkedShape} and of the callback, for option checks. */
export const chunkOptionNames: readonly (keyof ChunkedRaster | keyof RasterProfile)[] = [
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
 * @throws HoldfastError INVALID_ARGUMENT for a size of zero, an unknown data type, or chunks that
 *   do not add up
 */
export function fromChunks(raster: ChunkedRaster): RasterSource {
  checkOptions('fromChunks', raster, chunkOptionNames);
  const plan = planChunks('fromChunks', raster);
  return chunkSource(plan, raster, async (chunk, signal, takeBuffer) => {
    const data = checkedChunk(plan.info, chunk, await raster.compute(chunk, signal));
    // A copy, since whoever computed it may go on using the array.
    const copy = roomFor(plan.info.dataType, data.length, takeBuffer);
    (copy as Uint8Array).set(data as Uint8Array);
    return copy;
  });
}

/** What is known of a lazy raster before any of it is computed. */
interface ChunkPlan {
  readonly info: RasterInfo;
  readonly interleave: Interleave;
  readonly blocks: Grid;
}

/** @throws HoldfastError INVALID_ARGUMENT, as {@link fromChunks} */
export function planChunks(call: string, raster: ChunkedShape): ChunkPlan {
  const { width: widthPx, height: heightPx, dataType, bandCount = 1 } = raster;
  checkDataType(call, dataType);
  const info = rasterInfo(call, { widthPx, heightPx, bandCount, dataType }, raster);
  const interleave = bandCount > 1 ? (raster.interleave ?? 'band') : 'band';
  return { info, interleave, blocks: chunkGrid(call, raster) };
}

/** Gives the samples of one chunk, in an array that is the reader's own. */
type LoadChunk = (
  chunk: Cell,
  signal: AbortSignal | undefined,
  takeBuffer?: TakeBuffer,
) => Promise<RasterArray>;

/**
 * A source that loads each chunk when it is read. Other windows are put together of chunks, which
 * are kept until all of them has been given.
 *
 * @param decodingBytes - chunks that are loaded at one time for a window that is no chunk, in bytes
 */
export function chunkSource(
  { info, interleave, blocks }: ChunkPlan,
  { fingerprint }: ChunkedShape,
  load: LoadChunk,
  decodingBytes: number = Number.POSITIVE_INFINITY,
): RasterSource {
  const loadBlock = async (cell: Cell, signal: AbortSignal | undefined) => ({
    data: await load(cell, signal),
    window: cell.window,
  });
  const budget = new ByteBudget(decodingBytes);
  const about = { info, interleave, blocks, keptBytes: KEPT_BYTES, budget };
  const reader = new BlockReader({ ...about, load: loadBlock });
  return {
    info,
    interleave,
    blocks,
    tiling: 'blocks',
    ...givenFingerprint(fingerprint),
    async read(window, signal, takeBuffer) {
      const chunk = wholeChunk(blocks, window);
      if (!chunk) return reader.read(window, signal, takeBuffer);
      signal?.throwIfAborted();
      const { widthPx, heightPx } = window;
      const data = await load(chunk, signal, takeBuffer);
      return { data, widthPx, heightPx, bandCount: info.bands.length, interleave };
    },
  };
}

function chunkGrid(call: string, raster: ChunkedShape): Grid {
  const { width, height } = raster.chunks;
  return {
    columnEdgesPx: chunkEdges(call, 'width', width, raster.width),
    rowEdgesPx: chunkEdges(call, 'height', height, raster.height),
  };
}

function chunkEdges(
  call: string,
  name: string,
  sizes: number | readonly number[],
  lengthPx: number,
): readonly number[] {
  const given = typeof sizes === 'number' ? [sizes] : sizes;
  const positive =
    given.length > 0 && given.every((size) => Number.isSafeInteger(size) && size > 0);
  if (!positive) throw chunkError(call, name, 'whole numbers of at least 1');
  if (typeof sizes === 'number') return regularGrid(lengthPx, 1, sizes, 1).columnEdgesPx;
  const edges = gridOfSizes(sizes, []).columnEdgesPx;
  if (edges.at(-1) !== lengthPx) throw chunkError(call, name, `sizes that add up to ${lengthPx}`);
  return edges;
}

function chunkError(call: string, name: string, wanted: string): Error {
  return invalidArgument(call, `chunks.${name} must be ${wanted}`);
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
