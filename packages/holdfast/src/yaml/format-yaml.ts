/**
 * Values as YAML spells them. What is written means the same to a reader of YAML 1.1, which takes
 * `no` for false, `1e3` for a text and `12:30` for a number.
 */
import { types } from 'node:util';
import { isPlainObject, type ScalarOf } from '../document/plain-data.js';

/** A text that every reader takes as it is, also between brackets. */
const PLAIN = /^[A-Za-z_/](?:[\w ./@+$%()~-]|:(?=[\w/.@+$%()~-]))*$/;
/** What a reader of YAML 1.1 or 1.2 takes for something else. */
const RESERVED = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
/** What a double-quoted text holds as an escape alone. */
const UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

export const yamlScalar: ScalarOf = (value) => {
  const isScalar =
    value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value);
  if (types.isDate(value) && !Number.isNaN(value.getTime())) return { scalar: value.toISOString() };
  if (!isScalar) return { lacks: `is a ${typeof value}, and YAML has none` };
  if (typeof value !== 'bigint') return { scalar: value };
  const number = Number(value);
  return { scalar: Number.isSafeInteger(number) ? number : value };
};

/** How deep the levels of a document are. */
export interface YamlLayout {
  readonly lineEnd: string;
  /** Spaces that a mapping in a mapping is indented by. */
  readonly indent: number;
  /** Spaces that a sequence in a mapping is indented by. */
  readonly sequenceIndent: number;
}

/** On one line, with brackets for collections. */
export function formatFlow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatFlow).join(', ')}]`;
  if (!isPlainObject(value)) return formatScalar(value);
  const members = Object.entries(value).map(
    ([key, each]) => `${formatKey(key)}: ${formatFlow(each)}`,
  );
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

export function formatKey(key: string): string {
  return formatString(key);
}

/** @param found - the text that it replaces: quotes stay, and a float stays one */
export function formatScalar(value: unknown, found = ''): string {
  if (typeof value === 'string') return formatString(value, found);
  if (typeof value === 'number') return formatNumber(value, /^[-+]?[\d.]+(?:\.|[eE])/.test(found));
  return String(value);
}

function formatString(value: string, found = ''): string {
  const isSingle = found.startsWith("'") && !/[\p{Cc}\x7f-\x9f\u2028\u2029\ufeff]/u.test(value);
  if (isSingle) return `'${value.replaceAll("'", "''")}'`;
  const isPlain = PLAIN.test(value) && !value.endsWith(' ') && !RESERVED.test(value);
  if (isPlain && !found.startsWith('"')) return value;
  return JSON.stringify(value).replaceAll(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A float has a dot: without one, a reader of YAML 1.1 takes it for a text. */
function formatNumber(value: number, asFloat: boolean): string {
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf';
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  if (/^-?\d+$/.test(text)) return asFloat || !Number.isSafeInteger(value) ? `${text}.0` : text;
  return text.replace(/^(-?\d+)(?=e)/, '$1.0');
}

/** The lines of a collection that has something in it, without indentation. */
export function formatBlock(value: unknown, layout: YamlLayout): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => itemLines(each, layout));
  return Object.entries(value as object).flatMap(([key, each]) => memberLines(key, each, layout));
}

/** `key: value`, on as many lines as it takes. */
export function memberLines(key: string, value: unknown, layout: YamlLayout): string[] {
  const name = `${formatKey(key)}:`;
  if (isBlock(value))
    return [name, ...indented(formatBlock(value, layout), indentOf(value, layout))];
  return withLiteral(name, value, layout);
}

/** `- value` */
export function itemLines(value: unknown, layout: YamlLayout): string[] {
  if (!isBlock(value)) return withLiteral('-', value, layout);
  const [first, ...rest] = formatBlock(value, layout) as [string, ...string[]];
  return [`- ${first}`, ...indented(rest, 2)];
}

function withLiteral(before: string, value: unknown, { indent }: YamlLayout): string[] {
  if (!isLiteral(value)) return [`${before} ${formatFlow(value)}`];
  const [header, ...lines] = literalLines(value);
  return [`${before} ${header}`, ...indented(lines, indent)];
}

/** A text of several lines that a block can hold as it is. */
export function isLiteral(value: unknown): value is string {
  if (typeof value !== 'string' || !/^[^\s]/.test(value) || !value.trimEnd().includes('\n'))
    return false;
  return !/[^\S\n]+$|\n\n$|[^\P{Cc}\n\t]|[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/u.test(value);
}

/** The header and the lines of a literal block. */
export function literalLines(value: string): [header: string, ...lines: string[]] {
  const ends = value.endsWith('\n');
  return [ends ? '|' : '|-', ...(ends ? value.slice(0, -1) : value).split('\n')];
}

/** Whether the value is a collection that has something in it. */
export function isBlock(value: unknown): boolean {
  return Array.isArray(value)
    ? value.length > 0
    : isPlainObject(value) && Object.keys(value).length > 0;
}

export function indentOf(value: unknown, layout: YamlLayout): number {
  return Array.isArray(value) ? layout.sequenceIndent : layout.indent;
}

export function indented(lines: readonly string[], spaces: number): string[] {
  return lines.map((line) => (line === '' ? line : ' '.repeat(spaces) + line));
}
