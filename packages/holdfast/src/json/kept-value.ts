/**
 * What a document holds, kept while updates follow each other: plain data that nobody else has. A
 * large object at the top level is kept as two lists: an object with hundreds of names takes longer
 * to make than all else in an update, and is needed only for an updater.
 */
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import { copyOf, isPlainObject, MANY_MEMBERS, mergePlain, objectOf } from './plain-value.js';

/** The members of an object, in their order. */
export interface Members {
  readonly keys: readonly string[];
  /** @param index - where the member probably is */
  at(key: string, index: number): JsonValue | undefined;
}

export function membersOf(object: JsonObject): Members {
  return {
    keys: Object.keys(object),
    at: (key) => (Object.hasOwn(object, key) ? object[key] : undefined),
  };
}

class ListedMembers implements Members {
  readonly keys: readonly string[];
  readonly values: readonly JsonValue[];
  #places: ReadonlyMap<string, number> | undefined;

  constructor(keys: readonly string[], values: readonly JsonValue[]) {
    this.keys = keys;
    this.values = values;
  }

  at(key: string, index: number): JsonValue | undefined {
    if (this.keys[index] === key) return this.values[index];
    this.#places ??= new Map(this.keys.map((name, place) => [name, place]));
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.values[place];
  }
}

/** Never changes. */
export class KeptValue {
  /** The members of a large object, or a value that is none. */
  readonly #root: ListedMembers | JsonValue;

  private constructor(root: ListedMembers | JsonValue) {
    this.#root = root;
  }

  /** @param value - plain data that the caller gives away */
  static of(value: JsonValue): KeptValue {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return new KeptValue(value);
    }
    const keys = Object.keys(value);
    return new KeptValue(
      keys.length < MANY_MEMBERS ? value : new ListedMembers(keys, Object.values(value)),
    );
  }

  /** The members, or what is no object. */
  get content(): Members | Exclude<JsonValue, JsonObject> {
    const root = this.#root;
    if (root instanceof ListedMembers) return root;
    return isJsonObject(root) ? membersOf(root) : root;
  }

  /** A value that nobody else has. */
  copy(): unknown {
    if (!(this.#root instanceof ListedMembers)) return copyOf(this.#root);
    const { keys, values } = this.#root;
    return objectOf(keys, (_, index) => copyOf(values[index]) as JsonValue);
  }

  /**
   * What is kept when the document becomes `value`: parts that are the same are shared; this
   * itself, when all is. `undefined` for a value that is not plain data alone: JSON would convert
   * something in it, or drop it.
   */
  become(value: unknown): KeptValue | undefined {
    if (!(this.#root instanceof ListedMembers) || !isPlainObject(value)) {
      const before = this.#root instanceof ListedMembers ? undefined : this.#root;
      const plain = mergePlain(value, before);
      if (plain === undefined) return undefined;
      return before !== undefined && plain === before ? this : KeptValue.of(plain);
    }
    if (typeof value['toJSON'] === 'function') return undefined;
    const root = this.#root;
    const keys = Object.keys(value);
    /** From the first member on that differs, has another place, or is new. */
    let made: JsonValue[] | undefined;
    let areInPlace = true;
    for (let index = 0; index < keys.length; index += 1) {
      const key = keys[index] as string;
      const isInPlace = root.keys[index] === key;
      areInPlace &&= isInPlace || index >= root.keys.length;
      // Behind all the members that were there, each in its place, every one is new.
      const before = isInPlace ? root.values[index] : areInPlace ? undefined : root.at(key, index);
      const given = value[key];
      const member = given === before && isScalar(given) ? before : mergePlain(given, before, 1);
      if (member === undefined) return undefined;
      if (made === undefined && !(isInPlace && member === before))
        made = root.values.slice(0, index);
      made?.push(member);
    }
    if (made === undefined && keys.length < root.keys.length)
      made = root.values.slice(0, keys.length);
    return made === undefined ? this : new KeptValue(new ListedMembers(keys, made));
  }
}

/** What is the same when it is equal. */
function isScalar(value: unknown): value is string | number | boolean | null | undefined {
  return typeof value !== 'object' || value === null;
}
