/** Reads a log as entries: each line with its number, its place, and the record or what is wrong with it. */
import type { FsFile } from '../os/fs.js';
import { DamagedLine, type LogFormat, type LogHead, type LogRecord } from './log-format.js';
import { linesOf, readLineRuns, type Line, type LineRun } from './log-lines.js';

/**
 * The most that one write of an append holds, unless it is a single longer record. What an append that was never
 * acknowledged can leave after a power loss therefore lies within this distance of the end, or in the last line.
 */
export const WRITE_BYTES: number = 1024 * 1024;

/** One line of a log that is not empty. */
export interface LogEntry {
  /** Counted from 1, in physical lines. */
  readonly line: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly content: LogRecord | DamagedLine;
  /** Damaged in a way in which an append that was never acknowledged can be: no record is lost with it. */
  readonly isTorn: boolean;
}

/** The entries up to an end, in the groups in which they were read. */
export async function* readEntries(
  file: FsFile,
  format: LogFormat,
  endBytes: number,
): AsyncGenerator<readonly LogEntry[]> {
  await format.load();
  const head = await format.readHead(file, endBytes);
  if (!head) return;
  let line = 1 + (await countLines(file, head.sizeBytes));
  for await (const run of readLineRuns(file, head.sizeBytes, endBytes)) {
    const lines = linesOf(run);
    yield entriesOf(run, lines, line, { format, head, endBytes });
    line += lines.length;
  }
}

interface Log {
  readonly format: LogFormat;
  readonly head: LogHead;
  readonly endBytes: number;
}

function entriesOf(run: LineRun, lines: readonly Line[], firstLine: number, log: Log): LogEntry[] {
  const numbered = lines
    .map((line, index) => ({ line, number: firstLine + index }))
    .filter(({ line }) => line.text !== '');
  const texts = numbered.flatMap(({ line }) => (line.text === undefined ? [] : [line.text]));
  const decoded = log.format.decode(texts, log.head)[Symbol.iterator]();
  return numbered.map(({ line, number }) => {
    const content =
      line.text === undefined
        ? new DamagedLine('it is not UTF-8')
        : (decoded.next().value as LogRecord | DamagedLine);
    return toEntry(run, line, number, content, log);
  });
}

function toEntry(
  run: LineRun,
  line: Line,
  number: number,
  content: LogRecord | DamagedLine,
  log: Log,
): LogEntry {
  const { offsetBytes, sizeBytes } = line;
  const place = { line: number, offsetBytes, sizeBytes };
  const endBytes = offsetBytes + sizeBytes;
  const isUnterminated = run.isUnterminated && endBytes === run.offsetBytes + run.bytes.length;
  if (isUnterminated && !log.format.isWhole(line.text ?? '', undefined)) {
    return { ...place, content: new DamagedLine('it has no line end'), isTorn: true };
  }
  if (!(content instanceof DamagedLine)) return { ...place, content, isTorn: false };
  const isNearEnd = endBytes === log.endBytes || endBytes > log.endBytes - WRITE_BYTES;
  return { ...place, content, isTorn: isNearEnd && line.hasNul };
}

async function countLines(file: FsFile, endBytes: number): Promise<number> {
  let count = 0;
  for await (const run of readLineRuns(file, 0, endBytes)) {
    if (!run.isUnterminated) count += linesOf(run).length;
  }
  return count;
}
