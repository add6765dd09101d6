/**
 * Files of NAME=value lines, as `.env` files are, read as Node reads them (`node --env-file`,
 * `util.parseEnv`). The text is the document: an update replaces, adds and removes assignments, and
 * what else there is stays to the byte.
 */
import * as util from 'node:util';
import { updateDocument } from '../document/document-updates.js';
import { readDocument, type ReadOptions } from '../document/read-document.js';
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

/** The variables of a `.env` file. */
export type EnvVariables = Record<string, string>;

/** One assignment, with its line end. */
const ASSIGNMENT =
  /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*("[^"]*"|'[^']*'|`[^`]*`|[^#\r\n]*?)?[ \t]*(?:#[^\r\n]*)?(?:\r?\n|$)/gm;
const PLAIN = /^[\w./:@%+,=-]*$/;
const NAME = /^[A-Za-z_][\w.-]*$/;

const envCall: UpdateCall = { call: 'updateEnv', names: updateOptionNames };

/**
 * Updates a `.env` file under its lock, as `updateJson` does a document: the updater gets the
 * variables, and returns the new ones or changes those that it was given. Comments, order, `export`
 * and blank lines stay; a new variable comes last. Of a name that stands twice the last one is
 * changed, which is the one that readers see.
 *
 * @throws HoldfastError UNREPRESENTABLE for a value that is no string or that no quotes hold, for a
 *   name that is no name, and where the change could not be made without another one; and those of
 *   `updateJson`
 */
export async function updateEnv(
  path: string,
  updater: Updater<EnvVariables>,
  options: UpdateOptions<EnvVariables> = {},
): Promise<EnvVariables> {
  checkUpdateArguments(envCall, path, updater, options);
  return updateDocument(envSyntax, path, updater, options);
}

/**
 * Reads a `.env` file, without a lock, as Node does.
 *
 * @throws HoldfastError those of `readJson`
 */
export async function readEnv(
  path: string,
  options: ReadOptions<EnvVariables> = {},
): Promise<EnvVariables> {
  return readDocument(envSyntax, 'readEnv', path, options);
}

const envFormat: TextFormat = {
  name: 'a .env file',
  call: 'updateEnv',
  read: (text) => variables(text),
  check: checkVariables,
  edit: (text, wanted) => editEnv(text, wanted as EnvVariables),
};

export const envSyntax: Syntax = textSyntax(envFormat);

function checkVariables(value: unknown, path: string): EnvVariables {
  const refuse = (reason: string): never => {
    throw new HoldfastError('UNREPRESENTABLE', {
      message: `The file of variables cannot be written: ${reason}.`,
      step: 'check',
      path,
    });
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('the new value is no object of strings');
  }
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  for (const [name, member] of entries) {
    if (!NAME.test(name)) refuse(`${JSON.stringify(name)} is no name of a variable`);
    if (typeof member !== 'string') refuse(`the value of ${name} is no string`);
  }
  return Object.fromEntries(entries);
}

function variables(text: string): EnvVariables {
  const { parseEnv } = util as Partial<typeof util>;
  if (parseEnv) return { ...(parseEnv(text) as EnvVariables) };
  throw new HoldfastError('UNSUPPORTED_PLATFORM', {
    message:
      'This runtime has no util.parseEnv, by which files of variables are read. Use a newer one (Bun from 1.3 on).',
    step: 'load',
    path: '',
  });
}

/** The text with these variables and no others. */
function editEnv(text: string, wanted: EnvVariables): string {
  const present = variables(text);
  const last = new Map<string, number>();
  for (const match of text.matchAll(ASSIGNMENT)) last.set(match[1] as string, match.index);
  let made = text.replace(ASSIGNMENT, (line: string, name: string, value = '', at: number) => {
    const next = Object.hasOwn(wanted, name) ? wanted[name] : undefined;
    if (next === undefined) return '';
    if (at !== last.get(name) || next === present[name]) return line;
    const start = line.indexOf('=') + 1;
    const from = value === '' ? start : line.indexOf(value, start);
    return line.slice(0, from) + quoted(next) + line.slice(from + value.length);
  });
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  for (const [name, value] of Object.entries(wanted)) {
    if (last.has(name)) continue;
    if (made !== '' && !made.endsWith('\n')) made += lineEnd;
    made += `${name}=${quoted(value)}${lineEnd}`;
  }
  return made;
}

/** Plain where every reader takes it as it is, else in the first quotes that hold it. */
function quoted(value: string): string {
  if (PLAIN.test(value)) return value;
  const ways = [`"${value}"`, `'${value}'`, `\`${value}\``];
  return ways.find((way) => variables(`A=${way} # c\nB=1\n`)['A'] === value) ?? `"${value}"`;
}
