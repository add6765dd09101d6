/**
 * Appends records to a log: whole lines, side by side with other programs, acknowledged when
 * durable.
 *
 * 1. lock `<log>.lock` (calls that wait in this process share one round from here on)
 * 2. open the log, made if it is missing; mend its tail when it needs that (log-tail.ts)
 * 3. write whole lines at the end, at most WRITE_BYTES at once or one longer record, and check the
 *    count
 * 4. fdatasync; again 3 while lines are left (a log that would be longer than `maxBytes` is
 *    compacted or rotated in place of 3 to 5, rotate-log.ts)
 * 5. sync the directory, once per process and log, since the name may be as new as the content
 * 6. unlock, acknowledge
 *
 * Invariant: what was acknowledged is never written to again by an append. When a step fails, the
 * log is cut back to where this round began. A crash leaves whole records of the round, and at most
 * one torn line after them or lines with holes among them, all within WRITE_BYTES of the end or in
 * the last line; the next append mends that.
 */
import { acquireCheckedLock } from '../journal/settled-lock.js';
import { GroupQueues, QueuedCall } from '../lock/group-queue.js';
import { lockChoiceNames, type LockChoice } from '../lock/lock-choice.js';
import type { Lock } from '../lock/lock.js';
import type { WaitOptions } from '../lock/waiting.js';
import { checkOptions, checkPath, invalidArgument } from '../options.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import {
  SET_ASIDE_OPTION,
  checkSetAside,
  type SetAsideLimits,
  type SetAsideOptions,
} from '../stage/set-aside.js';
import { chooseFormat, logOptionNames, type LogOptions } from './choose-format.js';
import { appendRound, type AppendResult, type RoundCall } from './append-round.js';
import { compactRule } from './compact-rule.js';
import type { LogFormat, PreparedRecords } from './log-format.js';
import { checkRotation, rotationOptionNames, type RotationOptions } from './rotate-log.js';

export interface AppendRecordsOptions
  extends LogOptions, LockChoice, RotationOptions, SetAsideOptions {
  /**
   * CSV: the columns of a new log, in order. Default: the fields of its first records, in order of
   * appearance.
   */
  readonly columns?: readonly string[] | undefined;
  /** The permission bits of a new log, before the umask. Default: 0o666. */
  readonly mode?: number | undefined;
  /** How long to wait for the lock. Default: without end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call while it waits; once its records are being written it is carried through. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/**
 * Appends records to a log, which is made if it is missing. When the promise is fulfilled, all of
 * them are durable, each as one line of its own.
 *
 * Calls of one process on one path are written in the order in which they were made, and those that
 * wait share one write and one sync. The records are taken as they are at the call. A record that
 * cannot be kept refuses its own call and no other.
 *
 * After an error none of the call's records is in the log, unless the outcome is `unknown`. After a
 * crash some of the records of a call that was not acknowledged may be there, each of them whole.
 *
 * @param path - the log; symlinks are followed, and it is written in place: its owner, mode and
 *   links stay
 * @throws HoldfastError UNREPRESENTABLE naming the record and field; CORRUPT_DOCUMENT when the CSV
 *   header is not one; NO_SPACE, IO: the log is as it was; SYNC_FAILED; LOCK_TIMEOUT, LOCK_NESTED,
 *   ABORTED, INVALID_ARGUMENT
 */
export async function appendRecords(
  path: string,
  records: Iterable<object>,
  options: AppendRecordsOptions = {},
): Promise<AppendResult> {
  checkOptions('appendRecords', options, optionNames);
  checkPath('appendRecords', path);
  refuseOne(records, path);
  checkRotation('appendRecords', path, options);
  checkSetAside('appendRecords', path, options.keepSetAside);
  const format = chooseFormat('appendRecords', path, options);
  const { key, latestBy } = options;
  if (key !== undefined) compactRule('appendRecords', format, key, latestBy);
  const prepared = format.prepare(records, path);
  if (prepared.count === 0) return { repairs: [] };
  const { fs = nodeFileSystem } = options;
  return await appends.enter(fs, path, options, new Append(format, prepared, options));
}

/** One call: what it appends, and how long it waits. */
class Append extends QueuedCall<AppendResult> implements RoundCall {
  readonly format: LogFormat;
  readonly records: PreparedRecords;
  readonly mode: number | undefined;
  readonly rotation: RotationOptions;
  readonly keepSetAside: SetAsideLimits | undefined;
  /** Equal for calls that can share a round. */
  readonly settings: readonly unknown[];

  constructor(format: LogFormat, records: PreparedRecords, options: AppendRecordsOptions) {
    super(options);
    this.format = format;
    this.records = records;
    this.mode = options.mode;
    this.rotation = options;
    this.keepSetAside = options.keepSetAside;
    this.settings = settingsOf(format, options);
  }
}

const appends = new GroupQueues<AppendResult, Append, { readonly lock: Lock }>({
  step: 'append',
  lock: async (fs, { path, choice }, wait: WaitOptions) => ({
    lock: await acquireCheckedLock(path, { fs, ...choice, ...wait }),
  }),
  wantTheSame: (a, b) => a.settings.every((setting, index) => setting === b.settings[index]),
  run: async (fs, { path }, group) => {
    for (const call of group) call.startCommitting();
    for (let rest = group; rest.length > 0;) {
      const { takenCount, refused, result } = await appendRound(fs, path, rest);
      for (const call of rest.slice(0, takenCount)) {
        if (refused.has(call)) call.reject(refused.get(call));
        else call.resolve(result);
      }
      rest = rest.slice(takenCount);
    }
  },
});

function refuseOne(records: unknown, path: string): void {
  if (typeof records === 'object' && records !== null && Symbol.iterator in records) return;
  const message = 'records is an array, or another iterable, of objects; for one record, [record]';
  throw invalidArgument('appendRecords', message, path);
}

function settingsOf(
  { name }: LogFormat,
  { mode, columns, delimiter, maxBytes, keep, key, latestBy, keepSetAside }: AppendRecordsOptions,
): readonly unknown[] {
  const ofText = name === 'jsonl' ? '' : JSON.stringify([delimiter, columns]);
  const fields = typeof key === 'object' ? JSON.stringify(key) : key;
  const { count, maxAgeDays } = keepSetAside ?? {};
  return [name, mode, ofText, maxBytes, keep, fields, latestBy, count, maxAgeDays];
}

const optionNames = [
  ...logOptionNames,
  ...rotationOptionNames,
  SET_ASIDE_OPTION,
  'columns',
  'mode',
  'timeoutMs',
  'signal',
  ...lockChoiceNames,
  'fs',
] as const;
