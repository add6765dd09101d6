/** What the page is told: everything but pictures, as plain JSON. */
import { basename } from 'node:path';
import type { PreviewStyle } from '../preview/preview.js';
import { isRgb } from '../preview/paint.js';
import { spelledOut } from '../crs/spelled-out.js';
import type { Transform } from '../model.js';
import type { ServedMosaic } from './served-mosaic.js';
import { SQUARE_PX } from './map-grid.js';

/**
 * A TileJSON (3.0.0), with what it has no words for in `raster`: its squares are those of the
 * raster's own pixel grid, not of web Mercator.
 */
export interface Description {
  readonly tilejson: '3.0.0';
  readonly name: string;
  readonly scheme: 'xyz';
  readonly tiles: readonly string[];
  readonly minzoom: number;
  readonly maxzoom: number;
  readonly raster: {
    readonly generation: string;
    /** To be given as `g`: an answer of another generation is none. */
    readonly id: string;
    readonly widthPx: number;
    readonly heightPx: number;
    readonly squarePx: number;
    readonly dataType: string;
    readonly nodata: string | undefined;
    readonly hasMask: boolean;
    readonly tileCount: number;
    readonly transform: Transform | undefined;
    /** As the index says it, and spelled out for programs without a table of codes. */
    readonly crs: string | undefined;
    readonly crsSpelledOut: string | undefined;
    readonly style: PreviewStyle;
    readonly bands: readonly {
      readonly name: string;
      readonly unit: string | undefined;
      readonly categories: readonly string[] | undefined;
    }[];
    readonly bandCount: number;
  };
}

/** One band of a pixel. 64-bit integers and what JSON has no number for are texts. */
export interface BandValue {
  readonly band: number;
  readonly value: number | string;
  /** In the band's unit, where it has a scale or an offset. */
  readonly scaled: number | undefined;
  readonly isValid: boolean;
}

/** What a pixel holds. */
export interface PixelValue {
  readonly xPx: number;
  readonly yPx: number;
  readonly values: readonly BandValue[];
}

/** What is told of changes. */
export interface Told {
  readonly generation: string;
  readonly id: string;
  readonly trouble: string | undefined;
  readonly check:
    { readonly checking: string; readonly done: number; readonly tileCount: number } | undefined;
}

/** Bands that are named and whose values are told; of more, the first. */
const MOST_BANDS = 256;

export function describe({ mosaic, grid, id, generation }: ServedMosaic): Description {
  const { info, document, hasMask, path, tilePaths } = mosaic;
  const isColoured = info.bands[0]?.palette !== undefined || isRgb(info);
  return {
    tilejson: '3.0.0',
    name: basename(path),
    scheme: 'xyz',
    tiles: [`/tiles/{z}/{x}/{y}.png?g=${id}`],
    minzoom: grid.minZoom,
    maxzoom: grid.maxZoom,
    raster: {
      generation,
      id,
      widthPx: info.widthPx,
      heightPx: info.heightPx,
      squarePx: SQUARE_PX,
      dataType: info.dataType,
      nodata: info.nodata === undefined ? undefined : String(info.nodata),
      hasMask,
      tileCount: tilePaths.length,
      transform: info.georeferencing.transform,
      crs: document.srs,
      crsSpelledOut: spelledOut(document.srs),
      style: isColoured ? 'auto' : 'ramp',
      bandCount: info.bands.length,
      bands: info.bands.slice(0, MOST_BANDS).map(({ description, unit, categories }, index) => ({
        name: description ?? `Band ${index + 1}`,
        unit,
        categories: categories?.slice(0, MOST_BANDS),
      })),
    },
  };
}

/** @throws HoldfastError all that {@link Mosaic.read} throws */
export async function valueAt(
  { mosaic }: ServedMosaic,
  xPx: number,
  yPx: number,
  signal: AbortSignal,
): Promise<PixelValue> {
  const window = { xPx, yPx, widthPx: 1, heightPx: 1 };
  const band = Array.from(mosaic.info.bands.slice(0, MOST_BANDS), (_, index) => index + 1);
  const { data } = await mosaic.read(window, { band, signal });
  const mask = mosaic.hasMask ? await mosaic.read(window, { band: 'mask', signal }) : undefined;
  const values = [...data].map((value, index): BandValue => {
    const { info, nodata } = mosaic.document.bands[index] ?? {};
    const { scale = 1, offset = 0 } = info ?? {};
    const isNodata = value === nodata || Number.isNaN(value);
    return {
      band: index + 1,
      value: typeof value === 'number' && Number.isFinite(value) ? value : String(value),
      scaled: scale === 1 && offset === 0 ? undefined : Number(value) * scale + offset,
      isValid: mask ? mask.data[0] !== 0 : !isNodata,
    };
  });
  return { xPx, yPx, values };
}
