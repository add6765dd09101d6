/**
 * `holdfast records`: append to, read, compact and repair a log of records, JSON Lines or CSV, from
 * a shell.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Option, type Command } from 'commander';
import {
  HoldfastError,
  appendRecords,
  compactRecords,
  errorCodes,
  isHoldfastError,
  readRecords,
  repairRecords,
  type AppendResult,
  type LineRepair,
  type LogDamage,
  type LogFormatName,
  type LogRecord,
  type LogRepair,
} from 'holdfast';
import { parseJson } from 'holdfast/json';
import {
  type LockFlags,
  type SetAsideFlags,
  lockOptions,
  positiveNumber,
  seconds,
  setAsideOptions,
  withLockFlags,
  withSetAsideFlags,
} from '../flags.js';
import { jsonOf, print, shown, tell, type Shown } from '../outputs.js';
import { standardInput } from '../standard-input.js';

interface LogFlags extends LockFlags {
  readonly format?: LogFormatName;
  readonly delimiter?: string;
  readonly skipDamaged?: true;
  readonly json?: true;
}

/** Adds the commands to the program. */
export function addRecordsCommands(program: Command): void {
  const records = program
    .command('records')
    .description(
      'Append to, read, compact or repair a log of records that many programs append to.',
    );
  addAppend(records);
  addRead(records);
  addCompact(records);
  addRepair(records);
}

function withLogFlags(command: Command): Command {
  return command
    .addOption(new Option('--format <format>', "the log's format; by its name").choices(formats))
    .option('--delimiter <character>', "CSV: between cells; the header's by default");
}

const formats = ['jsonl', 'csv'] as const;

// append

interface AppendFlags extends LogFlags, SetAsideFlags {
  readonly from: LogFormatName;
  readonly columns?: readonly string[];
  readonly maxBytes?: number;
  readonly keep?: number;
  readonly key?: readonly string[];
  readonly latestBy?: string;
}

/** So many records are on their way at most: they share their writes and syncs. */
const IN_FLIGHT = 1000;

function addAppend(records: Command): void {
  const append = records
    .command('append')
    .description('Append records from standard input; each is durable when the command has ended.')
    .argument('<file>')
    .addOption(
      new Option('--from <format>', 'what standard input is').choices(formats).default('jsonl'),
    )
    .option('--columns <name...>', 'CSV: the columns of a new log')
    .option(
      '--max-bytes <count>',
      'rotate the log before it is longer: FILE becomes FILE.1, that FILE.2, … (never)',
      positiveNumber,
    )
    .option('--keep <count>', 'with --max-bytes: so many rotated logs stay (all)', positiveNumber)
    .option('--key <field...>', 'with --max-bytes: compact first, by these fields')
    .option('--latest-by <field>', 'with --key: the field that says which was written last');
  withSetAsideFlags(withLockFlags(withLogFlags(append)))
    .option('--json', 'print how many were appended, and what was mended first')
    .addHelpText(
      'after',
      `
Examples:
  echo '{"job": 7, "state": "done"}' | holdfast records append state.jsonl
  holdfast records append table.csv --from csv < more.csv
  ./service | holdfast records append events.jsonl --max-bytes 10000000 --keep 5`,
    )
    .action(appendFromInput);
}

async function appendFromInput(file: string, flags: AppendFlags): Promise<void> {
  const options = {
    format: flags.format,
    delimiter: flags.delimiter,
    columns: flags.columns,
    maxBytes: flags.maxBytes,
    keep: flags.keep,
    key: flags.key,
    latestBy: flags.latestBy,
    ...lockOptions(flags),
    ...setAsideOptions(flags),
  };
  const appender = new Appender((record) => appendRecords(file, [record], options));
  const input = flags.from === 'csv' ? csvInput() : jsonLinesInput();
  const brokenInput = await appendAll(appender, input);
  await appender.settle();
  appender.throwFailed(file);
  if (brokenInput) throw badInput(brokenInput, appender.count);
  tellRepairs(appender.repairs);
  if (!flags.json) return;
  const result = { appended: appender.count, repairs: appender.repairs };
  print(jsonOf(result));
}

/** Appends until the input ends, stops being records, or a record fails. */
async function appendAll(
  appender: Appender,
  input: AsyncIterable<LogRecord>,
): Promise<InputError | undefined> {
  try {
    for await (const record of input) {
      await appender.append(record);
      if (appender.hasFailed) break;
    }
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

/**
 * Appends record after record, many on their way at once, and says of a failure how far it came.
 */
class Appender {
  count = 0;
  readonly repairs: LogRepair[] = [];
  readonly #append: (record: LogRecord) => Promise<AppendResult>;
  #inFlight: Promise<void>[] = [];
  #given = 0;
  #failed: { readonly record: number; readonly error: unknown } | undefined;

  constructor(append: (record: LogRecord) => Promise<AppendResult>) {
    this.#append = append;
  }

  get hasFailed(): boolean {
    return this.#failed !== undefined;
  }

  async append(record: LogRecord): Promise<void> {
    this.#given += 1;
    const number = this.#given;
    const appended = this.#appendOne(record).catch((error: unknown) => {
      this.#failed ??= { record: number, error };
    });
    this.#inFlight.push(appended);
    if (this.#inFlight.length >= IN_FLIGHT || this.hasFailed) await this.settle();
  }

  /** Waits for all that are on their way. */
  async settle(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#inFlight = [];
  }

  /** What the call said of its one record is not true of the others: they are in the log. */
  throwFailed(file: string): void {
    if (this.#failed === undefined) return;
    const { record, error } = this.#failed;
    if (!isHoldfastError(error)) throw error;
    throw new HoldfastError(error.code, {
      message: `Record ${record} of standard input could not be appended; records appended: ${this.count}.`,
      outcome: error.outcome === 'unchanged' && this.count > 0 ? 'committed' : error.outcome,
      step: 'append',
      path: file,
      cause: error,
    });
  }

  async #appendOne(record: LogRecord): Promise<void> {
    const { repairs } = await this.#append(record);
    this.count += 1;
    const isNew = (repair: LogRepair): boolean =>
      !this.repairs.some(({ offsetBytes }) => offsetBytes === repair.offsetBytes);
    this.repairs.push(...repairs.filter(isNew));
  }
}

async function* jsonLinesInput(): AsyncGenerator<LogRecord> {
  let number = 0;
  for await (const line of linesOfInput()) {
    number += 1;
    if (line.trim() !== '')
      yield parseLine(number === 1 ? line.replace(/^\ufeff/, '') : line, number);
  }
}

async function* linesOfInput(): AsyncGenerator<string> {
  const input = standardInput();
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (cause) {
    throw new InputError('Standard input could not be read to its end.', { cause });
  }
}

function parseLine(line: string, number: number): LogRecord {
  try {
    const value = parseJson(line, 'the line');
    if (typeof value === 'object' && value !== null) return value as LogRecord;
  } catch {
    const reason = 'or would lose something: an integer past 2^53, a member that is there twice';
    throw new InputError(`Line ${number} of standard input is not JSON, ${reason}.`);
  }
  throw new InputError(`Line ${number} of standard input is not a JSON object.`);
}

async function* csvInput(): AsyncGenerator<LogRecord> {
  const { parse } = await import('csv-parse');
  const input = standardInput();
  const parser = input.pipe(parse({ columns: true, bom: true, skip_empty_lines: true }));
  // A pipe hands on no failure.
  input.once('error', (error) => parser.destroy(error));
  try {
    for await (const record of parser) yield record as LogRecord;
  } catch (cause) {
    throw new InputError('Standard input is not CSV with a header.', { cause });
  }
}

/** Standard input stops being records at some place. */
class InputError extends Error {}

function badInput({ message, cause }: InputError, appended: number): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', {
    message: `${message} Records appended before it: ${appended}.`,
    outcome: appended === 0 ? 'unchanged' : 'committed',
    step: 'read',
    path: '-',
    cause,
  });
}

function tellRepairs(repairs: readonly LogRepair[]): void {
  for (const { kind, offsetBytes, sizeBytes, keptAt } of repairs) {
    const what =
      kind === 'completed'
        ? 'the last record had no line end and got it'
        : `${sizeBytes} bytes that were no record were taken out and kept as ${keptAt}`;
    tell(shown`holdfast: mended at byte ${offsetBytes}: ${what}`);
  }
}

// read

interface ReadFlags extends LogFlags {
  readonly follow?: true;
  readonly poll?: number;
}

function addRead(records: Command): void {
  const read = records
    .command('read')
    .description('Print the whole records of a log as JSON Lines.')
    .argument('<file>');
  withLogFlags(read)
    .option('--skip-damaged', 'pass over lines that are no records, and tell of them')
    .option('--follow', 'go on with what is appended, also after the log is rotated')
    .option(
      '--poll <seconds>',
      'with --follow: how often to look where the kernel tells of no changes (1)',
      seconds,
    )
    .addHelpText(
      'after',
      `
Examples:
  holdfast records read state.jsonl | jq .state
  holdfast records read --follow events.jsonl | jq --unbuffered .event
  holdfast records read table.csv --skip-damaged`,
    )
    .action(printRecords);
}

async function printRecords(file: string, flags: ReadFlags): Promise<void> {
  const { format, delimiter, follow, poll } = flags;
  const onDamage = flags.skipDamaged ? tellDamage : 'error';
  const pollMs = poll === undefined ? undefined : poll * 1000;
  for await (const record of readRecords(file, { format, delimiter, onDamage, follow, pollMs })) {
    if (!print(jsonOf(record))) await once(process.stdout, 'drain');
  }
}

function tellDamage({ line, reason }: LogDamage): void {
  tell(shown`holdfast: line ${line} is not a record: ${reason}`);
}

// compact

interface CompactFlags extends LogFlags {
  readonly key: readonly string[];
  readonly latestBy?: string;
}

function addCompact(records: Command): void {
  const compact = records
    .command('compact')
    .description('Keep only the last record of each key; appenders side by side lose nothing.')
    .argument('<file>')
    .requiredOption('--key <field...>', 'the fields that say which records are of one thing')
    .option('--latest-by <field>', 'the field that says which was written last; by position');
  withLockFlags(withLogFlags(compact))
    .option('--skip-damaged', 'drop lines that are no records, and tell of them')
    .option('--json', 'print what was kept and dropped')
    .addHelpText(
      'after',
      `
Examples:
  holdfast records compact state.jsonl --key job
  holdfast records compact table.csv --key id region --latest-by updated_at`,
    )
    .action(compactLog);
}

async function compactLog(file: string, flags: CompactFlags): Promise<void> {
  const result = await compactRecords(file, {
    key: flags.key,
    latestBy: flags.latestBy,
    format: flags.format,
    delimiter: flags.delimiter,
    onDamage: flags.skipDamaged ? tellDamage : 'error',
    ...lockOptions(flags),
  });
  print(
    flags.json
      ? jsonOf(result)
      : shown`kept ${result.keptCount} records, dropped ${result.droppedCount}`,
  );
}

// repair

interface RepairFlags extends LogFlags, SetAsideFlags {
  readonly check?: true;
}

function addRepair(records: Command): void {
  const repair = records
    .command('repair')
    .description(
      'Put every record of a damaged log on a line of its own, and keep everything else aside.\n\n' +
        'Fused lines, halves of records, holes of NULs, torn characters: what is no record is taken out and kept as ' +
        'FILE.torn-<checksum>, and told with its place. FILE holds the old log or the repaired one, also after a crash.',
    )
    .argument('<file>');
  withSetAsideFlags(withLockFlags(withLogFlags(repair)))
    .option('--check', 'only tell what would be done; exit status 10 if there is something')
    .option('--json', 'print what was done')
    .addHelpText(
      'after',
      `
Examples:
  holdfast records repair --check events.jsonl
  holdfast records repair events.jsonl`,
    )
    .action(repairLog);
}

async function repairLog(file: string, flags: RepairFlags): Promise<void> {
  const { check, format, delimiter } = flags;
  const result = await repairRecords(file, {
    check,
    format,
    delimiter,
    ...lockOptions(flags),
    ...setAsideOptions(flags),
  });
  const { repairs, recordCount } = result;
  if (check && repairs.length > 0) process.exitCode = errorCodes.CORRUPT_DOCUMENT.exitCode;
  if (flags.json) {
    print(jsonOf(result));
    return;
  }
  for (const repair of repairs) tell(toldOf(repair));
  const done = check ? 'to mend' : 'mended';
  print(
    repairs.length === 0
      ? shown`in order: ${recordCount} records`
      : shown`${done}: ${repairs.length} places; ${recordCount} records`,
  );
}

function toldOf({
  kind,
  line,
  offsetBytes,
  sizeBytes,
  reason,
  keptAt,
  keptOffsetBytes,
}: LineRepair): Shown {
  const place = shown`holdfast: line ${line}, byte ${offsetBytes}, ${sizeBytes} bytes`;
  if (kind === 'separated') return shown`${place}: a record gets a line of its own`;
  if (kind === 'completed') return shown`${place}: a record gets its line end`;
  if (keptAt === undefined) return shown`${place}: no record (${reason})`;
  const where = keptOffsetBytes ? shown`${keptAt} from byte ${keptOffsetBytes} on` : keptAt;
  return shown`${place}: no record (${reason}), kept as ${where}`;
}
