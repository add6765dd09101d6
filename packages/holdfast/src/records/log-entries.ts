/**
 * Reads a log as entries: each line with its number, its place, and the record or what is wrong
 * with it.
 */
import type { FsFile } from '../os/fs.js';
import {
  DamagedLine,
  WRITE_BYTES,
  type LogFormat,
  type LogHead,
  type LogRecord,
} from './log-format.js';
import { linesOf, readLineRuns, withoutHole, type Line, type LineRun } from './log-lines.js';

const notUtf8 = new DamagedLine('it is not UTF-8', false);

/** One line of a log that is not empty. */
export interface LogEntry {
  /** Counted from 1, in physical lines. */
  readonly line: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly content: LogRecord | DamagedLine;
}

/** The entries up to an end, in the groups in which they were read. */
export async function* readEntries(
  file: FsFile,
  format: LogFormat,
  endBytes: number,
): AsyncGenerator<readonly LogEntry[]> {
  const head = await readHead(file, format, endBytes);
  if (head) yield* readEntriesBehind(file, { format, head, endBytes });
}

/** The head; `undefined` when the file ends before it does. */
export async function readHead(
  file: FsFile,
  format: LogFormat,
  endBytes: number,
): Promise<LogHead | undefined> {
  await format.load?.();
  return format.readHead(file, endBytes);
}

/** {@link readEntries} of a log whose head is known. */
export async function* readEntriesBehind(
  file: FsFile,
  log: Log,
): AsyncGenerator<readonly LogEntry[]> {
  const from = { offsetBytes: log.head.sizeBytes, line: await firstLine(file, log.head) };
  for await (const { entries } of readRuns(file, log, from)) yield entries;
}

/** The number of the first line behind the head. */
export async function firstLine(file: FsFile, head: LogHead): Promise<number> {
  return 1 + (await countLines(file, head.sizeBytes));
}

/** The beginning of a line, and its number. */
export interface LinePlace {
  readonly offsetBytes: number;
  readonly line: number;
}

/** Some of the lines of a log. */
export interface EntryRun {
  readonly entries: readonly LogEntry[];
  /** Where they end: the place of the next line. */
  readonly end: LinePlace;
  /** Whether the last of them has no line end. */
  readonly isUnterminated: boolean;
}

/** The lines of a log from a place on, in the groups in which they were read. */
export async function* readRuns(file: FsFile, log: Log, from: LinePlace): AsyncGenerator<EntryRun> {
  let { line } = from;
  for await (const run of readLineRuns(file, from.offsetBytes, log.endBytes)) {
    const { bytes, offsetBytes, isUnterminated } = run;
    const lines = linesOf(run);
    const entries = entriesOf(run, lines, line, log);
    line += lines.length;
    yield { entries, end: { offsetBytes: offsetBytes + bytes.length, line }, isUnterminated };
  }
}

/** A log, as far as it is read. */
export interface Log {
  readonly format: LogFormat;
  readonly head: LogHead;
  readonly endBytes: number;
}

/** The inner loop of reading: one object a line and no more. */
function entriesOf(run: LineRun, lines: readonly Line[], first: number, log: Log): LogEntry[] {
  const texts: string[] = [];
  for (const { text } of lines) if (text) texts.push(text);
  const decoded = log.format.decode(texts, log.head).values();
  const entries: LogEntry[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] as Line;
    if (line.text === '') continue;
    const content = line.text === undefined ? notUtf8 : (decoded.next().value as LogRecord);
    entries.push({
      line: first + index,
      offsetBytes: line.offsetBytes,
      sizeBytes: line.sizeBytes,
      content: content instanceof DamagedLine ? withCause(line, content, log) : content,
    });
  }
  const last = entries.at(-1);
  if (!run.isUnterminated || !last) return entries;
  return [...entries.slice(0, -1), tailEntry(last, lines.at(-1)?.text ?? '', log)];
}

/**
 * Tells a hole near the end, which an append that was never acknowledged can leave, from other
 * damage.
 */
function withCause(
  { offsetBytes, sizeBytes, hasNul }: Line,
  damage: DamagedLine,
  log: Log,
): DamagedLine {
  const endBytes = offsetBytes + sizeBytes;
  const isNearEnd = endBytes === log.endBytes || endBytes > log.endBytes - WRITE_BYTES;
  return new DamagedLine(damage.reason, hasNul && isNearEnd);
}

/** A last line without a line end is a record only where it is provably whole. */
function tailEntry(entry: LogEntry, text: string, log: Log): LogEntry {
  const whole = withoutHole(text);
  if (!log.format.isWhole(whole)) {
    return { ...entry, content: new DamagedLine('it has no line end', true) };
  }
  const content = log.format.decode([whole], log.head)[0] ?? entry.content;
  return { ...entry, content, sizeBytes: entry.sizeBytes - (text.length - whole.length) };
}

async function countLines(file: FsFile, endBytes: number): Promise<number> {
  let count = 0;
  for await (const run of readLineRuns(file, 0, endBytes)) {
    if (!run.isUnterminated) count += linesOf(run).length;
  }
  return count;
}
