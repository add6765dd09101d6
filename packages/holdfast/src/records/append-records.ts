/**
 * Appends records to a log: whole lines, side by side with other programs, acknowledged when durable.
 *
 * 1. lock `<log>.lock`                       (calls that wait in this process share one round from here on)
 * 2. open the log, made if it is missing; mend its tail when it needs that (log-tail.ts)
 * 3. write whole lines at the end, at most WRITE_BYTES at once or one longer record, and check the count
 * 4. fdatasync; again 3 while lines are left
 * 5. sync the directory, once per process and log, since the name may be as new as the content
 * 6. unlock, acknowledge
 *
 * Invariant: what was acknowledged is never written to again by an append. When a step fails, the log is cut back to
 * where this round began. A crash leaves whole records of the round, and at most one torn line after them or lines
 * with holes among them, all within WRITE_BYTES of the end or in the last line; the next append mends that.
 */
import { HoldfastError } from '../errors.js';
import { locksOfThisChain } from '../lock/held-locks.js';
import { resolveLockPath } from '../lock/lock-path.js';
import { checkOptions, checkPath, invalidArgument } from '../options.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { absolute } from '../os/paths.js';
import { chooseFormat, logOptionNames, type LogOptions } from './choose-format.js';
import { queueAppend } from './append-queue.js';
import type { AppendResult } from './append-round.js';
import type { LogFormat } from './log-format.js';

export interface AppendRecordsOptions extends LogOptions {
  /** CSV: the columns of a new log, in order. Default: the fields of its first records, in order of appearance. */
  readonly columns?: readonly string[] | undefined;
  /** The permission bits of a new log, before the umask. Default: 0o666. */
  readonly mode?: number | undefined;
  /** How long to wait for the lock. Default: without end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call while it waits; once its records are being written it is carried through. */
  readonly signal?: AbortSignal | undefined;
  /** The lock file; `<log>.lock` by default. */
  readonly lockPath?: string | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/**
 * Appends records to a log, which is made if it is missing. When the promise is fulfilled, all of them are durable, each
 * as one line of its own.
 *
 * Calls of one process on one path are written in the order in which they were made, and those that wait share one
 * write and one sync. The records are taken as they are at the call. A record that cannot be kept refuses its own call
 * and no other.
 *
 * After an error none of the call's records is in the log, unless the outcome is `unknown`. After a crash some of the
 * records of a call that was not acknowledged may be there, each of them whole.
 *
 * @param path - the log; symlinks are followed, and it is written in place: its owner, mode and links stay
 * @throws HoldfastError UNREPRESENTABLE naming the record and field; CORRUPT_DOCUMENT when the CSV header is not one;
 *   NO_SPACE, IO: the log is as it was; SYNC_FAILED; LOCK_TIMEOUT, LOCK_NESTED, ABORTED, INVALID_ARGUMENT
 */
export async function appendRecords(
  path: string,
  records: Iterable<object>,
  options: AppendRecordsOptions = {},
): Promise<AppendResult> {
  checkOptions('appendRecords', options, optionNames);
  checkPath('appendRecords', path);
  refuseOne(records, path);
  const format = chooseFormat('appendRecords', path, options);
  const prepared = format.prepare(records, path);
  if (prepared.count === 0) return { repairs: [] };
  const { fs = nodeFileSystem, columns, delimiter, mode, lockPath, timeoutMs, signal } = options;
  if (locksOfThisChain().length > 0) await refuseNested(fs, path, lockPath);
  return await queueAppend(fs, absolute(path), lockPath && absolute(lockPath), {
    format,
    records: prepared,
    mode,
    settings: settingsOf(format, mode, columns, delimiter),
    timeoutMs,
    signal,
  });
}

function refuseOne(records: unknown, path: string): void {
  if (typeof records === 'object' && records !== null && Symbol.iterator in records) return;
  const message = 'records is an array, or another iterable, of objects; for one record, [record]';
  throw invalidArgument('appendRecords', message, path);
}

/** Equal for calls that can share a round. */
function settingsOf(
  format: LogFormat,
  mode: number | undefined,
  columns: readonly string[] | undefined,
  delimiter: string | undefined,
): string {
  if (format.name === 'jsonl') return `jsonl ${mode}`;
  return JSON.stringify([format.name, delimiter, columns, mode]);
}

/** A round is led by one call for all that share it, so whose chain holds the lock is asked before a call joins. */
async function refuseNested(fs: Fs, path: string, given: string | undefined): Promise<void> {
  const lockPath = await resolveLockPath(fs, path, given);
  const isHeld = locksOfThisChain().some((lock) => lock.held && lock.lockPath === lockPath);
  if (!isHeld) return;
  throw new HoldfastError('LOCK_NESTED', {
    message:
      'This chain of calls holds the lock of the log and would wait for itself. Append after it is released.',
    outcome: 'unchanged',
    step: 'lock',
    path: lockPath,
  });
}

const optionNames = [...logOptionNames, 'columns', 'mode', 'timeoutMs', 'signal', 'lockPath', 'fs'];
