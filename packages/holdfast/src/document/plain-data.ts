/**
 * Plain data made of what an updater returned: objects, arrays, and what the syntax has for a
 * scalar.
 */
import { HoldfastError } from '../errors.js';

/** Deeper values are not written: a reader would run out of its stack. */
const MAX_DEPTH = 1000;

/**
 * What a syntax makes of a value that is no object or array. Gives a reason when it has no form for
 * it.
 */
export type ScalarOf = (
  value: unknown,
) => { readonly scalar: unknown } | { readonly lacks: string };

/**
 * A copy that shares nothing with the value. Members that are `undefined` are left out, as JSON
 * does.
 *
 * @throws HoldfastError UNREPRESENTABLE, with the place
 */
export function plainData(value: unknown, path: string, scalarOf: ScalarOf): unknown {
  const copy = (part: unknown, place: readonly (string | number)[]): unknown => {
    if (place.length > MAX_DEPTH) throw refused('is nested too deep', place.slice(0, 4), path);
    if (Array.isArray(part))
      return Array.from(part, (each, index) => copy(each, [...place, index]));
    if (isPlainObject(part)) {
      const entries = Object.entries(part).filter(([, member]) => member !== undefined);
      for (const [name] of entries) refuseHalf(name, [...place, name], path);
      return Object.fromEntries(
        entries.map(([name, each]) => [name, copy(each, [...place, name])]),
      );
    }
    if (typeof part === 'string') refuseHalf(part, place, path);
    const made = scalarOf(part);
    if ('scalar' in made) return made.scalar;
    throw refused(made.lacks, place, path);
  };
  return copy(value, []);
}

function refuseHalf(text: string, place: readonly (string | number)[], path: string): void {
  if (!/\p{Cs}/u.test(text)) return;
  throw refused('holds half of a surrogate pair', place, path);
}

function refused(reason: string, place: readonly (string | number)[], path: string): HoldfastError {
  return new HoldfastError('UNREPRESENTABLE', {
    message: `The value at '${formatPointer(place)}' ${reason}.`,
    step: 'check',
    path,
  });
}

/** The pointer text of a list of names (RFC 6901). */
export function formatPointer(tokens: readonly (string | number)[]): string {
  return tokens
    .map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || isForeignObject(prototype);
}

/**
 * `Object.prototype` of another realm (node:vm, test runners): the one prototype without a
 * prototype.
 */
function isForeignObject(prototype: unknown): boolean {
  return (
    Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
  );
}

/** Whether both are the same data, members in any order. */
export function isSameData(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every(
    (name) =>
      Object.hasOwn(b, name) &&
      isSameData((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
  );
}
