/**
 * What a record log is made of, whatever its format: records, lines, and a head.
 *
 * A log is a text file in UTF-8. It may begin with a byte order mark, and in CSV it has a header
 * line; both are its head. After the head every record is one physical line, ended by a line feed
 * (or CR LF). Empty lines are nothing. A raw NUL byte is in no record of either format, so one
 * found in a line is a hole that a power loss left in it.
 */
import type { Buffer } from 'node:buffer';
import type { FsFile } from '../os/fs.js';
import type { Stretch } from './torn-bytes.js';

/**
 * The most that one write of an append holds, unless it is a single longer record. What an append
 * that was never acknowledged can leave after a power loss therefore lies within this distance of
 * the end, or in the last line.
 */
export const WRITE_BYTES: number = 1024 * 1024;

/** One record: a plain object of named fields. */
export type LogRecord = Readonly<Record<string, unknown>>;

/** JSON Lines (one JSON object a line), or CSV with a header line. */
export type LogFormatName = 'jsonl' | 'csv';

/** How CSV is written in one file: RFC 4180 apart from the characters that are chosen here. */
export interface CsvDialect {
  readonly delimiter: string;
  readonly quote: string;
  readonly lineEnd: '\n' | '\r\n';
}

/** What a log begins with; the first record begins at `sizeBytes`. */
export type LogHead =
  | { readonly format: 'jsonl'; readonly sizeBytes: number }
  | {
      readonly format: 'csv';
      readonly sizeBytes: number;
      readonly columns: readonly string[];
      readonly dialect: CsvDialect;
    };

/** Records as they were when they were handed over, checked, and ready to become lines of a log. */
export interface PreparedRecords {
  readonly count: number;
  /** In the order of their first appearance; only CSV asks for them. */
  readonly fieldNames: readonly string[];
  /**
   * The lines of these records in a log with this head. Throws UNREPRESENTABLE when a record does
   * not fit it.
   */
  encode(head: LogHead): string;
}

/** A head that is not written yet. */
export interface NewHead {
  readonly head: LogHead;
  readonly text: string;
}

/** Why a line is not a record. */
export class DamagedLine {
  readonly reason: string;
  /** Left by an append that was never acknowledged, so that no record is lost with it. */
  readonly isTorn: boolean;
  constructor(reason: string, isTorn = false) {
    this.reason = reason;
    this.isTorn = isTorn;
  }
}

/** A format of logs. */
export interface LogFormat {
  readonly name: LogFormatName;
  /**
   * Loads what the format needs; called before any of the calls below it. Absent where there is
   * nothing to load.
   */
  load?(): Promise<void>;
  /** Takes the records as they are now. Throws UNREPRESENTABLE when the format cannot hold one. */
  prepare(records: Iterable<object>, path: string): PreparedRecords;
  /** The head of the log in a file; `undefined` when the file ends before its head does. */
  readHead(file: FsFile, endBytes: number): Promise<LogHead | undefined>;
  /** The head that a log for these records gets at an offset, with its text. */
  newHead(records: readonly PreparedRecords[], offsetBytes: number): NewHead;
  /** Lines without their line ends; one result for each. */
  decode(lines: readonly string[], head: LogHead): readonly (LogRecord | DamagedLine)[];
  /**
   * Whether a last line without a line end is provably a whole record, not the beginning of a
   * longer one.
   */
  isWhole(line: string): boolean;
  /**
   * The whole records in a line that is none by itself, by their places in it; empty where nothing in
   * it is provably whole.
   *
   * @param line - without its line end
   * @param hasLineEnd - whether it had one
   */
  salvage(line: Buffer, hasLineEnd: boolean, head: LogHead): readonly Stretch[];
  /** Whether a lone line without a line end is a whole head for these records. */
  isWholeHead(line: string, next: PreparedRecords): boolean;
}
