/** Reads a JSON document (document/read-document.ts). */
import { readDocument, readOptionNames, type ReadOptions } from '../document/read-document.js';
import { readWords, type JsonSyntaxName } from '../document/update-options.js';
import { checkOptions, checkWords } from '../options.js';
import { syntaxFor } from './document.js';
import type { JsonValue } from './json-value.js';

/** How a JSON document is read. */
export interface ReadJsonOptions<T> extends ReadOptions<T> {
  /**
   * `jsonc`: comments and trailing commas may be in it. By default a file named `.jsonc` is such a
   * document.
   */
  readonly syntax?: JsonSyntaxName | undefined;
}

/**
 * Reads a JSON document: UTF-8, with or without a byte order mark; or JSONC. Nothing is locked and
 * nothing is written.
 *
 * It reads one whole version of a document that is written by `updateJson`, or by anyone who
 * replaces it by rename. A program that writes it in place may be caught in the middle: what is
 * empty or torn is looked at again for a quarter of a second, and then is CORRUPT_DOCUMENT.
 *
 * @throws HoldfastError NOT_FOUND when it is missing and no `initial` is given; CORRUPT_DOCUMENT
 *   with line and column, or when the file is empty and that is not `initial`; UNREPRESENTABLE for
 *   what JavaScript would lose of it (integers past 2^53, NaN and Infinity, a member that is there
 *   twice), with its place; SCHEMA_MISMATCH; UNSUPPORTED_TARGET; ABORTED; INVALID_ARGUMENT; IO
 */
export async function readJson<T = JsonValue>(
  path: string,
  options: ReadJsonOptions<T> = {},
): Promise<T> {
  checkOptions('readJson', options, [...readOptionNames, 'syntax']);
  checkWords('readJson', path, options, readWords);
  const { syntax, ...rest } = options;
  return readDocument(syntaxFor(path, syntax), 'readJson', path, rest);
}
