/**
 * The content of a document whose top level is an object, kept while updates follow each other: of each of its members a
 * value that nobody else has, and its text once that was asked for. A new value is compared with it member by member;
 * what differs is checked and made into text and bytes, and the rest is taken over. A value for the next updater is copied
 * from it, with the same strings. So an update of a long document costs a comparison and a copy in place of a check, a
 * text, its bytes and a parse (docs/decisions/0012-members-of-a-run-of-updates.md).
 *
 * Invariant: nothing in here ever changes, or is shared with a value that somebody else has; and text and bytes are those
 * that formatDocument makes of the value.
 */
import { Buffer } from 'node:buffer';
import { checkRepresentable } from './check.js';
import { BYTE_ORDER_MARK, encodeText } from './decode.js';
import { formatDocument, formatMembers, frameOf, type JsonFormat } from './format.js';
import { setMember, type JsonObject, type JsonValue } from './json-value.js';
import { copyOf, isPlainObject, isSame } from './plain-value.js';

/** A longer document is not kept in pieces: it would hold the memory for a gain that is spent rarely. */
const LONGEST_TEXT = 16 * 1024 * 1024;

/** One name of the document and what it holds. Its text is made when it is asked for, since few ever are. */
class Member {
  readonly key: string;
  readonly value: JsonValue;
  readonly #format: JsonFormat;
  #text: string | undefined;

  constructor(key: string, value: JsonValue, format: JsonFormat, text?: string) {
    this.key = key;
    this.value = value;
    this.#format = format;
    this.#text = text;
  }

  /** Key and value. */
  get text(): string {
    this.#text ??= formatMembers({ [this.key]: this.value }, this.#format);
    return this.#text;
  }
}

/** What became of a new value. */
export interface Accepted {
  readonly members: Members;
  /** Whether reading the members back gives something else than the value. */
  readonly isConverted: boolean;
}

export class Members {
  readonly #format: JsonFormat;
  readonly #members: readonly Member[];

  private constructor(format: JsonFormat, members: readonly Member[]) {
    this.#format = format;
    this.#members = members;
  }

  /** The members of a text that is JSON; `undefined` if its top level is no object, or it is too long to be kept. */
  static ofText(text: string, format: JsonFormat): Members | undefined {
    if (text.length > LONGEST_TEXT || !text.startsWith('{')) return undefined;
    const entries = Object.entries(JSON.parse(text) as JsonObject);
    return new Members(
      format,
      entries.map(([key, value]) => new Member(key, value, format)),
    );
  }

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  /** The text of the whole document. */
  toText(): string {
    return formatDocument(this.copy(), this.#format);
  }

  /** A value that nobody else has. */
  copy(): unknown {
    const copy: JsonObject = {};
    for (const { key, value } of this.#members) setMember(copy, key, copyOf(value) as JsonValue);
    return copy;
  }

  isSameAs(other: Members): boolean {
    const members = this.#members;
    const others = other.#members;
    return members.length === others.length && countSame(members, others) === members.length;
  }

  /**
   * The members after the document became `value`; `undefined` for a value that is more, or less, than an object with
   * members.
   *
   * @throws HoldfastError UNREPRESENTABLE
   */
  accept(value: unknown, path: string): Accepted | undefined {
    if (!isPlainObject(value) || typeof value['toJSON'] === 'function') return undefined;
    const keys = Object.keys(value);
    const before = this.#members;
    const members: Member[] = [];
    let isConverted = false;
    // As a rule the members that were there are in their places, and others follow; else they are found by name.
    let byName: ReadonlyMap<string, Member> | undefined;
    for (let index = 0; index < keys.length; index += 1) {
      const key = keys[index] as string;
      const member = value[key];
      if (member === undefined) return undefined;
      let old = before[index];
      if (old?.key !== key) {
        if (index < before.length) byName ??= new Map(before.map((one) => [one.key, one]));
        old = byName?.get(key);
      }
      if (old !== undefined && isSame(member, old.value)) {
        members.push(old);
      } else {
        const made = makeMember(key, member, this.#format, path);
        members.push(made.member);
        isConverted ||= made.isConverted;
      }
    }
    return { members: new Members(this.#format, members), isConverted };
  }

  /**
   * The bytes of the document. Those before the first change and after the last one are taken from the bytes that it had
   * before.
   */
  encode(earlier: Members, bytes: Buffer): Buffer {
    const before = earlier.#members;
    const members = this.#members;
    const { hasByteOrderMark } = this.#format;
    if (before.length === 0 || members.length === 0) {
      return encodeText(this.toText(), hasByteOrderMark);
    }
    const { open, separator, close } = frameOf(this.#format);
    const head = countSame(before, members);
    const tail = countSameAtEnd(before, members, Math.max(head, 1));
    const between = (all: readonly Member[]): string => {
      const changed = textsOf(all.slice(head, all.length - tail)).join(separator);
      if (head === 0) return open + changed;
      return changed === '' ? '' : separator + changed;
    };
    const unchangedBytes = bytes.length - Buffer.byteLength(between(before));
    const sizeOf = (some: readonly Member[]): number =>
      some.reduce((sum, { text }) => sum + separator.length + Buffer.byteLength(text), 0);
    // The shorter side tells where the longer one ends.
    let headBytes: number;
    if (head > tail) {
      headBytes = unchangedBytes - close.length - sizeOf(members.slice(members.length - tail));
    } else {
      const mark = hasByteOrderMark ? BYTE_ORDER_MARK.length : 0;
      const start = head === 0 ? 0 : open.length - separator.length;
      headBytes = mark + start + sizeOf(members.slice(0, head));
    }
    return Buffer.concat([
      bytes.subarray(0, headBytes),
      encodeText(between(members), false),
      bytes.subarray(bytes.length - (unchangedBytes - headBytes)),
    ]);
  }
}

function textsOf(members: readonly Member[]): readonly string[] {
  return members.map(({ text }) => text);
}

/** How many are the same from the beginning. */
function countSame(a: readonly Member[], b: readonly Member[]): number {
  const most = Math.min(a.length, b.length);
  let count = 0;
  while (count < most && isSameMember(a[count] as Member, b[count] as Member)) count += 1;
  return count;
}

/** How many are the same from the end on, apart from those in the first places. */
function countSameAtEnd(a: readonly Member[], b: readonly Member[], first: number): number {
  const most = Math.min(a.length, b.length) - first;
  let count = 0;
  while (count < most && isSameMember(a.at(-1 - count) as Member, b.at(-1 - count) as Member)) {
    count += 1;
  }
  return count;
}

/** One that was taken over is the same object. */
function isSameMember(a: Member, b: Member): boolean {
  return a === b || a.text === b.text;
}

function makeMember(
  key: string,
  member: unknown,
  format: JsonFormat,
  path: string,
): { readonly member: Member; readonly isConverted: boolean } {
  const alone = { [key]: member };
  const { isConverted } = checkRepresentable(alone, path);
  const text = formatMembers(alone, format);
  const isItself = !isConverted && typeof member !== 'object';
  const value = (isItself ? alone : JSON.parse(`{${text}}`))[key];
  return { member: new Member(key, value, format, text), isConverted };
}
