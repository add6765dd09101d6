/** Reads the records of a log one by one, in bounded memory, also while others append to it. */
import { openTarget } from '../file/open-target.js';
import { whenFilled } from '../file/seen-full.js';
import { aborted } from '../failure.js';
import { checkOptions, invalidArgument } from '../options.js';
import { closeQuietly } from '../os/handles.js';
import { followSymlinks } from '../os/follow-symlinks.js';
import { lookOrLock } from '../lock/shared-look.js';
import { askAgain } from '../os/ask-again.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { absolute } from '../os/paths.js';
import { refuseLostName } from '../stage/only-copy.js';
import { Changes, watchOptionNames } from '../watch/changes.js';
import { chooseFormat, logOptionNames, type LogOptions } from './choose-format.js';
import { judge, type DamagePolicy } from './log-damage.js';
import { followEntries } from './follow-log.js';
import { readEntries, type LogEntry } from './log-entries.js';
import type { LogRecord } from './log-format.js';
import { ItemsOfBatches } from './items-of-batches.js';

export interface ReadRecordsOptions extends LogOptions {
  /**
   * What to do about a line that is not a record: `error` ends the reading with CORRUPT_DOCUMENT,
   * which names the line; `skip` passes over it; a function is told of it and it is passed over.
   * Default: `error`.
   */
  readonly onDamage?: DamagePolicy | undefined;
  /**
   * Goes on after the last record: waits for what is appended, also after rotations (`maxBytes` of
   * `appendRecords`, and programs that rename the log), compactions and repairs, until the loop is
   * left or the signal fires. Default: `false`.
   */
  readonly follow?: boolean | undefined;
  /** Ends the reading: the next record rejects with ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** With `follow`: whether the wait keeps the process alive. Default: `true`. */
  readonly persistent?: boolean | undefined;
  /**
   * With `follow`: how often the log is looked at where the kernel does not tell of changes, as for
   * `watchFile`.
   */
  readonly pollMs?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/**
 * Reads the whole records that are in a log when the reading begins; what is appended meanwhile is
 * not seen, and a compaction meanwhile does not disturb it. A missing log has no records.
 *
 * With `follow` it goes on, and gives each record that is appended once, in order, when its line is
 * whole: from a log that is rotated first the rest of the old file, then what came after it. A
 * missing log is waited for. Of a log that was replaced by another (a compaction, a repair, an
 * editor) the lines that both begin with are not given again; of one that was emptied in place all
 * that comes is. Not promised with `follow`: records in rotated logs that `keep` has removed before
 * they were read, and that a record is given twice which was appended again, byte for byte, right
 * after a compaction with `latestBy`.
 *
 * What an unfinished append left at the end is not a record and not an error: a last line without a
 * line end (in JSON Lines: unless it is a whole object), and near the end a line with raw NULs, the
 * mark of a power loss.
 *
 * Takes no lock, so it also works where nothing can be written; it may see records of an append
 * that is under way and not acknowledged yet.
 *
 * Numbers are what JavaScript makes of them: of an integer past 2^53 that another program wrote,
 * the last digits are lost.
 *
 * @param path - the log; symlinks are followed
 * @throws HoldfastError CORRUPT_DOCUMENT naming the line (see `onDamage`), or when the CSV header
 *   is not one; TARGET_CHANGED when the log is cut while it is read, so that not all of these
 *   records could be given; UNSUPPORTED_TARGET, at once, for a directory, FIFO, socket or device;
 *   ABORTED; INVALID_ARGUMENT; IO
 */
export function readRecords<T extends object = LogRecord>(
  path: string,
  options: ReadRecordsOptions = {},
): AsyncGenerator<T, void, undefined> {
  let stop: (() => void) | undefined;
  const batches = readBatches(path, options, (changes) => (stop = () => changes.close()));
  return new ItemsOfBatches(batches as AsyncGenerator<Iterable<T>, void, undefined>, () =>
    stop?.(),
  );
}

const optionNames = [...logOptionNames, ...watchOptionNames, 'onDamage', 'follow', 'fs'] as const;

/** The records in the groups in which they are read. */
async function* readBatches(
  path: string,
  options: ReadRecordsOptions,
  onFollow: (changes: Changes) => void,
): AsyncGenerator<Iterable<LogRecord>, void, undefined> {
  checkOptions('readRecords', options, optionNames);
  const format = chooseFormat('readRecords', path, options);
  const { follow = false, persistent, pollMs, signal, onDamage = 'error' } = options;
  const fs = options.fs ?? nodeFileSystem;
  if (follow) {
    const wait = { signal, pollMs, persistent: persistent ?? true };
    const changes = new Changes('readRecords', fs, path, wait);
    onFollow(changes);
    for await (const entries of followEntries(fs, path, format, changes)) {
      yield recordsOf(path, entries, onDamage);
    }
    return;
  }
  if (persistent !== undefined || pollMs !== undefined) {
    throw invalidArgument('readRecords', 'persistent and pollMs are for follow', path);
  }
  const opened = await lookOrLock(fs, path, () => askAgain(fs, path, () => openTarget(fs, path)));
  if (!opened) {
    await refuseLostLog(fs, path);
    return;
  }
  const { handle: file } = opened;
  try {
    const { sizeBytes } = await whenFilled(fs, absolute(path), file, opened.stat);
    for await (const entries of readEntries(file, format, sizeBytes)) {
      if (signal?.aborted) throw aborted('read', path, signal);
      yield recordsOf(path, entries, onDamage);
    }
  } finally {
    await closeQuietly(file);
  }
}

function* recordsOf(
  path: string,
  entries: readonly LogEntry[],
  policy: DamagePolicy,
): Generator<LogRecord, void, undefined> {
  for (const entry of entries) {
    const record = judge(path, entry, policy);
    if (record) yield record;
  }
}

/** A log in a directory that is missing, too, has no records. */
async function refuseLostLog(fs: Fs, path: string): Promise<void> {
  const canonical = await followSymlinks(fs, path).catch(() => undefined);
  if (canonical) await refuseLostName(fs, canonical.path);
}
