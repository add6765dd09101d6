/**
 * A Zarr array, opened with zarrita, as a source. The package does not import zarrita: it takes any
 * array of its shape, so the caller's own version is the one that is used.
 */
import { HoldfastError } from 'holdfast';
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  type DataType,
  dataTypeNames,
  dataTypes,
  type NotCarried,
  type RasterArray,
  type RasterInfo,
} from '../model.js';
import { type Block, BlockReader } from './block-reader.js';
import { ByteBudget } from './byte-budget.js';
import { type BlockLimits, limitsOf } from './block-limits.js';
import { type Cell, regularGrid } from './grid.js';
import { isHalves } from './half-float.js';
import { profileNames, rasterInfo, type RasterProfile } from './profile.js';
import { givenFingerprint, type RasterSource } from './raster-source.js';
import { bandsFirst, describedBy } from './zarr-attributes.js';
import type { ZarrArray, ZarrChunk } from './zarr-array.js';

export type { ZarrArray, ZarrChunk } from './zarr-array.js';

export interface ZarrOptions extends RasterProfile, BlockLimits {
  /**
   * `tileSize` (the default): the writer cuts tiles of its own size. `chunks`: each chunk becomes
   * one tile.
   */
  readonly tiling?: 'tileSize' | 'chunks' | undefined;
  /** Decoded chunks to keep for windows still to come, in bytes; 256 MiB at most by default. */
  readonly cacheBytes?: number | undefined;
  /**
   * The attributes of the variable that the attribute `grid_mapping` names (`spatial_ref`, as
   * rioxarray has it): its `crs_wkt` or `spatial_ref`, and its `GeoTransform`.
   */
  readonly gridMapping?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Whether Zarr's own fill value is the nodata value. By default where xarray takes it for that:
   * in Zarr 2, which has `_ARRAY_DIMENSIONS`, if there is no `_FillValue`. xarray, GDAL and
   * kerchunk keep it there.
   */
  readonly fillValueIsNodata?: boolean | undefined;
  /**
   * A text that changes with the samples of the array; needed for a write that is to be resumed.
   */
  readonly fingerprint?: string | undefined;
}

const ownOptionNames = [
  'tiling',
  'cacheBytes',
  'gridMapping',
  'fillValueIsNodata',
  'fingerprint',
  'maxBlockBytes',
  'maxBands',
] as const;
const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;

/**
 * A source on a Zarr array of two dimensions, or of three: bands, rows and columns, in this order
 * unless the names of the dimensions say another. Each chunk is fetched and decoded once while a
 * mosaic is written.
 *
 * What the array says of itself is taken where the caller says nothing else: `_FillValue` or
 * `missing_value` as nodata (numbers, `NaN`, and xarray's base64), `scale_factor`, `add_offset`,
 * `units`, `long_name`, a CRS (`_CRS` of GDAL, `crs_wkt`, `spatial_ref`) and a `GeoTransform`. Axes
 * of coordinates are other arrays, and not looked at: give `transform`. What cannot be taken is in
 * `notCarried`.
 *
 * @throws HoldfastError INVALID_ARGUMENT for another number of dimensions, or a data type that no
 *   GeoTIFF tile can hold
 */
export function fromZarr(given: ZarrArray, options: ZarrOptions = {}): RasterSource {
  checkOptions('fromZarr', options, [...profileNames, ...ownOptionNames]);
  if (!isZarrArray(given)) throw invalidArgument('fromZarr', NO_ARRAY);
  const {
    tiling = 'tileSize',
    cacheBytes: keptBytes = DEFAULT_CACHE_BYTES,
    fingerprint,
    gridMapping,
    fillValueIsNodata,
    maxBlockBytes: _,
    maxBands: __,
    ...profile
  } = options;
  const { maxBlockBytes, maxBands } = limitsOf('fromZarr', options);
  checkSizes('shape', given.shape);
  checkSizes('chunks', given.chunks);
  const array = bandsFirst(given);
  const [bandCount, heightPx, widthPx] = bandFirst(array.shape);
  const [chunkBands, chunkHeightPx, chunkWidthPx] = bandFirst(array.chunks);
  if (bandCount > maxBands) throw overLimit(`it has ${bandCount} bands`, 'maxBands', maxBands);
  const shape = { widthPx, heightPx, bandCount, dataType: dataTypeOfZarr(array.dtype) };
  const notCarried: NotCarried[] = [];
  const says = { gridMapping, fillValueIsNodata };
  const found = describedBy(array, shape, says, notCarried);
  const own = Object.fromEntries(
    Object.entries(profile).filter(([, value]) => value !== undefined),
  );
  const info = rasterInfo('fromZarr', shape, { ...found, ...own });
  checkChunk(array.chunks, info, maxBlockBytes);
  const blocks = regularGrid(widthPx, heightPx, chunkWidthPx, chunkHeightPx);
  const chunk = { bands: chunkBands, widthPx: chunkWidthPx, heightPx: chunkHeightPx };
  const load = (cell: Cell, signal: AbortSignal | undefined): Promise<Block> =>
    loadCell({ array, info, chunk }, cell, signal);
  const reader = new BlockReader({
    info,
    interleave: 'band',
    blocks,
    load,
    keptBytes,
    budget: new ByteBudget(maxBlockBytes),
  });
  return {
    info,
    notCarried,
    interleave: 'band',
    blocks,
    tiling: tiling === 'chunks' ? 'blocks' : 'tileSize',
    ...givenFingerprint(fingerprint),
    read: (window, signal, takeBuffer) => reader.read(window, signal, takeBuffer),
  };
}

const NO_ARRAY =
  'this is no opened array of zarrita: open it with zarr.open(…, { kind: "array" }), and wait for it with await';

function isZarrArray(array: unknown): boolean {
  if (typeof array !== 'object' || array === null) return false;
  return 'shape' in array && 'getChunk' in array && 'attrs' in array;
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

/** What the metadata of an array says is only JSON that somebody wrote. */
function checkSizes(name: string, sizes: unknown): void {
  const isSize = (size: unknown): boolean => Number.isSafeInteger(size) && (size as number) >= 1;
  if (Array.isArray(sizes) && sizes.every(isSize)) return;
  throw invalidArgument(
    'fromZarr',
    `the ${name} of the array is ${(JSON.stringify(sizes) ?? 'missing').slice(0, 80)}, and not a list of whole numbers of at least 1`,
  );
}

/** All bands of a cell are decoded together. */
function checkChunk(chunks: readonly number[], info: RasterInfo, maxBlockBytes: number): void {
  const [, heightPx, widthPx] = bandFirst(chunks);
  const bytes = widthPx * heightPx * info.bands.length * dataTypes[info.dataType].bytes;
  if (bytes > maxBlockBytes)
    throw overLimit(
      `a chunk in all its bands takes ${bytes} bytes`,
      'maxBlockBytes',
      maxBlockBytes,
    );
}

function overLimit(what: string, name: string, most: number): Error {
  return invalidArgument(
    'fromZarr',
    `${what}, over ${name} (${most}); raise it if the array is to be trusted`,
  );
}

function dataTypeOfZarr(dtype: string): DataType {
  if (dtype === 'bool') return 'uint8';
  if (dtype === 'float16') return 'float32';
  const known = dataTypeNames.find((name) => name === dtype);
  if (known) return known;
  throw invalidArgument('fromZarr', `a GeoTIFF tile cannot hold Zarr's data type '${dtype}'`);
}

interface ChunkSize {
  readonly bands: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** What chunks are fetched and laid out by. */
interface ChunkedArray {
  readonly array: ZarrArray;
  readonly info: RasterInfo;
  readonly chunk: ChunkSize;
}

/** All bands of one cell, from as many chunks as they lie in, plane after plane. */
async function loadCell(
  { array, info, chunk }: ChunkedArray,
  cell: Cell,
  signal: AbortSignal | undefined,
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
      const fetched = await array.getChunk(coordinates, signal && { signal });
      checkFetched(fetched, array.chunks, coordinates);
      copyChunk(fetched, samplesFor(part, fetched, coordinates), part);
    }),
  );
  const { widthPx, heightPx } = chunk;
  return { data, window: { ...cell.window, widthPx, heightPx } };
}

/**
 * A chunk that was cut, or is a page of a server, would be filled up with zeros, and one with other
 * strides misread.
 */
function checkFetched(
  { data, shape, stride }: ZarrChunk,
  chunks: readonly number[],
  coordinates: readonly number[],
): void {
  const length = shape.reduce((product, size) => product * size, 1);
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * (stride[axis] ?? 0), 0);
  const isStrided =
    stride.length === shape.length &&
    stride.every((each) => Number.isSafeInteger(each) && each > 0);
  const isWhole = data.length === length && shape.join() === chunks.join();
  if (isWhole && isStrided && last < length) return;
  throw damagedChunk(
    coordinates,
    `has ${data.length} samples in the shape ${shape.join('x')} with the strides ${stride.join(', ')}, and not ${chunks.join('x')}`,
  );
}

/** Its samples, if they are of the type that the array says. */
function samplesFor(
  to: RasterArray,
  chunk: ZarrChunk,
  coordinates: readonly number[],
): RasterArray {
  const samples = plainSamples(chunk);
  // Also of an array from another realm.
  const [is, should] = [samples, to].map((each) => Object.prototype.toString.call(each));
  if (is === should) return samples;
  throw damagedChunk(coordinates, `holds ${is?.slice(8, -1)}, and not ${should?.slice(8, -1)}`);
}

function damagedChunk(coordinates: readonly number[], what: string): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: `The chunk ${coordinates.join('/')} ${what}: it is damaged, or no chunk.`,
    step: 'read',
    path: '',
  });
}

/**
 * Copies the first planes of a chunk, as many as `to` has room for, whatever order its samples lie
 * in.
 */
function copyChunk(chunk: ZarrChunk, samples: RasterArray, to: RasterArray): void {
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
  if (isHalves(data)) return Float32Array.from(data as Iterable<number>);
  return ArrayBuffer.isView(data)
    ? (data as unknown as RasterArray)
    : Uint8Array.from(data as Iterable<number>, Number);
}
