/**
 * `JSON.parse`, also where the engine's own reads a member's name wrong: V8 12.8 to at least 14.6
 * (Node 24 and 26) takes a name that is written with an escape for one that the process has met
 * before when the escaped text begins like it: after `{"a":1,"\\":1}`, `{"a":1,"\"":1}` has a
 * member `\`, and none that is called `"`, and two may become one
 * (https://github.com/nodejs/node/issues/63785). Names without an escape are read right.
 */
import { MAX_DEPTH, setMember, type JsonObject, type JsonValue } from './json-value.js';
import { endOfString, endOfValue, skipSpace } from './places.js';

const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/**
 * The value of a text.
 *
 * @throws SyntaxError as `JSON.parse` does
 */
export function parseText(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return mayReadNamesWrong && hasEscapedName(text) ? readByPieces(text) : value;
}

/** The value of a text that is JSON, with every name read on its own. */
export function readByPieces(json: string): JsonValue {
  return new Reader(json).read();
}

/**
 * The value once more, as JSON writes it: what has no JSON is left out, and nothing of it is
 * shared.
 */
export function throughText(value: unknown): JsonValue {
  return parseText(JSON.stringify(value)) as JsonValue;
}

const mayReadNamesWrong = readsNamesWrong();

/**
 * Objects of a shape that nobody else uses, so that nothing which the process has met hides the
 * fault, or is spoilt.
 */
function readsNamesWrong(): boolean {
  const own = '"holdfast: how names are read":0';
  JSON.parse(`{${own},"\\\\":0}`);
  return !Object.hasOwn(JSON.parse(`{${own},"\\"":0}`) as object, '"');
}

function hasEscapedName(json: string): boolean {
  for (let escape = json.indexOf('\\'); escape !== -1;) {
    // The string that the escape is in began at the last quote before it, since it is the first one
    // in it.
    const end = endOfString(json, json.lastIndexOf('"', escape));
    if (json.charCodeAt(skipSpace(json, end)) === COLON) return true;
    escape = json.indexOf('\\', end);
  }
  return false;
}

/**
 * Makes the value piece by piece; names and scalars on their own are read right. The text must be
 * JSON.
 */
class Reader {
  readonly #json: string;
  #position = 0;

  constructor(json: string) {
    this.#json = json;
  }

  /**
   * @param depth - what nests deeper than any document may is left to the engine, which does not
   *   recurse
   */
  read(depth = 0): JsonValue {
    const start = skipSpace(this.#json, this.#position);
    const code = this.#json.charCodeAt(start);
    if (code === OPEN_OBJECT && depth <= MAX_DEPTH) return this.#object(start, depth);
    if (code === OPEN_ARRAY && depth <= MAX_DEPTH) return this.#array(start, depth);
    this.#position = endOfValue(this.#json, start);
    return this.#parsed(start);
  }

  #parsed(start: number): JsonValue {
    return JSON.parse(this.#json.slice(start, this.#position)) as JsonValue;
  }

  #object(start: number, depth: number): JsonObject {
    const object: JsonObject = {};
    for (let at = this.#first(start); this.#json.charCodeAt(at) !== CLOSE_OBJECT;) {
      this.#position = endOfString(this.#json, at);
      const name = this.#parsed(at) as string;
      this.#position = skipSpace(this.#json, this.#position) + 1;
      setMember(object, name, this.read(depth + 1));
      at = this.#next();
    }
    this.#position += 1;
    return object;
  }

  #array(start: number, depth: number): JsonValue[] {
    const array: JsonValue[] = [];
    for (let at = this.#first(start); this.#json.charCodeAt(at) !== CLOSE_ARRAY;) {
      this.#position = at;
      array.push(this.read(depth + 1));
      at = this.#next();
    }
    this.#position += 1;
    return array;
  }

  /** Where the first member, or the closing bracket, is. */
  #first(start: number): number {
    this.#position = skipSpace(this.#json, start + 1);
    return this.#position;
  }

  /** After a member: where the next one, or the closing bracket, is. */
  #next(): number {
    this.#position = skipSpace(this.#json, this.#position);
    if (this.#json[this.#position] === ',') {
      this.#position = skipSpace(this.#json, this.#position + 1);
    }
    return this.#position;
  }
}
