/** Reads the records of a log one by one, in bounded memory, also while others append to it. */
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import { checkOptions } from '../options.js';
import { closeQuietly } from '../os/close-quietly.js';
import type { Fs, FsFile } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { chooseFormat, logOptionNames, type LogOptions } from './choose-format.js';
import { sizeOf } from './log-bytes.js';
import { judge, type DamagePolicy } from './log-damage.js';
import { readEntries, type LogEntry } from './log-entries.js';
import type { LogRecord } from './log-format.js';
import { OneByOne } from './one-by-one.js';

export interface ReadRecordsOptions extends LogOptions {
  /**
   * What to do about a line that is not a record: `error` ends the reading with CORRUPT_DOCUMENT, which names the line;
   * `skip` passes over it; a function is told of it and it is passed over. Default: `error`.
   */
  readonly onDamage?: DamagePolicy | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/**
 * Reads the whole records that are in a log when the reading begins; what is appended meanwhile is not seen, and a
 * compaction meanwhile does not disturb it. A missing log has no records.
 *
 * What an unfinished append left at the end is not a record and not an error: a last line without a line end (in JSON
 * Lines: unless it is a whole object), and near the end a line with raw NULs, the mark of a power loss.
 *
 * Takes no lock, so it also works where nothing can be written; it may see records of an append that is under way and
 * not acknowledged yet.
 *
 * Numbers are what JavaScript makes of them: of an integer past 2^53 that another program wrote, the last digits are lost.
 *
 * @param path - the log; symlinks are followed
 * @throws HoldfastError CORRUPT_DOCUMENT naming the line (see `onDamage`), or when the CSV header is not one;
 *   INVALID_ARGUMENT; IO
 */
export function readRecords<T extends object = LogRecord>(
  path: string,
  options: ReadRecordsOptions = {},
): AsyncGenerator<T, void, undefined> {
  return new OneByOne(readBatches(path, options) as AsyncGenerator<Iterable<T>, void, undefined>);
}

/** The records in the groups in which they are read. */
async function* readBatches(
  path: string,
  options: ReadRecordsOptions,
): AsyncGenerator<Iterable<LogRecord>, void, undefined> {
  checkOptions('readRecords', options, [...logOptionNames, 'onDamage', 'fs']);
  const format = chooseFormat('readRecords', path, options);
  const file = await openLog(options.fs ?? nodeFileSystem, path);
  if (!file) return;
  try {
    for await (const entries of readEntries(file, format, await sizeOf(file))) {
      yield recordsOf(path, entries, options.onDamage ?? 'error');
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

async function openLog(fs: Fs, path: string): Promise<FsFile | undefined> {
  try {
    return await fs.open(path, { access: 'read' });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw failure('open', path, error);
  }
}
