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
import { createHash } from 'node:crypto';
import { replaceFile } from '../file/replace-file.js';
import type { Fs, FsFile } from '../os/fs.js';
import { WRITE_BYTES } from './log-entries.js';
import type { LogFormat, PreparedRecords } from './log-format.js';
import { LINE_FEED, linesOf, readLineRuns, type Line } from './log-lines.js';
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
  /** Where the log may have no head yet: what will be appended, which tells whether a lone header is whole. */
  readonly next: PreparedRecords | undefined;
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
): Promise<{ readonly repairs: readonly LogRepair[]; readonly endBytes: number }> {
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
  if (repairs.length === 0) return { repairs, endBytes };
  await log.file.sync();
  return { repairs, endBytes: (await log.file.stat()).sizeBytes };
}

async function mendLine(log: TailContext, line: Line, isUnterminated: boolean): Promise<LogRepair> {
  const { offsetBytes, sizeBytes } = line;
  if (isUnterminated && line.text !== undefined && log.format.isWhole(line.text, log.next)) {
    await writeWhole(log.file, Buffer.of(LINE_FEED), offsetBytes + sizeBytes);
    return { kind: 'completed', offsetBytes, sizeBytes };
  }
  const keptAt = await keep(log, offsetBytes, sizeBytes);
  if (isUnterminated) await log.file.truncate(offsetBytes);
  else await writeWhole(log.file, Buffer.alloc(sizeBytes, LINE_FEED), offsetBytes);
  return { kind: 'removed', offsetBytes, sizeBytes, keptAt };
}

async function keep(log: TailContext, offsetBytes: number, sizeBytes: number): Promise<string> {
  const bytes = Buffer.alloc(sizeBytes);
  await readWhole(log.file, bytes, offsetBytes);
  const name = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
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
