/** Chooses the format of a log: what the caller says, else what the name says. */
import { invalidArgument } from '../options.js';
import { extname } from '../os/paths.js';
import { csvFormat, type CsvChoices } from './csv.js';
import { jsonLines } from './json-lines.js';
import type { LogFormat, LogFormatName } from './log-format.js';

/** The options that every call on a record log has. */
export interface LogOptions {
  /**
   * Default: `csv` for names that end in `.csv` or `.tsv` (or, rotated, in `.csv.1`), else `jsonl`.
   */
  readonly format?: LogFormatName | undefined;
  /**
   * CSV: one character. Default: found in the header; for a new log a comma, or a tab when its name
   * ends in `.tsv`.
   */
  readonly delimiter?: string | undefined;
}

export const logOptionNames = ['format', 'delimiter'] as const;

export function chooseFormat(
  call: string,
  path: string,
  options: LogOptions & CsvChoices,
): LogFormat {
  // `table.csv.1` is a rotated `table.csv`.
  const ending = extname(path.replace(/(?:\.\d+)+$/u, '')).toLowerCase();
  const name = options.format ?? (ending === '.csv' || ending === '.tsv' ? 'csv' : 'jsonl');
  if (name === 'csv') {
    const delimiter = options.delimiter ?? (ending === '.tsv' ? '\t' : undefined);
    checkDelimiter(call, delimiter);
    return csvFormat({ columns: options.columns, delimiter });
  }
  if (name !== 'jsonl')
    throw invalidArgument(call, `a log's format is jsonl or csv, not '${String(name)}'.`);
  if (options.delimiter !== undefined || options.columns !== undefined) {
    throw invalidArgument(call, 'delimiter and columns belong to CSV, and the log is JSON Lines.');
  }
  return jsonLines;
}

function checkDelimiter(call: string, delimiter: string | undefined): void {
  if (delimiter === undefined) return;
  if (delimiter.length !== 1 || /[\n\r"'\0\w]/.test(delimiter)) {
    throw invalidArgument(
      call,
      `a delimiter is one character that is no letter, digit, quote or line break, not ${JSON.stringify(delimiter)}.`,
    );
  }
}
