/**
 * TOML documents. The text is the document: an update becomes edits of it (edit-toml.ts), which are
 * made where the parser of the package toml-eslint-parser says that the values stand.
 */
import { updateDocument } from '../document/document-updates.js';
import { importFailed } from '../document/optional-package.js';
import { plainData } from '../document/plain-data.js';
import { checkReadArguments, readDocument, type ReadOptions } from '../document/read-document.js';
import type { Syntax } from '../document/syntax.js';
import { textSyntax, type TextFormat } from '../document/text-document.js';
import {
  checkUpdateArguments,
  updateOptionNames,
  type UpdateCall,
  type UpdateOptions,
  type Updater,
} from '../document/update-options.js';
import { HoldfastError } from '../errors.js';
import { editToml } from './edit-toml.js';
import { formatValue, tomlScalar } from './format-toml.js';
import type { TomlDate } from './toml-date.js';
import { treeOf, valueOf, type TomlTree } from './tree.js';

type Parser = typeof import('toml-eslint-parser');

/** What a TOML document holds. Integers past 2^53 are a `bigint`. */
export type TomlValue =
  string | number | bigint | boolean | TomlDate | readonly TomlValue[] | TomlTable;

/** A table of a TOML document, and the document itself. */
export interface TomlTable {
  [name: string]: TomlValue;
}

const tomlCall: UpdateCall = { call: 'updateToml', names: updateOptionNames };

/**
 * Updates a TOML document under its lock, as `updateJson` does a JSON document: the updater gets
 * the value, and returns the new one or changes the one it was given. The change becomes edits of
 * the text: comments, order, layout, line ends, dotted names, headers and spellings of what does
 * not change stay to the byte. A float that becomes a whole number stays a float.
 *
 * Dates and times are `TomlDate` objects; a `Date` is written as an instant. Needs the package
 * `toml-eslint-parser`.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM without the package; UNREPRESENTABLE for `null` and
 *   what else TOML has no form for, and where the change could not be made without another one;
 *   CORRUPT_DOCUMENT with line and column; and those of `updateJson`
 */
export async function updateToml<T = TomlTable>(
  path: string,
  updater: Updater<T>,
  options: UpdateOptions<T> = {},
): Promise<T> {
  checkUpdateArguments(tomlCall, path, updater, options);
  return updateDocument(await tomlSyntax('updateToml'), path, updater, options);
}

/**
 * Reads a TOML document, without a lock. Needs the package `toml-eslint-parser`.
 *
 * @throws HoldfastError UNSUPPORTED_PLATFORM without the package; and those of `readJson`
 */
export async function readToml<T = TomlTable>(
  path: string,
  options: ReadOptions<T> = {},
): Promise<T> {
  checkReadArguments('readToml', path, options);
  return readDocument(await tomlSyntax('readToml'), 'readToml', path, options);
}

let loaded: Syntax | undefined;

/** @param call - who asks, for the error when the package is missing */
export async function tomlSyntax(call: string): Promise<Syntax> {
  try {
    loaded ??= textSyntax(formatOf(await import('toml-eslint-parser')));
    return loaded;
  } catch (error) {
    throw importFailed('toml-eslint-parser', call, error);
  }
}

function formatOf(parser: Parser): TextFormat {
  return {
    name: 'TOML',
    call: 'updateToml',
    read: (text, path) => valueOf(parse(parser, text, path).root),
    check(value, path) {
      const plain = plainData(value, path, tomlScalar);
      if (typeof plain === 'object' && !Array.isArray(plain)) return plain;
      throw new HoldfastError('UNREPRESENTABLE', {
        message: `A TOML document is a table, and the new value is ${formatValue(plain)}.`,
        step: 'check',
        path,
      });
    },
    edit: (text, value, path) =>
      editToml(text, parse(parser, text, path), value as Readonly<Record<string, unknown>>),
  };
}

function parse({ parseTOML, ParseError }: Parser, text: string, path: string): TomlTree {
  try {
    return treeOf(parseTOML(text));
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause;
    throw new HoldfastError('CORRUPT_DOCUMENT', {
      message:
        `It is not TOML: ${cause.message}, at line ${cause.lineNumber}, column ${cause.column + 1}. ` +
        'Repair the file or restore it.',
      step: 'parse',
      path,
      cause,
    });
  }
}
