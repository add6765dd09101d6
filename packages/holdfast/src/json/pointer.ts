/**
 * JSON Pointer (RFC 6901): `/a/0/b` names a place in a document, `''` the whole of it; `~1` stands
 * for `/` and `~0` for `~` in a name. Functions that change a place return a new document that
 * shares what they did not touch, and leave the one they were given as it was. `__proto__` is a
 * name like any other.
 */
import { formatPointer } from '../document/plain-data.js';
import { HoldfastError } from '../errors.js';
import { invalidArgument } from '../options.js';
import { isJsonObject, ownMember, type JsonObject, type JsonValue } from './json-value.js';

/** The names on the way to a place, unescaped. */
export type PointerTokens = readonly string[];

const ARRAY_INDEX = /^(?:0|[1-9][0-9]*)$/;

/** @throws HoldfastError INVALID_ARGUMENT for anything that RFC 6901 section 3 does not allow */
export function parsePointer(pointer: string): PointerTokens {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) {
    throw invalidArgument('json pointer', `'${pointer}' is no JSON Pointer: it starts with '/'`);
  }
  if (/~(?![01])/.test(pointer)) {
    throw invalidArgument('json pointer', `'${pointer}' has a '~' that is neither '~0' nor '~1'`);
  }
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The value at a place, or `undefined` where there is none. */
export function getAt(document: JsonValue, pointer: string | PointerTokens): JsonValue | undefined {
  let value: JsonValue | undefined = document;
  for (const token of tokensOf(pointer)) {
    if (value === undefined) return undefined;
    value = memberOf(value, token);
  }
  return value;
}

/**
 * A document with `value` at the place. Missing levels on the way are made, as objects; `-` appends
 * to an array.
 *
 * @throws HoldfastError NOT_FOUND where the way leads through a string, number, boolean or null, or
 *   past the end of an array
 */
export function setAt(
  document: JsonValue | undefined,
  pointer: string | PointerTokens,
  value: JsonValue,
): JsonValue {
  return setBelow(document, tokensOf(pointer), 0, value);
}

/**
 * A document without the place: a member leaves its object, an element its array, whose later
 * elements move up.
 *
 * @throws HoldfastError NOT_FOUND where there is nothing at the place; INVALID_ARGUMENT for the
 *   whole document
 */
export function deleteAt(document: JsonValue, pointer: string | PointerTokens): JsonValue {
  const tokens = tokensOf(pointer);
  if (tokens.length === 0) {
    throw invalidArgument('json delete', 'the whole document cannot be deleted from within it');
  }
  if (getAt(document, tokens) === undefined) throw missing(tokens);
  const parentTokens = tokens.slice(0, -1);
  const parent = getAt(document, parentTokens) as JsonValue[] | JsonObject;
  return setAt(document, parentTokens, withoutMember(parent, tokens.at(-1) as string));
}

/**
 * A document with `value` added as RFC 6902 section 4.1 has it: the parent must exist, and an array
 * makes room.
 *
 * @throws HoldfastError NOT_FOUND where the parent is missing, holds no members, or is an array
 *   that ends earlier
 */
export function insertAt(document: JsonValue, tokens: PointerTokens, value: JsonValue): JsonValue {
  if (tokens.length === 0) return value;
  const parentTokens = tokens.slice(0, -1);
  const parent = getAt(document, parentTokens);
  if (parent === undefined) throw missing(parentTokens);
  if (!Array.isArray(parent)) return setAt(document, tokens, value);
  const index = insertionIndex(parent, tokens, parentTokens.length);
  return setAt(document, parentTokens, parent.toSpliced(index, 0, value));
}

/** Copies the containers from `tokens[depth]` down to the place, and puts the value there. */
function setBelow(
  container: JsonValue | undefined,
  tokens: PointerTokens,
  depth: number,
  value: JsonValue,
): JsonValue {
  if (depth === tokens.length) return value;
  const token = tokens[depth] as string;
  if (Array.isArray(container)) {
    const index = insertionIndex(container, tokens, depth);
    const element = setBelow(container[index], tokens, depth + 1, value);
    return container.toSpliced(index, 1, element);
  }
  if (container !== undefined && !isJsonObject(container))
    throw missing(tokens.slice(0, depth + 1));
  const child = container && ownMember(container, token);
  // A computed name in an object literal defines a member, also when it is `__proto__`.
  return { ...container, [token]: setBelow(child, tokens, depth + 1, value) };
}

function memberOf(value: JsonValue, token: string): JsonValue | undefined {
  if (Array.isArray(value)) return ARRAY_INDEX.test(token) ? value[Number(token)] : undefined;
  return isJsonObject(value) ? ownMember(value, token) : undefined;
}

function withoutMember(parent: JsonValue[] | JsonObject, token: string): JsonValue {
  if (Array.isArray(parent)) return parent.toSpliced(Number(token), 1);
  const copy = { ...parent };
  delete copy[token];
  return copy;
}

/** The index that a name stands for, up to the one past the end, which `-` means too. */
function insertionIndex(array: readonly JsonValue[], tokens: PointerTokens, depth: number): number {
  const token = tokens[depth] as string;
  const index = token === '-' ? array.length : ARRAY_INDEX.test(token) ? Number(token) : Infinity;
  if (index > array.length) throw missing(tokens.slice(0, depth + 1));
  return index;
}

function tokensOf(pointer: string | PointerTokens): PointerTokens {
  return typeof pointer === 'string' ? parsePointer(pointer) : pointer;
}

/** The error for a place that is not there. */
export function missing(tokens: PointerTokens): HoldfastError {
  return new HoldfastError('NOT_FOUND', {
    message: `the document has nothing at '${formatPointer(tokens)}'`,
    step: 'json pointer',
    path: formatPointer(tokens),
  });
}
