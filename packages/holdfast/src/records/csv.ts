/**
 * CSV with a header line, parsed and written by csv-parse and csv-stringify (RFC 4180), which are
 * loaded at the first log that is CSV.
 *
 * One record is one physical line. No encoding of a line break inside a cell is read back the same
 * by every CSV reader and stays on one line, so a record with one is refused
 * (docs/decisions/0004-line-breaks-in-csv-records.md), and so is a NUL. Every cell is text: numbers
 * and booleans are written as JavaScript writes them and read back as text.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import type { FsFile } from '../os/fs.js';
import { invalidArgument } from '../options.js';
import { readByteOrderMark } from './byte-order-mark.js';
import { DamagedLine, WRITE_BYTES } from './log-format.js';
import type {
  CsvDialect,
  LogFormat,
  LogHead,
  LogRecord,
  NewHead,
  PreparedRecords,
} from './log-format.js';
import { linesOf, readLineRuns } from './log-lines.js';
import { corruptLog, notARecord, unrepresentable } from './record-errors.js';
import { salvageCsv } from './salvage-csv.js';
import type { Stretch } from './torn-bytes.js';
import { isPlainObject } from '../document/plain-data.js';

type CsvHead = Extract<LogHead, { format: 'csv' }>;
type Cells = ReadonlyMap<string, string>;

/** What the caller says about a CSV log. */
export interface CsvChoices {
  /**
   * The columns of a new log, in order. Default: the fields of its first records, in order of
   * appearance.
   */
  readonly columns?: readonly string[] | undefined;
  /** One character. Default: found in the header; in a new log a comma. */
  readonly delimiter?: string | undefined;
}

const delimiters = [',', ';', '\t', '|'] as const;

/** CSV as the caller chose it. */
export function csvFormat(choices: CsvChoices): LogFormat {
  return {
    name: 'csv',
    load: loadLibrary,
    prepare,
    async readHead(file, endBytes) {
      const start = await readByteOrderMark(file, endBytes);
      return readHeader(file, start, endBytes, choices);
    },
    newHead(records, offsetBytes) {
      const columns = choices.columns ?? [...new Set(records.flatMap((some) => some.fieldNames))];
      return newHeader(columns, choices.delimiter ?? ',', offsetBytes);
    },
    decode: (lines, head) => decode(lines, asCsv(head)),
    // A row may be the beginning of a longer one.
    isWhole: () => false,
    salvage: (line, hasLineEnd, head) => (hasLineEnd ? salvage(line, asCsv(head)) : []),
    isWholeHead(line, next) {
      const columns = headerColumns(line, findDialect(line, '\n', choices));
      return next.fieldNames.every((name) => columns?.includes(name));
    },
  };
}

interface Library {
  readonly parse: (text: string, options: object) => string[][];
  readonly stringify: (rows: readonly (readonly string[])[], options: object) => string;
}
let library: Library | undefined;

async function loadLibrary(): Promise<void> {
  if (library) return;
  const [parser, writer] = await Promise.all([
    import('csv-parse/sync'),
    import('csv-stringify/sync'),
  ]);
  library = {
    parse: (text, options) => parser.parse(text, options),
    stringify: (rows, options) => writer.stringify(rows as string[][], options),
  };
}

function loaded(): Library {
  if (!library) throw new Error('the CSV library is used before load()');
  return library;
}

function asCsv(head: LogHead): CsvHead {
  if (head.format !== 'csv') throw new Error('a CSV log with the head of another format');
  return head;
}

// Writing.

function prepare(records: Iterable<object>, path: string): PreparedRecords {
  const rows = Array.from(records, (record, index) => cellsOf(record, index, path));
  return {
    count: rows.length,
    fieldNames: [...new Set(rows.flatMap((row) => [...row.keys()]))],
    encode: (head) => encodeRows(rows, asCsv(head), path),
  };
}

function cellsOf(record: object, index: number, path: string): Cells {
  if (!isPlainObject(record)) throw unrepresentable(path, index, notARecord.loss);
  const cells = new Map<string, string>();
  for (const [name, value] of Object.entries(record)) {
    const badName = textLoss(name);
    if (badName !== undefined)
      throw unrepresentable(path, index, { tokens: [name], reason: badName });
    const text = cellText(value);
    const reason =
      text === undefined ? `a CSV cell holds text, not ${kindOf(value)}` : textLoss(text);
    if (reason !== undefined) throw unrepresentable(path, index, { tokens: [name], reason });
    cells.set(name, text as string);
  }
  return cells;
}

function cellText(value: unknown): string | undefined {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined;
  return typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : undefined;
}

function kindOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'object' ? 'an object or array' : `a ${typeof value}`;
}

/** Why a text cannot be in a cell; `undefined` when it can. */
function textLoss(text: string): string | undefined {
  if (/[\n\r]/.test(text)) {
    return 'it has a line break, and one record must stay one line; JSON Lines can keep it';
  }
  if (text.includes('\0')) return 'it has a NUL, which CSV readers refuse; JSON Lines can keep it';
  return /\p{Surrogate}/u.test(text)
    ? 'it has half of a surrogate pair, which UTF-8 cannot hold'
    : undefined;
}

function encodeRows(rows: readonly Cells[], head: CsvHead, path: string): string {
  const known = new Set(head.columns);
  for (const [index, row] of rows.entries()) {
    const place = [...row.keys()].find((name) => !known.has(name));
    if (place !== undefined) {
      const reason = `the log has no such column (it has ${head.columns.join(', ')})`;
      throw unrepresentable(path, index, { tokens: [place], reason });
    }
  }
  return stringify(
    rows.map((row) => head.columns.map((name) => row.get(name) ?? '')),
    head.dialect,
  );
}

function stringify(
  rows: readonly (readonly string[])[],
  dialect: CsvDialect,
  more: object = {},
): string {
  return loaded().stringify(rows, {
    ...more,
    delimiter: dialect.delimiter,
    quote: dialect.quote,
    escape: dialect.quote,
    record_delimiter: dialect.lineEnd,
    // The one cell of a row must not be nothing, or the row would be an empty line.
    quoted_empty: rows[0]?.length === 1,
  });
}

// Reading.

/**
 * RFC 4180 in a dialect. Rows of other lengths are told apart by the caller, who knows their lines.
 */
function parseOptions(dialect: Pick<CsvDialect, 'delimiter' | 'quote'>): object {
  return {
    delimiter: dialect.delimiter,
    quote: dialect.quote,
    escape: dialect.quote,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
  };
}

function decode(lines: readonly string[], head: CsvHead): readonly (LogRecord | DamagedLine)[] {
  const rows = parseTogether(lines, head.dialect);
  return rows
    ? rows.map((row) => recordOf(row, head.columns))
    : lines.map((line) => decodeAlone(line, head));
}

/** One row for each line; `undefined` when a row does not keep to its line. */
function parseTogether(lines: readonly string[], dialect: CsvDialect): string[][] | undefined {
  try {
    const rows = loaded().parse(`${lines.join('\n')}\n`, parseOptions(dialect));
    return rows.length === lines.length ? rows : undefined;
  } catch {
    return undefined;
  }
}

function decodeAlone(line: string, head: CsvHead): LogRecord | DamagedLine {
  try {
    const [row, second] = loaded().parse(line, parseOptions(head.dialect));
    if (row && !second) return recordOf(row, head.columns);
    return new DamagedLine('it is not one row');
  } catch (error) {
    // The line that the parser means is the first of what it was given; ours has another number.
    return new DamagedLine((error as Error).message.replace(' at line 1', ''));
  }
}

/** Without a line end the last row may be the beginning of a longer one. */
function salvage(line: Buffer, head: CsvHead): readonly Stretch[] {
  if (!isUtf8(line)) return [];
  const rows = salvageCsv(line, head.columns.length, head.dialect);
  const isRecord = ({ offsetBytes, sizeBytes }: Stretch): boolean => {
    const text = line.toString('utf8', offsetBytes, offsetBytes + sizeBytes);
    return !(decodeAlone(text, head) instanceof DamagedLine);
  };
  return rows.every(isRecord) ? rows : [];
}

function recordOf(row: readonly string[], columns: readonly string[]): LogRecord | DamagedLine {
  if (row.length !== columns.length) {
    return new DamagedLine(`it has ${row.length} cells where the header has ${columns.length}`);
  }
  if (row.some((cell) => cell.includes('\0'))) return new DamagedLine('it has a NUL');
  return Object.fromEntries(columns.map((name, index) => [name, row[index]]));
}

// The header.

async function readHeader(
  file: FsFile,
  startBytes: number,
  endBytes: number,
  choices: CsvChoices,
): Promise<CsvHead | undefined> {
  const first = await firstLine(file, startBytes, endBytes);
  if (first === undefined) return undefined;
  // The first write of a log is no longer than this: nothing of it was acknowledged if its header
  // has a hole.
  if (first.text.includes('\0') && endBytes <= WRITE_BYTES) return undefined;
  const dialect = findDialect(first.text, first.lineEnd, choices);
  const columns = headerColumns(first.text, dialect);
  if (!columns || new Set(columns).size < columns.length) {
    const message = `The header ${JSON.stringify(first.text.slice(0, 100))} is not one row of different column names.`;
    throw corruptLog(file.path, message);
  }
  return { format: 'csv', sizeBytes: first.endBytes, columns, dialect };
}

interface FirstLine {
  readonly text: string;
  readonly lineEnd: '\n' | '\r\n';
  readonly endBytes: number;
}

/** The first line that is not empty; `undefined` when there is none with a line end. */
async function firstLine(
  file: FsFile,
  startBytes: number,
  endBytes: number,
): Promise<FirstLine | undefined> {
  for await (const run of readLineRuns(file, startBytes, endBytes)) {
    if (run.isUnterminated) return undefined;
    const line = linesOf(run).find(({ text }) => text !== '');
    if (!line) continue;
    if (line.text === undefined) throw corruptLog(file.path, 'The header is not UTF-8.');
    const end = line.offsetBytes + line.sizeBytes - run.offsetBytes;
    const lineEnd = run.bytes[end - 2] === 0x0d ? '\r\n' : '\n';
    return { text: line.text, lineEnd, endBytes: line.offsetBytes + line.sizeBytes };
  }
  return undefined;
}

/** The dialect in which the header has the most columns; the usual one when several do. */
function findDialect(header: string, lineEnd: '\n' | '\r\n', choices: CsvChoices): CsvDialect {
  const quote = /^'|'$/.test(header) ? "'" : '"';
  const candidates = choices.delimiter === undefined ? delimiters : [choices.delimiter];
  const counted = candidates.map((delimiter) => {
    const dialect = { delimiter, quote, lineEnd };
    return { dialect, columns: headerColumns(header, dialect)?.length ?? 0 };
  });
  const most = Math.max(...counted.map(({ columns }) => columns));
  const found = counted.find(({ columns }) => columns === most);
  return found?.dialect ?? { delimiter: ',', quote, lineEnd };
}

/** The column names; `undefined` when the line is not a header. */
function headerColumns(header: string, dialect: CsvDialect): readonly string[] | undefined {
  try {
    const [row, second] = loaded().parse(header, parseOptions(dialect));
    if (!row || second || header.includes('\0')) return undefined;
    return row;
  } catch {
    return undefined;
  }
}

function newHeader(columns: readonly string[], delimiter: string, offsetBytes: number): NewHead {
  const wrong = columns.find((name) => textLoss(name) !== undefined);
  if (wrong !== undefined || columns.length === 0 || new Set(columns).size < columns.length) {
    throw invalidArgument(
      'appendRecords',
      `the columns of a CSV log must be different names without line breaks, not ${JSON.stringify(columns)}.`,
    );
  }
  const dialect: CsvDialect = { delimiter, quote: '"', lineEnd: '\n' };
  // Quoted, a name cannot be taken for another dialect or a byte order mark when the header is read
  // again.
  const text = stringify([columns], dialect, { quoted_match: /[,;\t|]|^'|'$|^\ufeff/ });
  const sizeBytes = offsetBytes + Buffer.byteLength(text);
  return { head: { format: 'csv', sizeBytes, columns, dialect }, text };
}
