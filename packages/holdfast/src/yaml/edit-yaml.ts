/**
 * Edits the text of a YAML document so that it holds another value. Nodes and values are walked
 * together: a value that differs is replaced in its place; a member that goes takes its own lines
 * and comments with it; a new one comes last, and is laid out as the document is. An alias that no
 * longer says what it shall say is replaced by the value itself.
 */
import { isPlainObject, isSameData } from '../document/plain-data.js';
import { alignArrays } from '../json/align-arrays.js';
import type { JsonValue } from '../json/json-value.js';
import { applyEdits, type Edit } from '../text/edits.js';
import { endOfLine, lineEndOf, linesBelow, ownStart, startOfLine } from '../text/lines.js';
import { List } from '../text/list.js';
import {
  formatBlock,
  formatFlow,
  formatKey,
  formatScalar,
  indented,
  indentOf,
  isBlock,
  isLiteral,
  itemLines,
  literalLines,
  memberLines,
  type YamlLayout,
} from './format-yaml.js';
import { valueOf, type YamlEntry, type YamlNode } from './yaml-tree.js';

type Members = Readonly<Record<string, unknown>>;

/** The text of a document that is not there yet, or has comments alone, with a value in it. */
export function addYaml(text: string, value: unknown): string {
  const layout = { lineEnd: lineEndOf(text), indent: 2, sequenceIndent: 2 };
  if (isPlainObject(value) && Object.keys(value).length === 0 && text !== '') return text;
  const lines = isBlock(value) ? formatBlock(value, layout) : [formatFlow(value)];
  const added = lines.map((line) => line + layout.lineEnd).join('');
  return text + linesBelow(text, text.length, added);
}

/** @param value - plain data that YAML can hold */
export function editYaml(text: string, root: YamlNode, value: unknown): string {
  return new Editor(text, root).edit(value);
}

class Editor {
  readonly #text: string;
  readonly #root: YamlNode;
  readonly #layout: YamlLayout;
  readonly #edits: Edit[] = [];
  readonly #hasAliases: boolean;
  /** What the nodes that aliases stand for hold afterwards; `undefined` for one that is gone. */
  readonly #after = new Map<YamlNode, unknown>();

  constructor(text: string, root: YamlNode) {
    this.#text = text;
    this.#root = root;
    this.#layout = layoutOf(text, root);
    this.#hasAliases = hasAliases(root);
  }

  edit(value: unknown): string {
    if (!this.#change(this.#root, value)) this.#replaceRoot(value);
    return applyEdits(
      this.#text,
      this.#edits.map((edit) => this.#withLineEnd(edit)),
    );
  }

  #replaceRoot(value: unknown): void {
    const { start, end, entries, isFlow } = this.#root;
    const { lineEnd } = this.#layout;
    const lines = isBlock(value) ? formatBlock(value, this.#layout) : [formatFlow(value)];
    if (isFlow || entries.length === 0) {
      this.#edits.push({ start, end, text: lines.join(lineEnd) });
      return;
    }
    const below = endOfLine(this.#text, end);
    this.#remove(this.#root, new Set(entries));
    this.#edits.push({ start: below, end: below, text: lines.join(lineEnd) + lineEnd });
  }

  /** Lines that are added below a text whose last line has no end. */
  #withLineEnd(edit: Edit): Edit {
    const isAtEnd = edit.start === edit.end && edit.end === this.#text.length && edit.text !== '';
    return isAtEnd && edit.text.endsWith('\n')
      ? { ...edit, text: linesBelow(this.#text, edit.end, edit.text) }
      : edit;
  }

  /** Makes a node hold a value where it stands; false when another node has to take its place. */
  #change(node: YamlNode, value: unknown): boolean {
    if (node.anchor !== undefined) this.#after.set(node, value);
    if (node.kind === 'alias') return isSameData(this.#afterOf(node.target as YamlNode), value);
    const isSame = isSameData(valueOf(node), value);
    if (isSame && (!this.#hasAliases || node.kind === 'scalar')) return true;
    if (node.isFlow) {
      const text = this.#flow(node, value);
      if (text !== this.#text.slice(node.start, node.end))
        this.#edits.push({ start: node.start, end: node.end, text });
      return true;
    }
    // What keeps none of its members is written anew.
    if (node.kind === 'map' && isPlainObject(value)) {
      if (!node.entries.some(({ key }) => Object.hasOwn(value, key as string))) return isSame;
      this.#map(node, value);
      return true;
    }
    if (node.kind === 'sequence' && Array.isArray(value) && value.length > 0) {
      this.#sequence(node, value);
      return true;
    }
    return isSame;
  }

  #afterOf(node: YamlNode): unknown {
    return this.#after.has(node) ? this.#after.get(node) : valueOf(node);
  }

  #map(node: YamlNode, value: Members): void {
    const removed = new Set<YamlEntry>();
    for (const entry of node.entries) {
      const name = entry.key as string;
      if (!Object.hasOwn(value, name)) {
        removed.add(entry);
        this.#forget(entry.node);
      } else if (!this.#change(entry.node, value[name])) this.#replace(entry, value[name]);
    }
    this.#remove(node, removed);
    const names = new Set(node.entries.map(({ key }) => key));
    const added = Object.entries(value).filter(([name]) => !names.has(name));
    const lines = added.flatMap(([name, each]) => memberLines(name, each, this.#layout));
    if (lines.length > 0) this.#addBelow(node.entries.at(-1) as YamlEntry, node, lines);
  }

  #sequence(node: YamlNode, value: readonly unknown[]): void {
    const removed = new Set<YamlEntry>();
    const before = node.entries.map((entry) => valueOf(entry.node));
    let previous: YamlEntry | undefined;
    const first: string[] = [];
    for (const step of alignArrays(before as JsonValue[], value as JsonValue[])) {
      if (step.kind === 'insert') {
        const lines = itemLines(value[step.after], this.#layout);
        if (previous) this.#addBelow(previous, node, lines);
        else first.push(...lines);
        continue;
      }
      const entry = node.entries[step.before] as YamlEntry;
      if (step.kind === 'remove') {
        removed.add(entry);
        this.#forget(entry.node);
      } else if (!this.#change(entry.node, value[step.after]))
        this.#replace(entry, value[step.after]);
      previous = entry;
    }
    this.#remove(node, removed);
    if (first.length > 0) this.#addFirst(node, first);
  }

  /** New lines at the beginning of a sequence, which may stand behind something. */
  #addFirst(node: YamlNode, lines: readonly string[]): void {
    const { lineEnd } = this.#layout;
    const { start } = node.entries[0] as YamlEntry;
    const column = this.#columnOf(node);
    const shifted = indented(lines, column);
    if (this.#isBehind(node.entries[0] as YamlEntry)) {
      const text = shifted.join(lineEnd).slice(column) + lineEnd + ' '.repeat(column);
      this.#edits.push({ start, end: start, text });
    } else {
      const place = ownStart(this.#text, start, 0);
      this.#edits.push({ start: place, end: place, text: shifted.join(lineEnd) + lineEnd });
    }
  }

  /** What aliases stand for is gone. */
  #forget(node: YamlNode): void {
    if (node.anchor !== undefined) this.#after.set(node, undefined);
    for (const entry of node.entries) this.#forget(entry.node);
  }

  /** Puts another kind of value behind the colon or the dash of an entry. */
  #replace(entry: YamlEntry, value: unknown): void {
    const text = this.#text;
    const { node, after } = entry;
    for (const each of node.entries) this.#forget(each.node);
    const { lineEnd } = this.#layout;
    const column = entry.start - startOfLine(text, entry.start);
    const isBelow = text.slice(after, node.start).includes('\n');
    const isMember = entry.key !== undefined;
    if (isBlock(value) && isMember && !entry.hasProperties) {
      const lines = indented(
        formatBlock(value, this.#layout),
        column + indentOf(value, this.#layout),
      );
      const block = lines.join(lineEnd) + lineEnd;
      if (isBelow) {
        const end = endOfLine(text, node.end);
        this.#takeOut(node, after);
        this.#edits.push({ start: end, end, text: block });
      } else {
        const end = endOfLine(text, node.end);
        this.#edits.push({ start: after, end: node.end, text: '' });
        this.#edits.push({ start: end, end, text: block });
      }
      return;
    }
    const inline = this.#inline(value, entry, column);
    if (isBelow) {
      this.#edits.push({ start: after, end: after, text: ` ${inline}` });
      this.#takeOut(node, after);
    } else {
      const start = Math.max(after, Math.min(node.start, node.end));
      const space = start === after ? ' ' : '';
      this.#edits.push({ start, end: Math.max(start, node.end), text: space + inline });
    }
  }

  /** Takes out what stands on the lines below a place. */
  #takeOut(node: YamlNode, after: number): void {
    if (node.entries.length > 0 && !node.isFlow) {
      this.#remove(node, new Set(node.entries));
      return;
    }
    const start = ownStart(this.#text, node.start, endOfLine(this.#text, after));
    this.#edits.push({ start, end: endOfLine(this.#text, node.end), text: '' });
  }

  /**
   * The text of a value behind a colon or a dash; what follows on lines of its own is indented
   * below the column.
   */
  #inline(value: unknown, { node, key, hasProperties }: YamlEntry, column: number): string {
    const { lineEnd, indent } = this.#layout;
    const found = this.#text.slice(node.start, node.end);
    const isBlockScalar = node.kind === 'scalar' && /^[|>]/.test(found);
    if (isBlockScalar && isLiteral(value)) {
      const [header, ...lines] = literalLines(value);
      return [header, ...indented(lines, column + indent)].join(lineEnd);
    }
    if (isBlock(value) && key === undefined && !hasProperties) {
      const lines = formatBlock(value, this.#layout);
      return [lines[0], ...indented(lines.slice(1), column + 2)].join(lineEnd);
    }
    if (typeof value === 'object' && value !== null) return formatFlow(value);
    return formatScalar(value, node.kind === 'scalar' && !isBlockScalar ? found : '');
  }

  #remove(node: YamlNode, removed: ReadonlySet<YamlEntry>): void {
    const text = this.#text;
    const { entries } = node;
    for (let index = 0; index < entries.length; index += 1) {
      const entry = entries[index] as YamlEntry;
      if (!removed.has(entry)) continue;
      if (index === 0 && this.#isBehind(entry)) {
        index = entries.findIndex((each) => !removed.has(each));
        this.#moveUp(entry.start, entries[index - 1] as YamlEntry, entries[index] as YamlEntry);
        continue;
      }
      const previous = entries[index - 1];
      const floor = previous ? endOfLine(text, previous.end) : 0;
      const start = ownStart(text, entry.start, floor);
      this.#edits.push({ start, end: endOfLine(text, entry.end), text: '' });
    }
  }

  /**
   * Whether something stands before the entry on its line: the dash of a sequence that it is in.
   */
  #isBehind({ start }: YamlEntry): boolean {
    return this.#text.slice(startOfLine(this.#text, start), start).trim() !== '';
  }

  /** An entry moves up to a dash; the comments above it do so before it. */
  #moveUp(start: number, last: YamlEntry, entry: YamlEntry): void {
    const from = endOfLine(this.#text, last.end);
    const comment = this.#text.slice(from, entry.start).indexOf('#');
    this.#edits.push({ start, end: comment === -1 ? entry.start : from + comment, text: '' });
  }

  #addBelow(entry: YamlEntry, node: YamlNode, lines: readonly string[]): void {
    const place = endOfLine(this.#text, entry.end);
    const { lineEnd } = this.#layout;
    const text = indented(lines, this.#columnOf(node)).join(lineEnd) + lineEnd;
    this.#edits.push({ start: place, end: place, text });
  }

  #columnOf({ entries }: YamlNode): number {
    const { start } = entries[0] as YamlEntry;
    return start - startOfLine(this.#text, start);
  }

  /** The text of a node that has brackets, or stands in some. */
  #flow(node: YamlNode, value: unknown): string {
    const text = this.#text;
    const found = text.slice(node.start, node.end);
    if (node.anchor !== undefined) this.#after.set(node, value);
    if (node.kind === 'alias') {
      return isSameData(this.#afterOf(node.target as YamlNode), value) ? found : formatFlow(value);
    }
    const isSame = isSameData(valueOf(node), value);
    if (isSame && (!this.#hasAliases || node.kind === 'scalar')) return found;
    const isOpen = text[node.start] === '{' || text[node.start] === '[';
    if (isOpen && node.kind === 'map' && isPlainObject(value)) return this.#flowMap(node, value);
    if (isOpen && node.kind === 'sequence' && Array.isArray(value))
      return this.#flowSequence(node, value);
    for (const each of node.entries) this.#forget(each.node);
    return typeof value === 'object' && value !== null
      ? formatFlow(value)
      : formatScalar(value, node.kind === 'scalar' ? found : '');
  }

  #flowMap(node: YamlNode, value: Members): string {
    const list = this.#listOf(node);
    let index = 0;
    for (const { key, start, after, end, node: member } of node.entries) {
      const name = key as string;
      if (!Object.hasOwn(value, name)) {
        this.#forget(member);
        list.remove(index);
        continue;
      }
      if (after === -1) {
        if (value[name] !== null)
          list.replace(index, `${formatKey(name)}: ${formatFlow(value[name])}`);
      } else {
        const text = this.#flow(member, value[name]);
        const space = member.start === after && text !== '' ? ' ' : '';
        const before = this.#text.slice(start, member.start);
        list.replace(index, before + space + text + this.#text.slice(member.end, end));
      }
      index += 1;
    }
    const names = new Set(node.entries.map(({ key }) => key));
    for (const [name, member] of Object.entries(value)) {
      if (!names.has(name)) list.insert(index++, `${formatKey(name)}: ${formatFlow(member)}`);
    }
    return list.toString();
  }

  #flowSequence(node: YamlNode, value: readonly unknown[]): string {
    const list = this.#listOf(node);
    const before = node.entries.map((entry) => valueOf(entry.node));
    let index = 0;
    for (const step of alignArrays(before as JsonValue[], value as JsonValue[])) {
      if (step.kind === 'remove') {
        this.#forget((node.entries[step.before] as YamlEntry).node);
        list.remove(index);
        continue;
      }
      if (step.kind === 'insert') list.insert(index, formatFlow(value[step.after]));
      else {
        const { node: element } = node.entries[step.before] as YamlEntry;
        list.replace(index, this.#flow(element, value[step.after]));
      }
      index += 1;
    }
    return list.toString();
  }

  #listOf(node: YamlNode): List {
    const isSpaced = this.#text[node.start] === '{';
    return new List(this.#text, node, node.entries, {
      isSpaced,
      indent: ' '.repeat(this.#layout.indent),
    });
  }
}

function hasAliases(node: YamlNode): boolean {
  return node.kind === 'alias' || node.entries.some((entry) => hasAliases(entry.node));
}

/** As the first collections in the document are laid out. */
function layoutOf(text: string, root: YamlNode): YamlLayout {
  let indent: number | undefined;
  let sequenceIndent: number | undefined;
  const look = (node: YamlNode, column: number): void => {
    for (const { key, node: member } of node.entries) {
      const first = member.isFlow ? undefined : member.entries[0];
      if (!first) continue;
      const deeper = first.start - startOfLine(text, first.start);
      if (key !== undefined && member.kind === 'map') indent ??= deeper - column;
      if (key !== undefined && member.kind === 'sequence') sequenceIndent ??= deeper - column;
      look(member, deeper);
    }
  };
  const first = root.entries[0];
  if (first && !root.isFlow) look(root, first.start - startOfLine(text, first.start));
  return {
    lineEnd: lineEndOf(text),
    indent: indent ?? 2,
    sequenceIndent: sequenceIndent ?? indent ?? 2,
  };
}
