/** Draws one square of the map as a PNG: its pixels from overviews, nodata and what lies outside clear. */
import type { Pixels } from '../model.js';
import {
  colourPixel,
  fittingExaggeration,
  greyPixel,
  isRgb,
  numbersOf,
  type PaintPixel,
  palettePixel,
  type Picture,
  terrainPixel,
  type ValueRange,
} from '../preview/paint.js';
import { pngOf } from '../preview/png.js';
import type { PreviewStyle } from '../preview/preview.js';
import type { Mosaic } from '../read/open-vrt.js';
import { cutoutOf, factorOf, type MapGrid, type Square, SQUARE_PX } from './map-grid.js';

/**
 * How much of its relief a level keeps of that of the one above: ground is steeper the closer one
 * looks.
 */
const RELIEF_OF_NEXT = 0.75;
/** A slope is that between the neighbours of a pixel. */
const SLOPE_MARGIN_PX = 1;

/** What is drawn, and how. */
export interface Drawing {
  readonly mosaic: Mosaic;
  readonly grid: MapGrid;
  /** The range of the first band. */
  readonly range: ValueRange;
  readonly style: PreviewStyle;
}

/** @throws HoldfastError all that {@link Mosaic.read} throws */
export async function drawSquare(
  drawing: Drawing,
  square: Square,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { mosaic, grid, style } = drawing;
  const isTerrain = style !== 'auto';
  const cutout = cutoutOf(grid, square, isTerrain ? SLOPE_MARGIN_PX : 0);
  const { window, scale, firstColumn, firstRow } = cutout;
  const band = !isTerrain && isRgb(mosaic.info) ? undefined : 1;
  const read = await mosaic.read(window, { band, scale, signal });
  const valid = mosaic.hasMask
    ? ((await mosaic.read(window, { band: 'mask', scale, signal })).data as Uint8Array)
    : undefined;
  const picture = pictureOf(mosaic, read, valid);
  const paint = painterOf(drawing, square, picture);
  const data = new Uint8ClampedArray(SQUARE_PX * SQUARE_PX * 4);
  const columns = Math.min(SQUARE_PX, picture.widthPx - firstColumn);
  const rows = Math.min(SQUARE_PX, picture.heightPx - firstRow);
  for (let row = 0; row < rows; row += 1) {
    const from = (row + firstRow) * picture.widthPx + firstColumn;
    for (let column = 0; column < columns; column += 1)
      paint(from + column, data, 4 * (row * SQUARE_PX + column));
  }
  return pngOf(new Uint8Array(data.buffer), SQUARE_PX, SQUARE_PX);
}

function pictureOf(mosaic: Mosaic, read: Pixels, valid: Uint8Array | undefined): Picture {
  const { data, widthPx, heightPx, bandCount } = read;
  const pixels = widthPx * heightPx;
  const bands = Array.from({ length: bandCount }, (_, index) => {
    const nodata = valid ? undefined : mosaic.document.bands[index]?.nodata;
    return numbersOf(data.subarray(index * pixels, (index + 1) * pixels), nodata, valid);
  });
  return { bands, widthPx, heightPx };
}

function painterOf(
  { mosaic: { info }, grid, range, style }: Drawing,
  { z }: Square,
  picture: Picture,
): PaintPixel {
  if (style === 'auto') {
    const palette = info.bands[0]?.palette;
    if (palette) return palettePixel(picture, palette);
    return isRgb(info) ? colourPixel(picture) : greyPixel(picture, range);
  }
  const factor = factorOf(grid, z);
  const [, east = 1, east2 = 0, , south2 = 0, south = 1] = info.georeferencing.transform ?? [];
  const cellWidth = Math.hypot(east, south2) * factor;
  const cellHeight = Math.hypot(east2, south) * factor;
  const whole = fittingExaggeration(range, (cellWidth / factor) * info.widthPx);
  const exaggeration = whole * RELIEF_OF_NEXT ** z;
  const relief = { exaggeration, cellWidth, cellHeight };
  return terrainPixel(picture, relief, style === 'ramp' ? range : undefined);
}
