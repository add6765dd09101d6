/**
 * A JSON document while it is being updated. The document is its text: what an updater made of the
 * value becomes the smallest edits of the text (edit.ts).
 *
 * In a run of updates the value that the text holds is kept as well, as plain data that nobody else
 * has: a new value is compared with it, what is the same is shared, and the text is edited once for
 * all updates of a commit, at its end.
 */
import type { Buffer } from 'node:buffer';
import { decodeText, encodeText } from '../document/decode.js';
import type { Document, OpenOptions, Syntax } from '../document/syntax.js';
import type { JsonSyntaxName } from '../document/update-options.js';
import { HoldfastError } from '../errors.js';
import { blankComments } from './blank-comments.js';
import { checkRepresentable, checkValue } from './check.js';
import { editText, type ReadableText, type Root } from './edit.js';
import { detectFormat, formatDocument, withIndent, type JsonFormat } from './format.js';
import type { JsonValue } from './json-value.js';
import { parseText, throughText } from './parse-text.js';
import { parseDocument } from './parse.js';
import { KeptValue } from './kept-value.js';
import type { Container } from './pieces.js';
import { isSame } from './plain-value.js';

/**
 * Of a longer text the value is not kept: it would hold the memory for a gain that is spent rarely.
 */
const LONGEST_TEXT = 16 * 1024 * 1024;

/** JSON as RFC 8259 has it. */
const jsonSyntax: Syntax = syntaxOf('JSON', (text) => ({ text, json: text }));

/** JSON with comments and trailing commas. */
const jsoncSyntax: Syntax = syntaxOf('JSONC', (text) => ({
  text,
  json: blankComments(text),
}));

/**
 * What a caller says, or else the ending of the name. (What is no path is refused where the path is
 * resolved.)
 */
export function syntaxFor(path: unknown, name: JsonSyntaxName | undefined): Syntax {
  const isNamed = name === undefined && typeof path === 'string' && path.endsWith('.jsonc');
  return name === 'jsonc' || isNamed ? jsoncSyntax : jsonSyntax;
}

/** How the text of a syntax is read. */
type Read = (text: string) => ReadableText;

function syntaxOf(name: string, read: Read): Syntax {
  return {
    name,
    call: 'updateJson',
    initial: {},
    open(path, bytes, { indent }) {
      const { text, hasByteOrderMark } =
        bytes === undefined || bytes.length === 0
          ? { text: '', hasByteOrderMark: false }
          : decodeText(bytes, path);
      const layout = { found: detectFormat(text, hasByteOrderMark), indent };
      if (text === '') return new JsonDocument(path, read, layout, undefined);
      const source = read(text);
      const value = parseDocument(source.json, path);
      return new JsonDocument(path, read, layout, { source, value, isOwn: false });
    },
  };
}

/** A document as it was found. */
interface Found {
  readonly source: ReadableText;
  /** What it holds, for the first updater. */
  readonly value: unknown;
  /** The same, for nobody but the document. */
  readonly kept?: KeptValue | undefined;
  /** The pieces of the text, for nobody else either. */
  readonly pieces?: Container | undefined;
  /** Whether this process wrote it. */
  readonly isOwn: boolean;
}

/** The layout that the text has, and the indentation that the caller wants. */
interface WantedLayout {
  readonly found: JsonFormat;
  readonly indent: OpenOptions['indent'];
}

class JsonDocument implements Document {
  readonly path: string;
  readonly #read: Read;
  readonly #format: JsonFormat;
  /** Whether the caller wants another layout than the text has. */
  readonly #isLaidOutAnew: boolean;
  readonly #found: Found | undefined;
  /** The text, without the updates that are in `#kept` alone. */
  #source: ReadableText | undefined;
  /** What the text holds, or will hold; kept in a run of updates. */
  #kept: KeptValue | undefined;
  /** The pieces of `#source`, where they are known. */
  #pieces: Container | undefined;
  /** What `#source` holds, where `#kept` is ahead of it. */
  #keptOfSource: KeptValue | undefined;
  /** The value of the content, for the first who asks for it. */
  #unused: { readonly value: unknown } | undefined;
  #isReopened = false;

  /** @param found - `undefined` when there is no document yet */
  constructor(path: string, read: Read, layout: WantedLayout, found: Found | undefined) {
    this.path = path;
    this.#read = read;
    this.#format = withIndent(layout.found, layout.indent);
    this.#isLaidOutAnew = this.#format.indent !== layout.found.indent;
    this.#found = found;
    this.#source = found?.source;
    this.#kept = found?.kept;
    this.#pieces = found?.pieces;
    this.#unused = found;
  }

  get exists(): boolean {
    return this.#source !== undefined;
  }

  takeValue(initial: unknown): unknown {
    if (this.#source === undefined) return copyOfInitial(initial, this.path);
    const unused = this.#unused;
    this.#unused = undefined;
    if (unused) return unused.value;
    // A caller that needs a second value of one text is in a run of updates.
    this.#keep();
    return this.#kept === undefined ? this.#parse() : this.#kept.copy();
  }

  accept(value: unknown): unknown {
    const kept = this.#kept?.become(value);
    if (kept) {
      this.#advance(kept);
      return value;
    }
    // JSON converts something in it, or cannot hold it; or there is nothing to share.
    const { isConverted } = checkRepresentable(value, this.path);
    const plain = isConverted ? throughText(value) : (value as JsonValue);
    const before = this.#kept;
    // What becomes of a kept value shares nothing with the one that the caller has.
    if (before) this.#advance(before.become(plain) ?? KeptValue.of(structuredClone(plain)));
    else this.#rewrite(plain);
    return plain;
  }

  #advance(kept: KeptValue): void {
    this.#unused = undefined;
    if (kept === this.#kept) return;
    this.#keptOfSource ??= this.#kept;
    this.#kept = kept;
  }

  #rewrite(plain: JsonValue): void {
    this.#unused = undefined;
    this.#source = this.#source
      ? this.#edited(this.#source, plain)
      : this.#read(formatDocument(plain, this.#format));
  }

  /** Keeps the value beside the text, unless that is too long. */
  #keep(): void {
    const source = this.#source as ReadableText;
    if (this.#kept !== undefined || source.text.length > LONGEST_TEXT) return;
    this.#kept = KeptValue.of(parseText(source.json) as JsonValue);
  }

  /** The text, with all updates in it. */
  #text(): ReadableText {
    const source = this.#source as ReadableText;
    const [kept, known] = [this.#kept, this.#keptOfSource];
    if (kept === undefined || known === undefined) return source;
    this.#source = this.#edited(source, kept.content, known.content);
    this.#keptOfSource = undefined;
    return this.#source;
  }

  #edited(source: ReadableText, value: Root, known?: Root): ReadableText {
    const pieces = this.#takePieces();
    if (this.#isLaidOutAnew && source.text === source.json) {
      const plain = this.#kept?.copy() ?? value;
      if (source === this.#found?.source && isSame(plain, parseText(source.json))) return source;
      return this.#read(formatDocument(plain, this.#format));
    }
    const made = editText(source, value, this.#format, { value: known, pieces });
    const { text } = made;
    this.#pieces = made.pieces;
    if (text === source.text) return source;
    const edited = this.#read(text);
    if (source.text !== source.json) this.#verify(edited, this.#kept?.copy() ?? value);
    return edited;
  }

  /** They have one owner, who may change them. */
  #takePieces(): Container | undefined {
    const pieces = this.#pieces;
    this.#pieces = undefined;
    return pieces;
  }

  /**
   * Comments may stand anywhere: that none has swallowed a value is looked at, and not only thought
   * out.
   */
  #verify({ json }: ReadableText, value: unknown): void {
    const made = parsedOr(json, undefined);
    if (JSON.stringify(sorted(made)) === JSON.stringify(sorted(value))) return;
    throw new HoldfastError('UNREPRESENTABLE', {
      message:
        'The document cannot be edited where its comments stand. Move them to lines of their own.',
      step: 'edit',
      path: this.path,
    });
  }

  isAltered(taken: unknown, initial: unknown): boolean {
    if (checkValue(taken).loss) return true;
    return JSON.stringify(taken) !== JSON.stringify(this.takeValue(initial));
  }

  /** Another layout of the same content is no change. */
  get isChanged(): boolean {
    if (this.#source === undefined) return false;
    return this.#text().text !== this.#found?.source.text;
  }

  encode(): Buffer {
    return encodeText(this.#text().text, this.#format.hasByteOrderMark);
  }

  /**
   * A call that found its own document is in a run of updates, and will need a value of this one
   * too.
   */
  prepare(): void {
    if (this.#found?.isOwn && !this.#isReopened)
      this.#unused = { value: this.takeValue(undefined) };
  }

  reopen({ indent }: OpenOptions): Document {
    const source = this.#text();
    const { value } = this.#unused ?? {
      value: this.#found?.isOwn ? this.takeValue(undefined) : this.#parse(),
    };
    this.#unused = undefined;
    this.#isReopened = true;
    const found = detectFormat(source.text, this.#format.hasByteOrderMark);
    return new JsonDocument(
      this.path,
      this.#read,
      { found, indent },
      { source, value, kept: this.#kept, pieces: this.#takePieces(), isOwn: true },
    );
  }

  #parse(): unknown {
    return parseText(this.#text().json);
  }
}

function parsedOr(json: string, otherwise: unknown): unknown {
  try {
    return parseText(json);
  } catch {
    return otherwise;
  }
}

/** With the members of every object in one order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).map(([key, member]) => [key, sorted(member)] as const);
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function copyOfInitial(initial: unknown, path: string): unknown {
  checkRepresentable(initial, path);
  return throughText(initial);
}
