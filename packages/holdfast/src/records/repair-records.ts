/**
 * Repairs a log that other programs, or a disk, have damaged anywhere: what is no record is taken
 * out and kept aside, and each record gets a line of its own.
 *
 * 1. lock the log, so that no append of Holdfast comes in between
 * 2. read it once; of a line that is no record, find the records in it (the format's `salvage`)
 * 3. keep every other piece in a file beside the log, durably (torn-bytes.ts)
 * 4. write what stays, byte for byte, to a staged file, and publish that in the log's place
 *    (rewrite-log.ts); unlock
 *
 * Invariant: every byte of the old log is in the new one or in a file beside it, but for the spaces
 * between two records that shared a line. A crash before 4 leaves the old log and perhaps some of
 * the files, to which the next repair gives the same names.
 */
import { Buffer } from 'node:buffer';
import { failure } from '../failure.js';
import { withLock } from '../journal/settled-lock.js';
import { lockChoiceNames, lockChoiceOf, type LockChoice } from '../lock/lock-choice.js';
import { checkOptions, checkPath, invalidArgument } from '../options.js';
import type { Fs, FsFile } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import {
  SET_ASIDE_OPTION,
  checkSetAside,
  type SetAsideLimits,
  type SetAsideOptions,
} from '../stage/set-aside.js';
import { chooseFormat, logOptionNames, type LogOptions } from './choose-format.js';
import { readWhole, sizeOf } from './log-bytes.js';
import { readEntriesBehind, readHead, type Log, type LogEntry } from './log-entries.js';
import { DamagedLine, type LogFormat } from './log-format.js';
import { LINE_FEED } from './log-lines.js';
import { endsInLineFeed, type LogRepair } from './log-tail.js';
import { finishRotation } from './rotate-log.js';
import { rewriteLog, whileOpen, type LogPart } from './rewrite-log.js';
import { keepPieces, type Stretch } from './torn-bytes.js';

export interface RepairRecordsOptions extends LogOptions, LockChoice, SetAsideOptions {
  /** Only tells what would be done: nothing is written, and no lock is taken. Default: `false`. */
  readonly check?: boolean | undefined;
  /** How long to wait for the lock. Default: without end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait for the lock. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** Something that was mended, and in which line. */
export interface LineRepair extends LogRepair {
  /** Of the log as it was, counted from 1. */
  readonly line: number;
  /** Why the line, or its end, was none of a record. */
  readonly reason: string;
}

/** What a repair did, or with `check` would do. */
export interface RepairResult {
  /** The records in the log that is left. */
  readonly recordCount: number;
  /** In the order of the log; empty for one in order, which is left alone. */
  readonly repairs: readonly LineRepair[];
  readonly sizeBeforeBytes: number;
  readonly sizeAfterBytes: number;
}

const optionNames = [
  ...logOptionNames,
  SET_ASIDE_OPTION,
  'check',
  'timeoutMs',
  'signal',
  ...lockChoiceNames,
  'fs',
] as const;

/**
 * Repairs a log: records that share a line get a line each, a whole last record its line end, and
 * everything that is no record (halves of records, holes of NULs, what is not UTF-8) is taken out
 * and kept beside the log as `<log>.torn-<checksum>`.
 *
 * After success every line of the log is a record, byte for byte as it was, in the order that they
 * had; owner, mode and attributes of the file stay. Every byte that was taken out is in one of the
 * files that the result names. After an error the log is as it was (outcome `unknown` if the
 * directory sync failed). Appenders side by side wait and lose nothing; who reads meanwhile reads
 * the old log to its end. Memory holds one line, and the place of every piece.
 *
 * In JSON Lines a record is found also inside of a line: after another one, after the torn half of
 * one, after a hole. A row of CSV cannot be told from a part of a longer one: there a line is taken
 * apart only where quotes, a CR and the number of its cells leave one way to make whole rows of all
 * of it, and taken out whole otherwise.
 *
 * Not promised: that what a program writes at the same moment without the lock is not lost; a log
 * that has grown meanwhile is TARGET_CHANGED, when that shows in time.
 *
 * @throws HoldfastError NOT_FOUND when there is no log; CORRUPT_DOCUMENT when the CSV header is
 *   none, or the log is UTF-16; TARGET_CHANGED; LOCK_TIMEOUT, LOCK_NESTED, ABORTED,
 *   INVALID_ARGUMENT; those of `replaceFile`
 */
export async function repairRecords(
  path: string,
  options: RepairRecordsOptions = {},
): Promise<RepairResult> {
  checkOptions('repairRecords', options, optionNames);
  checkPath('repairRecords', path);
  const { check = false, keepSetAside, fs = nodeFileSystem, timeoutMs, signal } = options;
  if (typeof check !== 'boolean') {
    throw invalidArgument('repairRecords', 'check is true or false', path);
  }
  checkSetAside('repairRecords', path, keepSetAside);
  const format = chooseFormat('repairRecords', path, options);
  if (check) {
    const plan = await whileOpen(fs, path, (file) => planOf(file, format));
    return plan.result([]);
  }
  return withLock(path, () => repairLocked(fs, path, format, keepSetAside), {
    fs,
    timeoutMs,
    signal,
    ...lockChoiceOf(options),
  });
}

async function repairLocked(
  fs: Fs,
  path: string,
  format: LogFormat,
  keepSetAside: SetAsideLimits | undefined,
): Promise<RepairResult> {
  await finishRotation(fs, path, format);
  try {
    const { plan, kept } = await whileOpen(fs, path, async (file) => {
      const found = await planOf(file, format);
      return {
        plan: found,
        kept: await keepPieces({ fs, path, file, keepSetAside }, found.pieces),
      };
    });
    const result = plan.result(kept);
    if (result.repairs.length > 0) await rewriteLog(fs, path, plan.parts(), plan.sizeBytes);
    return result;
  } catch (error) {
    throw failure('repair', path, error);
  }
}

async function planOf(file: FsFile, format: LogFormat): Promise<Plan> {
  const sizeBytes = await sizeOf(file);
  const plan = new Plan(sizeBytes);
  let last: LogEntry | undefined;
  const head = await readHead(file, format, sizeBytes);
  if (!head) return plan;
  const log: Log = { format, head, endBytes: sizeBytes };
  for await (const entries of readEntriesBehind(file, log)) {
    for (const entry of entries) {
      if (entry.content instanceof DamagedLine) {
        plan.addDamaged(entry, entry.content.reason, await lineAt(file, entry), log);
      } else plan.recordCount += 1;
      last = entry;
    }
  }
  if (last && !(last.content instanceof DamagedLine)) await plan.complete(file, last);
  return plan;
}

async function lineAt(file: FsFile, { offsetBytes, sizeBytes }: Stretch): Promise<Buffer> {
  const bytes = Buffer.alloc(sizeBytes);
  return bytes.subarray(0, await readWhole(file, bytes, offsetBytes));
}

/** A place where bytes go, or a line end comes, or both. */
interface Edit extends Stretch {
  readonly insertsLineFeed: boolean;
}

/** What becomes of a log. */
class Plan {
  recordCount = 0;
  readonly sizeBytes: number;
  readonly #repairs: LineRepair[] = [];
  readonly #edits: Edit[] = [];

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  /** What is to be kept aside. */
  get pieces(): readonly Stretch[] {
    return this.#repairs.filter(({ kind }) => kind === 'removed');
  }

  /** A line that is no record, but may hold some. */
  addDamaged(entry: LogEntry, reason: string, bytes: Buffer, log: Log): void {
    const hasLineEnd = bytes.at(-1) === LINE_FEED;
    const line = hasLineEnd ? bytes.subarray(0, -1) : bytes;
    const records = log.format.salvage(line, hasLineEnd, log.head);
    const { line: number, offsetBytes } = entry;
    if (records.length === 0) {
      this.#remove({ line: number, reason }, offsetBytes, bytes.length, false);
      return;
    }
    this.recordCount += records.length;
    let at = 0;
    for (const record of records) {
      const gap = record.offsetBytes - at;
      const place = offsetBytes + at;
      if (!isSpace(line.subarray(at, at + gap))) {
        this.#remove({ line: number, reason }, place, gap, at > 0);
      } else if (at > 0) {
        const { sizeBytes } = record;
        const told = { line: number, reason: 'another record stands before it' };
        this.#repairs.push({
          kind: 'separated',
          offsetBytes: place + gap,
          sizeBytes,
          ...told,
        });
        this.#edits.push({ offsetBytes: place, sizeBytes: gap, insertsLineFeed: true });
      }
      at = record.offsetBytes + record.sizeBytes;
    }
    if (!isSpace(line.subarray(at))) {
      this.#remove({ line: number, reason }, offsetBytes + at, line.length - at, false);
    }
    if (!hasLineEnd) this.#endLine(number, this.sizeBytes, records.at(-1) as Stretch, offsetBytes);
  }

  /** A last record without a line end, perhaps with a hole in the place of it. */
  async complete(file: FsFile, last: LogEntry): Promise<void> {
    const end = last.offsetBytes + last.sizeBytes;
    if (await endsInLineFeed(file, end)) return;
    if (end < this.sizeBytes) {
      const told = { line: last.line, reason: 'NULs stand in the place of its line end' };
      this.#remove(told, end, this.sizeBytes - end, false);
    }
    this.#endLine(last.line, this.sizeBytes, last, 0);
  }

  /** @param kept - where the pieces are, in their order */
  result(
    kept: readonly { readonly keptAt: string; readonly keptOffsetBytes: number }[],
  ): RepairResult {
    const places = kept.values();
    const repairs = this.#repairs.map((repair) =>
      repair.kind === 'removed' ? { ...repair, ...places.next().value } : repair,
    );
    const change = this.#edits.reduce(
      (sum, { sizeBytes, insertsLineFeed }) => sum + Number(insertsLineFeed) - sizeBytes,
      0,
    );
    return {
      recordCount: this.recordCount,
      repairs,
      sizeBeforeBytes: this.sizeBytes,
      sizeAfterBytes: this.sizeBytes + change,
    };
  }

  /** What the repaired log is made of. */
  *parts(): Generator<LogPart, void, undefined> {
    let at = 0;
    for (const { offsetBytes, sizeBytes, insertsLineFeed } of this.#edits) {
      yield { offsetBytes: at, sizeBytes: offsetBytes - at };
      if (insertsLineFeed) yield 'lineFeed';
      at = offsetBytes + sizeBytes;
    }
    yield { offsetBytes: at, sizeBytes: this.sizeBytes - at };
  }

  #remove(
    told: Pick<LineRepair, 'line' | 'reason'>,
    offsetBytes: number,
    sizeBytes: number,
    insertsLineFeed: boolean,
  ): void {
    this.#repairs.push({ kind: 'removed', offsetBytes, sizeBytes, ...told });
    this.#edits.push({ offsetBytes, sizeBytes, insertsLineFeed });
  }

  #endLine(line: number, at: number, record: Stretch, base: number): void {
    const offsetBytes = base + record.offsetBytes;
    const told = { line, reason: 'it had no line end' };
    this.#repairs.push({ kind: 'completed', offsetBytes, sizeBytes: record.sizeBytes, ...told });
    this.#edits.push({ offsetBytes: at, sizeBytes: 0, insertsLineFeed: true });
  }
}

function isSpace(bytes: Buffer): boolean {
  return /^[ \t\r]*$/u.test(bytes.toString('latin1'));
}
