/**
 * A document that is its text, in a format that is edited as a whole at each update: what an
 * updater made of the value becomes edits of the text, and the edited text is read again: it must
 * hold that value and no other.
 */
import type { Buffer } from 'node:buffer';
import { HoldfastError } from '../errors.js';
import { decodeText, encodeText } from './decode.js';
import { isSameData } from './plain-data.js';
import type { Document, Syntax } from './syntax.js';

/** A format of text. */
export interface TextFormat {
  /** The name of the format in messages. */
  readonly name: string;
  /** The call that updates such a document. */
  readonly call: string;
  /**
   * What a text holds, as plain data that nobody else has.
   *
   * @throws HoldfastError CORRUPT_DOCUMENT; UNREPRESENTABLE for what it holds and JavaScript cannot
   */
  read(text: string, path: string): unknown;
  /**
   * A value as plain data, which shares nothing with it.
   *
   * @throws HoldfastError UNREPRESENTABLE for what the format cannot hold
   */
  check(value: unknown, path: string): unknown;
  /**
   * The text, edited so that it holds the value. An empty text is a document that is not there yet.
   */
  edit(text: string, value: unknown, path: string): string;
}

export function textSyntax(format: TextFormat): Syntax {
  return {
    name: format.name,
    call: format.call,
    initial: {},
    open(path, bytes) {
      if (bytes === undefined || bytes.length === 0)
        return new TextDocument(format, path, undefined, false);
      const { text, hasByteOrderMark } = decodeText(bytes, path, format.name);
      const document = new TextDocument(format, path, text, hasByteOrderMark);
      document.takeValue(undefined);
      return document;
    },
  };
}

class TextDocument implements Document {
  readonly path: string;
  readonly #format: TextFormat;
  readonly #found: string | undefined;
  readonly #hasByteOrderMark: boolean;
  #text: string | undefined;

  constructor(
    format: TextFormat,
    path: string,
    text: string | undefined,
    hasByteOrderMark: boolean,
  ) {
    this.path = path;
    this.#format = format;
    this.#found = text;
    this.#text = text;
    this.#hasByteOrderMark = hasByteOrderMark;
  }

  get exists(): boolean {
    return this.#text !== undefined;
  }

  get isChanged(): boolean {
    return this.#text !== this.#found;
  }

  takeValue(initial: unknown): unknown {
    return this.#text === undefined
      ? this.#format.check(initial, this.path)
      : this.#format.read(this.#text, this.path);
  }

  accept(value: unknown): unknown {
    const wanted = this.#format.check(value, this.path);
    const text = this.#edited(wanted);
    if (text !== this.#text && !isSameData(this.#readAgain(text), wanted)) throw this.#notAlone();
    this.#text = text;
    return wanted;
  }

  isAltered(taken: unknown, initial: unknown): boolean {
    return !isSameData(taken, this.takeValue(initial));
  }

  encode(): Buffer {
    return encodeText(this.#text as string, this.#hasByteOrderMark);
  }

  #edited(wanted: unknown): string {
    const text = this.#text ?? '';
    if (this.#text !== undefined && isSameData(this.takeValue(undefined), wanted)) return text;
    // A document with nothing left in it is not an emptied file.
    return this.#format.edit(text, wanted, this.path) || '\n';
  }

  #readAgain(text: string): unknown {
    try {
      return this.#format.read(text, this.path);
    } catch {
      return undefined;
    }
  }

  #notAlone(): HoldfastError {
    return new HoldfastError('UNREPRESENTABLE', {
      message:
        `The change cannot be made in the text of ${this.#format.name} without another one beside it. ` +
        'Make it by hand, or update the file with updateFile.',
      step: 'edit',
      path: this.path,
    });
  }
}
