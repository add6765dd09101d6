/** Which records are of one thing, and which of two was written last. */
import { invalidArgument } from '../options.js';
import type { LogFormat, LogFormatName, LogRecord } from './log-format.js';

/** How late a record was written, to be compared with others of its type. */
export type Rank = string | number;

export interface CompactRule {
  /** `undefined` when the record has no key, or none that is its own. */
  keyOf(record: LogRecord): string | undefined;
  /** `undefined` when the record has no rank. */
  rankOf(record: LogRecord): Rank | undefined;
}

/** Which records stand for the same thing: a field, several, or a function. */
export type KeyChoice = string | readonly string[] | ((record: LogRecord) => string);
/** Which record of a key is the latest: a field that grows, or a function. */
export type RankChoice = string | ((record: LogRecord) => Rank);

/** @param call - the public function, for messages */
export function compactRule(
  call: string,
  { name }: LogFormat,
  key: KeyChoice,
  latestBy: RankChoice | undefined,
): CompactRule {
  return { keyOf: keyFunction(call, key), rankOf: rankFunction(latestBy, name) };
}

function keyFunction(call: string, key: KeyChoice): CompactRule['keyOf'] {
  if (typeof key === 'function') return (record) => asKey(key(record));
  const fields = typeof key === 'string' ? [key] : key;
  if (!Array.isArray(fields) || fields.length === 0) {
    throw invalidArgument(call, 'key must name one field or more, or be a function.');
  }
  return (record) => {
    const values = fields.map((field) => ownField(record, field));
    return values.every(isTold) ? JSON.stringify(values) : undefined;
  };
}

/** By position alone, every record ranks the same and the later one wins. */
function rankFunction(
  latestBy: RankChoice | undefined,
  format: LogFormatName,
): CompactRule['rankOf'] {
  if (latestBy === undefined) return () => 0;
  if (typeof latestBy === 'function') return (record) => asRank(latestBy(record));
  const read = format === 'csv' ? cellRank : asRank;
  return (record) => read(ownField(record, latestBy));
}

function ownField(record: LogRecord, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/**
 * Another program's integers past 2^53 may have become one number when they were read: two keys
 * would be one.
 */
function isTold(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isTold);
  return value !== undefined;
}

function asKey(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function asRank(value: unknown): Rank | undefined {
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value;
  return typeof value === 'string' ? value : undefined;
}

const decimalNumber = /^[-+]?\d+(\.\d+)?([eE][-+]?\d+)?$/;

function cellRank(cell: unknown): Rank | undefined {
  if (typeof cell !== 'string' || cell === '') return undefined;
  return decimalNumber.test(cell) ? Number(cell) : cell;
}
