/**
 * Edits the text of a TOML document so that it holds another value. Tables and values are walked
 * together: a value that differs is replaced in its place; a member that goes takes its own lines
 * and comments with it; a new one comes last in its table, spelt as its neighbours are; a new table
 * gets a header of its own where its neighbours have one.
 */
import { isPlainObject, isSameData } from '../document/plain-data.js';
import { alignArrays } from '../json/align-arrays.js';
import type { JsonValue } from '../json/json-value.js';
import { applyEdits, type Edit } from '../text/edits.js';
import {
  endOfLine,
  indentAt,
  lineEndOf,
  linesBelow,
  ownStart,
  startOfLine,
} from '../text/lines.js';
import { List, type Item } from '../text/list.js';
import { formatEntry, formatKey, formatStringLike, formatValue } from './format-toml.js';
import {
  valueOf,
  type Statement,
  type TomlArray,
  type TomlNode,
  type TomlTable,
  type TomlTables,
  type TomlTree,
} from './tree.js';

type Members = Readonly<Record<string, unknown>>;

/** @param value - plain data that TOML can hold */
export function editToml(text: string, tree: TomlTree, value: Members): string {
  return new Editor(text, tree).edit(value);
}

class Editor {
  readonly #text: string;
  readonly #tree: TomlTree;
  readonly #lineEnd: string;
  readonly #edits: Edit[] = [];
  readonly #removed = new Set<Statement>();
  /** New lines below what ends at a place. */
  readonly #below = new Map<number, string>();
  /** New lines above what begins at a place. */
  readonly #above = new Map<number, string>();

  constructor(text: string, tree: TomlTree) {
    this.#text = text;
    this.#tree = tree;
    this.#lineEnd = lineEndOf(text);
  }

  edit(value: Members): string {
    this.#table(this.#tree.root, value, []);
    const insertions = [...this.#below, ...this.#above].map(([place, lines]) => ({
      start: place,
      end: place,
      text: linesBelow(this.#text, place, lines),
    }));
    const removals = this.#removals(insertions);
    return applyEdits(this.#text, [...insertions, ...removals, ...this.#edits]);
  }

  /** @param path - the names that lead to the table */
  #table(table: TomlTable, value: Members, path: readonly string[]): void {
    const added: [name: string, value: unknown][] = [];
    for (const [name, member] of table.members) {
      if (!Object.hasOwn(value, name)) this.#remove(member);
      else if (!this.#change(member, value[name], [...path, name])) {
        this.#remove(member);
        added.push([name, value[name]]);
      }
    }
    for (const [name, member] of Object.entries(value)) {
      if (!table.members.has(name)) added.push([name, member]);
    }
    this.#addMembers(table, added, path);
  }

  /** Makes a member hold a value; false when it cannot in the form that it has. */
  #change(node: TomlNode, value: unknown, path: readonly string[]): boolean {
    if (isSameData(valueOf(node), value)) return true;
    const statement = this.#tree.statementOf.get(node);
    if (statement) {
      const place = node as TomlNode & Item;
      const text = this.#inline(place, value);
      this.#edits.push({ start: place.start, end: place.end, text });
      return true;
    }
    if (node.kind === 'tables') return this.#tables(node, value, path);
    if (node.kind !== 'table' || !isPlainObject(value)) return false;
    // What has no line of its own is gone with its last member.
    if (node.style !== 'header' && Object.keys(value).length === 0) return false;
    this.#table(node, value, path);
    return true;
  }

  #tables(node: TomlTables, value: unknown, path: readonly string[]): boolean {
    if (!Array.isArray(value) || value.length === 0 || !value.every(isPlainObject)) return false;
    const before = node.elements.map(valueOf);
    let place: number | undefined;
    let first = '';
    for (const step of alignArrays(before as JsonValue[], value as JsonValue[])) {
      if (step.kind === 'insert') {
        const lines = this.#section(path, value[step.after] as Members, true);
        if (place === undefined) first += lines.slice(this.#lineEnd.length) + this.#lineEnd;
        else this.#addBelow(place, lines);
        continue;
      }
      const element = node.elements[step.before] as TomlTable;
      if (step.kind === 'remove') this.#remove(element);
      else this.#table(element, value[step.after] as Members, path);
      place = this.#endOf(element);
    }
    if (first !== '') this.#addAbove(this.#startOf(node.elements[0] as TomlTable), first);
    return true;
  }

  #remove(node: TomlNode): void {
    const statement = this.#tree.statementOf.get(node);
    if (statement) this.#removed.add(statement);
    else if (node.kind === 'tables') node.elements.forEach((each) => this.#remove(each));
    else if (node.kind === 'table') node.statements.forEach((each) => this.#removed.add(each));
  }

  #addMembers(
    table: TomlTable,
    added: readonly (readonly [string, unknown])[],
    path: readonly string[],
  ): void {
    if (added.length === 0) return;
    const hasHeaders = table.style !== 'dotted';
    const isSection = ([, value]: readonly [string, unknown]): boolean =>
      hasHeaders && (isPlainObject(value) || isArrayOfTables(value));
    const lines = added.filter((each) => !isSection(each));
    if (lines.length > 0) this.#addLines(table, lines, path);
    const sections = added.filter(isSection);
    if (sections.length === 0) return;
    const text = sections.map(([name, value]) => this.#sections([...path, name], value)).join('');
    this.#addBelow(this.#endOf(table), text);
  }

  /** New lines `name = value` below those that the table has. */
  #addLines(
    table: TomlTable,
    added: readonly (readonly [string, unknown])[],
    path: readonly string[],
  ): void {
    const text = this.#text;
    const isDotted = table.style === 'dotted';
    const body = isDotted
      ? table.statements.filter(({ isHeader }) => !isHeader)
      : this.#tree.statements.filter(({ owner }) => owner === table);
    const last = body.at(-1);
    const indent = last ? indentAt(text, last.start) : '';
    const equals = last && !last.isHeader ? text.slice(last.equals.start, last.equals.end) : '';
    const prefix = isDotted ? table.path : [];
    const lines = added.map(([name, value]) => {
      const key = [...prefix, name].map(formatKey).join('.');
      const sign = equals === '=' ? '=' : ' = ';
      return indent + key + sign + formatValue(value) + this.#lineEnd;
    });
    if (last) {
      this.#addBelow(endOfLine(text, last.end), lines.join(''));
      return;
    }
    if (table.style === 'implicit') lines.unshift(this.#header(path, false));
    const stays = table.statements.some((each) => !this.#removed.has(each));
    if (stays) lines.push(this.#lineEnd);
    if (table.statements.length > 0) this.#addAbove(this.#startOf(table), lines.join(''));
    else this.#addBelow(text.length, lines.join(''));
  }

  /** A new table, or array of tables, with its header, and a blank line above it. */
  #sections(path: readonly string[], value: unknown): string {
    if (!Array.isArray(value)) return this.#section(path, value as Members, false);
    return value.map((each) => this.#section(path, each as Members, true)).join('');
  }

  #section(path: readonly string[], value: Members, isElement: boolean): string {
    const entries = Object.entries(value);
    const isSection = (member: unknown): boolean =>
      isPlainObject(member) || isArrayOfTables(member);
    const lines = entries
      .filter(([, member]) => !isSection(member))
      .map(([name, member]) => formatEntry(name, member) + this.#lineEnd);
    const below = entries
      .filter(([, member]) => isSection(member))
      .map(([name, member]) => this.#sections([...path, name], member));
    // A table that has nothing but tables needs no header.
    if (!isElement && lines.length === 0 && below.length > 0) return below.join('');
    return this.#lineEnd + this.#header(path, isElement) + lines.join('') + below.join('');
  }

  #header(path: readonly string[], isElement: boolean): string {
    const name = path.map(formatKey).join('.');
    return (isElement ? `[[${name}]]` : `[${name}]`) + this.#lineEnd;
  }

  #addBelow(place: number, lines: string): void {
    const there = this.#below.get(place) ?? '';
    // The first lines of a document have no blank line above them.
    const isFirst = there === '' && this.#text.slice(0, place).trim() === '';
    this.#below.set(place, there + (isFirst ? lines.replace(/^(?:\r?\n)+/, '') : lines));
  }

  /** What a table above adds comes before what its own tables have added. */
  #addAbove(place: number, lines: string): void {
    this.#above.set(place, lines + (this.#above.get(place) ?? ''));
  }

  /** Where what a table has begins, with its comments. */
  #startOf(table: TomlTable): number {
    const { start, floor } = table.statements[0] as Statement;
    return ownStart(this.#text, start, floor);
  }

  /** Behind the last line of a table. */
  #endOf(table: TomlTable): number {
    const last = table.statements.at(-1);
    return last ? endOfLine(this.#text, last.end) : this.#text.length;
  }

  #removals(insertions: readonly Edit[]): Edit[] {
    const text = this.#text;
    const places = insertions.map(({ start }) => start);
    const made: { start: number; end: number; text: string }[] = [];
    for (const statement of this.#tree.statements) {
      if (!this.#removed.has(statement)) continue;
      const own = ownStart(text, statement.start, statement.floor);
      const above = statement.isHeader ? this.#aboveBlankLines(own, statement.floor) : own;
      const start = places.some((place) => place > above && place <= own) ? own : above;
      const end = endOfLine(text, statement.end);
      const last = made.at(-1);
      const isNext =
        last !== undefined &&
        text.slice(last.end, Math.max(start, last.end)).trim() === '' &&
        !places.some((place) => place >= last.end && place <= start);
      if (isNext) last.end = end;
      else made.push({ start, end, text: '' });
    }
    const [first] = made;
    if (first && text.slice(0, first.start).trim() === '') {
      // No text begins with blank lines because what stood there is gone.
      const blank = first.end + (/^(?:[ \t]*\r?\n)*/.exec(text.slice(first.end))?.[0].length ?? 0);
      if (!places.some((place) => place >= first.end && place < blank)) first.end = blank;
    }
    return made;
  }

  #aboveBlankLines(start: number, floor: number): number {
    let above = start;
    while (above > floor) {
      const line = startOfLine(this.#text, above - 1);
      if (line < floor || this.#text.slice(line, above).trim() !== '') break;
      above = line;
    }
    return above;
  }

  /** The text of a value that stands behind an equals sign, or in brackets. */
  #inline(node: TomlNode & Item, value: unknown): string {
    const found = this.#text.slice(node.start, node.end);
    if (isSameData(valueOf(node), value)) return found;
    if (node.kind === 'array' && Array.isArray(value)) return this.#array(node, value);
    if (node.kind === 'table' && isPlainObject(value)) return this.#inlineTable(node, value);
    if (node.kind === 'scalar' && typeof value === 'string' && typeof node.value === 'string') {
      return formatStringLike(value, found);
    }
    return formatValue(value, node.kind === 'scalar' && node.isFloat);
  }

  #array(node: TomlArray, value: readonly unknown[]): string {
    const list = new List(this.#text, node, node.elements, { isSpaced: false, indent: '  ' });
    const before = node.elements.map(valueOf);
    let index = 0;
    for (const step of alignArrays(before as JsonValue[], value as JsonValue[])) {
      if (step.kind === 'remove') {
        list.remove(index);
        continue;
      }
      if (step.kind === 'insert') list.insert(index, formatValue(value[step.after]));
      else {
        const element = node.elements[step.before] as TomlNode & Item;
        list.replace(index, this.#inline(element, value[step.after]));
      }
      index += 1;
    }
    return list.toString();
  }

  #inlineTable(table: TomlTable, value: Members): string {
    const list = new List(this.#text, table, table.entries, { isSpaced: true, indent: '  ' });
    const kept: (readonly string[])[] = [];
    for (const { key, start, value: place } of table.entries) {
      const member = memberAt(value, key);
      if (member === undefined) list.remove(kept.length);
      else {
        const text = this.#inline(nodeAt(table, key), member);
        list.replace(kept.length, this.#text.slice(start, place.start) + text);
        kept.push(key);
      }
    }
    let end = kept.length;
    for (const [path, member] of membersBeside(kept, value)) {
      list.insert(end++, `${path.map(formatKey).join('.')} = ${formatValue(member)}`);
    }
    return list.toString();
  }
}

/**
 * What stands at the end of a path of names; `undefined`, which TOML cannot hold, when nothing
 * does.
 */
function memberAt(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    found = isPlainObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return found;
}

/** The node of an entry of an inline table. */
function nodeAt(table: TomlTable, path: readonly string[]): TomlNode & Item {
  let found: TomlNode = table;
  for (const name of path) found = (found as TomlTable).members.get(name) as TomlNode;
  return found as TomlNode & Item;
}

/**
 * The members that none of the paths leads to, each with its own path: as near to its neighbours as
 * can be.
 */
function* membersBeside(
  paths: readonly (readonly string[])[],
  value: Members,
  depth = 0,
): Generator<readonly [path: readonly string[], member: unknown]> {
  for (const [name, member] of Object.entries(value)) {
    const [through, ...others] = paths.filter((path) => path[depth] === name);
    if (through === undefined) yield [[name], member];
    else if (through.length > depth + 1) {
      for (const [path, each] of membersBeside([through, ...others], member as Members, depth + 1))
        yield [[name, ...path], each];
    }
  }
}

function isArrayOfTables(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isPlainObject);
}
