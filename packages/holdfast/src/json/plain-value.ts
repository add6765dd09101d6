/**
 * Copies values as `JSON.parse` makes them (plain objects, arrays, strings, numbers, booleans and
 * null), and compares them with values that may be anything.
 */
import { MAX_DEPTH, setMember, type JsonObject, type JsonValue } from './json-value.js';
import { parseText } from './parse-text.js';

/** A value that shares nothing with the given one but strings. */
export function copyOf(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Array.isArray(value) ? value.map(copyOf) : copyObject(value);
}

function copyObject(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const copy = cloneObject(object);
  // The assignment meets an own member, so one that is named `__proto__` stays plain data too.
  for (const key in copy) {
    const member = copy[key];
    if (isObject(member)) copy[key] = copyOf(member);
  }
  return copy;
}

/**
 * From so many members on an object is quicker made as a table ({@link tableOf}) than by a spread.
 */
export const MANY_MEMBERS = 64;

/** An object of the same members. */
function cloneObject<T>(object: Readonly<Record<string, T>>): Record<string, T> {
  const keys = Object.keys(object);
  if (keys.length < MANY_MEMBERS) return { ...object };
  return tableOf(keys, (key) => object[key] as T);
}

/** Up to so many members an object that grew is copied as quickly as one that was parsed. */
const FEW_MEMBERS = 16;

/**
 * A plain object of these members, which can be copied quickly: one that grew member by member the
 * engine copies likewise, one that was parsed at once.
 */
export function objectOf(
  keys: readonly string[],
  memberAt: (key: string, index: number) => JsonValue,
): JsonObject {
  if (keys.length >= MANY_MEMBERS) return tableOf(keys, memberAt);
  const made = keys.length > FEW_MEMBERS ? parsedWith(keys) : {};
  for (const [index, key] of keys.entries()) setMember(made, key, memberAt(key, index));
  return made;
}

function parsedWith(keys: readonly string[]): JsonObject {
  const members = keys.map((key) => `${JSON.stringify(key)}:0`);
  return parseText(`{${members.join(',')}}`) as JsonObject;
}

/**
 * A plain object of these members. It has no prototype while they come: so the engine keeps it as a
 * table, where it would else look for another shape of the object at each of them, which takes tens
 * of times as long with a thousand; and a name like `__proto__` is one like any other.
 */
function tableOf<T>(
  keys: readonly string[],
  memberAt: (key: string, index: number) => T,
): Record<string, T> {
  const made = Object.create(null) as Record<string, T>;
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index] as string;
    made[key] = memberAt(key, index);
  }
  return Object.setPrototypeOf(made, Object.prototype) as Record<string, T>;
}

/**
 * Plain data that is the same as `value`, of which the caller of this is the only owner: `before`
 * itself, and any part of it, where that is the same. `undefined` when the value is not plain data
 * alone: what JSON would convert, or drop.
 */
export function mergePlain(
  value: unknown,
  before: JsonValue | undefined,
  depth = 0,
): JsonValue | undefined {
  if (!isObject(value)) {
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
    if (!Number.isFinite(value)) return undefined;
    // JSON.stringify writes -0 as 0: only one that was there stays.
    return value === 0 && before === 0
      ? before
      : Object.is(value, -0)
        ? undefined
        : (value as number);
  }
  if (depth >= MAX_DEPTH) return undefined;
  if (Array.isArray(value)) {
    return mergeArray(value, Array.isArray(before) ? before : undefined, depth);
  }
  if (!isPlainObject(value) || typeof value['toJSON'] === 'function') return undefined;
  const plain = isObject(before) && !Array.isArray(before) ? before : undefined;
  return mergeObject(value, plain, depth);
}

function mergeArray(
  value: readonly unknown[],
  before: readonly JsonValue[] | undefined,
  depth: number,
): JsonValue | undefined {
  let made: JsonValue[] | undefined = before?.length === value.length ? undefined : [];
  for (let index = 0; index < value.length; index += 1) {
    const element = mergePlain(value[index], before?.[index], depth + 1);
    if (element === undefined) return undefined;
    if (made === undefined && element !== before?.[index]) made = before?.slice(0, index) ?? [];
    made?.push(element);
  }
  return made ?? (before as JsonValue[]);
}

/** The order of the members counts, since it may be the order of the text. */
function mergeObject(
  value: Readonly<Record<string, unknown>>,
  before: JsonObject | undefined,
  depth: number,
): JsonValue | undefined {
  const keys = Object.keys(value);
  if (before === undefined) return mergeMembers(value, keys, {}, depth);
  /**
   * The members that differ, while all names are those that were there, and perhaps others behind
   * them.
   */
  const changed: [key: string, member: JsonValue][] = [];
  let index = 0;
  for (const key in before) {
    if (keys[index] !== key) return mergeMembers(value, keys, before, depth);
    const member = mergePlain(value[key], before[key], depth + 1);
    if (member === undefined) return undefined;
    if (member !== before[key]) changed.push([key, member]);
    index += 1;
  }
  const isLonger = index < keys.length;
  for (; index < keys.length; index += 1) {
    const key = keys[index] as string;
    const member = mergePlain(value[key], undefined, depth + 1);
    if (member === undefined) return undefined;
    changed.push([key, member]);
  }
  if (changed.length === 0) return before;
  if (isLonger) {
    const news = new Map(changed);
    return objectOf(keys, (key) => (news.has(key) ? news.get(key) : before[key]) as JsonValue);
  }
  const made = cloneObject(before);
  for (const [key, member] of changed) setMember(made, key, member);
  return made;
}

function mergeMembers(
  value: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  before: JsonObject,
  depth: number,
): JsonValue | undefined {
  const members: JsonValue[] = [];
  for (const key of keys) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    const member = mergePlain(value[key], old, depth + 1);
    if (member === undefined) return undefined;
    members.push(member);
  }
  return objectOf(keys, (_, index) => members[index] as JsonValue);
}

/**
 * Whether both are the same data, members in the same order. Parts that are the same object are not
 * looked into.
 */
export function isSame(value: unknown, plain: unknown): boolean {
  if (value === plain) return true;
  if (!isObject(plain)) return Object.is(value, plain);
  if (!isObject(value)) return false;
  return Array.isArray(plain) ? isSameArray(value, plain) : isSameObject(value, plain);
}

function isSameArray(value: unknown, plain: readonly unknown[]): boolean {
  if (!Array.isArray(value) || value.length !== plain.length) return false;
  for (let index = 0; index < plain.length; index += 1) {
    if (!isSame(value[index], plain[index])) return false;
  }
  return true;
}

function isSameObject(
  value: Readonly<Record<string, unknown>>,
  plain: Readonly<Record<string, unknown>>,
): boolean {
  if (Array.isArray(value)) return false;
  const keys = Object.keys(value);
  let index = 0;
  for (const key in plain) {
    if (keys[index] !== key || !isSame(value[key], plain[key])) return false;
    index += 1;
  }
  return index === keys.length;
}

/** Whether an object has nothing to it but its members. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return (
    isObject(value) &&
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.getOwnPropertySymbols(value).length === 0
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
