/**
 * Finds what `JSON.stringify` would drop or change without a word: it writes NaN as null, a Map as
 * {}, nothing at all for a function. What it writes faithfully passes: plain objects, arrays,
 * strings, booleans, null, finite numbers, and whatever says by a `toJSON` method of its own how it
 * wants to be written (a Date does). What must read back just as it was given, a record, may have
 * none of these, nor a -0.
 */
import { types } from 'node:util';
import { formatPointer, isPlainObject } from '../document/plain-data.js';
import { HoldfastError } from '../errors.js';
import { MAX_DEPTH } from './json-value.js';

/** What JSON cannot hold, and where. */
export interface Loss {
  /** The names on the way to the place. */
  readonly tokens: readonly (string | number)[];
  readonly reason: string;
}

interface Checked {
  readonly loss: Loss | undefined;
  /**
   * Whether reading the document back gives something else than the value: a `toJSON`, an undefined
   * member, a -0.
   */
  readonly isConverted: boolean;
}

/**
 * Checks a value before it is written.
 *
 * @param policy - `exact` refuses what reads back as something else too, but for members that are
 *   `undefined`
 */
export function checkValue(value: unknown, policy: 'convert' | 'exact' = 'convert'): Checked {
  const walk: Walk = { tokens: [], isExact: policy === 'exact', isConverted: false };
  const reason = walkValue(value, walk, 0);
  return {
    loss: reason === undefined ? undefined : { tokens: walk.tokens, reason },
    isConverted: walk.isConverted,
  };
}

/**
 * Checks a value that is to become the document at the path, or a part of it.
 *
 * @throws HoldfastError UNREPRESENTABLE, with the place as a JSON Pointer
 */
export function checkRepresentable(value: unknown, path: string): Checked {
  const checked = checkValue(value);
  const { loss } = checked;
  if (loss === undefined) return checked;
  throw new HoldfastError('UNREPRESENTABLE', {
    message: `JSON cannot hold the new value at '${formatPointer(loss.tokens)}': ${loss.reason}.`,
    step: 'check',
    path,
  });
}

type ToJson = (key: string) => unknown;

interface Walk {
  /** Filled from the end when a loss was found, so that the way down costs nothing. */
  readonly tokens: (string | number)[];
  readonly isExact: boolean;
  isConverted: boolean;
}

/** The reason why JSON cannot hold the value, if there is one. */
function walkValue(value: unknown, walk: Walk, depth: number): string | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return undefined;
  if (typeof value === 'number') {
    if (Object.is(value, -0)) {
      if (walk.isExact) return '-0 would become 0';
      walk.isConverted = true;
    }
    return Number.isFinite(value) ? undefined : `${value} would become null`;
  }
  if (typeof value !== 'object') return reasonOfType(value);
  if (depth >= MAX_DEPTH) {
    return `it nests deeper than ${MAX_DEPTH} levels, or contains itself`;
  }
  if (Array.isArray(value)) return walkArray(value, walk, depth);
  return walkObject(value, walk, depth);
}

function walkArray(array: readonly unknown[], walk: Walk, depth: number): string | undefined {
  for (let index = 0; index < array.length; index += 1) {
    const element = array[index];
    const reason =
      element === undefined
        ? 'an undefined or missing element would become null'
        : walkValue(element, walk, depth + 1);
    if (reason !== undefined) return found(reason, index, walk);
  }
  return undefined;
}

function walkObject(object: object, walk: Walk, depth: number): string | undefined {
  const { toJSON } = object as { toJSON?: unknown };
  if (typeof toJSON === 'function') {
    if (walk.isExact) return `a ${kindOf(object)} would become what its toJSON gives; give that`;
    return walkConverted(object, toJSON as ToJson, walk, depth);
  }
  if (Object.getPrototypeOf(object) !== Object.prototype) {
    walk.isConverted = true;
    if (!isPlainObject(object)) return reasonOfClass(object, walk);
  }
  if (Object.getOwnPropertySymbols(object).length > 0) return 'a member named by a symbol would go';
  for (const key of Object.keys(object)) {
    const member = (object as Record<string, unknown>)[key];
    if (member === undefined) walk.isConverted = true;
    else {
      const reason = walkValue(member, walk, depth + 1);
      if (reason !== undefined) return found(reason, key, walk);
    }
  }
  return undefined;
}

/**
 * Checks what `toJSON` makes of the object. An invalid Date makes null of itself, which is a loss
 * like NaN's.
 */
function walkConverted(
  object: object,
  toJSON: ToJson,
  walk: Walk,
  depth: number,
): string | undefined {
  walk.isConverted = true;
  if (types.isDate(object) && Number.isNaN(object.getTime())) {
    return 'an invalid Date would become null';
  }
  const converted: unknown = toJSON.call(object, '');
  if (converted === undefined) return 'its toJSON gives undefined, so it would go';
  return walkValue(converted, walk, depth + 1);
}

function found(reason: string, key: string | number, walk: Walk): string {
  walk.tokens.unshift(key);
  return reason;
}

function reasonOfType(value: unknown): string {
  if (typeof value === 'bigint') return `the bigint ${value} has no place in JSON`;
  return `${typeof value === 'undefined' ? '' : 'a '}${typeof value} would be dropped`;
}

function reasonOfClass(object: object, { isExact }: Walk): string {
  const way = isExact ? '' : 'give it a toJSON method or ';
  return `a ${kindOf(object)} would lose what makes it one; ${way}make it a plain object`;
}

function kindOf(object: object): string {
  const name = (object.constructor as { name?: unknown } | undefined)?.name;
  return typeof name === 'string' && name !== '' ? name : 'class instance';
}
