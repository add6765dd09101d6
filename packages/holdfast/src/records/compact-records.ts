/**
 * Compacts a log: of the records that share a key the last write stays.
 *
 * 1. lock the log, so that no append of Holdfast comes in between
 * 2. read it once, keeping for each key the place of its winner, not the record
 * 3. read it again and write the winners' own bytes, in the order they have in the log, to a staged
 *    file
 * 4. publish that in the log's place (file/), unlock
 *
 * A crash leaves the old log or the new one. Appenders that waited find the new file, since they
 * open it after locking.
 */
import { withLock } from '../journal/settled-lock.js';
import { lockChoiceNames, lockChoiceOf, type LockChoice } from '../lock/lock-choice.js';
import { checkOptions } from '../options.js';
import type { Fs, FsFile } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { chooseFormat, logOptionNames, type LogOptions } from './choose-format.js';
import {
  compactRule,
  type CompactRule,
  type KeyChoice,
  type Rank,
  type RankChoice,
} from './compact-rule.js';
import { sizeOf } from './log-bytes.js';
import { judge, type DamagePolicy } from './log-damage.js';
import { readEntries, type LogEntry } from './log-entries.js';
import type { LogFormat, LogRecord } from './log-format.js';
import { endsInLineFeed } from './log-tail.js';
import { corruptLog } from './record-errors.js';
import { finishRotation } from './rotate-log.js';
import { rewriteLog, whileOpen, type LogPart } from './rewrite-log.js';

export interface CompactRecordsOptions extends LogOptions, LockChoice {
  /**
   * The field, or the fields together, that say which records are of one thing; or a function that
   * gives the key.
   */
  readonly key: KeyChoice;
  /**
   * Which record of a key was written last: the one with the largest value of this field (or of
   * what the function gives): numbers by size, texts by code unit, as ISO 8601 times of one zone
   * are ordered; in CSV, cells that are numbers by size. Among equals the later one, and integers
   * past 2^53 are equal where JavaScript rounds them to one: times in nanoseconds that lie less
   * than 256 apart. Default: the one that is last in the log.
   */
  readonly latestBy?: RankChoice | undefined;
  /** As in `readRecords`; what is passed over is not in the compacted log. Default: `error`. */
  readonly onDamage?: DamagePolicy | undefined;
  /** How long to wait for the lock. Default: without end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait for the lock. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** What a compaction did. */
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
  ...lockChoiceNames,
  'fs',
] as const;

/**
 * Replaces a log by one with only the last record of each key, in the order that these records have
 * in it. Lines are kept byte for byte, and so are a CSV log's header and dialect, and the file's
 * owner, mode and attributes.
 *
 * Appenders side by side wait and lose nothing; who reads meanwhile reads the old log to its end. A
 * log with nothing to drop is left alone. After an error the log is as it was (outcome `unknown` if
 * the directory sync failed). Memory holds every key once, and no record.
 *
 * @throws HoldfastError NOT_FOUND when there is no log; CORRUPT_DOCUMENT naming the line that is
 *   damaged, or whose record lacks the key or the field of `latestBy`, or has an integer past 2^53
 *   as its key; LOCK_TIMEOUT, LOCK_NESTED, ABORTED, INVALID_ARGUMENT; those of `replaceFile`
 */
export async function compactRecords(
  path: string,
  options: CompactRecordsOptions,
): Promise<CompactResult> {
  checkOptions('compactRecords', options, optionNames);
  const format = chooseFormat('compactRecords', path, options);
  const compaction = {
    path,
    format,
    ...compactRule('compactRecords', format, options.key, options.latestBy),
    onDamage: options.onDamage ?? 'error',
  };
  const { fs = nodeFileSystem, timeoutMs, signal } = options;
  const compact = async (): Promise<CompactResult> => {
    // Of a rotation that died the records would be in two files.
    await finishRotation(fs, path, format);
    return compactLocked(fs, compaction);
  };
  return withLock(path, () => compact(), { fs, timeoutMs, signal, ...lockChoiceOf(options) });
}

/** What is to be done with a log. */
interface Compaction extends CompactRule {
  readonly path: string;
  readonly format: LogFormat;
  readonly onDamage: DamagePolicy;
}

/** The place of the record that is last of its key so far. */
interface Winner {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly rank: Rank;
}

/** Compacts a log whose lock the caller has. */
export async function compactLocked(fs: Fs, compaction: Compaction): Promise<CompactResult> {
  const { path } = compaction;
  const found = await whileOpen(fs, path, (file) => findWinners(file, compaction));
  const { headBytes, winners, isUnterminated, sizeBeforeBytes, sizeAfterBytes } = found;
  if (sizeAfterBytes !== sizeBeforeBytes) {
    const kept: LogPart[] = [{ offsetBytes: 0, sizeBytes: headBytes }, ...winners];
    if (isUnterminated) kept.push('lineFeed');
    await rewriteLog(fs, path, kept);
  }
  const keptCount = found.winners.length;
  const droppedCount = found.recordCount - keptCount;
  return { keptCount, droppedCount, sizeBeforeBytes, sizeAfterBytes };
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

async function findWinners(file: FsFile, compaction: Compaction): Promise<Found> {
  const { path, format, onDamage } = compaction;
  const endBytes = await sizeOf(file);
  const winners = new Map<string, Winner>();
  let recordCount = 0;
  for await (const entries of readEntries(file, format, endBytes)) {
    for (const entry of entries) {
      const record = judge(path, entry, onDamage);
      if (!record) continue;
      recordCount += 1;
      contend(winners, record, entry, compaction);
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

/**
 * Lets a record take the place of the one that was last of its key, unless that one was written
 * later.
 */
function contend(
  winners: Map<string, Winner>,
  record: LogRecord,
  entry: LogEntry,
  compaction: Compaction,
): void {
  const { path } = compaction;
  const key = compaction.keyOf(record);
  if (key === undefined) {
    const message = `The record in line ${entry.line} has no key, or a number past 2^53 as one, which cannot be told from its neighbours.`;
    throw corruptLog(path, message);
  }
  const rank = compaction.rankOf(record);
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
