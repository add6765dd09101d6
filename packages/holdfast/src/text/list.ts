/**
 * What stands between brackets, with commas between the items and comments behind `#`: arrays and
 * inline tables of TOML, flow collections of YAML. The text is taken apart into a piece for each
 * item, pieces go and come, and it is put together again:
 *
 *     [<head>
 *       # comment                 lead: from the end of the line before to the item
 *       1 , # comment             core, gap, comma, trail: what follows on the line
 *     <tail>]
 */
import { indentAt, lineEndOf } from './lines.js';

/** Where an item stands. */
export interface Item {
  readonly start: number;
  readonly end: number;
}

interface Piece {
  lead: string;
  core: string;
  gap: string;
  trail: string;
}

/** How the list is laid out where nothing in it tells. */
interface ListLayout {
  /** Whether a single item has spaces between itself and the brackets. */
  readonly isSpaced: boolean;
  /** How much deeper an item on a line of its own stands. */
  readonly indent: string;
}

export class List {
  readonly #text: string;
  readonly #place: Item;
  readonly #layout: ListLayout;
  readonly #pieces: Piece[] = [];
  readonly #head: string;
  readonly #hasTrailingComma: boolean;
  #tail: string;

  /** @param place - from the opening bracket to behind the closing one */
  constructor(text: string, place: Item, items: readonly Item[], layout: ListLayout) {
    this.#text = text;
    this.#place = place;
    this.#layout = layout;
    const close = place.end - 1;
    const first = text.slice(place.start + 1, items[0]?.start ?? close);
    this.#head = restOfLine(first);
    let lead = first.slice(this.#head.length);
    let hasComma = false;
    for (const [index, { start, end }] of items.entries()) {
      const after = text.slice(end, items[index + 1]?.start ?? close);
      const comma = commaIn(after);
      hasComma = comma >= 0;
      const gap = hasComma ? after.slice(0, comma) : '';
      const rest = after.slice(comma + 1);
      const trail = restOfLine(rest);
      this.#pieces.push({ lead, core: text.slice(start, end), gap, trail });
      lead = rest.slice(trail.length);
    }
    this.#hasTrailingComma = hasComma;
    this.#tail = lead;
  }

  /** Gives an item, by its index now, another text. */
  replace(index: number, core: string): void {
    (this.#pieces[index] as Piece).core = core;
  }

  /** Takes an item out, by its index now, with its own comments. */
  remove(index: number): void {
    const [removed] = this.#pieces.splice(index, 1) as [Piece];
    const stays = nobodys(removed.lead);
    const own = removed.lead.slice(stays.length);
    const next = this.#pieces[index];
    if (next) next.lead = stays + (next.lead.includes('\n') ? next.lead : own);
    else if (this.#pieces.length > 0 || (stays + this.#tail).includes('#'))
      this.#tail = stays + this.#tail;
    else this.#tail = '';
  }

  /** Puts an item before the one that has the index now. */
  insert(index: number, core: string): void {
    this.#pieces.splice(index, 0, { lead: this.#newLead(index), core, gap: '', trail: '' });
  }

  /**
   * The indentation of a line on which a new item stands; `undefined` when it stands beside others.
   */
  get itemIndent(): string | undefined {
    const lead = this.#pieces.find((piece) => piece.lead.includes('\n'))?.lead;
    return lead === undefined ? undefined : lead.slice(lead.lastIndexOf('\n') + 1);
  }

  toString(): string {
    const open = this.#text.charAt(this.#place.start);
    const close = this.#text.charAt(this.#place.end - 1);
    if (this.#pieces.length === 0 && (this.#head + this.#tail).trim() === '') return open + close;
    const last = this.#pieces.length - 1;
    const made = this.#pieces.map(({ lead, core, gap, trail }, index) => {
      const comma = index < last || this.#hasTrailingComma ? ',' : '';
      // Some readers of YAML take `z:,` for a name that ends in a colon.
      const space = comma !== '' && gap === '' && core.endsWith(':') ? ' ' : '';
      return lead + core + gap + space + comma + trail;
    });
    const breakBefore = this.#endsInComment() && !/^[ \t]*\r?\n/.test(this.#tail);
    return (
      open +
      this.#head +
      made.join('') +
      (breakBefore ? this.#newLine('') : '') +
      this.#tail +
      close
    );
  }

  #endsInComment(): boolean {
    return (this.#pieces.at(-1)?.trail ?? this.#head).includes('#');
  }

  #newLine(indent: string): string {
    return lineEndOf(this.#text) + indentAt(this.#text, this.#place.start) + indent;
  }

  #newLead(index: number): string {
    const pieces = this.#pieces;
    const indent = this.itemIndent;
    if (indent !== undefined) {
      const next = pieces[index];
      if (next && !next.lead.includes('\n')) next.lead = lineEndOf(this.#text) + indent;
      return lineEndOf(this.#text) + indent;
    }
    if (index > 0) return pieces[1]?.lead ?? ' ';
    const [first] = pieces;
    if (first) {
      const { lead } = first;
      first.lead = pieces[1]?.lead ?? ' ';
      return lead;
    }
    if (this.#head.includes('#') || this.#tail.includes('\n')) {
      const closing = /\r?\n[ \t]*$/.exec(this.#tail)?.[0] ?? this.#newLine('');
      const stays = this.#tail.includes('#') ? this.#tail.trimEnd() : '';
      this.#tail = closing;
      return stays + closing + this.#layout.indent;
    }
    this.#tail = this.#layout.isSpaced ? ' ' : '';
    return this.#tail;
  }
}

/** What follows on the line, when nothing but spaces and a comment does. */
function restOfLine(text: string): string {
  return /^[ \t]*(?:#[^\r\n]*)?(?=\r?\n)/.exec(text)?.[0] ?? '';
}

/** Where the comma is that no comment holds; -1 when there is none. */
function commaIn(text: string): number {
  return text.replace(/#[^\n]*/g, (comment) => ' '.repeat(comment.length)).indexOf(',');
}

/** The part of a lead that a blank line parts from the item, if there is a comment in it. */
function nobodys(lead: string): string {
  const parted = /^[^]*(?<!\r)(?=\r?\n[ \t]*\r?\n)/.exec(lead)?.[0] ?? '';
  return parted.includes('#') ? parted : '';
}
