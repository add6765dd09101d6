/**
 * Several rasters on one grid as one: each lies where its transform says, those that come later
 * over those before, as in gdalbuildvrt.
 */
import { types } from 'node:util';
import { invalidArgument } from 'holdfast/options';
import { srsText } from '../crs/crs.js';
import {
  dataTypes,
  hasMask,
  type BandInfo,
  type Crs,
  type NotCarried,
  type Pixels,
  type RasterArray,
  type RasterInfo,
  type Transform,
  type Window,
} from '../model.js';
import { isStatistic } from '../statistics/gdal-statistics.js';
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
/** How far from a pixel of the grid an edge may lie, in pixels. */
const MOST_SHIFT_PX = 0.01;
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
  const { info, parts } = wholeOf(sources);
  const told: NotCarried[] = [];
  checkGaps(info, parts);
  const joined = { ...info, ...commonWords(sources, told) };
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
  for (const [what, of] of Object.entries(alike)) {
    const [one, other] = [of(a.source.info), of(b.source.info)];
    if (one !== other)
      throw refused(
        `${a.name} and ${b.name} differ in ${what}: ${one ?? 'none'} and ${other ?? 'none'}. Make them alike first, by gdalwarp or gdal_translate`,
        b.name,
      );
  }
}

const units = (band: BandInfo): unknown => [
  band.unit,
  band.scale ?? 1,
  band.offset ?? 0,
  band.palette,
  band.isMask ?? false,
];

const alike: Readonly<Record<string, (info: RasterInfo) => string | undefined>> = {
  'their type of samples': ({ dataType }) => dataType,
  'their number of bands': ({ bands }) => String(bands.length),
  'their nodata value': ({ nodata }) => (nodata === undefined ? undefined : String(nodata)),
  'their CRS': ({ georeferencing: { crs } }) => crs && wordsOf(crs),
  'what a pixel stands for': ({ georeferencing: { pixelIs } }) => pixelIs ?? 'area',
  'unit, scale, offset, colours or mask of their bands': ({ bands }) =>
    JSON.stringify(bands.map(units)),
};

function wordsOf(crs: Crs): string {
  return srsText(crs) ?? JSON.stringify(crs);
}

/** The size and place of all together, and where each part lies in it. */
function wholeOf(sources: readonly NamedSource[]): {
  readonly info: RasterInfo;
  readonly parts: readonly Part[];
} {
  const first = (sources[0] as NamedSource).source.info;
  const base = transformOf(sources[0] as NamedSource);
  const placed = sources.map((named) => ({ ...named, window: windowOn(base, named) }));
  const xPx = Math.min(...placed.map(({ window }) => window.xPx));
  const yPx = Math.min(...placed.map(({ window }) => window.yPx));
  const widthPx = Math.max(...placed.map(({ window }) => window.xPx + window.widthPx)) - xPx;
  const heightPx = Math.max(...placed.map(({ window }) => window.yPx + window.heightPx)) - yPx;
  const [x, a, b, y, d, e] = base;
  const transform = [x + xPx * a + yPx * b, a, b, y + xPx * d + yPx * e, d, e] as const;
  return {
    info: {
      ...first,
      widthPx,
      heightPx,
      georeferencing: { ...first.georeferencing, transform },
    },
    parts: placed.map(({ window, ...named }) => ({
      ...named,
      window: { ...window, xPx: window.xPx - xPx, yPx: window.yPx - yPx },
    })),
  };
}

function transformOf({ name, source: { info } }: NamedSource): Transform {
  const { transform } = info.georeferencing;
  if (transform && !info.gcps) return transform;
  throw refused(`no transform says where ${name} lies`, name);
}

/** Where a raster lies, in pixels of the first one's grid. */
function windowOn([x, a, b, y, d, e]: Transform, named: NamedSource): Window {
  const [x1, a1, b1, y1, d1, e1] = transformOf(named);
  const { widthPx, heightPx } = named.source.info;
  const determinant = a * e - b * d;
  const onGrid = (dx: number, dy: number): readonly [number, number] => [
    (dx * e - dy * b) / determinant,
    (dy * a - dx * d) / determinant,
  ];
  const [xPx, yPx] = onGrid(x1 - x, y1 - y);
  const corner = onGrid(
    x1 + widthPx * a1 + heightPx * b1 - x,
    y1 + widthPx * d1 + heightPx * e1 - y,
  );
  const side = onGrid(x1 + widthPx * a1 - x, y1 + widthPx * d1 - y);
  const window = { xPx: Math.round(xPx), yPx: Math.round(yPx), widthPx, heightPx };
  const shifts = [
    xPx - window.xPx,
    yPx - window.yPx,
    corner[0] - window.xPx - widthPx,
    corner[1] - window.yPx - heightPx,
    side[0] - window.xPx - widthPx,
    side[1] - window.yPx,
  ];
  // A grid that is none gives no number.
  if (shifts.every((shift) => Math.abs(shift) <= MOST_SHIFT_PX)) return window;
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

/** What all say in the same words; the rest is told. */
function commonWords(
  sources: readonly NamedSource[],
  told: NotCarried[],
): Pick<RasterInfo, 'metadata' | 'domains' | 'bands'> {
  const infos = sources.map(({ source }) => source.info);
  const first = infos[0] as RasterInfo;
  const tell = (what: string): void => {
    told.push({ what, where: 'the rasters', why: 'they do not all say the same' });
  };
  return {
    metadata: common(
      infos.map(({ metadata }) => metadata),
      'the metadata item',
      tell,
    ),
    domains: common(
      infos.map(({ domains }) => domains),
      'the metadata domain',
      tell,
    ),
    bands: first.bands.map((_, index) => {
      const bands = infos.map((info) => {
        const { metadata, ...band } = info.bands[index] as BandInfo;
        const kept = Object.entries(metadata ?? {}).filter(([key]) => !isStatistic(key));
        return { ...band, ...(kept.length > 0 && { metadata: Object.fromEntries(kept) }) };
      });
      return common(bands, `of band ${index + 1}`, tell) ?? {};
    }),
  };
}

function common<T extends object>(
  all: readonly (T | undefined)[],
  what: string,
  tell: (what: string) => void,
): T | undefined {
  const names = new Set(all.flatMap((each) => Object.keys(each ?? {}))) as Set<keyof T & string>;
  const kept: Partial<T> = {};
  for (const name of names) {
    const words = new Set(all.map((each) => JSON.stringify(each?.[name])));
    if (words.size === 1) kept[name] = all[0]?.[name];
    else tell(`${what} ${name}`);
  }
  return Object.keys(kept).length > 0 ? (kept as T) : undefined;
}

function refused(why: string, path?: string): Error {
  return invalidArgument('joinSources', why, path);
}
