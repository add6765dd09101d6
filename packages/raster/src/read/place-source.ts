/**
 * Puts the pixels of one source where they belong in a result. A result pixel takes the value of
 * the source pixel under its centre (nearest neighbour), which is a plain copy where nothing is
 * scaled.
 */
import type { Nodata, RasterArray, Window } from '../model.js';
import type { PixelRectangle } from './vrt-document.js';

/**
 * One axis of a placement: for each result index the index in the source, or -1 where the source
 * has nothing.
 */
type AxisMap = Int32Array;

/**
 * What a source contributes to a result: which of its pixels to read, and where each result pixel
 * finds its own.
 */
export interface Placement {
  /** The part of the file that is needed. */
  readonly window: Window;
  readonly columns: AxisMap;
  readonly rows: AxisMap;
}

/** The window of the mosaic that a result shows, and its size in result pixels. */
export interface View {
  readonly window: Window;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Works out what a source contributes to a view; `undefined` when nothing. */
export function placeSource(
  view: View,
  source: PixelRectangle,
  destination: PixelRectangle,
): Placement | undefined {
  if (!overlap(view.window, destination)) return undefined;
  const columns = mapAxis(
    { from: view.window.xPx, span: view.window.widthPx, count: view.widthPx },
    { from: source.xPx, span: source.widthPx },
    { from: destination.xPx, span: destination.widthPx },
  );
  const rows = mapAxis(
    { from: view.window.yPx, span: view.window.heightPx, count: view.heightPx },
    { from: source.yPx, span: source.heightPx },
    { from: destination.yPx, span: destination.heightPx },
  );
  const x = extentOf(columns);
  const y = extentOf(rows);
  if (!x || !y) return undefined;
  return {
    window: { xPx: x.first, yPx: y.first, widthPx: x.count, heightPx: y.count },
    columns: columns.map((index) => (index < 0 ? -1 : index - x.first)),
    rows: rows.map((index) => (index < 0 ? -1 : index - y.first)),
  };
}

/** Some rows of a placement. */
export interface PlacementPart extends Placement {
  /** The first of its rows in the result. */
  readonly firstRow: number;
}

/**
 * The first row from `start` on that lies in the file at `below` or further down, or not at all.
 */
function endOfRows(rows: AxisMap, start: number, below: number): number {
  let end = start;
  while ((rows[end] ?? -1) >= 0 && (rows[end] as number) < below) end += 1;
  return end;
}

/**
 * A placement in parts, of which each needs no more than so many bytes of the file, or a single
 * row.
 */
export function* partsOf(
  { window, columns, rows }: Placement,
  pixelBytes: number,
  mostBytes: number,
): Generator<PlacementPart> {
  const mostRows = Math.max(1, Math.floor(mostBytes / (window.widthPx * pixelBytes)));
  for (let firstRow = 0; firstRow < rows.length;) {
    const top = rows[firstRow] as number;
    const end = top < 0 ? firstRow + 1 : endOfRows(rows, firstRow, top + mostRows);
    if (top >= 0) {
      const part = rows.subarray(firstRow, end).map((row) => row - top);
      const heightPx = (part.at(-1) as number) + 1;
      yield {
        window: { ...window, yPx: window.yPx + top, heightPx },
        columns,
        rows: part,
        firstRow,
      };
    }
    firstRow = end;
  }
}

function overlap(a: PixelRectangle, b: PixelRectangle): boolean {
  const across = a.xPx < b.xPx + b.widthPx && b.xPx < a.xPx + a.widthPx;
  return across && a.yPx < b.yPx + b.heightPx && b.yPx < a.yPx + a.heightPx;
}

/** Any array of samples, by index. */
interface Samples {
  [index: number]: number | bigint;
}

/** Which pixels leave what is there: those of one value, and those that a mask leaves out. */
interface Transparent {
  readonly nodata?: Nodata | undefined;
  /** 0 where a pixel of the source is not valid. */
  readonly mask?: RasterArray | undefined;
}

/** Copies the pixels of one band, but for those that are transparent. */
export function copyPixels(
  from: RasterArray,
  placement: Placement,
  into: RasterArray,
  transparent: Transparent,
): void {
  const isOpaque = transparent.nodata === undefined && transparent.mask === undefined;
  if (isOpaque && isPlainRun(placement.columns)) copyRows(from, placement, into);
  else copyEach(from, placement, into, transparent);
}

/**
 * Whether the columns that are used follow each other one by one, so that whole rows can be copied.
 */
function isPlainRun(columns: AxisMap): boolean {
  const first = columns.indexOf(0);
  if (first < 0) return false;
  const used = columns.findLast((index) => index >= 0) as number;
  for (let index = 0; index <= used; index += 1) if (columns[first + index] !== index) return false;
  return columns.subarray(0, first).every((index) => index < 0);
}

function copyRows(
  from: RasterArray,
  { columns, rows, window }: Placement,
  into: RasterArray,
): void {
  const first = columns.indexOf(0);
  for (let y = 0; y < rows.length; y += 1) {
    const row = rows[y] as number;
    if (row < 0) continue;
    const start = row * window.widthPx;
    // Both arrays have the same type: samples of another are converted before this.
    (into as Uint8Array).set(
      from.subarray(start, start + window.widthPx) as Uint8Array,
      y * columns.length + first,
    );
  }
}

function copyEach(
  from: RasterArray & Samples,
  { columns, rows, window }: Placement,
  into: RasterArray & Samples,
  { nodata, mask }: Transparent,
): void {
  const skipsNaN = typeof nodata === 'number' && Number.isNaN(nodata);
  const copy: RowCopy = { from, into, columns, nodata, skipsNaN, mask };
  for (const [y, row] of rows.entries())
    if (row >= 0) copyRow(copy, row * window.widthPx, y * columns.length);
}

/** What is the same for all rows of a copy. */
interface RowCopy extends Transparent {
  readonly from: RasterArray & Samples;
  readonly into: RasterArray & Samples;
  readonly columns: AxisMap;
  readonly skipsNaN: boolean;
}

/** A row a call: V8 makes a function fast that is called again and again. */
function copyRow(
  { from, into, columns, nodata, skipsNaN, mask }: RowCopy,
  start: number,
  target: number,
): void {
  for (let x = 0; x < columns.length; x += 1) {
    const column = columns[x] as number;
    if (column < 0) continue;
    const value = from[start + column] as number | bigint;
    if (value === nodata || (skipsNaN && Number.isNaN(value))) continue;
    if (mask && Number(mask[start + column]) === 0) continue;
    into[target + x] = value;
  }
}

function mapAxis(
  view: { from: number; span: number; count: number },
  source: { from: number; span: number },
  destination: { from: number; span: number },
): AxisMap {
  const map = new Int32Array(view.count).fill(-1);
  const last = Math.ceil(source.from + source.span) - 1;
  for (let index = 0; index < view.count; index += 1) {
    const centre = view.from + ((index + 0.5) * view.span) / view.count;
    const share = (centre - destination.from) / destination.span;
    if (share < 0 || share >= 1) continue;
    map[index] = Math.min(last, Math.floor(source.from + share * source.span));
  }
  return map;
}

/**
 * The range of indexes that a map uses; it grows along the axis, so the first and last used ones
 * bound it.
 */
function extentOf(map: AxisMap): { first: number; count: number } | undefined {
  const first = map.find((index) => index >= 0);
  if (first === undefined) return undefined;
  const last = map.findLast((index) => index >= 0) as number;
  return { first, count: last - first + 1 };
}
