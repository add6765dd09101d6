/**
 * The squares of a map: pictures of 256 pixels that halve the raster's own pixel grid, level after
 * level. At the deepest level a pixel of the map is one of the raster; at level 0 the whole raster
 * is one square. Squares are counted from the upper left corner.
 */
import type { Window } from '../model.js';
import type { Mosaic } from '../read/open-vrt.js';
import { vrtDomain } from '../vrt/vrt-text.js';

/** Side of a square. */
export const SQUARE_PX = 256;
/**
 * The most pixels of the raster (or of its next larger overview) along one pixel of a picture:
 * without overviews, a picture of all of a large raster is all of its tiles.
 */
const MOST_REDUCED = 16;
/** As in the index: sizes are whole, so a ratio that should be a factor may miss it by a little. */
const TOLERANCE = 1.001;

/** One square. */
export interface Square {
  readonly z: number;
  readonly x: number;
  readonly y: number;
}

/** What squares there are. */
export interface MapGrid {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly maxZoom: number;
  /** The least level that is drawn. */
  readonly minZoom: number;
}

export function mapGridOf({ info: { widthPx, heightPx }, document }: Mosaic): MapGrid {
  const maxZoom = Math.max(0, Math.ceil(Math.log2(Math.max(widthPx, heightPx) / SQUARE_PX)));
  const text = document.metadata.get(vrtDomain)?.['OVERVIEWS'] ?? '';
  const factors = text.split(',').map(Number);
  let minZoom = maxZoom;
  while (minZoom > 0 && reduction(2 ** (maxZoom - minZoom + 1), factors) <= MOST_REDUCED)
    minZoom -= 1;
  return { widthPx, heightPx, maxZoom, minZoom };
}

/** How much smaller a picture is than what it can be made of. */
function reduction(factor: number, overviews: readonly number[]): number {
  const fitting = overviews.filter((each) => each <= factor * TOLERANCE);
  return factor / Math.max(1, ...fitting);
}

/** Whether a picture of the whole raster can be made of so many pixels along its longer side. */
export function isReadAtOnce(grid: MapGrid, longerPx: number): boolean {
  const factor = Math.max(grid.widthPx, grid.heightPx) / longerPx;
  return factor <= 2 ** (grid.maxZoom - grid.minZoom);
}

/** How many pixels of the raster lie along one of the level. */
export function factorOf({ maxZoom }: MapGrid, z: number): number {
  return 2 ** (maxZoom - z);
}

/** Whether the grid has the square. */
export function hasSquare(grid: MapGrid, { z, x, y }: Square): boolean {
  if (z < grid.minZoom || z > grid.maxZoom) return false;
  const side = SQUARE_PX * factorOf(grid, z);
  return x * side < grid.widthPx && y * side < grid.heightPx;
}

/** What is read for a square, and where it lies in the picture of it. */
export interface Cutout {
  readonly window: Window;
  readonly scale: number;
  /** The column and row of what is read that are the first of the square. */
  readonly firstColumn: number;
  readonly firstRow: number;
}

/** The pixels of a square, with so many pixels of the map around it as far as there are any. */
export function cutoutOf(grid: MapGrid, { z, x, y }: Square, marginPx: number): Cutout {
  const factor = factorOf(grid, z);
  const across = span(x, factor, marginPx, grid.widthPx);
  const down = span(y, factor, marginPx, grid.heightPx);
  const window = {
    xPx: across.start,
    yPx: down.start,
    widthPx: across.length,
    heightPx: down.length,
  };
  return { window, scale: 1 / factor, firstColumn: across.before, firstRow: down.before };
}

function span(
  index: number,
  factor: number,
  marginPx: number,
  end: number,
): { start: number; length: number; before: number } {
  const before = index === 0 ? 0 : marginPx;
  const start = (index * SQUARE_PX - before) * factor;
  const length = Math.min(end - start, (SQUARE_PX + before + marginPx) * factor);
  // A part of a pixel at the far edge is left out, so that the others are whole.
  return { start, length: Math.max(length - (length % factor), Math.min(length, factor)), before };
}
