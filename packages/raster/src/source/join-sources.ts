/**
 * Several rasters on one grid as one: each lies where its transform says, those that come later
 * over those before, as in gdalbuildvrt.
 */
import { types } from 'node:util';
import { invalidArgument } from 'holdfast/options';
import {
  dataTypes,
  hasMask,
  type NotCarried,
  type Pixels,
  type RasterArray,
  type RasterInfo,
  type Transform,
  type Window,
} from '../model.js';
import { commonWords, differencesOf, placingTransform, windowOn, wholeOf } from './alike.js';
import { intersection } from './copy-window.js';
import { regularGrid } from './grid.js';
import { marked } from './mask.js';
import { checkWindow, type RasterSource, roomFor } from './raster-source.js';

/** A raster, and what it is called in errors. */
export interface NamedSource {
  readonly name: string;
  readonly source: RasterSource;
}

/** Each is an open file. */
const MOST_SOURCES = 500;
/** What is read together: as large as a tile is by default. */
const BLOCK_PX = 512;

/** A source, and where it lies in the whole. */
interface Part extends NamedSource {
  readonly window: Window;
}

/**
 * Several rasters as one source, as large as all of them together. Where they overlap, the later
 * one counts, but for its pixels without data. Closing it closes all of them. What they say of
 * themselves is that of the whole where all say the same, else it is in `notCarried`.
 *
 * @throws HoldfastError INVALID_ARGUMENT for rasters that differ in type, bands, nodata, CRS, pixel
 *   size or in what makes units and colours of their samples, that do not lie on one grid, that
 *   leave gaps which nothing marks as such, or that are more than 500
 */
export function joinSources(sources: readonly NamedSource[]): RasterSource {
  const [first, ...others] = sources;
  if (!first) throw refused('there is no raster');
  if (sources.length > MOST_SOURCES)
    throw refused(
      `these are ${sources.length} rasters, over ${MOST_SOURCES}: make a VRT of them with gdalbuildvrt, which is an input too`,
    );
  if (others.length === 0) return first.source;
  for (const other of others) checkAlike(first, other);
  const base = transformOf(first);
  const windows = sources.map((named) => windowOf(base, named));
  const { info, windows: places } = wholeOf(first.source.info, base, windows);
  const parts = sources.map((named, index) => ({ ...named, window: places[index] as Window }));
  const told: NotCarried[] = [];
  checkGaps(info, parts);
  const joined = {
    ...info,
    ...commonWords(
      sources.map(({ source }) => source.info),
      told,
    ),
  };
  const fingerprints = sources.map(({ source }) => source.fingerprint?.bind(source));
  const isKnown = fingerprints.every((each) => each !== undefined);
  return {
    info: joined,
    interleave: 'band',
    blocks: regularGrid(info.widthPx, info.heightPx, BLOCK_PX, BLOCK_PX),
    tiling: 'tileSize',
    read: async (window, signal, takeBuffer) => {
      checkWindow(joined, window);
      const { widthPx, heightPx } = window;
      const bandCount = joined.bands.length;
      const data = roomFor(joined.dataType, widthPx * heightPx * bandCount, takeBuffer);
      fillEmpty(data, joined, widthPx * heightPx);
      for (const { source, window: place } of parts) {
        const shared = intersection(window, place);
        if (!shared) continue;
        const own = { ...shared, xPx: shared.xPx - place.xPx, yPx: shared.yPx - place.yPx };
        const pixels = await source.read(own, signal);
        paste(pixels, shared, { data, window }, joined);
      }
      return marked({ data, widthPx, heightPx, bandCount, interleave: 'band' }, joined);
    },
    // Some is found only as samples are read.
    get notCarried() {
      const ofEach = sources.flatMap(({ name, source }) =>
        (source.notCarried ?? []).map((each) => ({ ...each, where: `${name}: ${each.where}` })),
      );
      return [...ofEach, ...told];
    },
    ...(isKnown && {
      fingerprint: async () =>
        JSON.stringify(await Promise.all(fingerprints.map(async (each) => each()))),
    }),
    close: async () => {
      for (const { source } of sources) await source.close?.();
    },
  };
}

/** What must be the same of all, in the words of an error, and the way out. */
function checkAlike(a: NamedSource, b: NamedSource): void {
  const [first] = differencesOf(a.source.info, b.source.info);
  if (first === undefined) return;
  throw refused(
    `${a.name} and ${b.name} differ in ${first}. Make them alike first, by gdalwarp or gdal_translate`,
    b.name,
  );
}

function transformOf({ name, source: { info } }: NamedSource): Transform {
  const transform = placingTransform(info);
  if (transform) return transform;
  throw refused(`no transform says where ${name} lies`, name);
}

function windowOf(base: Transform, named: NamedSource): Window {
  const window = windowOn(base, named.source.info, transformOf(named));
  if (window) return window;
  throw refused(
    `${named.name} does not lie on the grid of the first raster: its pixels have another size, or lie between those. Bring it there by gdalwarp -tr -tap`,
    named.name,
  );
}

/** Pixels that no raster has must be told from those that one has. */
function checkGaps(info: RasterInfo, parts: readonly Part[]): void {
  if (info.nodata !== undefined || hasMask(info)) return;
  const edges = (from: 'xPx' | 'yPx', size: 'widthPx' | 'heightPx'): readonly number[] =>
    [
      ...new Set(parts.flatMap(({ window }) => [window[from], window[from] + window[size]])),
    ].toSorted((a, b) => a - b);
  const [columns, rows] = [edges('xPx', 'widthPx'), edges('yPx', 'heightPx')];
  for (const [row, yPx] of rows.slice(0, -1).entries()) {
    const heightPx = (rows[row + 1] as number) - yPx;
    for (const [column, xPx] of columns.slice(0, -1).entries()) {
      const cell = { xPx, yPx, widthPx: (columns[column + 1] as number) - xPx, heightPx };
      if (parts.some(({ window }) => intersection(window, cell))) continue;
      throw refused(
        `no raster has the pixels ${xPx},${yPx} ${cell.widthPx}x${heightPx} of the whole, and no nodata value would mark them: give the rasters one (nodata of mend, --nodata)`,
      );
    }
  }
}

function fillEmpty(data: RasterArray, { nodata, bands }: RasterInfo, pixels: number): void {
  const wide = types.isBigInt64Array(data) || types.isBigUint64Array(data);
  const zero = wide ? 0n : 0;
  const value = nodata === undefined ? zero : wide ? BigInt(nodata) : Number(nodata);
  const last = bands.at(-1)?.isMask ? bands.length - 1 : bands.length;
  (data as Uint8Array).fill(value as number, 0, last * pixels);
  (data as Uint8Array).fill(zero as number, last * pixels);
}

function paste(
  { data: from, bandCount, interleave }: Pixels,
  shared: Window,
  to: { readonly data: RasterArray; readonly window: Window },
  info: RasterInfo,
): void {
  const { nodata, dataType } = info;
  const isMasked = hasMask(info);
  const { data, window } = to;
  const pixels = shared.widthPx * shared.heightPx;
  const wide = dataTypes[dataType].bytes === 8 && dataTypes[dataType].sampleFormat !== 3;
  const empty = nodata === undefined ? undefined : wide ? BigInt(nodata) : Number(nodata);
  const isNaNEmpty = typeof empty === 'number' && Number.isNaN(empty);
  const [step, plane] = interleave === 'band' ? [1, pixels] : [bandCount, 1];
  for (let at = 0; at < pixels; at += 1) {
    const row = Math.floor(at / shared.widthPx);
    const column = at - row * shared.widthPx;
    if (isMasked && Number(from[at * step + (bandCount - 1) * plane]) === 0) continue;
    let target =
      (shared.yPx - window.yPx + row) * window.widthPx + shared.xPx - window.xPx + column;
    for (let band = 0; band < bandCount; band += 1) {
      const value = from[at * step + band * plane];
      const isEmpty = value === empty || (isNaNEmpty && Number.isNaN(value));
      if (!isEmpty) data[target] = value as never;
      target += window.widthPx * window.heightPx;
    }
  }
}

function refused(why: string, path?: string): Error {
  return invalidArgument('joinSources', why, path);
}
