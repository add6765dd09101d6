/** JSON Patch (RFC 6902): a list of operations, of which all are applied or none. */
import { formatPointer } from '../document/plain-data.js';
import { HoldfastError } from '../errors.js';
import { invalidArgument } from '../options.js';
import { isJsonObject, ownMember, type JsonValue } from './json-value.js';
import {
  deleteAt,
  getAt,
  insertAt,
  missing,
  parsePointer,
  setAt,
  type PointerTokens,
} from './pointer.js';

/** One operation; `path` and `from` are JSON Pointers. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly from: string };

type Operations = {
  readonly [Op in JsonPatchOperation['op']]: (
    document: JsonValue,
    operation: Extract<JsonPatchOperation, { op: Op }>,
  ) => JsonValue;
};

/** RFC 6902 section 4, an operation a line. */
const operations: Operations = {
  add: (document, { path, value }) => insertAt(document, parsePointer(path), value),
  remove: (document, { path }) => deleteAt(document, path),
  replace: (document, { path, value }) => replaceAt(document, parsePointer(path), value),
  move: (document, { from, path }) => move(document, from, path),
  copy: (document, { from, path }) =>
    insertAt(document, parsePointer(path), existing(document, parsePointer(from))),
  test: (document, { path, value }) => test(document, parsePointer(path), value),
};

/**
 * The document after all operations. The one given is not changed, so an operation that fails
 * leaves nothing behind.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a malformed operation; NOT_FOUND for a place that is
 *   not there; TARGET_CHANGED for a `test` that does not hold
 */
export function applyJsonPatch(
  document: JsonValue,
  patch: readonly JsonPatchOperation[],
): JsonValue {
  if (!isList(patch)) {
    throw invalidArgument('json patch', 'a JSON patch is an array of operations (RFC 6902)');
  }
  let current = document;
  for (const [index, operation] of patch.entries()) {
    checkOperation(operation, index);
    const apply = operations[operation.op] as (
      document: JsonValue,
      operation: JsonPatchOperation,
    ) => JsonValue;
    current = apply(current, operation);
  }
  return current;
}

/** `Array.isArray` would forget what the array holds. */
function isList(value: readonly unknown[]): boolean {
  return Array.isArray(value);
}

/** The members that each operation needs (RFC 6902 section 4). */
const requiredMembers: Record<JsonPatchOperation['op'], readonly string[]> = {
  add: ['path', 'value'],
  remove: ['path'],
  replace: ['path', 'value'],
  move: ['from', 'path'],
  copy: ['from', 'path'],
  test: ['path', 'value'],
};

function checkOperation(operation: unknown, index: number): void {
  const place = `operation ${index} of the JSON patch`;
  if (!isJsonObject(operation)) throw invalidArgument('json patch', `${place} is not an object`);
  const op = ownMember(operation, 'op');
  if (typeof op !== 'string' || !Object.hasOwn(requiredMembers, op)) {
    const known = Object.keys(requiredMembers).join(', ');
    throw invalidArgument('json patch', `${place} has no 'op' out of ${known}`);
  }
  for (const name of requiredMembers[op as JsonPatchOperation['op']]) {
    const member = ownMember(operation, name);
    if (member === undefined || (name !== 'value' && typeof member !== 'string')) {
      throw invalidArgument('json patch', `${place} ('${op}') needs a '${name}'`);
    }
  }
}

function replaceAt(document: JsonValue, tokens: PointerTokens, value: JsonValue): JsonValue {
  existing(document, tokens);
  return setAt(document, tokens, value);
}

function move(document: JsonValue, from: string, path: string): JsonValue {
  if (path === from) {
    existing(document, parsePointer(from));
    return document;
  }
  if (path.startsWith(`${from}/`)) {
    throw invalidArgument('json patch', `'${from}' cannot be moved into itself, to '${path}'`);
  }
  const value = existing(document, parsePointer(from));
  return insertAt(deleteAt(document, from), parsePointer(path), value);
}

function test(document: JsonValue, tokens: PointerTokens, value: JsonValue): JsonValue {
  if (equalJson(existing(document, tokens), value)) return document;
  const path = formatPointer(tokens);
  throw new HoldfastError('TARGET_CHANGED', {
    message: `the test of the JSON patch does not hold: the document has another value at '${path}'`,
    step: 'json patch',
    path,
  });
}

function existing(document: JsonValue, tokens: PointerTokens): JsonValue {
  const value = getAt(document, tokens);
  if (value === undefined) throw missing(tokens);
  return value;
}

/** Equality of RFC 6902 section 4.6: members in any order, elements in theirs, numbers by value. */
function equalJson(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((element, index) => equalJson(element, b[index] as JsonValue));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => {
    const other = ownMember(b, key);
    return other !== undefined && equalJson(a[key] as JsonValue, other);
  });
}
