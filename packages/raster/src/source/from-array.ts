/** A raster that lies in memory: a typed array, or a view on one by strides as `ndarray` has it. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  type Interleave,
  type Pixels,
  type RasterArray,
  type RasterInfo,
  type Window,
  dataTypeOf,
} from '../model.js';
import { bitsOfHalves, halfToFloat, isHalves } from './half-float.js';
import { profileNames, rasterInfo, type RasterProfile } from './profile.js';
import { checkWindow, type RasterSource, roomFor, type TakeBuffer } from './raster-source.js';
import { regularGrid } from './grid.js';

/**
 * An array with a shape and strides (in elements), as the `ndarray` package has it:
 * `[height, width]`, or `[bands, height, width]`. Strides may be negative.
 */
export interface StridedArray {
  readonly data: RasterArray;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset?: number | undefined;
}

/** What {@link fromArray} takes. */
export interface ArrayRaster extends RasterProfile {
  /**
   * The samples, rows from the top. An array of plain numbers is written as float64, one of truth
   * values as 0 and 1, a `Float16Array` (Node 24) as float32. while the mosaic is written: do not
   * change them meanwhile.
   */
  readonly data: RasterArray | readonly number[] | readonly boolean[] | StridedArray;
  /** In pixels. Not needed for a strided array, which has a shape. */
  readonly width?: number | undefined;
  /** In pixels. Not needed for a strided array. */
  readonly height?: number | undefined;
  /** 1 by default. */
  readonly bandCount?: number | undefined;
  /** How several bands lie in a plain array: `band` (whole planes) by default. */
  readonly interleave?: Interleave | undefined;
  /**
   * What the elements mean, where the array's own type does not say: `float16` for the bits of half
   * floats in a `Uint16Array` (written as float32), `bool` for a `Uint8Array` of truth values
   * (written as 0 and 1).
   */
  readonly elements?: 'float16' | 'bool' | undefined;
}

const optionNames = [
  ...profileNames,
  'data',
  'width',
  'height',
  'bandCount',
  'interleave',
  'elements',
] as const;

/**
 * One sample of every pixel lies at
 * `offset + band * bandStride + y * rowStride + x * columnStride`.
 */
interface Layout {
  readonly data: RasterArray;
  readonly offset: number;
  readonly bandStride: number;
  readonly rowStride: number;
  readonly columnStride: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bandCount: number;
}

/**
 * A source on an array in memory. Nothing is copied until a window is read.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a size of zero, a shape that is neither 2-D nor
 * band-first 3-D, an array whose length does not match, or an element type that no GeoTIFF tile can
 * hold
 */
export function fromArray(raster: ArrayRaster): RasterSource {
  checkOptions('fromArray', raster, optionNames);
  const layout = layoutOf(raster);
  const { data, widthPx, heightPx, bandCount } = layout;
  const convert = conversionOf(raster, data);
  const dataType = dataTypeOf(convert(rasterLike(data, 0)));
  if (!dataType) throw unknownElements();
  const info = rasterInfo('fromArray', { widthPx, heightPx, bandCount, dataType }, raster);
  checkExtent(layout);
  // Of one pixel the bands are neighbours either way.
  const isByPixel =
    layout.bandStride === 1 && (raster.interleave === 'pixel' || widthPx * heightPx > 1);
  const interleave = bandCount > 1 && isByPixel ? 'pixel' : 'band';
  return {
    info,
    interleave,
    blocks: regularGrid(widthPx, heightPx, widthPx, heightPx),
    tiling: 'tileSize',
    fingerprint: () => contentDigest(layout, raster.elements),
    async read(window, signal, takeBuffer) {
      signal?.throwIfAborted();
      return readWindow({ info, layout, interleave, convert }, window, takeBuffer);
    },
  };
}

function layoutOf(raster: ArrayRaster): Layout {
  const { data } = raster;
  if (Array.isArray(data)) return plainLayout(raster, samplesOf(data as readonly unknown[]));
  if (ArrayBuffer.isView(data)) return plainLayout(raster, bitsOfHalves(data));
  if (typeof data === 'object' && data !== null && 'shape' in data)
    return stridedLayout({ ...data, data: bitsOfHalves(data.data) });
  throw unknownElements();
}

/** The samples of a plain array: numbers, or truth values, and nothing else. */
function samplesOf(values: readonly unknown[]): RasterArray {
  // Not `every`, which passes over holes.
  const isAll = (type: string): boolean => values.findIndex((value) => typeof value !== type) < 0;
  if (isAll('boolean')) return Uint8Array.from(values as boolean[], Number);
  if (isAll('number')) return Float64Array.from(values as number[]);
  throw unknownElements();
}

function plainLayout(raster: ArrayRaster, data: RasterArray): Layout {
  const widthPx = raster.width ?? 0;
  const heightPx = raster.height ?? 0;
  const bandCount = raster.bandCount ?? 1;
  const pixels = widthPx * heightPx;
  if (pixels > 0 && data.length !== pixels * bandCount) {
    throw invalidArgument(
      'fromArray',
      `an array of ${data.length} samples is not ${widthPx}x${heightPx} pixels in ${bandCount} band(s), which are ${pixels * bandCount}`,
    );
  }
  const byPixel = raster.interleave === 'pixel';
  return {
    data,
    offset: 0,
    bandStride: byPixel ? 1 : pixels,
    rowStride: byPixel ? widthPx * bandCount : widthPx,
    columnStride: byPixel ? bandCount : 1,
    widthPx,
    heightPx,
    bandCount,
  };
}

function stridedLayout(array: StridedArray): Layout {
  const { data, shape, stride } = array;
  if ((shape.length !== 2 && shape.length !== 3) || stride.length !== shape.length) {
    throw invalidArgument(
      'fromArray',
      `a raster has the shape [height, width] or [bands, height, width], but this array has ${shape.length} dimensions`,
    );
  }
  const [bandCount, heightPx, widthPx] = lastThree(shape, 1);
  const [bandStride, rowStride, columnStride] = lastThree(stride, 0);
  const offset = array.offset ?? 0;
  return { data, offset, bandStride, rowStride, columnStride, widthPx, heightPx, bandCount };
}

function lastThree(values: readonly number[], first: number): readonly [number, number, number] {
  const padded = [first, ...values].slice(-3);
  return padded as unknown as [number, number, number];
}

/** The first and last sample that any window can ask for must lie inside the array. */
function checkExtent(layout: Layout): void {
  const reach = (stride: number, count: number): [number, number] => {
    const last = stride * (count - 1);
    return [Math.min(0, last), Math.max(0, last)];
  };
  const reaches = [
    reach(layout.bandStride, layout.bandCount),
    reach(layout.rowStride, layout.heightPx),
    reach(layout.columnStride, layout.widthPx),
  ];
  const lowest = reaches.reduce((sum, [low]) => sum + low, layout.offset);
  const highest = reaches.reduce((sum, [, high]) => sum + high, layout.offset);
  if (lowest >= 0 && highest < layout.data.length) return;
  throw invalidArgument(
    'fromArray',
    `the shape and strides reach from sample ${lowest} to ${highest} of an array of ${layout.data.length}`,
  );
}

function unknownElements(): Error {
  return invalidArgument(
    'fromArray',
    'data must be a typed array of 8- to 64-bit integers or 16- to 64-bit floats, an array of nothing but numbers or nothing but booleans, or an ndarray of them',
  );
}

/** Bytes that are digested between two turns of the event loop. */
const DIGESTED_BYTES = 32 * 1024 * 1024;

/** A digest of all samples, of where they lie and of what they mean. */
async function contentDigest(
  { data, ...places }: Layout,
  elements: ArrayRaster['elements'],
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify({ ...places, elements }));
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < bytes.length; at += DIGESTED_BYTES) {
    hash.update(bytes.subarray(at, at + DIGESTED_BYTES));
    await setImmediate();
  }
  return hash.digest('hex');
}

type Convert = (samples: RasterArray) => RasterArray;

function conversionOf(raster: ArrayRaster, data: RasterArray): Convert {
  if (raster.elements === undefined) {
    const { data: given } = raster;
    const inner = ArrayBuffer.isView(given) || !('shape' in given) ? given : given.data;
    return isHalves(inner) ? (halfToFloat as Convert) : (samples) => samples;
  }
  const [expected, convert] =
    raster.elements === 'float16'
      ? (['uint16', halfToFloat] as const)
      : (['uint8', truthValues] as const);
  if (dataTypeOf(data) === expected) return convert as Convert;
  throw invalidArgument('fromArray', `elements '${raster.elements}' need an array of ${expected}`);
}

function truthValues(samples: RasterArray): RasterArray {
  return Uint8Array.from(samples as Uint8Array, (value) => (value === 0 ? 0 : 1));
}

/** Room for samples of the same type. */
function rasterLike(data: RasterArray, length: number, takeBuffer?: TakeBuffer): RasterArray {
  const dataType = dataTypeOf(data);
  if (!dataType) throw unknownElements();
  return roomFor(dataType, length, takeBuffer);
}

/** An array, and how its samples are given. */
interface ReadableArray {
  readonly info: RasterInfo;
  readonly layout: Layout;
  readonly interleave: Interleave;
  readonly convert: Convert;
}

function readWindow(
  { info, layout, interleave, convert }: ReadableArray,
  window: Window,
  takeBuffer: TakeBuffer | undefined,
): Pixels {
  checkWindow(info, window);
  const { widthPx, heightPx } = window;
  const { bandCount } = layout;
  const samples = rasterLike(layout.data, widthPx * heightPx * bandCount, takeBuffer);
  const planes = interleave === 'band' ? bandCount : 1;
  const rowLength = (widthPx * bandCount) / planes;
  let to = 0;
  for (let plane = 0; plane < planes; plane += 1) {
    for (let y = 0; y < heightPx; y += 1) {
      const from =
        layout.offset +
        plane * layout.bandStride +
        (window.yPx + y) * layout.rowStride +
        window.xPx * layout.columnStride;
      copyRow(layout, from, samples.subarray(to, to + rowLength), interleave);
      to += rowLength;
    }
  }
  return { data: convert(samples), widthPx, heightPx, bandCount, interleave };
}

/** Copies one row: in one piece where its samples are neighbours, else sample by sample. */
function copyRow(layout: Layout, from: number, target: RasterArray, interleave: Interleave): void {
  const { data, columnStride, bandCount } = layout;
  const { length } = target;
  const neighbours = columnStride === (interleave === 'pixel' ? bandCount : 1);
  if (neighbours) {
    (target as Uint8Array).set((data as Uint8Array).subarray(from, from + length));
    return;
  }
  const perPixel = interleave === 'pixel' ? bandCount : 1;
  for (let index = 0; index < length; index += 1) {
    const pixel = Math.floor(index / perPixel);
    target[index] = data[from + pixel * columnStride + (index % perPixel)] as never;
  }
}
