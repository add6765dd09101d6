/**
 * Whole rows of CSV that share a line: a program died, or forgot, before the line end of a row, and
 * the next row followed at once. Of two rows on one line the last cell of the one and the first of
 * the other stand in one place, so where the rows part is known only
 *
 * - where a quote begins behind text, or text behind a quoted cell (`3"4"`, `"3"4`)
 * - at a CR, and in a cell that holds nothing
 * - at a delimiter, when there are as many cells as in whole rows
 *
 * A line is taken apart when the number of its cells and these places leave exactly one way to make
 * rows of it, all of them whole.
 */
import { Buffer } from 'node:buffer';
import type { CsvDialect } from './log-format.js';
import type { Stretch } from './torn-bytes.js';

/** Characters of a line that belong to one cell, or to the last of a row and the first of the next. */
interface RawCell {
  readonly start: number;
  readonly end: number;
}

/** Where one row ends and the next begins. */
interface Parting {
  readonly end: number;
  readonly next: number;
}

/** A row, which ends at the parting or with the line, and those behind it. */
interface Way {
  readonly parting?: Parting;
  readonly rest?: Way;
}

/** That there is more than one way. */
const SEVERAL = 'several';
type OneWay<T> = T | typeof SEVERAL | undefined;

/**
 * The rows of a line by their places in it; empty where they cannot be told.
 *
 * @param line - with its line end left off
 */
export function salvageCsv(
  line: Buffer,
  columnCount: number,
  dialect: CsvDialect,
): readonly Stretch[] {
  // A row of one cell has no place that tells.
  if (columnCount < 2) return [];
  const text = line.toString('utf8').replace(/\r$/u, '');
  const cells = rawCells(text, dialect);
  const way = cells && onlyWay(text, cells, columnCount, dialect);
  return way === undefined || way === SEVERAL ? [] : stretchesOf(text, way);
}

function stretchesOf(text: string, way: Way): Stretch[] {
  const rows: Stretch[] = [];
  let offsetBytes = 0;
  let start = 0;
  for (let rest: Way | undefined = way; rest !== undefined; rest = rest.rest) {
    const { end, next } = rest.parting ?? { end: text.length, next: text.length };
    const sizeBytes = Buffer.byteLength(text.slice(start, end));
    rows.push({ offsetBytes, sizeBytes });
    offsetBytes += sizeBytes + Buffer.byteLength(text.slice(end, next));
    start = next;
  }
  return rows;
}

/** `undefined` when a quote is left open. */
function rawCells(text: string, { delimiter, quote }: CsvDialect): RawCell[] | undefined {
  const cells: RawCell[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === quote) isQuoted = !isQuoted;
    else if (text[at] === delimiter && !isQuoted) {
      cells.push({ start, end: at });
      start = at + 1;
    }
  }
  return isQuoted ? undefined : [...cells, { start, end: text.length }];
}

/**
 * The only way to make rows of all of the line. From its end to its beginning: the ways for what
 * begins at a cell, or with the second half of one, which is known to be a whole cell.
 */
function onlyWay(
  text: string,
  cells: readonly RawCell[],
  columnCount: number,
  dialect: CsvDialect,
): OneWay<Way> {
  const forms = formsOf(dialect.quote);
  const textOf = ({ start, end }: RawCell): string => text.slice(start, end);
  const isWhole = cells.map((cell) => forms.whole.test(textOf(cell)));
  const ways: OneWay<Way>[] = [];
  const waysAt = (index: number): OneWay<Way> => (isWhole[index] ? ways[index] : undefined);
  const brokenBefore = [0];
  for (const whole of isWhole) brokenBefore.push((brokenBefore.at(-1) ?? 0) + Number(!whole));
  for (let first = cells.length - columnCount; first >= 0; first -= 1) {
    const last = first + columnCount - 1;
    if (brokenBefore[first + 1] !== brokenBefore[last]) continue;
    const cell = cells[last] as RawCell;
    if (last === cells.length - 1) {
      if (isWhole[last]) ways[first] = {};
      continue;
    }
    const inside = partingIn(textOf(cell), cell.start, forms);
    const behind = isWhole[last] ? { end: cell.end, next: cell.end + 1 } : undefined;
    ways[first] = either(before(inside, ways[last]), before(behind, waysAt(last + 1)));
  }
  const way = waysAt(0);
  return way === SEVERAL || way?.parting ? way : undefined;
}

function before(parting: OneWay<Parting>, rest: OneWay<Way>): OneWay<Way> {
  if (parting === undefined || rest === undefined) return undefined;
  return parting === SEVERAL || rest === SEVERAL ? SEVERAL : { parting, rest };
}

function either<T>(one: OneWay<T>, other: OneWay<T>): OneWay<T> {
  if (one === undefined || other === undefined) return one ?? other;
  return SEVERAL;
}

interface CellForms {
  readonly whole: RegExp;
  readonly atReturn: RegExp;
  readonly quotedFirst: RegExp;
  readonly quotedLast: RegExp;
}

function formsOf(quote: string): CellForms {
  const quoted = `${quote}[^${quote}]*(?:${quote}${quote}[^${quote}]*)*${quote}`;
  const bare = `[^${quote}\\r]`;
  const cell = `(?:${quoted}|${bare}*)`;
  return {
    whole: new RegExp(`^${cell}$`, 'u'),
    atReturn: new RegExp(`^(${cell})\\r${cell}$`, 'u'),
    quotedFirst: new RegExp(`^(${quoted})${bare}+$`, 'u'),
    quotedLast: new RegExp(`^(${bare}+)${quoted}$`, 'u'),
  };
}

/** Where a place that is two cells parts. */
function partingIn(cell: string, start: number, forms: CellForms): OneWay<Parting> {
  if (forms.whole.test(cell)) return cell === '' ? { end: start, next: start } : SEVERAL;
  const atReturn = forms.atReturn.exec(cell)?.[1];
  if (atReturn !== undefined) {
    const end = start + atReturn.length;
    return { end, next: end + 1 };
  }
  const one = (forms.quotedFirst.exec(cell) ?? forms.quotedLast.exec(cell))?.[1];
  if (one === undefined) return undefined;
  return { end: start + one.length, next: start + one.length };
}
