/**
 * What a JSON document can hold (RFC 8259), and the one safe way to put a member into an object.
 */

export type JsonPrimitive = string | number | boolean | null;
/** Whatever JSON can hold. */
export type JsonValue = JsonPrimitive | JsonValue[] | JsonObject;
/** An object of JSON: the members of a document. */
export interface JsonObject {
  [key: string]: JsonValue;
}

/**
 * How deep arrays and objects may nest: what `JSON.stringify` writes, and Python's reader reads,
 * with room to spare.
 */
export const MAX_DEPTH = 1000;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The member of that very name, never an inherited one: `toString` of an empty object is
 * `undefined`.
 */
export function ownMember(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets a member. A plain assignment to `__proto__` would swap the prototype and lose the data. */
export function setMember(object: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  } else {
    object[key] = value;
  }
}
