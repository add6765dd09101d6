/** Values as TOML 1.0 spells them: on one line, with braces for tables. */
import { types } from 'node:util';
import { isPlainObject, type ScalarOf } from '../document/plain-data.js';
import { TomlDate } from './toml-date.js';

const BARE_KEY = /^[\w-]+$/;
const INT64 = 2n ** 63n;

export const tomlScalar: ScalarOf = (value) => {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return { scalar: value };
  }
  if (value instanceof TomlDate) return { scalar: value };
  if (types.isDate(value)) {
    if (Number.isNaN(value.getTime())) return { lacks: 'is no date that exists' };
    return { scalar: new TomlDate(value.toISOString()) };
  }
  if (typeof value === 'bigint') {
    if (value < -INT64 || value >= INT64) return { lacks: 'is an integer of more than 64 bits' };
    const number = Number(value);
    return { scalar: Number.isSafeInteger(number) ? number : value };
  }
  return { lacks: `is ${value === null ? 'null' : `a ${typeof value}`}, and TOML has none` };
};

export function formatKey(key: string): string {
  return BARE_KEY.test(key) ? key : basicString(key);
}

/** @param asFloat - whether an integer is to be read as a float */
export function formatValue(value: unknown, asFloat = false): string {
  if (typeof value === 'string') return basicString(value);
  if (typeof value === 'number') return formatNumber(value, asFloat);
  if (Array.isArray(value)) return `[${value.map((each) => formatValue(each)).join(', ')}]`;
  if (!isPlainObject(value)) return String(value);
  const members = Object.entries(value).map(([key, each]) => formatEntry(key, each));
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

export function formatEntry(key: string, value: unknown): string {
  return `${formatKey(key)} = ${formatValue(value)}`;
}

/** In the quotes of the text that it replaces, if those can hold it. */
export function formatStringLike(value: string, found: string): string {
  const isPlain = !/[\p{Cc}']/u.test(value);
  if (/^'(?!'')/.test(found) && isPlain) return `'${value}'`;
  if (/^("""|''')/.test(found) && value.includes('\n') && !value.includes('\r')) {
    const lines = value.split('\n').map((line) => basicString(line).slice(1, -1));
    return `"""${/\r?\n/.exec(found)?.[0] === undefined ? '' : '\n'}${lines.join('\n')}"""`;
  }
  return basicString(value);
}

function basicString(value: string): string {
  return JSON.stringify(value).replaceAll('\x7f', String.raw`\u007f`);
}

function formatNumber(value: number, asFloat: boolean): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  const isFloat = asFloat || !Number.isSafeInteger(value);
  return isFloat && /^-?\d+$/.test(text) ? `${text}.0` : text;
}
