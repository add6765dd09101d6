/** What the callers of updateJson give. */
import { checkReplacement } from '../file/replace-file.js';
import { checkOptions, checkPath, invalidArgument } from '../options.js';
import type { Fs } from '../os/fs.js';
import type { Durability } from '../stage/staged-file.js';
import type { StandardSchema } from './standard-schema.js';

/**
 * Makes the new value of a document: returns it, or changes the value it was given and returns nothing. It may be
 * async, and is called under the document's lock. The value is its own: what a failed updater did to it is undone.
 */
export type JsonUpdater<T> = (value: T) => T | void | Promise<T | void>;

export interface UpdateJsonOptions<T> {
  /** The value of a document that is missing or empty; `{}` by default. It is copied for each call. */
  readonly initial?: T | undefined;
  /** Spaces per level, or the text to indent by; 0 for one line. By default as found, and 2 in a new document. */
  readonly indent?: number | string | undefined;
  /** Judges the document before and after the update. What is written is the updater's value, not the schema's. */
  readonly schema?: StandardSchema<T, unknown> | undefined;
  /**
   * What to do when the file is not JSON. `error` (the default): it stays as it is. `quarantine`: it is kept beside
   * the document as `<name>.corrupt-<id>`, and the document begins anew from `initial`.
   */
  readonly onCorrupt?: 'error' | 'quarantine' | undefined;
  /** `durable` (the default): survives a power loss when the call has resolved. `atomic`: survives a process kill. */
  readonly durability?: Durability | undefined;
  /** The exact permission bits. Without it: those of the existing file, or 0666 less the umask. */
  readonly mode?: number | undefined;
  /** Readable by its owner alone from the first byte: mode 0600. */
  readonly secret?: boolean | undefined;
  /** `ifNeeded`: as for `replaceFile`, a target that cannot be replaced whole is overwritten, **not crash safe**. */
  readonly inPlace?: 'never' | 'ifNeeded' | undefined;
  /** How long to wait for the lock, in milliseconds; 0 tries once; without it the wait has no end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call, until its updater has finished. */
  readonly signal?: AbortSignal | undefined;
  /** The lock file, in place of `<path>.lock`. */
  readonly lockPath?: string | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

const optionNames = [
  'initial',
  'indent',
  'schema',
  'onCorrupt',
  'durability',
  'mode',
  'secret',
  'inPlace',
  'timeoutMs',
  'signal',
  'lockPath',
  'fs',
] as const;

const MAX_INDENT = 100;

export function checkUpdateArguments(
  path: string,
  updater: unknown,
  options: UpdateJsonOptions<unknown>,
): void {
  checkOptions('updateJson', options, optionNames);
  const refuse = (message: string): never => {
    throw invalidArgument('updateJson', message, path);
  };
  checkPath('updateJson', path);
  checkReplacement('updateJson', path, options);
  if (typeof updater !== 'function') refuse('updateJson needs an updater function');
  const { indent, onCorrupt, schema } = options;
  if (indent !== undefined && !isIndent(indent)) {
    refuse(`indent is a number of spaces from 0 to ${MAX_INDENT}, or a text of spaces and tabs`);
  }
  if (onCorrupt !== undefined && onCorrupt !== 'error' && onCorrupt !== 'quarantine') {
    refuse(`onCorrupt is 'error' or 'quarantine', not '${String(onCorrupt)}'`);
  }
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    refuse('schema must follow Standard Schema v1 (zod 3.24, valibot 1, arktype 2, or later)');
  }
}

function isIndent(indent: unknown): boolean {
  if (typeof indent === 'string') return /^[ \t]*$/.test(indent);
  return Number.isInteger(indent) && (indent as number) >= 0 && (indent as number) <= MAX_INDENT;
}

/** Only calls that want the same of the file share a commit. */
export function wantTheSame(a: UpdateJsonOptions<unknown>, b: UpdateJsonOptions<unknown>): boolean {
  return (
    a.durability === b.durability &&
    a.mode === b.mode &&
    a.secret === b.secret &&
    a.inPlace === b.inPlace &&
    a.indent === b.indent &&
    a.onCorrupt === b.onCorrupt
  );
}
