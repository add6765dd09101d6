/** What the callers of updateJson, and of its kin for other formats, give. */
import { nameOfCall } from '../call-name.js';
import type { KeepOptions } from '../file/previous.js';
import type { InPlace } from '../file/file-turn.js';
import { checkReplacement } from '../file/replace-file.js';
import type { LockChoice } from '../lock/lock-choice.js';
import { checkOptions, checkPath, checkWords, invalidArgument, type NamesOf } from '../options.js';
import type { Fs } from '../os/fs.js';
import { SET_ASIDE_OPTION, checkSetAside, type SetAsideOptions } from '../stage/set-aside.js';
import type { Durability } from '../stage/staged-file.js';
import type { OnCorrupt, OnEmpty } from './load-document.js';
import type { StandardSchema } from './standard-schema.js';

/**
 * Makes the new value of a document: returns it, or changes the value it was given and returns
 * nothing. It may be async, and is called under the document's lock. The value is its own: what a
 * failed updater did to it is undone.
 */
export type Updater<T> = (value: T) => T | void | Promise<T | void>;

/** How a document is updated. */
export interface UpdateOptions<T> extends KeepOptions, LockChoice, SetAsideOptions {
  /**
   * The value of a document that is missing, or empty from its beginning (`onEmpty`); `{}` by
   * default. Copied for each call.
   */
  readonly initial?: T | undefined;
  /**
   * Judges the document before and after the update. What is written is the updater's value, not
   * the schema's.
   */
  readonly schema?: StandardSchema<T, unknown> | undefined;
  /**
   * What to do when the file exists and is empty. By default it is looked at again for a moment (a
   * quarter of a second), since another program may be writing it in place; then it is `initial`,
   * or CORRUPT_DOCUMENT if it has ever been seen full. `initial`: that, at once. `error`:
   * CORRUPT_DOCUMENT after the moment. `wait`: until there is something in it, or the signal fires;
   * the lock is held meanwhile.
   */
  readonly onEmpty?: OnEmpty | undefined;
  /**
   * What to do when the file cannot be parsed. `error` (the default): it stays as it is.
   * `quarantine`: it is kept beside the document as `<name>.corrupt-<id>`, and the document begins
   * anew from `initial`. `restore`: it is kept in the same way, and the updater gets the latest
   * version that can be parsed, of those that `keepPrevious` has kept; so too for a file that is
   * empty and must not be. Where there is none, as with `error`. It is told on the channel
   * `holdfast:restore` of `node:diagnostics_channel` ({@link Restoration}).
   */
  readonly onCorrupt?: OnCorrupt | undefined;
  /**
   * `durable` (the default): survives a power loss when the call has resolved. `atomic`: survives a
   * process kill.
   */
  readonly durability?: Durability | undefined;
  /** The exact permission bits. Without it: those of the existing file, or 0666 less the umask. */
  readonly mode?: number | undefined;
  /** Readable by its owner alone from the first byte: mode 0600. */
  readonly secret?: boolean | undefined;
  /**
   * As for `replaceFile`: whether a file is overwritten where it is, safely. Where its directory
   * does not let this user make a lock file, the lock is one of the state directory of this user
   * (docs/formats.md), which excludes that user's processes alone.
   */
  readonly inPlace?: InPlace | undefined;
  /**
   * How long to wait for the lock, in milliseconds; 0 tries once; without it the wait has no end.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the call, until its updater has finished. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** How a JSON document is updated. */
export interface UpdateJsonOptions<T> extends UpdateOptions<T> {
  /**
   * Spaces per level, or the text to indent by; 0 for one line. By default as found, and 2 in a new
   * document.
   */
  readonly indent?: number | string | undefined;
  /**
   * `jsonc`: comments and trailing commas may be in it, and stay. By default a file named `.jsonc`
   * is such a document.
   */
  readonly syntax?: JsonSyntaxName | undefined;
}

/** The names of the syntaxes of JSON. */
export type JsonSyntaxName = 'json' | 'jsonc';

/** The options of every update, also of one that does not look into the content. */
export const bytesOptionNames = [
  'initial',
  'durability',
  'mode',
  'secret',
  'inPlace',
  'keepPrevious',
  'previousDirectory',
  'timeoutMs',
  'signal',
  'lockPath',
  'guard',
  'alsoFcntl',
  'fs',
] as const;

/** The options of every update of a document. */
export const updateOptionNames: readonly NamesOf<UpdateOptions<unknown>>[] = [
  ...bytesOptionNames,
  'schema',
  'onCorrupt',
  'onEmpty',
  SET_ASIDE_OPTION,
];

const MAX_INDENT = 100;

/** A call, and the options that it has. */
export interface UpdateCall {
  readonly call: string;
  readonly names: readonly (NamesOf<UpdateJsonOptions<unknown>> | 'encoding')[];
}

export function checkUpdateArguments(
  { call, names }: UpdateCall,
  path: string,
  updater: unknown,
  options: UpdateJsonOptions<unknown>,
): void {
  checkOptions<UpdateJsonOptions<unknown> & { readonly encoding?: unknown }>(call, options, names);
  checkPath(call, path);
  checkReplacement(call, path, options);
  checkWords(call, path, options, { onCorrupt: ['error', 'quarantine', 'restore'] });
  checkSetAside(call, path, options.keepSetAside);
  checkUpdater(call, path, updater, options);
}

/** What is true of an update wherever the document lies. */
export function checkUpdater(
  call: string,
  path: string,
  updater: unknown,
  options: Pick<UpdateJsonOptions<unknown>, 'indent' | 'schema' | 'syntax' | 'onEmpty'>,
): void {
  const refuse = (message: string): never => {
    throw invalidArgument(call, message, path);
  };
  if (typeof updater !== 'function') refuse(`${nameOfCall(call)} needs an updater function`);
  const { indent, schema } = options;
  checkWords(call, path, options, readWords);
  if (indent !== undefined && !isIndent(indent)) {
    refuse(`indent is a number of spaces from 0 to ${MAX_INDENT}, or a text of spaces and tabs`);
  }
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    refuse('schema must follow Standard Schema v1 (zod 3.24, valibot 1, arktype 2, or later)');
  }
}

/** What options of readers may be. */
export const readWords = {
  onEmpty: ['initial', 'error', 'wait'],
  syntax: ['json', 'jsonc'],
} as const;

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
    a.keepPrevious === b.keepPrevious &&
    a.previousDirectory === b.previousDirectory &&
    a.indent === b.indent &&
    a.onCorrupt === b.onCorrupt &&
    a.onEmpty === b.onEmpty &&
    a.keepSetAside?.count === b.keepSetAside?.count &&
    a.keepSetAside?.maxAgeDays === b.keepSetAside?.maxAgeDays
  );
}
