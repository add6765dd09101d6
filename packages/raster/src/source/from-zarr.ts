/**
 * A Zarr array, opened with zarrita, as a source. The package does not import zarrita: it takes any array of its shape, so
 * the caller's own version is the one that is used.
 */
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  type DataType,
  dataTypeNames,
  dataTypes,
  type RasterArray,
  type RasterInfo,
} from '../model.js';
import { type Block, BlockReader } from './block-reader.js';
import { type Cell, regularGrid } from './grid.js';
import { profileNames, rasterInfo, type RasterProfile } from './profile.js';
import { givenFingerprint, type RasterSource } from './raster-source.js';

/** What is needed of zarrita's `Array`. */
export interface ZarrArray {
  /** `[height, width]`, or `[bands, height, width]`. */
  readonly shape: readonly number[];
  readonly chunks: readonly number[];
  readonly dtype: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  getChunk(coordinates: number[]): Promise<ZarrChunk>;
}

/** A chunk: always of the whole chunk size, also where it reaches past the array. */
export interface ZarrChunk {
  readonly data: Iterable<unknown> & { readonly length: number };
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

export interface ZarrOptions extends RasterProfile {
  /** `tileSize` (the default): the writer cuts tiles of its own size. `chunks`: each chunk becomes one tile. */
  readonly tiling?: 'tileSize' | 'chunks' | undefined;
  /** Decoded chunks to keep for windows still to come, in bytes; 256 MiB at most by default. */
  readonly cacheBytes?: number | undefined;
  /** A text that changes with the samples of the array; needed for a write that is to be resumed. */
  readonly fingerprint?: string | undefined;
}

const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;

/**
 * A source on a Zarr array of two dimensions, or of three with the bands first. Each chunk is fetched and decoded once
 * while a mosaic is written. The attribute `_FillValue`, if it is a number, is the nodata value unless `nodata` says
 * another; Zarr's own fill value is not, since most arrays have one that means nothing.
 *
 * @throws HoldfastError INVALID_ARGUMENT for another number of dimensions, or a data type that no GeoTIFF tile can hold
 */
export function fromZarr(array: ZarrArray, options: ZarrOptions = {}): RasterSource {
  checkOptions('fromZarr', options, [...profileNames, 'tiling', 'cacheBytes', 'fingerprint']);
  const {
    tiling = 'tileSize',
    cacheBytes: keptBytes = DEFAULT_CACHE_BYTES,
    fingerprint,
    ...profile
  } = options;
  const [bandCount, heightPx, widthPx] = bandFirst(array.shape);
  const [chunkBands, chunkHeightPx, chunkWidthPx] = bandFirst(array.chunks);
  const shape = { widthPx, heightPx, bandCount, dataType: dataTypeOfZarr(array.dtype) };
  const nodata = profile.nodata ?? fillValueOf(array);
  const info = rasterInfo('fromZarr', shape, { ...profile, nodata });
  const blocks = regularGrid(widthPx, heightPx, chunkWidthPx, chunkHeightPx);
  const chunk = { bands: chunkBands, widthPx: chunkWidthPx, heightPx: chunkHeightPx };
  const load = (cell: Cell): Promise<Block> => loadCell(array, info, chunk, cell);
  const reader = new BlockReader({ info, interleave: 'band', blocks, load, keptBytes });
  return {
    info,
    interleave: 'band',
    blocks,
    tiling: tiling === 'chunks' ? 'blocks' : 'tileSize',
    ...givenFingerprint(fingerprint),
    read: (window, signal, takeBuffer) => reader.read(window, signal, takeBuffer),
  };
}

function bandFirst(sizes: readonly number[]): readonly [number, number, number] {
  const padded = sizes.length === 2 ? [1, ...sizes] : sizes;
  const [bands, height, width] = padded;
  if (padded.length === 3 && bands !== undefined && height !== undefined && width !== undefined)
    return [bands, height, width];
  throw invalidArgument(
    'fromZarr',
    `a raster has the shape [height, width] or [bands, height, width], but this array has ${sizes.length} dimensions`,
  );
}

function dataTypeOfZarr(dtype: string): DataType {
  if (dtype === 'bool') return 'uint8';
  const known = dataTypeNames.find((name) => name === dtype);
  if (known) return known;
  throw invalidArgument('fromZarr', `a GeoTIFF tile cannot hold Zarr's data type '${dtype}'`);
}

function fillValueOf({ attrs }: ZarrArray): number | bigint | undefined {
  const value = attrs['_FillValue'];
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
}

interface ChunkSize {
  readonly bands: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** All bands of one cell, from as many chunks as they lie in, plane after plane. */
async function loadCell(
  array: ZarrArray,
  info: RasterInfo,
  chunk: ChunkSize,
  cell: Cell,
): Promise<Block> {
  const bandCount = info.bands.length;
  const planePixels = chunk.widthPx * chunk.heightPx;
  const data = new dataTypes[info.dataType].array(planePixels * bandCount);
  const chunkCount = Math.ceil(bandCount / chunk.bands);
  await Promise.all(
    Array.from({ length: chunkCount }, async (_, index) => {
      const place = [cell.row, cell.column];
      const coordinates = array.shape.length === 2 ? place : [index, ...place];
      const firstBand = index * chunk.bands;
      const bands = Math.min(chunk.bands, bandCount - firstBand);
      const part = data.subarray(firstBand * planePixels, (firstBand + bands) * planePixels);
      copyChunk(await array.getChunk(coordinates), part);
    }),
  );
  const { widthPx, heightPx } = chunk;
  return { data, window: { ...cell.window, widthPx, heightPx } };
}

/** Copies the first planes of a chunk, as many as `to` has room for, whatever order its samples lie in. */
function copyChunk(chunk: ZarrChunk, to: RasterArray): void {
  const samples = plainSamples(chunk);
  const [, height, width] = bandFirst(chunk.shape);
  const [bandStride, rowStride, columnStride] =
    chunk.stride.length === 2 ? [0, ...chunk.stride] : chunk.stride;
  const strides = [bandStride ?? 0, rowStride ?? 0, columnStride ?? 0] as const;
  const inOrder =
    strides[2] === 1 && strides[1] === width && (strides[0] || height * width) === height * width;
  if (inOrder) {
    (to as Uint8Array).set((samples as Uint8Array).subarray(0, to.length));
    return;
  }
  for (let at = 0; at < to.length; at += 1) {
    const [x, row] = [at % width, Math.floor(at / width)];
    const [y, band] = [row % height, Math.floor(row / height)];
    to[at] = samples[band * strides[0] + y * strides[1] + x * strides[2]] as never;
  }
}

/** zarrita gives truth values in an array class of its own. */
function plainSamples({ data }: ZarrChunk): RasterArray {
  return ArrayBuffer.isView(data)
    ? (data as unknown as RasterArray)
    : Uint8Array.from(data as Iterable<number>, Number);
}
