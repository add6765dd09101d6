/**
 * One round of appending, under the lock: everything that waited, written and synced once
 * (append-records.ts).
 */
import { Buffer } from 'node:buffer';
import { HoldfastError, isHoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { followSymlinks } from '../os/follow-symlinks.js';
import { closeQuietly, syncAt, writeAll } from '../os/handles.js';
import type { Fs, FsFile } from '../os/fs.js';
import type { SetAsideLimits } from '../stage/set-aside.js';
import { WRITE_BYTES, type LogFormat, type LogHead, type PreparedRecords } from './log-format.js';
import { wholeLinePieces } from './log-lines.js';
import type { LogRepair, TailContext } from './log-tail.js';
import { openLog, prepareLog, remember, removeEmpty, type PreparedLog } from './open-log.js';
import { compactLocked } from './compact-records.js';
import { compactRule, type KeyChoice } from './compact-rule.js';
import { readHeadBytes } from './log-bytes.js';
import { isHalfRotated, rotateLog, type RotationOptions } from './rotate-log.js';

/** What an append did. */
export interface AppendResult {
  /** What the round that wrote these records mended first. Usually empty. */
  readonly repairs: readonly LogRepair[];
  /** What was done about the length of the log before these records were written (`maxBytes`). */
  readonly madeRoom?: 'compacted' | 'rotated' | undefined;
}

/** One call's part of a round. */
export interface RoundCall {
  readonly format: LogFormat;
  readonly records: PreparedRecords;
  readonly mode: number | undefined;
  readonly rotation: RotationOptions;
  readonly keepSetAside: SetAsideLimits | undefined;
}

/**
 * The calls of a round that are dealt with: those that the log has no place for, and what became of
 * the others.
 */
interface RoundResult {
  /** From the first on; the others are for a further round. */
  readonly takenCount: number;
  readonly refused: ReadonlyMap<RoundCall, unknown>;
  readonly result: AppendResult;
}

/**
 * Appends the records of calls whose settings are the same; throws when none of them is in the log.
 */
export async function appendRound(
  fs: Fs,
  path: string,
  calls: readonly RoundCall[],
): Promise<RoundResult> {
  const [first] = calls;
  if (!first) throw new Error('a round without calls');
  await first.format.load?.();
  const round = await appendOrFull(fs, path, calls, first);
  if (!('head' in round)) return round;
  const { repairs } = round;
  const { key, maxBytes = Infinity, keep } = first.rotation;
  if (key !== undefined && !round.isHalfRotated && (await isCompacted(fs, path, first))) {
    const again = await appendOrFull(fs, path, calls, first);
    if (!('head' in again)) return withRepairs(again, repairs, 'compacted');
  }
  const room = maxBytes - round.head.sizeBytes;
  const { text, refused, takenCount } = encodeCalls(calls, round.head, room, true);
  await rotateLog(fs, path, Buffer.concat([round.headBytes, Buffer.from(text)]), keep);
  return { takenCount, refused, result: { repairs, madeRoom: 'rotated' } };
}

/**
 * A log that has no room for the first of the calls, or whose rotation has to be brought to its
 * end.
 */
interface FullLog {
  readonly head: LogHead;
  readonly headBytes: Buffer;
  readonly isHalfRotated: boolean;
  readonly repairs: readonly LogRepair[];
}

/** Appends the calls for which the log has room; every one if there is no limit. */
async function appendOrFull(
  fs: Fs,
  path: string,
  calls: readonly RoundCall[],
  { format, records, mode, rotation, keepSetAside }: RoundCall,
): Promise<RoundResult | FullLog> {
  const { file, isNew } = await openLog(fs, path, mode);
  try {
    const log = await prepareLog({ fs, path, file, format, keepSetAside, next: records });
    const { head: found, endBytes, repairs } = log;
    const start = found
      ? { head: found, text: '' }
      : format.newHead(
          calls.map((call) => call.records),
          endBytes,
        );
    const isHalf = await isHalfRotated(fs, path, log.stat);
    const room = (rotation.maxBytes ?? Infinity) - endBytes;
    const isEmpty = endBytes <= start.head.sizeBytes;
    const { text, refused, takenCount } = encodeCalls(calls, start.head, room, isEmpty || isHalf);
    if (found && (takenCount === 0 || (isHalf && text !== ''))) {
      const headBytes = await readHeadBytes(file, found);
      return { head: found, headBytes, isHalfRotated: isHalf, repairs };
    }
    if (text !== '') {
      const bytes = Buffer.from(start.text + text);
      await appendBytes({ fs, path, file }, bytes, log);
      const end = endBytes + bytes.length;
      await remember(fs, path, file, { ...log, head: start.head, endBytes: end });
    }
    return { takenCount, refused, result: { repairs } };
  } finally {
    if (isNew) await removeEmpty(fs, path, file);
    await closeQuietly(file);
  }
}

/**
 * Compacts the log; whether that leaves it short enough. What cannot be compacted is left as it is.
 */
async function isCompacted(
  fs: Fs,
  path: string,
  { format, rotation: { key, latestBy, maxBytes = Infinity } }: RoundCall,
): Promise<boolean> {
  try {
    const rule = compactRule('appendRecords', format, key as KeyChoice, latestBy);
    const compaction = { path, format, ...rule, onDamage: 'error' } as const;
    const { sizeAfterBytes } = await compactLocked(fs, compaction);
    return sizeAfterBytes <= maxBytes / 2;
  } catch (error) {
    if (isHoldfastError(error, 'CORRUPT_DOCUMENT')) return false;
    throw error;
  }
}

function withRepairs(
  { result, ...round }: RoundResult,
  repairs: readonly LogRepair[],
  madeRoom: AppendResult['madeRoom'],
): RoundResult {
  return { ...round, result: { repairs: [...repairs, ...result.repairs], madeRoom } };
}

/**
 * The lines of the calls, from the first on, for which there is room; a call that does not fit the
 * log is refused alone.
 *
 * @param takesOne - take the first also where there is no room for it
 */
function encodeCalls(
  calls: readonly RoundCall[],
  head: LogHead,
  roomBytes: number,
  takesOne: boolean,
): {
  readonly text: string;
  readonly refused: ReadonlyMap<RoundCall, unknown>;
  readonly takenCount: number;
} {
  const refused = new Map<RoundCall, unknown>();
  let text = '';
  let sizeBytes = 0;
  let takenCount = 0;
  for (const call of calls) {
    try {
      const lines = call.records.encode(head);
      if (roomBytes < Infinity) sizeBytes += Buffer.byteLength(lines);
      if (sizeBytes > roomBytes && !(takesOne && text === '')) break;
      text += lines;
    } catch (error) {
      refused.set(call, error);
    }
    takenCount += 1;
  }
  return { text, refused, takenCount };
}

/** Steps 3 to 5. */
async function appendBytes(
  { fs, path, file }: Pick<TailContext, 'fs' | 'path' | 'file'>,
  bytes: Buffer,
  log: PreparedLog,
): Promise<void> {
  try {
    let offsetBytes = log.endBytes;
    for (const piece of wholeLinePieces(bytes, WRITE_BYTES)) {
      await writeAll(file, piece, offsetBytes);
      await syncData(file);
      offsetBytes += piece.length;
    }
    if (!log.known) await syncName(fs, path);
  } catch (error) {
    throw await cutBack(file, log.endBytes, failure('write', path, error));
  }
}

function syncData(file: FsFile): Promise<void> {
  return file.dataSync().catch((error: unknown) => {
    throw syncFailed(file.path, error);
  });
}

async function syncName(fs: Fs, path: string): Promise<void> {
  const { directory } = await followSymlinks(fs, path);
  await syncAt(fs, directory).catch((error: unknown) => {
    throw syncFailed(directory, error);
  });
}

function syncFailed(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('SYNC_FAILED', {
    message: 'The appended records could not be made durable, and were taken back.',
    outcome: 'unknown',
    step: 'sync',
    path,
    cause,
  });
}

/** Takes a failed round back, and gives the error with what is on disk now. */
async function cutBack(
  file: FsFile,
  startBytes: number,
  error: HoldfastError,
): Promise<HoldfastError> {
  try {
    await file.truncate(startBytes);
    await file.dataSync().catch((second: unknown) => {
      if (error.outcome === 'unchanged') throw second;
    });
    // After a failed sync no later one can be trusted, so that outcome stays unknown.
    return error;
  } catch (second) {
    return new HoldfastError(error.code, {
      message:
        'Appending failed, and what was written of it could not be taken back for certain; ' +
        'the next append mends a torn end.',
      outcome: 'unknown',
      step: error.step,
      path: error.path,
      cause: error.cause ?? error,
      others: [second],
    });
  }
}
