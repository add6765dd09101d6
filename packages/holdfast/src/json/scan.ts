/**
 * Finds the first place where a text is not JSON (RFC 8259), or where reading it would lose
 * something: a number that JavaScript changes, a member that is there twice. It is the slow and
 * exact reader: `JSON.parse` makes the values, and this one is asked only when that failed or when
 * skim.ts saw a reason to look closer.
 */
import { survivesReading } from './exact-number.js';
import { MAX_DEPTH } from './json-value.js';

/** What is wrong, and where. */
export interface Fault {
  readonly kind: 'syntax' | 'loss';
  /** Index into the text. */
  readonly offset: number;
  /** The names on the way to the place. */
  readonly tokens: readonly (string | number)[];
  readonly reason: string;
}

/** Everything that a number or a literal may be made of, and what people put there instead. */
const WORD = /[-+.\w]+/y;
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const LITERALS = new Set(['true', 'false', 'null']);
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
/**
 * Literals that JSON does not have and that other programs write all the same (Python does by
 * default).
 */
const FOREIGN_NUMBERS = new Set(['NaN', '-NaN', '+NaN', 'Infinity', '-Infinity', '+Infinity']);

/**
 * The place where a text stops being JSON, or else the first loss; `undefined` when it can be read
 * and written again as it is.
 */
export function findFault(text: string): Fault | undefined {
  const scanner = new Scanner(text);
  try {
    scanner.document();
    return scanner.firstLoss;
  } catch (error) {
    if (error instanceof FaultSignal) return error.fault;
    throw error;
  }
}

/** Leaves the recursion; it never leaves this file. */
class FaultSignal extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.reason);
    this.fault = fault;
  }
}

class Scanner {
  readonly #text: string;
  readonly #tokens: (string | number)[] = [];
  #position = 0;
  firstLoss: Fault | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#space();
    this.#value();
    this.#space();
    if (this.#position < this.#text.length) this.#expected('the end of the document');
  }

  #value(): void {
    const character = this.#text[this.#position];
    if (character === '{') this.#object();
    else if (character === '[') this.#array();
    else if (character === '"') this.#string();
    else this.#word();
  }

  #object(): void {
    this.#enter();
    const seen = new Set<string>();
    for (let more = !this.#take('}'); more; more = this.#another('}')) {
      this.#member(seen);
    }
  }

  #member(seen: Set<string>): void {
    const start = this.#position;
    if (this.#text[start] !== '"') this.#expected(`a member's name in double quotes`);
    const key = this.#string();
    this.#tokens.push(key);
    if (seen.has(key)) {
      this.#lose(start, `the member '${key}' is there twice, and only the last would be kept`);
    }
    seen.add(key);
    this.#space();
    if (!this.#take(':')) this.#expected(`':'`);
    this.#space();
    this.#value();
    this.#tokens.pop();
  }

  #array(): void {
    this.#enter();
    let index = 0;
    for (let more = !this.#take(']'); more; more = this.#another(']')) {
      this.#tokens.push(index);
      this.#value();
      this.#tokens.pop();
      index += 1;
    }
  }

  /** Steps over the opening bracket. */
  #enter(): void {
    if (this.#tokens.length >= MAX_DEPTH) {
      throw new FaultSignal(
        this.#fault('loss', this.#position, `the document nests deeper than ${MAX_DEPTH} levels`),
      );
    }
    this.#position += 1;
    this.#space();
  }

  /** After a member or an element: whether one more follows. */
  #another(close: '}' | ']'): boolean {
    this.#space();
    if (this.#take(close)) return false;
    if (!this.#take(',')) this.#expected(`',' or '${close}'`);
    this.#space();
    return true;
  }

  #string(): string {
    const start = this.#position;
    let escaped = false;
    for (this.#position += 1; ;) {
      const code = this.#text.charCodeAt(this.#position);
      if (code === 0x22) break;
      if (Number.isNaN(code)) this.#expected(`the closing '"' of a string`);
      if (code < 0x20) this.#expected(`no bare control character inside a string`);
      if (code === 0x5c) {
        escaped = true;
        if (this.#match(ESCAPE) === undefined) this.#expected('a valid escape');
      } else {
        this.#position += 1;
      }
    }
    this.#position += 1;
    const literal = this.#text.slice(start, this.#position);
    return escaped ? (JSON.parse(literal) as string) : literal.slice(1, -1);
  }

  #word(): void {
    const start = this.#position;
    const word = this.#match(WORD) ?? '';
    if (LITERALS.has(word)) return;
    if (FOREIGN_NUMBERS.has(word)) {
      this.#lose(start, `${word} is no JSON value, and JSON has no way to write it`);
      return;
    }
    if (!NUMBER.test(word)) {
      this.#position = start;
      this.#expected('a value');
    }
    if (!survivesReading(word)) {
      this.#lose(start, `JavaScript cannot hold the number ${word} as it is written`);
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#position] !== character) return false;
    this.#position += 1;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#position += match.length;
    return match;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#position);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#position += 1;
    }
  }

  #expected(what: string): never {
    const character = this.#text.codePointAt(this.#position);
    const found =
      character === undefined
        ? 'the document ends'
        : `there is ${JSON.stringify(String.fromCodePoint(character))}`;
    const reason = `${found} where ${what} is expected`;
    throw new FaultSignal(this.#fault('syntax', this.#position, reason));
  }

  #lose(offset: number, reason: string): void {
    this.firstLoss ??= this.#fault('loss', offset, reason);
  }

  #fault(kind: Fault['kind'], offset: number, reason: string): Fault {
    return { kind, offset, tokens: [...this.#tokens], reason };
  }
}
