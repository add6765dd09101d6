/**
 * Copies values as `JSON.parse` makes them (plain objects, arrays, strings, numbers, booleans and null), and compares
 * them with values that may be anything.
 */

/** A value that shares nothing with the given one but strings. */
export function copyOf(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Array.isArray(value) ? value.map(copyOf) : copyObject(value);
}

function copyObject(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const copy = { ...object };
  // The assignment meets an own member, so one that is named `__proto__` stays plain data too.
  for (const key in copy) {
    const member = copy[key];
    if (isObject(member)) copy[key] = copyOf(member);
  }
  return copy;
}

/** Whether `JSON.stringify` writes both alike, and reading that back gives what `value` is already. */
export function isSame(value: unknown, plain: unknown): boolean {
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

/** The order of the members counts, since it is the order of the text. */
function isSameObject(
  value: Readonly<Record<string, unknown>>,
  plain: Readonly<Record<string, unknown>>,
): boolean {
  if (!isPlainObject(value)) return false;
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
