/**
 * Finds and mends what an append that was never acknowledged, or another program, left at the end of a log.
 *
 * - A last line without a line end that is provably whole (a JSON object) gets its line end.
 * - Any other last line without a line end is cut off.
 * - A line with raw NULs is a hole that a power loss left: it becomes empty lines, so that nothing behind it moves.
 *
 * What is taken out of the log is first kept, durably, in a file beside it whose name ends in a checksum of its bytes:
 * a mend that dies half-way is done again with the same result. A sync separates the mending from the next append.
 */
import { replaceFile } from '../file/replace-file.js';
import { crypto } from '../os/lazy-modules.js';
import type { Fs, FsFile } from '../os/fs.js';
import { WRITE_BYTES, type LogFormat, type PreparedRecords } from './log-format.js';
import { LINE_FEED, linesOf, readLineRuns, withoutHole, type Line } from './log-lines.js';
import { readWhole, writeWhole } from './log-bytes.js';

/** Something that an append mended before it wrote. */
export interface LogRepair {
  /** `completed`: a whole last record got its line end. `removed`: bytes that were no record were taken out. */
  readonly kind: 'completed' | 'removed';
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** The file that keeps the bytes removed. */
  readonly keptAt?: string;
}

/** What the mending of a log needs to know. */
export interface TailContext {
  readonly fs: Fs;
  /** Of the log, for messages and for the names of the files that keep what is removed. */
  readonly path: string;
  readonly file: FsFile;
  readonly format: LogFormat;
  /** What will be appended. */
  readonly next: PreparedRecords;
}

/** What was mended, and where the log ends now. */
export interface MendedTail {
  readonly repairs: readonly LogRepair[];
  readonly endBytes: number;
}

/** Whether the log ends in a line end, as it does after every whole append. */
export async function endsInLineFeed(file: FsFile, endBytes: number): Promise<boolean> {
  const last = Buffer.alloc(1);
  await readWhole(file, last, endBytes - 1);
  return last[0] === LINE_FEED;
}

/** Mends what lies behind `startBytes` and may be of an unacknowledged append, and makes that durable. */
export async function mendTail(
  log: TailContext,
  startBytes: number,
  endBytes: number,
): Promise<MendedTail> {
  const start = await suspectStart(log.file, startBytes, endBytes);
  const repairs: LogRepair[] = [];
  for await (const run of readLineRuns(log.file, start, endBytes)) {
    for (const line of linesOf(run)) {
      const isLast = line.offsetBytes + line.sizeBytes === endBytes;
      const isUnterminated = isLast && run.isUnterminated;
      if (!isUnterminated && !line.hasNul) continue;
      repairs.push(await mendLine(log, line, isUnterminated));
    }
  }
  return settled(log, repairs, endBytes);
}

/** Mends a log that has no head: what is in it was never acknowledged, unless it is a whole header. */
export async function mendHeadless(
  log: TailContext,
  startBytes: number,
  endBytes: number,
): Promise<MendedTail> {
  for await (const run of readLineRuns(log.file, startBytes, endBytes)) {
    const line = linesOf(run).find(({ text }) => text !== '');
    if (!line) continue;
    const { text, offsetBytes } = line;
    const isWhole =
      run.isUnterminated && text && log.format.isWholeHead(withoutHole(text), log.next);
    const repair = isWhole
      ? await complete(log, line, text)
      : await cutOff(log, offsetBytes, endBytes - offsetBytes);
    return settled(log, [repair], endBytes);
  }
  return { repairs: [], endBytes };
}

/** Makes what was mended durable before anything is appended to it. */
async function settled(
  log: TailContext,
  repairs: readonly LogRepair[],
  endBytes: number,
): Promise<MendedTail> {
  if (repairs.length === 0) return { repairs, endBytes };
  await log.file.sync();
  return { repairs, endBytes: (await log.file.stat()).sizeBytes };
}

async function mendLine(log: TailContext, line: Line, isUnterminated: boolean): Promise<LogRepair> {
  const { offsetBytes, sizeBytes, text } = line;
  if (!isUnterminated) return blank(log, offsetBytes, sizeBytes);
  if (text !== undefined && log.format.isWhole(withoutHole(text))) return complete(log, line, text);
  return cutOff(log, offsetBytes, sizeBytes);
}

/** Gives a whole line its line end, also where a hole is in the place of it. */
async function complete(log: TailContext, line: Line, text: string): Promise<LogRepair> {
  const { offsetBytes, sizeBytes } = line;
  const holeBytes = text.length - withoutHole(text).length;
  const ends = Buffer.alloc(Math.max(1, holeBytes), LINE_FEED);
  await writeWhole(log.file, ends, offsetBytes + sizeBytes - holeBytes);
  return { kind: 'completed', offsetBytes, sizeBytes };
}

async function cutOff(
  log: TailContext,
  offsetBytes: number,
  sizeBytes: number,
): Promise<LogRepair> {
  const keptAt = await keep(log, offsetBytes, sizeBytes);
  await log.file.truncate(offsetBytes);
  return { kind: 'removed', offsetBytes, sizeBytes, keptAt };
}

async function blank(log: TailContext, offsetBytes: number, sizeBytes: number): Promise<LogRepair> {
  const keptAt = await keep(log, offsetBytes, sizeBytes);
  await writeWhole(log.file, Buffer.alloc(sizeBytes, LINE_FEED), offsetBytes);
  return { kind: 'removed', offsetBytes, sizeBytes, keptAt };
}

async function keep(log: TailContext, offsetBytes: number, sizeBytes: number): Promise<string> {
  const bytes = Buffer.alloc(sizeBytes);
  await readWhole(log.file, bytes, offsetBytes);
  const name = crypto().createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  const keptAt = `${log.path}.torn-${name}`;
  await replaceFile(keptAt, bytes, { fs: log.fs });
  return keptAt;
}

/** The beginning of the first line that the last write can have touched, or of the last line where that is longer. */
async function suspectStart(file: FsFile, startBytes: number, endBytes: number): Promise<number> {
  for (let span = WRITE_BYTES + 1; span < endBytes - startBytes; span *= 2) {
    const window = Buffer.alloc(span);
    await readWhole(file, window, endBytes - span);
    const feed = window.indexOf(LINE_FEED);
    if (feed >= 0 && feed < span - 1) return endBytes - span + feed + 1;
  }
  return startBytes;
}
