/**
 * Finds and mends what an append that was never acknowledged, or another program, left at the end
 * of a log.
 *
 * - A last line without a line end that is provably whole (a JSON object) gets its line end.
 * - Any other last line without a line end is cut off.
 * - A line with raw NULs is a hole that a power loss left: it becomes empty lines, so that nothing
 *   behind it moves.
 *
 * What is taken out of the log is first kept (torn-bytes.ts): a mend that dies half-way is done
 * again with the same result. A sync separates the mending from the next append.
 */
import type { FsFile } from '../os/fs.js';
import { writeAll } from '../os/handles.js';
import { WRITE_BYTES, type LogFormat, type PreparedRecords } from './log-format.js';
import { LINE_FEED, linesOf, readLineRuns, withoutHole, type Line } from './log-lines.js';
import { readWhole } from './log-bytes.js';
import { keepPieces, type Stretch, type TornLog } from './torn-bytes.js';

/** Something in a log that was mended, before an append wrote or by `repairRecords`. */
export interface LogRepair {
  /**
   * `completed`: a whole last record got its line end. `removed`: bytes that were no record were
   * taken out. `separated`: a record that shared a line with what is before it got a line of its
   * own.
   */
  readonly kind: 'completed' | 'removed' | 'separated';
  /** Where it was, and how many bytes of it: of the record, or of what was removed. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /**
   * The file that keeps the bytes removed; of very many pieces one file keeps all, one after the
   * other.
   */
  readonly keptAt?: string;
  /** Where in that file these begin. */
  readonly keptOffsetBytes?: number;
}

/** What the mending of a log needs to know. */
export interface TailContext extends TornLog {
  readonly format: LogFormat;
  /** What will be appended. */
  readonly next: PreparedRecords;
}

/** What was mended, and where the log ends now. */
interface MendedTail {
  readonly repairs: readonly LogRepair[];
  readonly endBytes: number;
}

/** Whether the log ends in a line end, as it does after every whole append. */
export async function endsInLineFeed(file: FsFile, endBytes: number): Promise<boolean> {
  const last = Buffer.alloc(1);
  await readWhole(file, last, endBytes - 1);
  return last[0] === LINE_FEED;
}

/**
 * Mends what lies behind `startBytes` and may be of an unacknowledged append, and makes that
 * durable.
 */
export async function mendTail(
  log: TailContext,
  startBytes: number,
  endBytes: number,
): Promise<MendedTail> {
  const start = await suspectStart(log.file, startBytes, endBytes);
  const holes: Stretch[] = [];
  let last: Line | undefined;
  for await (const run of readLineRuns(log.file, start, endBytes)) {
    for (const line of linesOf(run)) {
      const isLast = line.offsetBytes + line.sizeBytes === endBytes;
      if (isLast && run.isUnterminated) last = line;
      else if (line.hasNul) addTo(holes, line);
    }
  }
  const repairs = await blankAll(log, holes);
  if (last) repairs.push(await mendLast(log, last));
  return settled(log, repairs, endBytes);
}

/** Lines that follow each other are one stretch. */
function addTo(stretches: Stretch[], { offsetBytes, sizeBytes }: Line): void {
  const before = stretches.at(-1);
  if (before && before.offsetBytes + before.sizeBytes === offsetBytes) {
    stretches.pop();
    stretches.push({
      offsetBytes: before.offsetBytes,
      sizeBytes: before.sizeBytes + sizeBytes,
    });
  } else {
    stretches.push({ offsetBytes, sizeBytes });
  }
}

/**
 * Mends a log that has no head: what is in it was never acknowledged, unless it is a whole header.
 */
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

async function mendLast(log: TailContext, line: Line): Promise<LogRepair> {
  const { offsetBytes, sizeBytes, text } = line;
  if (text !== undefined && log.format.isWhole(withoutHole(text))) return complete(log, line, text);
  return cutOff(log, offsetBytes, sizeBytes);
}

/** Gives a whole line its line end, also where a hole is in the place of it. */
async function complete(log: TailContext, line: Line, text: string): Promise<LogRepair> {
  const { offsetBytes, sizeBytes } = line;
  const holeBytes = text.length - withoutHole(text).length;
  const ends = Buffer.alloc(Math.max(1, holeBytes), LINE_FEED);
  await writeAll(log.file, ends, offsetBytes + sizeBytes - holeBytes);
  return { kind: 'completed', offsetBytes, sizeBytes };
}

async function cutOff(
  log: TailContext,
  offsetBytes: number,
  sizeBytes: number,
): Promise<LogRepair> {
  const [kept] = await keepPieces(log, [{ offsetBytes, sizeBytes }]);
  await log.file.truncate(offsetBytes);
  return { kind: 'removed', offsetBytes, sizeBytes, ...kept };
}

/** Makes holes empty lines. */
async function blankAll(log: TailContext, holes: readonly Stretch[]): Promise<LogRepair[]> {
  const kept = await keepPieces(log, holes);
  for (const { offsetBytes, sizeBytes } of holes) {
    await writeAll(log.file, Buffer.alloc(sizeBytes, LINE_FEED), offsetBytes);
  }
  return holes.map((hole, index) => ({ kind: 'removed', ...hole, ...kept[index] }));
}

/**
 * The beginning of the first line that the last write can have touched, or of the last line where
 * that is longer.
 */
async function suspectStart(file: FsFile, startBytes: number, endBytes: number): Promise<number> {
  for (let span = WRITE_BYTES + 1; span < endBytes - startBytes; span *= 2) {
    const window = Buffer.alloc(span);
    await readWhole(file, window, endBytes - span);
    const feed = window.indexOf(LINE_FEED);
    if (feed >= 0 && feed < span - 1) return endBytes - span + feed + 1;
  }
  return startBytes;
}
