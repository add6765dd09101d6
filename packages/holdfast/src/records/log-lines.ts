/**
 * Reads the physical lines of a log in bounded memory: one chunk, and at most one line that is
 * longer than it.
 */
import { isUtf8 } from 'node:buffer';
import type { FsFile } from '../os/fs.js';
import { readWhole } from './log-bytes.js';
import { logWasCut } from './record-errors.js';

const CHUNK_BYTES = 512 * 1024;
/**
 * What is made of a run is alive until its last line is used. Of a whole chunk, so much would
 * outlive the collection of young garbage that reading could take up to a third longer.
 */
const RUN_BYTES = 32 * 1024;
export const LINE_FEED = 0x0a;
/**
 * Nearly every log ends in a line end, which one byte tells; the last line of another is looked for
 * in steps.
 */
const TAIL_GROWTH = 4096;

/**
 * Whole lines, one after another as they are in the file. The bytes are only valid until the next
 * run is asked for.
 */
export interface LineRun {
  readonly bytes: Buffer;
  readonly offsetBytes: number;
  /** Whether the last line has no line feed: the file, or the part of it asked for, ends in it. */
  readonly isUnterminated: boolean;
}

/**
 * The lines between two offsets, in runs. The first offset is the beginning of a line.
 *
 * @throws HoldfastError TARGET_CHANGED when the log is cut meanwhile, so that lines which were
 *   there cannot be given. A last line without a line end may go: an append that mends the log
 *   takes it away.
 */
export async function* readLineRuns(
  file: FsFile,
  startBytes: number,
  endBytes: number,
): AsyncGenerator<LineRun> {
  const wholeEndBytes = await endOfWholeLines(file, startBytes, endBytes);
  let buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, endBytes - startBytes)));
  let held = 0;
  let offsetBytes = startBytes;
  for (;;) {
    if (held === buffer.length) buffer = grown(buffer);
    const room = Math.min(buffer.length - held, endBytes - offsetBytes - held);
    const got = await readWhole(file, buffer.subarray(held, held + room), offsetBytes + held);
    const searchFrom = held;
    held += got;
    if (got === 0) {
      if (offsetBytes + held < wholeEndBytes) throw logWasCut(file.path, offsetBytes + held);
      break;
    }
    const cut = lastLineFeed(buffer, searchFrom, held) + 1;
    if (cut === 0) continue;
    for (const bytes of wholeLinePieces(buffer.subarray(0, cut), RUN_BYTES)) {
      yield { bytes, offsetBytes, isUnterminated: false };
      offsetBytes += bytes.length;
    }
    buffer.copyWithin(0, cut, held);
    held -= cut;
  }
  if (held > 0) yield { bytes: buffer.subarray(0, held), offsetBytes, isUnterminated: true };
}

/** The end of the last line that has a line end, among those between two offsets. */
async function endOfWholeLines(
  file: FsFile,
  startBytes: number,
  endBytes: number,
): Promise<number> {
  for (let spanBytes = 1; ; spanBytes *= TAIL_GROWTH) {
    const start = Math.max(startBytes, endBytes - spanBytes);
    const tail = Buffer.allocUnsafe(endBytes - start);
    const feed = tail.subarray(0, await readWhole(file, tail, start)).lastIndexOf(LINE_FEED);
    if (feed >= 0) return start + feed + 1;
    if (start === startBytes) return startBytes;
  }
}

function grown(buffer: Buffer): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafe(buffer.length * 2);
  buffer.copy(larger);
  return larger;
}

/** Whole lines, as many as a number of bytes holds, or one that is longer. */
export function wholeLinePieces(bytes: Buffer, pieceBytes: number): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = pieceEnd(bytes, start, start + pieceBytes);
    if (end <= start) throw new Error(`a piece that begins at ${start} ends at ${end}`);
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  return pieces;
}

function pieceEnd(bytes: Buffer, start: number, limit: number): number {
  if (limit >= bytes.length) return bytes.length;
  const feed = bytes.lastIndexOf(LINE_FEED, limit - 1);
  return (feed >= start ? feed : bytes.indexOf(LINE_FEED, limit)) + 1;
}

/** The index of the last line feed in [from, to), or -1. */
function lastLineFeed(buffer: Buffer, from: number, to: number): number {
  const index = buffer.subarray(from, to).lastIndexOf(LINE_FEED);
  return index < 0 ? -1 : from + index;
}

/** A line without the NULs at its end: a hole in place of what should have followed it. */
export function withoutHole(text: string): string {
  let end = text.length;
  while (text.charCodeAt(end - 1) === 0) end -= 1;
  return text.slice(0, end);
}

/** One line of a run: its text without the line end, or `undefined` where it is not UTF-8. */
export interface Line {
  readonly text: string | undefined;
  /** Of its first byte in the file. */
  readonly offsetBytes: number;
  /** With its line end. */
  readonly sizeBytes: number;
  /** Whether it holds a raw NUL. */
  readonly hasNul: boolean;
}

/** The lines of a run, the empty ones too, so that they can be counted. */
export function linesOf(run: LineRun): Line[] {
  const { bytes } = run;
  const allUtf8 = isUtf8(bytes);
  const anyNul = bytes.includes(0);
  const lines: Line[] = [];
  for (let start = 0; start < bytes.length;) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed < 0 ? bytes.length : feed;
    const next = feed < 0 ? end : end + 1;
    lines.push({
      text: textOf(bytes, start, end, allUtf8),
      offsetBytes: run.offsetBytes + start,
      sizeBytes: next - start,
      hasNul: anyNul && bytes.subarray(start, end).includes(0),
    });
    start = next;
  }
  return lines;
}

function textOf(bytes: Buffer, start: number, end: number, isChecked: boolean): string | undefined {
  const stop = end > start && bytes[end - 1] === 0x0d ? end - 1 : end;
  if (!isChecked && !isUtf8(bytes.subarray(start, stop))) return undefined;
  return bytes.toString('utf8', start, stop);
}
