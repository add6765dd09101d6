/**
 * A document while it is being updated. Its truth between two updaters is its text, as a whole or member by member: each
 * updater gets a value of its own, and only a value that passed every check becomes the new text. So nothing that an
 * updater does to its value before it fails, or after it has finished, can reach the file or another updater.
 */
import { checkRepresentable, checkValue } from './check.js';
import { encodeText } from './decode.js';
import { formatDocument, isSameFormat, type JsonFormat } from './format.js';
import { Members } from './members.js';

/** What a document holds: its text, or, in a run of updates, its members. */
export type Content = string | Members;

/** A document as this process wrote it. */
interface Written {
  readonly format: JsonFormat;
  readonly bytes: Buffer;
}

/** A document as it was found. */
export interface Found {
  readonly content: Content;
  /** What it holds, for the first updater. */
  readonly value: unknown;
  /** How this process wrote it; `undefined` when somebody else did. */
  readonly written: Written | undefined;
}

export class Document {
  readonly path: string;
  readonly format: JsonFormat;
  readonly #found: Found | undefined;
  #content: Content | undefined;
  /** The value of the content, for the first who asks for it. */
  #unused: { readonly value: unknown } | undefined;

  /** @param found - `undefined` when there is no document yet */
  constructor(path: string, format: JsonFormat, found: Found | undefined) {
    this.path = path;
    this.format = format;
    this.#found = found;
    this.#content = found?.content;
    this.#unused = found;
  }

  /** `undefined` when there is no document yet. */
  get content(): Content | undefined {
    return this.#content;
  }

  /** Whether it was found as this process had left it. */
  get isOwn(): boolean {
    return this.#found?.written !== undefined;
  }

  /** A value that nobody else has. */
  takeValue(initial: unknown): unknown {
    if (this.#content === undefined) return copyOfInitial(initial, this.path);
    const unused = this.#unused;
    this.#unused = undefined;
    if (unused) return unused.value;
    // Who needs a second value of one text is in a run of updates.
    this.#content = inMembers(this.#content, this.format);
    return valueOf(this.#content);
  }

  /**
   * Makes a value the new content.
   *
   * @returns what reading the document back would give, which belongs to the caller alone
   * @throws HoldfastError UNREPRESENTABLE for what JSON would drop or bend, with its place as a JSON Pointer
   */
  accept(value: unknown): unknown {
    const { content, isConverted } = this.#contentOf(value);
    this.#content = content;
    this.#unused = undefined;
    return isConverted ? valueOf(content) : value;
  }

  #contentOf(value: unknown): { readonly content: Content; readonly isConverted: boolean } {
    const accepted =
      this.#content instanceof Members ? this.#content.accept(value, this.path) : undefined;
    if (accepted) return { content: accepted.members, isConverted: accepted.isConverted };
    const { isConverted } = checkRepresentable(value, this.path);
    return { content: formatDocument(value, this.format), isConverted };
  }

  /** Whether a value that was taken for an updater is no longer what it was. */
  isAltered(taken: unknown, initial: unknown): boolean {
    if (checkValue(taken).loss) return true;
    return JSON.stringify(taken) !== JSON.stringify(this.takeValue(initial));
  }

  /** Whether the content is another than the one found. Another layout of the same content is no change. */
  get isChanged(): boolean {
    const found = this.#found;
    if (this.#content === undefined || this.#content === found?.content) return false;
    if (found === undefined) return true;
    if (isSameFormat(found.written?.format, this.format))
      return !isSame(found.content, this.#content);
    return formatDocument(valueOf(found.content), this.format) !== textOf(this.#content);
  }

  /** The bytes of the content, which must be there. */
  encode(): Buffer {
    const content = this.#content as Content;
    const { content: before, written } = this.#found ?? {};
    return content instanceof Members && before instanceof Members && written
      ? content.encode(before, written.bytes)
      : encodeText(textOf(content), this.format.hasByteOrderMark);
  }
}

/** A value of which the caller is the only owner. */
export function valueOf(content: Content): unknown {
  return typeof content === 'string' ? JSON.parse(content) : content.copy();
}

export function textOf(content: Content): string {
  return typeof content === 'string' ? content : content.toText();
}

/** The content member by member, where that is possible. */
export function inMembers(content: Content, format: JsonFormat): Content {
  if (typeof content !== 'string') return content;
  return Members.ofText(content, format) ?? content;
}

/** Whether both, in one layout, have the same text. */
function isSame(a: Content, b: Content): boolean {
  if (typeof a !== 'string' && typeof b !== 'string') return a.isSameAs(b);
  return textOf(a) === textOf(b);
}

function copyOfInitial(initial: unknown, path: string): unknown {
  checkRepresentable(initial, path);
  return JSON.parse(JSON.stringify(initial));
}
