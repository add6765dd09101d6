/**
 * Edits the text of a JSON document so that it holds another value. What does not change stays to
 * the byte: spellings of numbers, escapes, layout, comments, the order of members.
 *
 * Text and value are walked together. Where they differ in a value alone, that is replaced. Where
 * an object gets or loses members, or an array elements, its text is taken apart into one piece for
 * each of them (pieces.ts), pieces go and come, and it is put together again.
 */
import type { JsonFormat } from './format.js';
import { formatValue, type Layout } from './format-value.js';
import type { JsonObject, JsonValue } from './json-value.js';
import { parseText } from './parse-text.js';
import { alignArrays } from './align-arrays.js';
import { membersOf, type Members } from './kept-value.js';
import { isPlainObject, isSame, objectOf } from './plain-value.js';
import {
  colonFor,
  indentOf,
  joinPieces,
  leadOf,
  movePieces,
  newLead,
  newPiece,
  readPieces,
  removePieces,
  type Container,
  type Piece,
} from './pieces.js';

/**
 * A text, with what the comments and trailing commas of JSONC take in it blanked out: so it is
 * JSON, place by place.
 */
export interface ReadableText {
  readonly text: string;
  readonly json: string;
}

/** The whole of a document: the members of an object, or a value. */
export type Root = Members | JsonValue;

/** A part of a text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One replacement in a text. */
export interface Edit extends Span {
  readonly text: string;
}

/** What is known of a text. */
export interface KnownText {
  /**
   * What it holds; without it the members of the top level are parsed one by one, as they are
   * compared.
   */
  readonly value?: Root | undefined;
  /** Its pieces, where it is an object; they are given away. */
  readonly pieces?: Container | undefined;
}

export interface EditedText {
  readonly text: string;
  /** Its pieces, where they could be kept: those of JSON whose members stay where they are. */
  readonly pieces: Container | undefined;
}

/**
 * The text of `value`, made of the text that is there.
 *
 * @param value - plain data, as `JSON.parse` makes it, or the members of an object
 */
export function editText(
  source: ReadableText,
  value: Root,
  format: JsonFormat,
  known: KnownText = {},
): EditedText {
  const editor = new Editor(source, format, known.pieces);
  editor.document(value, known.value);
  const text = applyEdits(source.text, editor.edits, 0, source.text.length);
  return { text, pieces: editor.piecesOf(text) };
}

function applyEdits(text: string, edits: readonly Edit[], start: number, end: number): string {
  let made = '';
  let position = start;
  for (const edit of edits) {
    made += text.slice(position, edit.start) + edit.text;
    position = edit.end;
  }
  return made + text.slice(position, end);
}

class Editor {
  readonly #source: ReadableText;
  readonly #format: JsonFormat;
  /** The members of the document. */
  #top: Container | undefined;
  /** How many of them, from the first on, stay where they are. */
  #staying = 0;
  /** In the order of their places. */
  readonly edits: Edit[] = [];

  constructor(source: ReadableText, format: JsonFormat, top: Container | undefined) {
    this.#source = source;
    this.#format = format;
    this.#top = top;
  }

  /** @param text - the edited one */
  piecesOf(text: string): Container | undefined {
    const { text: before, json } = this.#source;
    const top = this.#top;
    if (top === undefined || this.#staying === 0 || before !== json) return undefined;
    const end = top.end + text.length - before.length;
    const isWhole = this.#staying === top.pieces.length;
    const pieces = isWhole ? top.pieces : top.pieces.slice(0, this.#staying);
    movePieces(pieces, this.edits);
    if (isWhole) return { ...top, text, end };
    const names = top.pieces.map(({ key }) => key as string);
    return readPieces({ text, json: text }, { start: top.start, end }, names, { ...top, pieces });
  }

  document(value: Root, known: Root | undefined): void {
    const { json } = this.#source;
    const start = /^\s*/.exec(json)?.[0].length ?? 0;
    const base = this.#format.indent === '' ? undefined : '';
    const layout: Layout = { ...this.#format, base };
    const end = json.trimEnd().length;
    if (json[start] === '{' && isObject(value)) {
      const both = [
        listed(value),
        known === undefined ? undefined : listed(known as Listable),
      ] as const;
      this.#top ??= readPieces(this.#source, { start, end }, (both[1] ?? both[0]).keys);
      this.#staying = this.#members(this.#top, both, layout);
      return;
    }
    const plain = isMembers(value)
      ? objectOf(value.keys, (key, index) => value.at(key, index) as JsonValue)
      : value;
    const before = this.#parse(start, end);
    if (!isSame(plain, before)) this.#value({ start, end }, [plain, before], layout);
  }

  /**
   * Makes the text from `start` to `end`, which holds another value, hold the value; `layout` is
   * for what is made anew.
   */
  #value(
    { start, end }: Span,
    [value, known]: readonly [JsonValue, JsonValue | undefined],
    layout: Layout,
  ): void {
    const opening = this.#source.json[start];
    if (opening === '{' && isPlainObject(value)) {
      const both = [membersOf(value), membersOf(known as JsonObject)] as const;
      this.#members(readPieces(this.#source, { start, end }, both[1].keys), both, layout);
    } else if (opening === '[' && Array.isArray(value)) {
      this.#array({ start, end }, [value, known as readonly JsonValue[]], layout);
    } else {
      const text = formatValue(value, layout);
      if (text !== this.#source.text.slice(start, end)) this.edits.push({ start, end, text });
    }
  }

  /** @returns how many of the members, from the first on, stay where they are */
  #members(
    container: Container,
    [value, known]: readonly [Members, Members | undefined],
    layout: Layout,
  ): number {
    const names = value.keys;
    const { pieces, start, end } = container;
    const first = this.edits.length;
    /** How many edits there are before those in the last piece. */
    let beforeLast = first;
    const removed = new Set<Piece>();
    for (let index = 0; index < pieces.length; index += 1) {
      const piece = pieces[index] as Piece;
      const key = piece.key as string;
      const member = value.at(key, index);
      if (member === undefined) {
        removed.add(piece);
        continue;
      }
      beforeLast = this.edits.length;
      const before = known
        ? (known.at(key, index) as JsonValue)
        : this.#parse(piece.valueStart, piece.coreEnd);
      if (member !== before) this.#element(container, piece, [member, before], layout);
    }
    const kept = removed.size === 0 ? [...pieces] : pieces.filter((piece) => !removed.has(piece));
    const hasAdded = names.length > kept.length;
    const areFirst = kept.every(({ key }, index) => key === names[index]);
    const order = areFirst ? undefined : newOrder(this.#source, container, kept, names);
    if (removed.size === 0 && !hasAdded && order === undefined) return pieces.length;
    const last = areFirst && removed.size === 0 ? kept.at(-1) : undefined;
    this.edits.length = last ? beforeLast : first;
    if (order) this.#reorder(kept, order);
    if (removed.size > 0) removePieces(container, removed);
    if (hasAdded) {
      if (areFirst) this.#append(container, value, kept.length, layout);
      else
        this.#addMembers(
          container,
          value,
          (order ?? kept).map(({ key }) => key as string),
          layout,
        );
    }
    const staying = last ? kept.length - 1 : 0;
    const from = staying === 0 ? start : (last as Piece).leadStart;
    this.edits.push({ start: from, end, text: joinPieces(container, layout, staying) });
    return staying;
  }

  /** Members that come behind those that are there. */
  #append(container: Container, value: Members, from: number, layout: Layout): void {
    for (let index = from; index < value.keys.length; index += 1) {
      const key = value.keys[index] as string;
      const member = value.at(key, index) as JsonValue;
      this.#insert(container, container.pieces.length, member, { key, layout });
    }
  }

  /** Edits what stands in a piece, and notes how the piece reads then. */
  #element(
    container: Container,
    piece: Piece,
    [value, before]: readonly [JsonValue, JsonValue],
    layout: Layout,
  ): void {
    if (isSame(value, before)) return;
    const from = this.edits.length;
    const inner = this.#layoutIn(container, piece, layout);
    this.#value({ start: piece.valueStart, end: piece.coreEnd }, [value, before], inner);
    if (this.edits.length === from) return;
    const edits = this.edits.slice(from);
    piece.core = applyEdits(this.#source.text, edits, piece.coreStart, piece.coreEnd);
  }

  /** Names and values change places; what stands around them stays. */
  #reorder(kept: readonly Piece[], order: readonly Piece[]): void {
    const { text } = this.#source;
    const cores = order.map(
      ({ core, coreStart, coreEnd }) => core ?? text.slice(coreStart, coreEnd),
    );
    kept.forEach((piece, index) => (piece.core = cores[index]));
  }

  /** @param present - the names of the members that are there, in the order of the pieces */
  #addMembers(
    container: Container,
    value: Members,
    present: readonly string[],
    layout: Layout,
  ): void {
    const all = value.keys;
    const place = new Map(present.map((key, index) => [key, index]));
    const lastKept = all.findLastIndex((key) => place.has(key) && !isInteger(key));
    let at = 0;
    let shift = 0;
    for (const [index, key] of all.entries()) {
      const old = place.get(key);
      if (old !== undefined) {
        if (!isInteger(key)) at = old + shift + 1;
        continue;
      }
      const isLast = index > lastKept || isInteger(key);
      const target = isLast ? container.pieces.length : at;
      this.#insert(container, target, value.at(key, index) as JsonValue, { key, layout });
      if (isLast) continue;
      at += 1;
      shift += 1;
    }
  }

  #array(
    { start, end }: Span,
    [value, known]: readonly [readonly JsonValue[], readonly JsonValue[]],
    layout: Layout,
  ): void {
    const container = readPieces(this.#source, { start, end });
    const pieces = [...container.pieces];
    const steps = alignArrays(known, value);
    const first = this.edits.length;
    const removed = new Set<Piece>();
    for (const step of steps) {
      if (step.kind === 'remove') removed.add(pieces[step.before] as Piece);
      if (step.kind !== 'keep') continue;
      const both = [value[step.after] as JsonValue, known[step.before] as JsonValue] as const;
      if (both[0] !== both[1]) this.#element(container, pieces[step.before] as Piece, both, layout);
    }
    if (steps.every(({ kind }) => kind === 'keep')) return;
    this.edits.length = first;
    if (removed.size > 0) removePieces(container, removed);
    for (const step of steps) {
      if (step.kind !== 'insert') continue;
      this.#insert(container, step.after, value[step.after] as JsonValue, { layout });
    }
    this.edits.push({ start, end, text: joinPieces(container, layout) });
  }

  #insert(
    container: Container,
    index: number,
    value: JsonValue,
    { key, layout }: { readonly key?: string; readonly layout: Layout },
  ): void {
    const lead = newLead(container, index, layout);
    const inner = this.#layoutOfNew(container, value, { ...layout, base: lead.indent });
    const name = key === undefined ? '' : JSON.stringify(key) + colonFor(container, inner);
    const piece = newPiece(key, lead.text, name + formatValue(value, inner));
    container.pieces.splice(index, 0, piece);
  }

  /** What is made anew in the place of a piece's value is laid out as the piece is. */
  #layoutIn(container: Container, piece: Piece, layout: Layout): Layout {
    const indent = indentOf(leadOf(container, piece));
    if (indent !== undefined) return { ...layout, base: indent };
    // Beside the opening bracket: on a line of the container's own.
    return { ...layout, base: undefined, isSpaced: container.isSpaced ?? layout.isSpaced };
  }

  /** An array among arrays on one line comes on one line too. */
  #layoutOfNew(container: Container, value: JsonValue, layout: Layout): Layout {
    const spaced = { ...layout, isSpaced: container.isSpaced ?? layout.isSpaced };
    if (typeof value !== 'object' || value === null || layout.base === undefined) return spaced;
    const opening = Array.isArray(value) ? '[' : '{';
    const sibling = container.pieces.find(
      ({ valueStart, coreEnd }) =>
        valueStart >= 0 && this.#source.json[valueStart] === opening && coreEnd - valueStart > 2,
    );
    if (sibling === undefined) return spaced;
    const text = this.#source.text.slice(sibling.valueStart, sibling.coreEnd);
    return text.includes('\n')
      ? spaced
      : { ...layout, base: undefined, isSpaced: /[,:] /.test(text) };
  }

  #parse(start: number, end: number): JsonValue {
    return parseText(this.#source.json.slice(start, end)) as JsonValue;
  }
}

/**
 * The kept members in the order of the value, where that is another one; comments have a place and
 * keep the order.
 */
function newOrder(
  { text, json }: ReadableText,
  { start, end }: Container,
  kept: readonly Piece[],
  names: readonly string[],
): readonly Piece[] | undefined {
  const byKey = new Map(kept.map((piece) => [piece.key as string, piece]));
  const wanted = names.flatMap((key) => byKey.get(key) ?? []);
  const named = (pieces: readonly Piece[]): readonly Piece[] =>
    pieces.filter(({ key }) => !isInteger(key as string));
  const [before, after] = [named(kept), named(wanted)];
  if (before.every((piece, index) => piece === after[index])) return undefined;
  if (text !== json && text.slice(start, end) !== json.slice(start, end)) return undefined;
  return wanted;
}

type Listable = Members | JsonObject;

function isMembers(value: Root): value is Members {
  return isObject(value) && typeof value['at'] === 'function';
}

function listed(value: Listable): Members {
  return isMembers(value) ? value : membersOf(value);
}

function isObject(value: Root): value is JsonObject | Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JavaScript puts such names first, wherever they stand: their order says nothing. */
function isInteger(key: string): boolean {
  return /^(?:0|[1-9][0-9]{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1;
}
