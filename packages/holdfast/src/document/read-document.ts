/** Reads a document, without a lock: a document that is replaced whole is always whole. */
import { HoldfastError, isHoldfastError } from '../errors.js';
import { aborted } from '../failure.js';
import { resolveTarget } from '../file/resolve-target.js';
import { lstatIfThere } from '../os/follow-symlinks.js';
import { inSlot } from '../lock/round-slots.js';
import { lookOrLock } from '../lock/shared-look.js';
import { checkOptions, checkWords } from '../options.js';
import { askAgain } from '../os/ask-again.js';
import type { FileStat, Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { emptied, loadDocument, type OnEmpty } from './load-document.js';
import { validate, type StandardSchema } from './standard-schema.js';
import type { Syntax } from './syntax.js';
import { readWords } from './update-options.js';

/** How a document is read. */
export interface ReadOptions<T> {
  /**
   * The value of a document that is missing, or empty from its beginning (`onEmpty`); without it
   * that is an error.
   */
  readonly initial?: T | undefined;
  /**
   * What to do when the file exists and is empty, as in `updateJson`. A file that is there is never
   * NOT_FOUND: where there is no `initial`, an empty one is CORRUPT_DOCUMENT.
   */
  readonly onEmpty?: OnEmpty | undefined;
  /**
   * Judges the document; what the schema makes of it (defaults, conversions) is what the call
   * resolves to.
   */
  readonly schema?: StandardSchema<unknown, T> | undefined;
  /** Ends the call while it looks again at a file that is empty or torn. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** The options of every reader. */
export const readOptionNames = ['initial', 'onEmpty', 'schema', 'signal', 'fs'] as const;

/** Refuses wrong options, on behalf of `call`. */
export function checkReadArguments(
  call: string,
  path: string,
  options: ReadOptions<unknown>,
): void {
  checkOptions(call, options, readOptionNames);
  checkWords(call, path, options, readWords);
}

/** What a reader of documents does, on behalf of `call`. */
export async function readDocument<T>(
  syntax: Syntax,
  call: string,
  path: string,
  options: ReadOptions<T>,
): Promise<T> {
  checkReadArguments(call, path, options);
  const value = await inSlot('read', () => readOrInitial(syntax, path, options));
  return options.schema ? validate(options.schema, value, 'The document', path) : (value as T);
}

async function readOrInitial(
  syntax: Syntax,
  path: string,
  options: ReadOptions<unknown>,
): Promise<unknown> {
  const { initial, onEmpty, signal, fs = nodeFileSystem } = options;
  const target = await resolveTarget(fs, path).catch((error: unknown) => {
    // A missing directory is a missing document.
    if (initial !== undefined && isHoldfastError(error, 'NOT_FOUND')) return undefined;
    throw error;
  });
  if (target === undefined) return initial;
  const existing = target.existing ?? (await lookAgain(fs, target.path));
  const isOver = (): boolean => signal?.aborted ?? false;
  const { document } = await loadDocument(fs, { ...target, existing }, { onEmpty, syntax }, isOver);
  if (signal?.aborted) throw aborted('read', path, signal);
  if (document.exists) return document.takeValue(undefined);
  if (initial !== undefined) return initial;
  throw (await lstatIfThere(fs, target.path)) ? emptied(path) : notThere(path);
}

/** Where a name that is replaced may lead nowhere for a moment. */
function lookAgain(fs: Fs, path: string): Promise<FileStat | undefined> {
  return lookOrLock(fs, path, () => askAgain(fs, path, () => lstatIfThere(fs, path)));
}

function notThere(path: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', {
    message: 'There is no document. Give an `initial` value if it may be missing.',
    step: 'read',
    path,
  });
}
