/** One round of appending, under the lock: everything that waited, written and synced once (append-records.ts). */
import { HoldfastError } from '../errors.js';
import { failure } from '../failure.js';
import { followSymlinks } from '../lock/follow-symlinks.js';
import { closeQuietly } from '../os/close-quietly.js';
import type { Fs, FsFile } from '../os/fs.js';
import { WRITE_BYTES, type LogFormat, type LogHead, type PreparedRecords } from './log-format.js';
import { wholeLinePieces } from './log-lines.js';
import type { LogRepair } from './log-tail.js';
import { openLog, prepareLog, remember, removeEmpty, type PreparedLog } from './open-log.js';
import { writeWhole } from './log-bytes.js';

export interface AppendResult {
  /** What the round that wrote these records mended first. Usually empty. */
  readonly repairs: readonly LogRepair[];
}

/** One call's part of a round. */
export interface RoundCall {
  readonly format: LogFormat;
  readonly records: PreparedRecords;
  readonly mode: number | undefined;
}

/** The calls that the log has no place for, and what became of the others. */
export interface RoundResult {
  readonly refused: ReadonlyMap<RoundCall, unknown>;
  readonly result: AppendResult;
}

/** Appends the records of all calls, whose settings are the same; throws when none of them is in the log. */
export async function appendRound(
  fs: Fs,
  path: string,
  calls: readonly RoundCall[],
): Promise<RoundResult> {
  const [first] = calls;
  if (!first) throw new Error('a round without calls');
  await first.format.load?.();
  const { file, isNew } = await openLog(fs, path, first.mode);
  try {
    const log = await prepareLog({ fs, path, file, format: first.format, next: first.records });
    const start = log.head
      ? { head: log.head, text: '' }
      : first.format.newHead(
          calls.map(({ records }) => records),
          log.endBytes,
        );
    const { text, refused } = encodeCalls(calls, start.head);
    if (text !== '') {
      const bytes = Buffer.from(start.text + text);
      await appendBytes(fs, path, file, bytes, log);
      await remember(fs, path, file, log, start.head, log.endBytes + bytes.length);
    }
    return { refused, result: { repairs: log.repairs } };
  } finally {
    if (isNew) await removeEmpty(fs, path, file);
    await closeQuietly(file);
  }
}

/** The lines of all calls; a call that does not fit the log is refused alone. */
function encodeCalls(
  calls: readonly RoundCall[],
  head: LogHead,
): { readonly text: string; readonly refused: ReadonlyMap<RoundCall, unknown> } {
  const refused = new Map<RoundCall, unknown>();
  let text = '';
  for (const call of calls) {
    try {
      text += call.records.encode(head);
    } catch (error) {
      refused.set(call, error);
    }
  }
  return { text, refused };
}

/** Steps 3 to 5. */
async function appendBytes(
  fs: Fs,
  path: string,
  file: FsFile,
  bytes: Buffer,
  log: PreparedLog,
): Promise<void> {
  try {
    let offsetBytes = log.endBytes;
    for (const piece of wholeLinePieces(bytes, WRITE_BYTES)) {
      await writeWhole(file, piece, offsetBytes);
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
  const opened = await fs.openDirectory(directory);
  try {
    await opened.sync();
  } catch (error) {
    throw syncFailed(directory, error);
  } finally {
    await closeQuietly(opened);
  }
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
    // After a failed sync no later one can be trusted, so that outcome stays unknown.
    if (error.outcome === 'unchanged') await file.dataSync();
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
