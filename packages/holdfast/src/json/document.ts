/**
 * A document while it is being updated. Its truth between two updaters is its text: each updater gets a value of its
 * own, parsed from it, and only a value that passed every check becomes the new text. So nothing that an updater does
 * to its value before it fails, or after it has finished, can reach the file or another updater.
 */
import { HoldfastError } from '../errors.js';
import { checkValue } from './check.js';
import { formatDocument, isSameFormat, type JsonFormat } from './format.js';
import { formatPointer } from './pointer.js';

/** A document as it was found. */
export interface Found {
  readonly text: string;
  /** What the text holds. */
  readonly value: unknown;
  /** The layout in which this process wrote it; `undefined` when somebody else did. */
  readonly writtenIn: JsonFormat | undefined;
}

export class Document {
  readonly path: string;
  readonly format: JsonFormat;
  readonly #found: Found | undefined;
  #text: string | undefined;
  /** The value of the text, for the first who asks for it. */
  #parsed: { readonly value: unknown } | undefined;

  /** @param found - `undefined` when there is no document yet */
  constructor(path: string, format: JsonFormat, found: Found | undefined) {
    this.path = path;
    this.format = format;
    this.#found = found;
    this.#text = found?.text;
    this.#parsed = found;
  }

  get text(): string | undefined {
    return this.#text;
  }

  /** Whether it was found as this process had left it. */
  get wasOwn(): boolean {
    return this.#found?.writtenIn !== undefined;
  }

  /** A value that nobody else has. */
  takeValue(initial: unknown): unknown {
    if (this.#text === undefined) return copyOf(initial, this.path);
    const parsed = this.#parsed;
    this.#parsed = undefined;
    return parsed ? parsed.value : JSON.parse(this.#text);
  }

  /**
   * Makes a value the new content.
   *
   * @returns what reading the document back would give, which belongs to the caller alone
   * @throws HoldfastError UNREPRESENTABLE for what JSON would drop or bend, with its place as a JSON Pointer
   */
  accept(value: unknown): unknown {
    const { isConverted } = checkRepresentable(value, this.path);
    const text = formatDocument(value, this.format);
    this.#text = text;
    this.#parsed = undefined;
    return isConverted ? JSON.parse(text) : value;
  }

  /** Whether a value that was taken for an updater is no longer what it was. */
  isAltered(taken: unknown, initial: unknown): boolean {
    if (checkValue(taken).loss) return true;
    return JSON.stringify(taken) !== JSON.stringify(this.takeValue(initial));
  }

  /** Whether the content is another than the one found. Another layout of the same content is no change. */
  get isChanged(): boolean {
    const found = this.#found;
    if (this.#text === undefined || this.#text === found?.text) return false;
    if (found === undefined || isSameFormat(found.writtenIn, this.format)) return true;
    return formatDocument(JSON.parse(found.text), this.format) !== this.#text;
  }
}

function copyOf(initial: unknown, path: string): unknown {
  checkRepresentable(initial, path);
  return JSON.parse(JSON.stringify(initial));
}

function checkRepresentable(value: unknown, path: string): { readonly isConverted: boolean } {
  const { loss, isConverted } = checkValue(value);
  if (loss === undefined) return { isConverted };
  throw new HoldfastError('UNREPRESENTABLE', {
    message: `JSON cannot hold the new value at '${formatPointer(loss.tokens)}': ${loss.reason}.`,
    outcome: 'unchanged',
    step: 'check',
    path,
  });
}
