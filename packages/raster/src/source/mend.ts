/**
 * Another source with something about it put right on the way: what it says of itself, or which of
 * its bands and pixels are meant.
 */
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  hasMask,
  imageBands,
  type BandInfo,
  type Crs,
  type Nodata,
  type Pixels,
  type RasterArray,
  type RasterInfo,
  type Transform,
  type Window,
} from '../model.js';
import { isStatistic } from '../statistics/gdal-statistics.js';
import { checkNodata } from '../tiff/nodata.js';
import type { Grid } from './grid.js';
import { movedTo } from './moved-to.js';
import { rasterInfo } from './profile.js';
import { checkWindow, type RasterSource } from './raster-source.js';

/** What is to be put right; the rest stays as the source has it. */
export interface Mending {
  /** An EPSG code, WKT, or a PROJ string. */
  readonly crs?: number | string | Crs | undefined;
  /** The value that means "no data"; `'none'` for none. Samples stay as they are. */
  readonly nodata?: Nodata | 'none' | undefined;
  /** GDAL's geotransform, of the whole source. */
  readonly transform?: Transform | undefined;
  /**
   * Where the edges of the whole source lie, in place of a transform: least x, least y, largest x,
   * largest y. North is up.
   */
  readonly bounds?: readonly [number, number, number, number] | undefined;
  /** The bands to take, from 1, in the order wanted. */
  readonly bands?: readonly number[] | undefined;
  /**
   * What the samples of all bands are to be multiplied by to have their unit. They stay as they
   * are.
   */
  readonly scale?: number | undefined;
  /** What is to be added then. */
  readonly offset?: number | undefined;
  /** The pixels to take. */
  readonly window?: Window | undefined;
}

const names = [
  'crs',
  'nodata',
  'transform',
  'bounds',
  'bands',
  'scale',
  'offset',
  'window',
] as const;

/**
 * A source with the same samples that says something else of them, or of which a part is taken.
 * Closing it closes the other one.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a band or window that the source has not, a nodata
 *   value that its samples cannot have, a CRS that is not known, and both a transform and bounds
 */
export function mend(source: RasterSource, mending: Mending): RasterSource {
  checkOptions('mend', mending, names);
  const bands = bandsOf(source.info, mending.bands);
  const { window = wholeOf(source.info) } = mending;
  checkWindow(source.info, window);
  const info = infoOf(source.info, mending, bands, window);
  const isWhole =
    window.widthPx === source.info.widthPx && window.heightPx === source.info.heightPx;
  const isAll = bands.length === source.info.bands.length && bands.every((band, at) => band === at);
  if (isWhole && isAll) return { ...source, info, ...boundTo(source) };
  const { raw: _, ...rest } = source;
  return {
    ...rest,
    ...boundTo(source, JSON.stringify([bands, window])),
    info,
    blocks: isWhole ? source.blocks : blocksOf(source.blocks, window),
    read: async (part, signal, takeBuffer) => {
      checkWindow(info, part);
      const moved = { ...part, xPx: part.xPx + window.xPx, yPx: part.yPx + window.yPx };
      const pixels = await source.read(moved, signal, isAll ? takeBuffer : undefined);
      return isAll ? pixels : selected(pixels, bands);
    },
  };
}

/** The methods of a source that may be an instance of a class. */
function boundTo(source: RasterSource, part = ''): Partial<RasterSource> {
  const fingerprint = source.fingerprint?.bind(source);
  return {
    read: source.read.bind(source),
    ...(fingerprint && { fingerprint: async () => `${await fingerprint()}${part}` }),
    ...(source.close && { close: source.close.bind(source) }),
  };
}

function wholeOf({ widthPx, heightPx }: RasterInfo): Window {
  return { xPx: 0, yPx: 0, widthPx, heightPx };
}

/** Counted from 0. */
function bandsOf(info: RasterInfo, wanted: readonly number[] | undefined): readonly number[] {
  if (wanted === undefined) return [...info.bands.keys()];
  const count = imageBands(info).length;
  const wrong = wanted.find((band) => !(Number.isInteger(band) && band >= 1 && band <= count));
  if (wrong !== undefined || wanted.length === 0)
    throw invalidArgument('mend', `bands are some of 1 to ${count}, not ${wanted.join()}`);
  const chosen = wanted.map((band) => band - 1);
  // The mask of all bands is that of some.
  return hasMask(info) ? [...chosen, count] : chosen;
}

function infoOf(
  info: RasterInfo,
  mending: Mending,
  bands: readonly number[],
  window: Window,
): RasterInfo {
  const { crs = info.georeferencing.crs, scale, offset } = mending;
  const nodata = mending.nodata ?? info.nodata;
  if (nodata !== undefined && nodata !== 'none') checkNodata('mend', nodata, info.dataType);
  const whole = transformOf(info, mending);
  const { widthPx, heightPx } = window;
  const isOther = mending.window !== undefined || mending.nodata !== undefined;
  const shape = { widthPx, heightPx, bandCount: bands.length, dataType: info.dataType };
  const checked = rasterInfo('mend', shape, {
    crs,
    transform: whole && movedTo(whole, window),
    pixelIs: info.georeferencing.pixelIs,
    nodata: nodata === 'none' ? undefined : nodata,
    bands: bands.map((band) => {
      const { metadata, ...said } = info.bands[band] as BandInfo;
      return {
        ...said,
        metadata: isOther ? withoutStatistics(metadata) : metadata,
        ...(scale !== undefined && !said.isMask && { scale }),
        ...(offset !== undefined && !said.isMask && { offset }),
      };
    }),
    metadata: info.metadata,
  });
  if (mending.window && info.gcps)
    throw invalidArgument(
      'mend',
      'a window of a raster that control points place is not known here',
    );
  const gcps = whole ? undefined : info.gcps;
  return { ...info, ...checked, gcps };
}

function transformOf(
  { widthPx, heightPx, georeferencing }: RasterInfo,
  { transform, bounds }: Mending,
): Transform | undefined {
  if (!bounds) return transform ?? georeferencing.transform;
  if (transform) throw invalidArgument('mend', 'give a transform or bounds, not both');
  const [left, bottom, right, top] = bounds;
  if (bounds.length === 4 && bounds.every(Number.isFinite) && left < right && bottom < top)
    return [left, (right - left) / widthPx, 0, top, 0, (bottom - top) / heightPx];
  throw invalidArgument(
    'mend',
    `bounds are least x, least y, largest x and largest y, not ${bounds.join()}`,
  );
}

/** Those of the whole are not true of a part, nor beside other nodata. */
function withoutStatistics(items: BandInfo['metadata']): BandInfo['metadata'] {
  return items && Object.fromEntries(Object.entries(items).filter(([key]) => !isStatistic(key)));
}

function blocksOf({ columnEdgesPx, rowEdgesPx }: Grid, window: Window): Grid {
  return {
    columnEdgesPx: edgesIn(columnEdgesPx, window.xPx, window.widthPx),
    rowEdgesPx: edgesIn(rowEdgesPx, window.yPx, window.heightPx),
  };
}

function edgesIn(edges: readonly number[], start: number, length: number): readonly number[] {
  const inner = edges.filter((edge) => edge > start && edge < start + length);
  return [0, ...inner.map((edge) => edge - start), length];
}

function selected(pixels: Pixels, bands: readonly number[]): Pixels {
  const { data, widthPx, heightPx, bandCount, interleave } = pixels;
  const count = widthPx * heightPx;
  const made = new (data.constructor as new (length: number) => RasterArray)(count * bands.length);
  for (const [to, from] of bands.entries()) {
    if (interleave === 'band') {
      const plane = data.subarray(from * count, (from + 1) * count);
      (made as Uint8Array).set(plane as Uint8Array, to * count);
      continue;
    }
    for (let pixel = 0; pixel < count; pixel += 1)
      made[pixel * bands.length + to] = data[pixel * bandCount + from] as never;
  }
  return { ...pixels, data: made, bandCount: bands.length };
}
