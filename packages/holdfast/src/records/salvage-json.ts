/**
 * Finds the whole records in a line of JSON Lines that is none by itself: two records that share
 * the line, or one behind the half of another, behind a hole of NULs or half a character.
 *
 * An object in the line is a record only where it cannot be a part of another one. What is before
 * it is read as the beginning of a record for as far as that is JSON; the tear lies before the
 * place where it stops being so, and a record behind the tear reaches that place or begins behind
 * it. What an object is followed by tells whether it was a part of one whose beginning is lost. So
 * a value inside a torn record is not taken for a record, with one exception: `{"a":{"b":1}` may be
 * a record that lacks its last brace, or one that was torn behind the colon with a whole one after
 * it. Where a line end follows, it is the second: line ends come from the writer that comes after
 * the tear.
 */
import { isUtf8, type Buffer } from 'node:buffer';
import type { Stretch } from './torn-bytes.js';

const NUL = 0x00;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LETTER_U = 0x75;

/** A line that is made to be read again and again is given up after so many times its length. */
const MOST_READINGS = 32;

/**
 * The whole records of a line, in their order, by their places in it.
 *
 * @param line - without its line end
 * @param hasLineEnd - whether it had one
 * @param isRecord - whether an object is a record, as the format reads it
 */
export function salvageJson(
  line: Buffer,
  hasLineEnd: boolean,
  isRecord: (text: string) => boolean,
): readonly Stretch[] {
  const found: Stretch[] = [];
  const effort = { left: MOST_READINGS * (line.length + 1024) };
  for (let start = 0; start < line.length;) {
    const hole = line.indexOf(NUL, start);
    const end = hole < 0 ? line.length : hole;
    const isLast = end === line.length;
    const segment = { bytes: line, start, end, hasLineEnd: isLast && hasLineEnd };
    found.push(...recordsIn(segment, isRecord, effort));
    start = end;
    while (start < line.length && line[start] === NUL) start += 1;
  }
  return found;
}

/** A part of a line without a NUL. */
interface Segment {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Whether the end of the line follows. */
  readonly hasLineEnd: boolean;
}

function recordsIn(
  segment: Segment,
  isRecord: (text: string) => boolean,
  effort: { left: number },
): Stretch[] {
  const { bytes, end } = segment;
  const found: Stretch[] = [];
  const accept = (from: number, to: number): void => {
    found.push({ offsetBytes: from, sizeBytes: to - from });
  };
  const read = (from: number): Reading => {
    const reading = readObject(bytes, from, end);
    effort.left -= reading.stopsAt - from + 1;
    if (reading.isWhole && isRecordAt(bytes, from, reading.stopsAt, isRecord)) return reading;
    return { ...reading, isWhole: false };
  };
  let at = segment.start;
  // Behind a hole a line may go on in the middle of a record.
  let isClean = segment.start === 0;
  while (effort.left > 0) {
    const open = bytes.indexOf(OPEN_OBJECT, at);
    if (open < 0 || open >= end) break;
    isClean &&= skipSpace(bytes, at, open) === open;
    const first = read(open);
    if (first.isWhole) {
      const isOne = isClean || canEndAt(segment, first.stopsAt);
      if (isOne) accept(open, first.stopsAt);
      isClean = isOne;
      at = first.stopsAt;
      continue;
    }
    const behind = behindTheTear(segment, first, read);
    if (behind) accept(...behind);
    isClean = behind !== undefined;
    at = behind?.[1] ?? Math.max(first.stopsAt, open + 1);
  }
  return found;
}

/**
 * The record behind the place where another one was torn, which began inside of what that one
 * seemed to hold.
 */
function behindTheTear(
  segment: Segment,
  torn: Reading,
  read: (from: number) => Reading,
): readonly [number, number] | undefined {
  for (const from of torn.inStrings) {
    const { isWhole, stopsAt } = read(from);
    const isBehind = stopsAt > torn.stopsAt || (stopsAt === torn.stopsAt && segment.hasLineEnd);
    if (isWhole && isBehind && canEndAt(segment, stopsAt)) return [from, stopsAt];
  }
  const { lastObject } = torn;
  if (lastObject === undefined || !segment.hasLineEnd) return undefined;
  const isAtEnd = skipSpace(segment.bytes, lastObject[1], segment.end) === segment.end;
  return isAtEnd && read(lastObject[0]).isWhole ? lastObject : undefined;
}

/** Whether a record that something is before can end here: nothing follows, or another one. */
function canEndAt({ bytes, end }: Segment, at: number): boolean {
  const next = skipSpace(bytes, at, end);
  return next === end || bytes[next] === OPEN_OBJECT;
}

function isRecordAt(
  bytes: Buffer,
  from: number,
  to: number,
  isRecord: (text: string) => boolean,
): boolean {
  const object = bytes.subarray(from, to);
  return isUtf8(object) && isRecord(object.toString('utf8'));
}

/** What an object is, read from its first brace on. */
interface Reading {
  readonly isWhole: boolean;
  /** Where it ends; if it is not whole, where it stops being the beginning of an object. */
  readonly stopsAt: number;
  /** Braces inside of its strings at which an object may begin that goes on behind the string. */
  readonly inStrings: readonly number[];
  /** The last object in it that was whole. */
  readonly lastObject: readonly [number, number] | undefined;
}

function readObject(bytes: Buffer, start: number, end: number): Reading {
  const reader = new Reader(bytes, start, end);
  const isWhole = reader.read();
  return {
    isWhole,
    stopsAt: reader.at,
    inStrings: reader.inStrings,
    lastObject: reader.lastObject,
  };
}

/** Reads JSON (RFC 8259) byte by byte for as long as it is that, without recursion. */
class Reader {
  at: number;
  readonly inStrings: number[] = [];
  lastObject: readonly [number, number] | undefined;
  readonly #bytes: Buffer;
  readonly #end: number;
  /** Where the objects and arrays begin that are open, the outermost first. */
  readonly #open: number[] = [];

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  /** Whether a whole object is read; `at` is where it ends, or where it stops being one. */
  read(): boolean {
    let isValueNext = true;
    do {
      if (isValueNext && !this.#value()) return false;
      const next = this.#afterValue();
      if (next === undefined) return false;
      isValueNext = next;
    } while (this.#open.length > 0);
    return true;
  }

  /** Reads a value, of an object or array only how it begins. */
  #value(): boolean {
    for (;;) {
      this.#space();
      const byte = this.#byte();
      if (byte === QUOTE) return this.#string();
      if (byte !== OPEN_OBJECT && byte !== OPEN_ARRAY) return this.#word();
      this.#open.push(this.at);
      this.at += 1;
      this.#space();
      if (this.#byte() === (byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)) return true;
      if (byte === OPEN_OBJECT && !this.#name()) return false;
    }
  }

  /**
   * Reads what follows a value: whether another one does. `undefined` where it is no JSON any more.
   */
  #afterValue(): boolean | undefined {
    const innermost = this.#open.at(-1);
    if (innermost === undefined) return undefined;
    const isObject = this.#bytes[innermost] === OPEN_OBJECT;
    this.#space();
    const byte = this.#byte();
    if (byte === COMMA) {
      this.at += 1;
      this.#space();
      return !isObject || this.#name() ? true : undefined;
    }
    if (byte !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) return undefined;
    this.at += 1;
    this.#open.pop();
    if (isObject) this.lastObject = [innermost, this.at];
    return false;
  }

  #name(): boolean {
    if (this.#byte() !== QUOTE || !this.#string()) return false;
    this.#space();
    if (this.#byte() !== COLON) return false;
    this.at += 1;
    return true;
  }

  #string(): boolean {
    const start = this.at;
    this.at += 1;
    for (;;) {
      const byte = this.#byte();
      if (byte === QUOTE) break;
      if (byte === undefined || byte < 0x20) {
        this.#braceBefore(lastIndexOfEmptyObject(this.#bytes, start, this.at));
        return false;
      }
      if (byte === BACKSLASH && !this.#isEscape()) return false;
      this.at += byte === BACKSLASH ? 2 : 1;
    }
    this.#braceBefore(lastBefore(this.#bytes, start, this.at));
    this.at += 1;
    return true;
  }

  #braceBefore(place: number | undefined): void {
    if (place !== undefined && this.#bytes[place] === OPEN_OBJECT) this.inStrings.push(place);
  }

  #isEscape(): boolean {
    const escaped = this.#bytes[this.at + 1];
    if (escaped === undefined || this.at + 1 >= this.#end) return false;
    if (escaped !== LETTER_U) return '"\\/bfnrt'.includes(String.fromCharCode(escaped));
    const digits = this.#bytes.toString('latin1', this.at + 2, Math.min(this.at + 6, this.#end));
    return /^[0-9a-fA-F]{4}$/u.test(digits);
  }

  /** A number or a literal. */
  #word(): boolean {
    const start = this.at;
    let end = start;
    while (end < this.#end && /[-+.\w]/u.test(String.fromCharCode(this.#bytes[end] as number))) {
      end += 1;
    }
    if (!WORD.test(this.#bytes.toString('latin1', start, end))) return false;
    this.at = end;
    return true;
  }

  #space(): void {
    this.at = skipSpace(this.#bytes, this.at, this.#end);
  }

  #byte(): number | undefined {
    return this.at < this.#end ? this.#bytes[this.at] : undefined;
  }
}

const WORD = /^(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$/u;

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

function skipSpace(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(bytes[at])) at += 1;
  return at;
}

/** The last place before another that holds no space. */
function lastBefore(bytes: Buffer, start: number, before: number): number | undefined {
  let at = before - 1;
  while (at > start && isSpace(bytes[at])) at -= 1;
  return at > start ? at : undefined;
}

/** Where `{}` begins that a string without an end ends in. */
function lastIndexOfEmptyObject(bytes: Buffer, start: number, end: number): number | undefined {
  const close = lastBefore(bytes, start, end);
  if (close === undefined || bytes[close] !== CLOSE_OBJECT) return undefined;
  return lastBefore(bytes, start, close);
}
