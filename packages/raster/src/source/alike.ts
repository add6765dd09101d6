/**
 * What rasters must have in common to lie side by side as one: type, bands, nodata, CRS, what makes
 * units and colours of their samples, and one grid.
 */
import { srsText } from '../crs/crs.js';
import type { BandInfo, Crs, NotCarried, RasterInfo, Transform, Window } from '../model.js';
import { isStatistic } from '../statistics/gdal-statistics.js';

/** How far from a pixel of the grid an edge may lie, in pixels. */
const MOST_SHIFT_PX = 0.01;

/** What differs between two rasters and may not, each with both values. */
export function differencesOf(a: RasterInfo, b: RasterInfo): readonly string[] {
  return Object.entries(alike).flatMap(([what, of]) => {
    const [one, other] = [of(a), of(b)];
    return one === other ? [] : [`${what}: ${one ?? 'none'} and ${other ?? 'none'}`];
  });
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

/** A transform that places a raster; `undefined` where none does. */
export function placingTransform({ georeferencing, gcps }: RasterInfo): Transform | undefined {
  return gcps ? undefined : georeferencing.transform;
}

/**
 * Where a raster lies, in pixels of the grid of another one; `undefined` where it does not lie on
 * that grid: its pixels have another size, or lie between those.
 */
export function windowOn(
  [x, a, b, y, d, e]: Transform,
  { widthPx, heightPx }: Pick<RasterInfo, 'widthPx' | 'heightPx'>,
  [x1, a1, b1, y1, d1, e1]: Transform,
): Window | undefined {
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
  return shifts.every((shift) => Math.abs(shift) <= MOST_SHIFT_PX) ? window : undefined;
}

/**
 * The size and place of all together, and where each lies in it, given where it lies on the grid of
 * the first.
 */
export function wholeOf(
  first: RasterInfo,
  [x, a, b, y, d, e]: Transform,
  windows: readonly Window[],
): { readonly info: RasterInfo; readonly windows: readonly Window[] } {
  const least = (of: (window: Window) => number): number =>
    windows.reduce((so, window) => Math.min(so, of(window)), Infinity);
  const [xPx, yPx] = [least((window) => window.xPx), least((window) => window.yPx)];
  const widthPx = -least((window) => -window.xPx - window.widthPx) - xPx;
  const heightPx = -least((window) => -window.yPx - window.heightPx) - yPx;
  const transform = [x + xPx * a + yPx * b, a, b, y + xPx * d + yPx * e, d, e] as const;
  const georeferencing = { ...first.georeferencing, transform };
  return {
    info: { ...first, widthPx, heightPx, georeferencing },
    windows: windows.map((window) => ({
      ...window,
      xPx: window.xPx - xPx,
      yPx: window.yPx - yPx,
    })),
  };
}

/** What all say in the same words; the rest is told. */
export function commonWords(
  infos: readonly RasterInfo[],
  told: NotCarried[],
): Pick<RasterInfo, 'metadata' | 'domains' | 'bands'> {
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
