/** A small picture of a mosaic, to look at. */
import { checkOptions, invalidArgument } from 'holdfast/options';
import type { Mosaic } from '../read/open-vrt.js';
import {
  colourPixel,
  fittingExaggeration,
  greyPixel,
  isRgb,
  numbersOf,
  type PaintPixel,
  palettePixel,
  type Picture,
  rangeOf,
  type Relief,
  terrainPixel,
} from './paint.js';
import { pngOf } from './png.js';

/**
 * How values become colours. `auto`: three or four bands of bytes are red, green, blue and alpha, a
 * palette is used, and anything else is grey. `hillshade`: the first band as a terrain under a
 * north-west light. `ramp`: the first band from green over brown to white, shaded.
 */
export type PreviewStyle = 'auto' | 'hillshade' | 'ramp';

/** How a picture is drawn. */
export interface PreviewOptions {
  readonly style?: PreviewStyle | undefined;
  /** The longer side of the picture, in pixels; 1024 by default, never more than the mosaic has. */
  readonly maxSizePx?: number | undefined;
  /**
   * How much heights are exaggerated for shading; by default so that the picture shows the terrain.
   */
  readonly exaggeration?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A PNG file and its size. */
export interface Preview {
  readonly png: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

/**
 * Each picture pixel is the mean of this many by this many samples, so that thin things do not
 * flicker out.
 */
const OVERSAMPLING = 2;
/**
 * Draws a picture of a mosaic; nothing is written. Pixels without data are transparent.
 *
 * @throws HoldfastError INVALID_ARGUMENT, and all that {@link Mosaic.read} throws
 */
export async function renderPreview(
  mosaic: Mosaic,
  options: PreviewOptions = {},
): Promise<Preview> {
  checkOptions('renderPreview', options, ['style', 'maxSizePx', 'exaggeration', 'signal']);
  const { style = 'auto', maxSizePx = 1024 } = options;
  if (!Number.isInteger(maxSizePx) || maxSizePx < 1) {
    throw invalidArgument(
      'renderPreview',
      `maxSizePx must be a positive integer, not ${maxSizePx}`,
    );
  }
  if (style === 'auto' && mosaic.info.bands[0]?.palette)
    return renderPalette(mosaic, maxSizePx, options);
  const colours = style === 'auto' && isRgb(mosaic.info);
  const picture = await readPicture(mosaic, maxSizePx, colours ? undefined : 1, options.signal);
  if (colours) return toPng(picture, colourPixel(picture));
  const range = rangeOf(picture.bands[0] as Float64Array);
  if (style === 'auto') return toPng(picture, greyPixel(picture, range));
  const cells = cellsOf(mosaic, picture);
  const width = cells.cellWidth * picture.widthPx;
  const exaggeration = options.exaggeration ?? fittingExaggeration(range, width);
  const isColoured = style === 'ramp';
  const paint = terrainPixel(picture, { ...cells, exaggeration }, isColoured ? range : undefined);
  return toPng(picture, paint);
}

function cellsOf(mosaic: Mosaic, { widthPx, heightPx }: Picture): Omit<Relief, 'exaggeration'> {
  return { cellWidth: cellSize(mosaic, 1, widthPx), cellHeight: cellSize(mosaic, 5, heightPx) };
}

/**
 * Cell size in the mosaic's own unit, or 1 pixel without georeferencing; `term` is its place in the
 * transform.
 */
function cellSize(mosaic: Mosaic, term: 1 | 5, picturePx: number): number {
  const { info } = mosaic;
  const whole = term === 1 ? info.widthPx : info.heightPx;
  return (Math.abs(info.georeferencing.transform?.[term] ?? 1) * whole) / picturePx;
}

async function renderPalette(
  mosaic: Mosaic,
  maxSizePx: number,
  options: PreviewOptions,
): Promise<Preview> {
  const palette = mosaic.info.bands[0]?.palette ?? [];
  const scale = Math.min(1, maxSizePx / Math.max(mosaic.info.widthPx, mosaic.info.heightPx));
  const { signal } = options;
  const { data, widthPx, heightPx } = await mosaic.read(undefined, { band: 1, scale, signal });
  const valid = await validityOf(mosaic, scale, signal);
  const nodata = valid ? undefined : mosaic.document.bands[0]?.nodata;
  const picture = { bands: [numbersOf(data, nodata, valid)], widthPx, heightPx };
  return toPng(picture, palettePixel(picture, palette));
}

/**
 * Reads the mosaic at twice the size of the picture and takes means, leaving out what has no data.
 */
async function readPicture(
  mosaic: Mosaic,
  maxSizePx: number,
  band: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Picture> {
  const { widthPx, heightPx } = mosaic.info;
  const scale = Math.min(1, maxSizePx / Math.max(widthPx, heightPx));
  const oversampling = scale * OVERSAMPLING <= 1 ? OVERSAMPLING : 1;
  const read = await mosaic.read(undefined, { scale: scale * oversampling, band, signal });
  const pixels = read.widthPx * read.heightPx;
  const valid = await validityOf(mosaic, scale * oversampling, signal);
  const bands = Array.from({ length: read.bandCount }, (_, index) => {
    const nodata = valid ? undefined : mosaic.document.bands[index]?.nodata;
    const samples = read.data.subarray(index * pixels, (index + 1) * pixels);
    const values = numbersOf(samples, nodata, valid);
    return shrink(values, read.widthPx, read.heightPx, oversampling);
  });
  return {
    bands,
    widthPx: Math.ceil(read.widthPx / oversampling),
    heightPx: Math.ceil(read.heightPx / oversampling),
  };
}

/** For each pixel whether it is valid, of a mosaic with a mask. */
async function validityOf(
  mosaic: Mosaic,
  scale: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  if (!mosaic.hasMask) return undefined;
  const { data } = await mosaic.read(undefined, { band: 'mask', scale, signal });
  return data as Uint8Array;
}

function shrink(
  values: Float64Array,
  widthPx: number,
  heightPx: number,
  factor: number,
): Float64Array {
  if (factor === 1) return values;
  const width = Math.ceil(widthPx / factor);
  const sums = new Float64Array(width * Math.ceil(heightPx / factor));
  const counts = new Uint32Array(sums.length);
  let index = 0;
  for (let y = 0; y < heightPx; y += 1) {
    const row = Math.floor(y / factor) * width;
    for (let x = 0; x < widthPx; x += 1, index += 1) {
      const value = values[index] as number;
      if (Number.isNaN(value)) continue;
      const target = row + Math.floor(x / factor);
      sums[target] = (sums[target] as number) + value;
      counts[target] = (counts[target] as number) + 1;
    }
  }
  // Nothing valid gives 0/0, which is not-a-number: no data.
  for (let target = 0; target < sums.length; target += 1)
    sums[target] = (sums[target] as number) / (counts[target] as number);
  return sums;
}

function toPng({ widthPx, heightPx }: Picture, paint: PaintPixel): Preview {
  const data = new Uint8ClampedArray(widthPx * heightPx * 4);
  for (let index = 0; index < widthPx * heightPx; index += 1) paint(index, data, 4 * index);
  return {
    png: pngOf(new Uint8Array(data.buffer), widthPx, heightPx),
    widthPx,
    heightPx,
  };
}
