/**
 * Compacts a log: of the records that share a key the last write stays.
 *
 * 1. lock the log, so that no append of Holdfast comes in between
 * 2. read it once, keeping for each key the place of its winner, not the record
 * 3. read it again and write the winners' own bytes, in the order they have in the log, to a staged file
 * 4. publish that in the log's place (file/), unlock
 *
 * A crash leaves the old log or the new one. Appenders that waited find the new file, since they open it after locking.
 */
import { failure } from '../failure.js';
import { replaceFile } from '../file/replace-file.js';
import { withLock } from '../journal/settled-lock.js';
import { checkOptions } from '../options.js';
import { closeQuietly } from '../os/close-quietly.js';
import type { Fs, FsFile } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { chooseFormat, logOptionNames, type LogOptions } from './choose-format.js';
import {
  keyFunction,
  rankFunction,
  type CompactRule,
  type KeyChoice,
  type Rank,
  type RankChoice,
} from './compact-rule.js';
import { readWhole, sizeOf } from './log-bytes.js';
import { judge, type DamagePolicy } from './log-damage.js';
import { readEntries, type LogEntry } from './log-entries.js';
import type { LogFormat, LogRecord } from './log-format.js';
import { LINE_FEED } from './log-lines.js';
import { endsInLineFeed } from './log-tail.js';
import { corruptLog } from './record-errors.js';

export interface CompactRecordsOptions extends LogOptions {
  /** The field, or the fields together, that say which records are of one thing; or a function that gives the key. */
  readonly key: KeyChoice;
  /**
   * Which record of a key was written last: the one with the largest value of this field (or of what the function
   * gives): numbers by size, texts by code unit, as ISO 8601 times of one zone are ordered; in CSV, cells that are
   * numbers by size. Among equals the later one, and integers past 2^53 are equal where JavaScript rounds them to one:
   * times in nanoseconds that lie less than 256 apart. Default: the one that is last in the log.
   */
  readonly latestBy?: RankChoice | undefined;
  /** As in `readRecords`; what is passed over is not in the compacted log. Default: `error`. */
  readonly onDamage?: DamagePolicy | undefined;
  /** How long to wait for the lock. Default: without end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait for the lock. */
  readonly signal?: AbortSignal | undefined;
  /** The lock file; `<log>.lock` by default. */
  readonly lockPath?: string | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

export interface CompactResult {
  readonly keptCount: number;
  /** Records that gave way to a later one of their key. */
  readonly droppedCount: number;
  readonly sizeBeforeBytes: number;
  readonly sizeAfterBytes: number;
}

const optionNames = [
  ...logOptionNames,
  'key',
  'latestBy',
  'onDamage',
  'timeoutMs',
  'signal',
  'lockPath',
  'fs',
];

/**
 * Replaces a log by one with only the last record of each key, in the order that these records have in it. Lines are
 * kept byte for byte, and so are a CSV log's header and dialect, and the file's owner, mode and attributes.
 *
 * Appenders side by side wait and lose nothing; who reads meanwhile reads the old log to its end. A log with nothing to
 * drop is left alone. After an error the log is as it was (outcome `unknown` if the directory sync failed). Memory
 * holds every key once, and no record.
 *
 * @throws HoldfastError NOT_FOUND when there is no log; CORRUPT_DOCUMENT naming the line that is damaged, or whose
 *   record lacks the key or the field of `latestBy`, or has an integer past 2^53 as its key; LOCK_TIMEOUT, LOCK_NESTED,
 *   ABORTED, INVALID_ARGUMENT; those of `replaceFile`
 */
export async function compactRecords(
  path: string,
  options: CompactRecordsOptions,
): Promise<CompactResult> {
  checkOptions('compactRecords', options, optionNames);
  const format = chooseFormat('compactRecords', path, options);
  const rule = {
    keyOf: keyFunction(options.key),
    rankOf: rankFunction(options.latestBy, format.name),
  };
  const { fs = nodeFileSystem, timeoutMs, signal, lockPath } = options;
  return withLock(path, () => compact(fs, path, format, rule, options.onDamage ?? 'error'), {
    fs,
    timeoutMs,
    signal,
    lockPath,
  });
}

/** The place of the record that is last of its key so far. */
interface Winner {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly rank: Rank;
}

async function compact(
  fs: Fs,
  path: string,
  format: LogFormat,
  rule: CompactRule,
  onDamage: DamagePolicy,
): Promise<CompactResult> {
  const found = await whileOpen(fs, path, (file) =>
    findWinners(path, file, format, rule, onDamage),
  );
  const { sizeBeforeBytes, sizeAfterBytes } = found;
  if (sizeAfterBytes !== sizeBeforeBytes) {
    await replaceFile(path, keptBytes(fs, path, found), { fs });
  }
  const keptCount = found.winners.length;
  const droppedCount = found.recordCount - keptCount;
  return { keptCount, droppedCount, sizeBeforeBytes, sizeAfterBytes };
}

async function whileOpen<T>(fs: Fs, path: string, use: (file: FsFile) => Promise<T>): Promise<T> {
  const file = await openLog(fs, path);
  try {
    return await use(file);
  } finally {
    await closeQuietly(file);
  }
}

async function openLog(fs: Fs, path: string): Promise<FsFile> {
  try {
    return await fs.open(path, { access: 'read' });
  } catch (error) {
    throw failure('open', path, error);
  }
}

interface Found {
  /** In the order of the log. */
  readonly winners: readonly Winner[];
  readonly recordCount: number;
  /** Where the records begin. */
  readonly headBytes: number;
  /** Whether the last winner is a line without a line end. */
  readonly isUnterminated: boolean;
  readonly sizeBeforeBytes: number;
  /** Of the log that is left: head and winners, each a whole line. */
  readonly sizeAfterBytes: number;
}

async function findWinners(
  path: string,
  file: FsFile,
  format: LogFormat,
  rule: CompactRule,
  onDamage: DamagePolicy,
): Promise<Found> {
  const endBytes = await sizeOf(file);
  const winners = new Map<string, Winner>();
  let recordCount = 0;
  for await (const entries of readEntries(file, format, endBytes)) {
    for (const entry of entries) {
      const record = judge(path, entry, onDamage);
      if (!record) continue;
      recordCount += 1;
      contend(winners, record, entry, rule, path);
    }
  }
  await format.load?.();
  const headBytes = (await format.readHead(file, endBytes))?.sizeBytes ?? endBytes;
  const inOrder = [...winners.values()].toSorted((a, b) => a.offsetBytes - b.offsetBytes);
  const last = inOrder.at(-1);
  const isUnterminated = last ? !(await endsInLineFeed(file, endOf(last))) : false;
  const sizeBytes = inOrder.reduce((sum, winner) => sum + winner.sizeBytes, headBytes);
  return {
    winners: inOrder,
    recordCount,
    headBytes,
    isUnterminated,
    sizeBeforeBytes: endBytes,
    sizeAfterBytes: sizeBytes + (isUnterminated ? 1 : 0),
  };
}

function endOf({ offsetBytes, sizeBytes }: Winner): number {
  return offsetBytes + sizeBytes;
}

/** Lets a record take the place of the one that was last of its key, unless that one was written later. */
function contend(
  winners: Map<string, Winner>,
  record: LogRecord,
  entry: LogEntry,
  rule: CompactRule,
  path: string,
): void {
  const key = rule.keyOf(record);
  if (key === undefined) {
    const message = `The record in line ${entry.line} has no key, or a number past 2^53 as one, which cannot be told from its neighbours.`;
    throw corruptLog(path, message);
  }
  const rank = rule.rankOf(record);
  if (rank === undefined) {
    const message = `The record in line ${entry.line} has no number or text that tells when it was written.`;
    throw corruptLog(path, message);
  }
  const before = winners.get(key);
  if (before && typeof before.rank !== typeof rank) {
    const message = `When line ${entry.line} was written is a ${typeof rank}, but a ${typeof before.rank} in an earlier record of its key.`;
    throw corruptLog(path, message);
  }
  if (before && before.rank > rank) return;
  winners.set(key, { offsetBytes: entry.offsetBytes, sizeBytes: entry.sizeBytes, rank });
}

const CHUNK_BYTES = 256 * 1024;

/**
 * The head's and the winners' own bytes, in chunks; a last line without a line end gets one. The log is open no longer
 * than its bytes are taken, since a file that is open cannot be replaced everywhere.
 */
async function* keptBytes(fs: Fs, path: string, found: Found): AsyncGenerator<Uint8Array> {
  const { headBytes, winners, isUnterminated } = found;
  const file = await openLog(fs, path);
  try {
    let chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let held = 0;
    for (const range of [{ offsetBytes: 0, sizeBytes: headBytes }, ...winners]) {
      for (let done = 0; done < range.sizeBytes;) {
        const room = Math.min(range.sizeBytes - done, CHUNK_BYTES - held);
        const place = chunk.subarray(held, held + room);
        const got = await readWhole(file, place, range.offsetBytes + done);
        if (got === 0) throw corruptLog(path, 'The log became shorter while it was compacted.');
        held += got;
        done += got;
        if (held < CHUNK_BYTES) continue;
        yield chunk;
        chunk = Buffer.allocUnsafe(CHUNK_BYTES);
        held = 0;
      }
    }
    if (held > 0) yield chunk.subarray(0, held);
    if (isUnterminated) yield Buffer.of(LINE_FEED);
  } finally {
    await closeQuietly(file);
  }
}
