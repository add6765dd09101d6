/**
 * Follows a log: its records, and those that are appended, each once and in order, also when the
 * log is rotated, compacted or replaced meanwhile.
 *
 * 1. look whether the name leads to the file that is read. Only then is that file's end known to be
 *    its last
 * 2. read the whole lines behind the place that was reached
 * 3. if the name leads elsewhere, go on in the file that comes next (below); else wait until
 *    something stirs (watch/changes.ts)
 *
 * What comes next: the file that is read keeps its inode for as long as it is open, so it is found
 * again as `<log>.<n>` after rotations, and the next one is `<log>.<n-1>`, at last the log. If it
 * is not found, something was put in its place: a compaction, a repair, an editor. What that has in
 * common with it, from the first line on, has been given already. The file before it, which is held
 * open too, tells which one that is when there were rotations after it.
 */
import { Buffer } from 'node:buffer';
import { setImmediate as turn } from 'node:timers/promises';
import { asItIsNow, openGrowing } from '../file/open-target.js';
import { resolveTarget } from '../file/resolve-target.js';
import { errnoOf, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { unlessStale } from '../os/ask-again.js';
import type { FileStat, Fs, FsFile } from '../os/fs.js';
import { closeQuietly, isSameFile, lookAt, openResolved } from '../os/handles.js';
import type { Changes } from '../watch/changes.js';
import { readWhole, sizeOf } from './log-bytes.js';
import { firstLine, readRuns, type LinePlace, type LogEntry } from './log-entries.js';
import { DamagedLine, type LogFormat, type LogHead } from './log-format.js';
import { LINE_FEED } from './log-lines.js';
import { logWasCut } from './record-errors.js';
import { rotatedName } from './rotate-log.js';

/** So often a chain of rotated logs is looked at again that changes meanwhile. */
const MOST_LOOKS = 100;

/**
 * The entries of a log and of what comes after it, for as long as they are asked for and the
 * changes are not closed.
 */
export async function* followEntries(
  fs: Fs,
  path: string,
  format: LogFormat,
  changes: Changes,
): AsyncGenerator<readonly LogEntry[]> {
  await format.load?.();
  const follower = new Follower(fs, path, format);
  try {
    while (!changes.isClosed) {
      await changes.look();
      const next = await follower.lookForNext();
      yield* follower.read(next !== undefined);
      if (next !== undefined) yield* follower.moveTo(next);
      else if (!changes.isClosed) await changes.next();
    }
    changes.refuseAborted('read');
  } finally {
    changes.close();
    await follower.close();
  }
}

/** A file that is read, and how far. */
interface Reading {
  readonly file: FsFile;
  readonly stat: FileStat;
  head: LogHead | undefined;
  place: LinePlace;
  /** The last line that was read, if it is a record: one that nobody changes. */
  lastLine: LineBytes | undefined;
}

interface LineBytes {
  readonly offsetBytes: number;
  readonly bytes: Buffer;
}

/** One of the files in which a log is: the log itself has the number 0. */
interface Link {
  readonly number: number;
  readonly stat: FileStat;
}

/** What comes after the file that is read. */
interface Next {
  readonly link: Link;
  /** Whether it was put in its place, so that its beginning may have been read. */
  readonly isReplacement: boolean;
}

class Follower {
  readonly #fs: Fs;
  readonly #path: string;
  readonly #format: LogFormat;
  #now: Reading | undefined;
  /** The one that was read before; at first, the one that stands before the first. */
  #before: FsFile | undefined;
  /** The rotated logs that were there when the reading began: what comes after them is read. */
  #past: readonly Link[] | undefined;

  constructor(fs: Fs, path: string, format: LogFormat) {
    this.#fs = fs;
    this.#path = path;
    this.#format = format;
  }

  async close(): Promise<void> {
    if (this.#now) await closeQuietly(this.#now.file);
    if (this.#before) await closeQuietly(this.#before);
  }

  /**
   * What is to be read after the file at hand; `undefined` while that is the log, or there is none.
   */
  async lookForNext(): Promise<Next | undefined> {
    this.#past ??= (await this.#unlessMissing(() => this.#lookAtChain()))?.filter(isRotated) ?? [];
    const log = await this.#unlessMissing(() => this.#statOfLog());
    if (!log) return undefined;
    if (this.#now && isSameFile(this.#now.stat, log)) return undefined;
    const chain = await this.#chain();
    const numberOf = (stat: FileStat): number | undefined =>
      chain.find((link) => isSameFile(link.stat, stat))?.number;
    if (!this.#now) {
      if (chain[0]?.number !== 0) return undefined;
      const past = this.#past;
      const isNew = ({ stat }: Link): boolean => !past.some((link) => isSameFile(link.stat, stat));
      const link = chain.findLast(isNew);
      return link && { link, isReplacement: false };
    }
    const own = numberOf(this.#now.stat);
    const before = this.#before && numberOf(await this.#before.stat());
    const limit = own ?? before ?? Infinity;
    const link = chain.findLast(({ number }) => number < limit);
    return link && { link, isReplacement: own === undefined };
  }

  /**
   * The entries of the lines that have come.
   *
   * @param isLast - whether nothing more comes, so that a last line without a line end is as long
   *   as it will be
   */
  async *read(isLast: boolean): AsyncGenerator<readonly LogEntry[]> {
    const now = this.#now;
    if (!now) return;
    const file = await this.#asItIsNow(now);
    const endBytes = await sizeOf(file);
    await backToEnd(now, file, endBytes);
    now.head ??= await this.#format.readHead(file, endBytes);
    if (!now.head) return;
    if (now.place.offsetBytes === 0) now.place = await placeBehindHead(file, now.head);
    const log = { format: this.#format, head: now.head, endBytes };
    for await (const { entries, end, isUnterminated } of readRuns(file, log, now.place)) {
      if (isUnterminated && !isLast) return;
      now.place = end;
      const last = entries.at(-1);
      now.lastLine = last && (await lineOf(file, last));
      yield entries;
    }
  }

  /** Goes on in the next file, and gives what of it may have been read as far as it was not. */
  async *moveTo({ link, isReplacement }: Next): AsyncGenerator<readonly LogEntry[]> {
    const next = await this.#open(link);
    // It has got another number meanwhile: whoever asks again is told so. A rotation of this process
    // needs the event loop to come to its end.
    if (!next) {
      await turn();
      return;
    }
    const old = this.#now;
    this.#now = next;
    if (!old) {
      // It is a help to find one's way, and may be one that this user may not read.
      const before = await this.#openNumber(link.number + 1).catch(() => undefined);
      this.#before = before?.handle;
    } else if (isReplacement) {
      try {
        yield* this.#passOver(old, next);
      } finally {
        await closeQuietly(old.file);
      }
    } else {
      if (this.#before) await closeQuietly(this.#before);
      this.#before = old.file;
    }
  }

  /**
   * Passes over the lines that a replacement has in common with the file that was read: those of a
   * compacted log are some of these, in their order, and the last of them is the last that there
   * was, unless a field says which is the latest. A record that was a part of a damaged line there
   * (repair-records.ts) is new.
   */
  async *#passOver(old: Reading, next: Reading): AsyncGenerator<readonly LogEntry[]> {
    const file = await this.#asItIsNow(next);
    const endBytes = await sizeOf(file);
    next.head = await this.#format.readHead(file, endBytes);
    if (!next.head || !old.head) return;
    next.place = await placeBehindHead(file, next.head);
    const log = { format: this.#format, head: next.head, endBytes };
    const lines = new LinesOf(old, this.#format);
    try {
      for await (const { entries, end, isUnterminated } of readRuns(file, log, next.place)) {
        if (isUnterminated) return;
        for (const entry of entries) {
          const line = await lineOf(file, entry);
          const found = line ? await lines.find(line.bytes) : 'none';
          if (found === 'none') return;
          next.place = {
            offsetBytes: entry.offsetBytes + entry.sizeBytes,
            line: entry.line + 1,
          };
          next.lastLine = line;
          if (found === 'part') yield [entry];
          if (found === 'last') return;
        }
        next.place = end;
      }
    } finally {
      await lines.close();
    }
  }

  /** Never half of an overwrite where it is. */
  async #asItIsNow({ file, stat }: Reading): Promise<FsFile> {
    return (await asItIsNow(this.#fs, { handle: file, stat })).handle;
  }

  async #open({ number, stat }: Link): Promise<Reading | undefined> {
    const opened = await this.#openNumber(number);
    if (!opened) return undefined;
    if (isSameFile(opened.stat, stat)) {
      const place = { offsetBytes: 0, line: 1 };
      return { file: opened.handle, stat, head: undefined, place, lastLine: undefined };
    }
    await closeQuietly(opened.handle);
    return undefined;
  }

  async #openNumber(
    number: number,
  ): Promise<{ readonly handle: FsFile; readonly stat: FileStat } | undefined> {
    if (number === 0) return unlessStale(() => openGrowing(this.#fs, this.#path));
    const path = rotatedName(await this.#resolved(), number);
    return openResolved(this.#fs, path, { access: 'read' }).catch((error: unknown) => {
      if (['ENOENT', 'ESTALE'].includes(errnoOf(error) ?? '')) return undefined;
      throw failure('read', path, error);
    });
  }

  /**
   * All files of the log that are there, the log first; a rotation that is under way is waited for.
   */
  async #chain(): Promise<readonly Link[]> {
    let last = await this.#lookAtChain();
    for (let look = 0; look < MOST_LOOKS; look += 1) {
      const now = await this.#lookAtChain();
      const isSame =
        now.length === last.length &&
        now.every(({ number, stat }, index) => {
          const other = last[index] as Link;
          return other.number === number && isSameFile(other.stat, stat);
        });
      if (isSame) return now;
      last = now;
    }
    return last;
  }

  async #lookAtChain(): Promise<readonly Link[]> {
    const path = await this.#resolved();
    const chain: Link[] = [];
    // One number may be free, within a rotation or after one that died.
    for (let number = 0, missing = 0; missing < 2; number += 1) {
      const stat = await lookAt(this.#fs, number === 0 ? path : rotatedName(path, number));
      if (stat?.kind !== 'file') {
        missing += number === 0 ? 0 : 1;
        continue;
      }
      // Until a rotation is at its end the log may have two names.
      if (!chain.some((link) => isSameFile(link.stat, stat))) chain.push({ number, stat });
    }
    return chain;
  }

  async #statOfLog(): Promise<FileStat | undefined> {
    return (await resolveTarget(this.#fs, this.#path)).existing;
  }

  /** The directory may be made later. */
  async #unlessMissing<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      if (isHoldfastError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async #resolved(): Promise<string> {
    return (await resolveTarget(this.#fs, this.#path)).path;
  }
}

function isRotated({ number }: Link): boolean {
  return number > 0;
}

async function placeBehindHead(file: FsFile, head: LogHead): Promise<LinePlace> {
  return { offsetBytes: head.sizeBytes, line: await firstLine(file, head) };
}

/**
 * A log that was cut: emptied, it is read from its beginning; cut back to the end of a line, as an
 * append that fails takes back what it wrote, it is read on from there.
 *
 * @throws HoldfastError TARGET_CHANGED when what was read has become something else
 */
async function backToEnd(now: Reading, file: FsFile, endBytes: number): Promise<void> {
  const { offsetBytes, line } = now.place;
  if (endBytes === 0) {
    now.head = undefined;
    now.place = { offsetBytes: 0, line: 1 };
    now.lastLine = undefined;
    return;
  }
  if (endBytes >= offsetBytes) {
    if (!now.lastLine) return;
    const there = Buffer.alloc(now.lastLine.bytes.length);
    await readWhole(file, there, now.lastLine.offsetBytes);
    if (there.equals(now.lastLine.bytes)) return;
    throw logWasCut(file.path, offsetBytes);
  }
  const last = Buffer.alloc(1);
  await readWhole(file, last, endBytes - 1);
  if (last[0] !== LINE_FEED) throw logWasCut(file.path, endBytes);
  now.place = { offsetBytes: endBytes, line };
  now.lastLine = undefined;
}

/** Only of a record: a line with a hole is mended where it is. */
async function lineOf(
  file: FsFile,
  { offsetBytes, sizeBytes, content }: LogEntry,
): Promise<LineBytes | undefined> {
  if (content instanceof DamagedLine) return undefined;
  const bytes = Buffer.alloc(sizeBytes);
  await readWhole(file, bytes, offsetBytes);
  return { offsetBytes, bytes };
}

/**
 * The lines of a file that was read, one after the other, in which those of its replacement are
 * looked for.
 */
class LinesOf {
  readonly #entries: AsyncGenerator<readonly [LogEntry, Buffer, boolean], void, undefined>;
  #at: readonly [LogEntry, Buffer, boolean] | undefined;

  constructor(reading: Reading, format: LogFormat) {
    this.#entries = linesWithBytes(reading, format);
  }

  async close(): Promise<void> {
    await this.#entries.return();
  }

  /**
   * Looks for a line from where the last one was found: as a line, as the `last` one, as a `part`
   * of a damaged one.
   */
  async find(line: Buffer): Promise<'found' | 'last' | 'part' | 'none'> {
    const record = trimmed(line);
    for (;;) {
      this.#at ??= (await this.#entries.next()).value ?? undefined;
      if (this.#at === undefined) return 'none';
      const [{ content }, bytes, isLast] = this.#at;
      if (content instanceof DamagedLine) {
        if (bytes.includes(record)) return 'part';
        this.#at = undefined;
        continue;
      }
      this.#at = undefined;
      if (!trimmed(bytes).equals(record)) continue;
      return isLast ? 'last' : 'found';
    }
  }
}

async function* linesWithBytes(
  { file, head, place }: Reading,
  format: LogFormat,
): AsyncGenerator<readonly [LogEntry, Buffer, boolean], void, undefined> {
  if (!head) return;
  const log = { format, head, endBytes: place.offsetBytes };
  let last: readonly [LogEntry, Buffer] | undefined;
  for await (const { entries } of readRuns(file, log, { offsetBytes: head.sizeBytes, line: 1 })) {
    for (const entry of entries) {
      if (last) yield [...last, false];
      const bytes = Buffer.alloc(entry.sizeBytes);
      await readWhole(file, bytes, entry.offsetBytes);
      last = [entry, bytes];
    }
  }
  if (last) yield [...last, true];
}

/** Without its line end, which a record may have got since. */
function trimmed(line: Buffer): Buffer {
  return line.at(-1) === LINE_FEED ? line.subarray(0, -1) : line;
}
