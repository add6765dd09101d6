/**
 * From a text to a value, with every loss refused and the place of a break named by line and
 * column.
 */
import { HoldfastError } from '../errors.js';
import { invalidArgument } from '../options.js';
import { MAX_DEPTH, type JsonValue } from './json-value.js';
import { parseText } from './parse-text.js';
import { formatPointer } from '../document/plain-data.js';
import { findFault, type Fault } from './scan.js';
import { skim } from './skim.js';

/**
 * Parses a document that may come from any program.
 *
 * @throws HoldfastError CORRUPT_DOCUMENT for a text that is not JSON; UNREPRESENTABLE for one that
 *   is (or is what Python writes), but of which JavaScript would lose something: a number it cannot
 *   hold, NaN or Infinity, a member that is there twice, more than 1,000 levels
 */
export function parseDocument(text: string, path: string): unknown {
  const { value, fault } = parseStrictly(text);
  if (fault === undefined) return value;
  const what = `${placeOf(fault, text)}: ${fault.reason}`;
  const [code, message] =
    fault.kind === 'syntax'
      ? (['CORRUPT_DOCUMENT', `It is not JSON: ${what}. Repair the file or restore it.`] as const)
      : ([
          'UNREPRESENTABLE',
          `It cannot be read without loss: ${what}. Change it (to a string, for instance) in the program that wrote it.`,
        ] as const);
  throw new HoldfastError(code, { message, step: 'parse', path });
}

/**
 * Parses a text that is no file (an argument, standard input) as strictly as a document.
 *
 * @param name - what to call the text in an error
 * @throws HoldfastError INVALID_ARGUMENT, with line and column
 */
export function parseJson(text: string, name: string): JsonValue {
  const { value, fault } = parseStrictly(text);
  if (fault === undefined) return value as JsonValue;
  const verb = fault.kind === 'syntax' ? 'is not JSON' : 'cannot be read without loss';
  throw invalidArgument('parse', `${name} ${verb}: ${placeOf(fault, text)}: ${fault.reason}`, name);
}

function parseStrictly(text: string): { readonly value?: unknown; readonly fault?: Fault } {
  let value: unknown;
  try {
    value = parseText(text);
  } catch (cause) {
    return { fault: findFault(text) ?? unexplained(text, cause) };
  }
  const { memberCount, hasLongNumbers } = skim(text);
  const isSuspect = hasLongNumbers || memberCount !== countMembers(value, 0);
  const fault = isSuspect ? findFault(text) : undefined;
  return fault ? { fault } : { value };
}

/**
 * How many members all objects of a value have; NaN for one that nests too deep, which equals no
 * count.
 */
function countMembers(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth >= MAX_DEPTH) return NaN;
  const children: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  let count = Array.isArray(value) ? 0 : children.length;
  for (const child of children) {
    if (typeof child === 'object') count += countMembers(child, depth + 1);
  }
  return count;
}

function placeOf({ offset, tokens }: Fault, text: string): string {
  const { line, column } = lineAndColumn(text, offset);
  return `line ${line}, column ${column} (at '${formatPointer(tokens)}')`;
}

/** `JSON.parse` refuses a text that findFault accepts: no such text is known. */
function unexplained(text: string, cause: unknown): Fault {
  return { kind: 'syntax', offset: text.length, tokens: [], reason: String(cause) };
}

/** Both from 1; a column is a character, not a byte. */
function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: before.length, column: Array.from(before.at(-1) ?? '').length + 1 };
}
