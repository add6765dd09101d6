/** Reads a JSON document, without a lock: a document that is replaced whole is always whole. */
import { HoldfastError } from '../errors.js';
import { resolveTarget } from '../file/resolve-target.js';
import { checkOptions } from '../options.js';
import type { Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import type { JsonValue } from './json-value.js';
import { loadDocument, type LoadedDocument } from './load-document.js';
import { validate, type StandardSchema } from './standard-schema.js';

export interface ReadJsonOptions<T> {
  /** The value of a document that is missing or empty; without it that is an error. */
  readonly initial?: T | undefined;
  /** Judges the document; what the schema makes of it (defaults, conversions) is what the call resolves to. */
  readonly schema?: StandardSchema<unknown, T> | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/**
 * Reads a JSON document: UTF-8, with or without a byte order mark. Nothing is locked and nothing is written.
 *
 * It reads one whole version of a document that is written by `updateJson`, or by anyone who replaces it by rename.
 * A program that writes it in place may be caught in the middle; that is CORRUPT_DOCUMENT as a rule.
 *
 * @throws HoldfastError NOT_FOUND when it is missing or empty and no `initial` is given; CORRUPT_DOCUMENT with line and
 *   column; UNREPRESENTABLE for what JavaScript would lose of it (integers past 2^53, NaN and Infinity, a member that is
 *   there twice), with its place; SCHEMA_MISMATCH; UNSUPPORTED_TARGET; INVALID_ARGUMENT; IO
 */
export async function readJson<T = JsonValue>(
  path: string,
  options: ReadJsonOptions<T> = {},
): Promise<T> {
  checkOptions('readJson', options, ['initial', 'schema', 'fs']);
  const { fs = nodeFileSystem, initial, schema } = options;
  const value = await readOrInitial(fs, path, initial);
  return schema ? validate(schema, value, 'The document', path) : (value as T);
}

async function readOrInitial(fs: Fs, path: string, initial: unknown): Promise<unknown> {
  const { document } = await loadAt(fs, path).catch((error: unknown) => {
    // A missing directory is a missing document.
    if (initial !== undefined && isNotFound(error)) return { document: undefined };
    throw error;
  });
  if (document?.content !== undefined) return document.takeValue(undefined);
  if (initial !== undefined) return initial;
  throw notThere(path);
}

async function loadAt(fs: Fs, path: string): Promise<LoadedDocument> {
  return loadDocument(fs, await resolveTarget(fs, path), {});
}

function isNotFound(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'NOT_FOUND';
}

function notThere(path: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', {
    message:
      'There is no document: the file is missing or empty. Give an `initial` value if it may be.',
    outcome: 'unchanged',
    step: 'read',
    path,
  });
}
