/**
 * The text of an object or array, taken apart into one piece for each member or element:
 *
 *     {<head>
 *       // comment                 lead: from the end of the line before to the member
 *       "name": 1 , // comment     core, gap, comma, trail: what follows on the line
 *     <tail>}
 *
 * A comment on the lines right above a member, or behind it on its line, is its own: it goes with
 * it. A comment that a blank line parts from the member is nobody's, and stays.
 */
import type { Edit, ReadableText, Span } from './edit.js';
import type { Layout } from './format-value.js';
import { endOfString, endOfValue, skipSpace } from './places.js';

export interface Piece {
  /** Of a member. */
  readonly key: string | undefined;
  /** Places in the text; all are -1 in a new piece, which has its texts. */
  leadStart: number;
  coreStart: number;
  valueStart: number;
  coreEnd: number;
  /** After the comma, or where it would be. */
  trailStart: number;
  trailEnd: number;
  readonly hasComma: boolean;
  /** What stands before it now, if that is not what stood there. */
  lead: string | undefined;
  /** Name and value, if they are not what they were. */
  core: string | undefined;
}

/** A member or element that is new. */
export function newPiece(key: string | undefined, lead: string, core: string): Piece {
  const nowhere = { leadStart: -1, coreStart: -1, valueStart: -1, coreEnd: -1 };
  return { key, ...nowhere, trailStart: -1, trailEnd: -1, hasComma: false, lead, core };
}

export interface Container {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly pieces: Piece[];
  /** Where the bracket, and what follows it on its line, ends. */
  readonly headEnd: number;
  /** What stands before the closing bracket. */
  tail: string;
  readonly hasTrailingComma: boolean;
  /** Indentation of the line on which the container begins. */
  readonly indent: string;
  /** Whether what is on one line in it has spaces; `undefined` when it does not tell. */
  readonly isSpaced: boolean | undefined;
  /** What members have between name and value; `undefined` when there are none. */
  readonly colon: string | undefined;
}

/** What stands between the line of the one before and the piece. */
export function leadOf({ text }: Container, { lead, leadStart, coreStart }: Piece): string {
  return lead ?? text.slice(leadStart, coreStart);
}

export function colonFor({ colon }: Container, layout: Layout): string {
  if (colon !== undefined && /^[ \t]*:[ \t]*$/.test(colon)) return colon;
  return layout.base !== undefined || layout.isSpaced ? ': ' : ':';
}

const QUOTE = 0x22;
const COMMA = 0x2c;

/**
 * Takes the text from one bracket to the other apart.
 *
 * @param names - what the members are probably called, in this order: a name that is known need not
 *   be made again
 * @param first - the first pieces, and the colon that they have, where these are known: the others
 *   come to them
 */
export function readPieces(
  { text, json }: ReadableText,
  { start, end }: Span,
  names: readonly string[] = [],
  first: Pick<Container, 'pieces' | 'colon'> = { pieces: [], colon: undefined },
): Container {
  const isObject = json[start] === '{';
  const head = restOfLine(text, start + 1, skipSpace(json, start + 1));
  const headEnd = head.isWholeLine ? head.end : start + 1;
  const { pieces } = first;
  let hasTrailingComma = false;
  let leadStart = pieces.at(-1)?.trailEnd ?? headEnd;
  let { colon } = first;
  for (;;) {
    const coreStart = skipSpace(json, leadStart);
    if (coreStart >= end - 1) break;
    let valueStart = coreStart;
    let key: string | undefined;
    if (isObject) {
      const name = names[pieces.length];
      const isName = name !== undefined && isNameAt(json, coreStart, name);
      const keyEnd = isName ? coreStart + name.length + 2 : endOfString(json, coreStart);
      key = isName ? name : decodeKey(json, coreStart, keyEnd);
      valueStart = skipSpace(json, skipSpace(json, keyEnd) + 1);
      if (pieces.length < 2) colon = text.slice(keyEnd, valueStart);
    }
    const coreEnd = endOfValue(json, valueStart);
    const next = skipSpace(json, coreEnd);
    const isLast = json.charCodeAt(next) !== COMMA;
    const comma = isLast ? trailingComma(text, coreEnd, next) : next;
    const hasComma = comma >= 0;
    if (isLast) hasTrailingComma = hasComma;
    const trailStart = hasComma ? comma + 1 : coreEnd;
    const trail = restOfLine(text, trailStart, isLast ? next : skipSpace(json, next + 1));
    const trailEnd = trail.isWholeLine || isLast ? trail.end : trailStart;
    pieces.push({
      key,
      leadStart,
      coreStart,
      valueStart,
      coreEnd,
      trailStart,
      trailEnd,
      hasComma,
      lead: undefined,
      core: undefined,
    });
    leadStart = trailEnd;
  }
  const lineStart = Math.max(text.lastIndexOf('\n', start), text.lastIndexOf('\r', start)) + 1;
  return {
    text,
    start,
    end,
    pieces,
    headEnd,
    tail: text.slice(leadStart, end - 1),
    hasTrailingComma,
    indent: /^[ \t]*/.exec(text.slice(lineStart, start))?.[0] ?? '',
    isSpaced: spacing(text, pieces, colon),
    colon,
  };
}

function isNameAt(json: string, start: number, name: string): boolean {
  const end = start + 1 + name.length;
  if (json.charCodeAt(end) !== QUOTE || !json.startsWith(name, start + 1)) return false;
  return !name.includes('\\') && !name.includes('"');
}

function decodeKey(json: string, start: number, end: number): string {
  const inside = json.slice(start + 1, end - 1);
  return inside.includes('\\') ? (JSON.parse(json.slice(start, end)) as string) : inside;
}

/**
 * Where the comma behind the last value is, if there is one; -1 otherwise. Only comments are around
 * it.
 */
function trailingComma(text: string, start: number, end: number): number {
  for (let position = start; position < end;) {
    if (text[position] === ',') return position;
    position = text[position] === '/' ? endOfComment(text, position) : position + 1;
  }
  return -1;
}

/** The index after the comment; a line comment ends before the line's end. */
export function endOfComment(text: string, start: number): number {
  if (text[start + 1] === '*') {
    const close = text.indexOf('*/', start + 2);
    return close === -1 ? text.length : close + 2;
  }
  const rest = /[\r\n]/g;
  rest.lastIndex = start;
  return rest.exec(text)?.index ?? text.length;
}

interface RestOfLine {
  /** After the last comment, or where the line ends. */
  readonly end: number;
  /** Whether nothing else follows on the line. */
  readonly isWholeLine: boolean;
}

/** Spaces and comments from the place to the end of its line, or to the limit. */
function restOfLine(text: string, start: number, limit: number): RestOfLine {
  let end = start;
  for (let position = start; position < limit;) {
    const character = text[position];
    if (character === '\n' || character === '\r') return { end: position, isWholeLine: true };
    if (character === '/') {
      position = endOfComment(text, position);
      end = position;
    } else {
      position += 1;
    }
  }
  return { end, isWholeLine: false };
}

/** Whether the last comment of a line reaches to the end of the line. */
function endsInLineComment(text: string, start: number, end: number): boolean {
  for (let position = start; position < end;) {
    if (text[position] !== '/') position += 1;
    else if (text[position + 1] === '/') return true;
    else position = endOfComment(text, position);
  }
  return false;
}

function spacing(
  text: string,
  pieces: readonly Piece[],
  colon: string | undefined,
): boolean | undefined {
  for (const { leadStart, coreStart } of pieces.slice(1, 9)) {
    const lead = text.slice(leadStart, coreStart);
    if (!lead.includes('\n')) return /^[ \t]/.test(lead);
  }
  return colon === undefined ? undefined : /[ \t]$/.test(colon);
}

/**
 * The line end and the spaces that begin a lead's last line; `undefined` on the line of what stands
 * before.
 */
function newLineOf(lead: string): string | undefined {
  const feed = lead.lastIndexOf('\n');
  if (feed === -1) return undefined;
  const start = lead[feed - 1] === '\r' ? feed - 1 : feed;
  return lead.slice(start, feed + 1) + indentOf(lead);
}

/** The spaces that begin a lead's last line; `undefined` on the line of what stands before. */
export function indentOf(lead: string): string | undefined {
  const feed = lead.lastIndexOf('\n');
  return feed === -1 ? undefined : /^[ \t]*/.exec(lead.slice(feed + 1))?.[0];
}

/** Takes the pieces out, with their own comments. */
export function removePieces(container: Container, removed: ReadonlySet<Piece>): void {
  const left: Piece[] = [];
  /** Of those that went right before. */
  let staying = '';
  let newLine: string | undefined;
  let first: string | undefined;
  for (const piece of container.pieces) {
    if (removed.has(piece)) {
      const lead = leadOf(container, piece);
      const own = ownPart(lead);
      staying += lead.slice(0, lead.length - own.length);
      newLine ??= newLineOf(own);
      if (left.length === 0) first ??= /^[ \t]*/.exec(own)?.[0];
      continue;
    }
    if (staying !== '' || newLine !== undefined || first !== undefined) {
      const lead = leadOf(container, piece);
      const before = lead.includes('\n') ? undefined : (newLine ?? first);
      if (before !== undefined) piece.lead = staying + before + lead.trimStart();
      else if (staying !== '') piece.lead = staying + lead;
      [staying, newLine, first] = ['', undefined, undefined];
    }
    left.push(piece);
  }
  container.pieces.length = 0;
  for (const piece of left) container.pieces.push(piece);
  container.tail = staying + container.tail;
}

/**
 * The end of a lead that belongs to the piece: its line, and comments above it with no blank line
 * in between.
 */
function ownPart(lead: string): string {
  let cut = 0;
  for (let position = 0; position < lead.length;) {
    if (lead[position] === '/') {
      position = endOfComment(lead, position);
      continue;
    }
    const space = /[^/]*/y;
    space.lastIndex = position;
    const blank = space.exec(lead)?.[0] ?? '';
    const lines = [...blank.matchAll(/\r?\n/g)];
    const last = lines.at(-1);
    if (lines.length > 1 && last) cut = position + last.index;
    position += blank.length;
  }
  return lead.slice(cut);
}

/** What a new piece at the index has before it. May move what was there to a line of its own. */
export function newLead(
  container: Container,
  index: number,
  layout: Layout,
): { readonly text: string; readonly indent: string | undefined } {
  const { pieces } = container;
  const neighbour = pieces[index - 1] ?? pieces[index];
  if (neighbour === undefined) return leadOfOnly(container, layout);
  // The first one may stand beside the bracket.
  const second = index === 1 ? pieces[1] : undefined;
  const newLine =
    newLineOf(leadOf(container, neighbour)) ?? (second && newLineOf(leadOf(container, second)));
  if (newLine !== undefined) return { text: newLine, indent: newLine.replace(/^\r?\n/, '') };
  const isSpaced =
    container.isSpaced ?? (layout.isSpaced || (layout.indent !== '' && layout.base !== undefined));
  const separator = isSpaced ? ' ' : '';
  if (index > 0) return { text: separator, indent: undefined };
  const lead = leadOf(container, neighbour);
  neighbour.lead = separator + lead.trimStart();
  return { text: /^[ \t]*/.exec(lead)?.[0] ?? '', indent: undefined };
}

/** The first member of a container that has none, and perhaps comments. */
function leadOfOnly(
  container: Container,
  { base, indent, lineEnd }: Layout,
): { readonly text: string; readonly indent: string | undefined } {
  const { tail } = container;
  if (base === undefined && !tail.includes('\n')) {
    return { text: '', indent: undefined };
  }
  const inner = container.indent + (indent === '' ? '  ' : indent);
  const closing = /\r?\n[ \t]*$/.exec(tail)?.[0];
  const comments =
    closing === undefined ? tail.trimEnd() : tail.slice(0, tail.lastIndexOf(closing));
  container.tail = closing ?? lineEnd + container.indent;
  const staying = comments.trim() === '' ? '' : comments;
  return { text: staying + lineEnd + inner, indent: inner };
}

/**
 * Puts the pieces where they are after edits of values in them, and leaves them as they were read.
 */
export function movePieces(pieces: readonly Piece[], edits: readonly Edit[]): void {
  let shift = 0;
  let next = 0;
  for (const piece of pieces) {
    const coreEnd = piece.coreEnd;
    piece.leadStart += shift;
    piece.coreStart += shift;
    piece.valueStart += shift;
    for (let edit = edits[next]; edit && edit.start < coreEnd; edit = edits[next]) {
      shift += edit.text.length - (edit.end - edit.start);
      next += 1;
    }
    piece.coreEnd += shift;
    piece.trailStart += shift;
    piece.trailEnd += shift;
    piece.core = undefined;
  }
}

/**
 * The text of the container, with commas where they belong. What stays side by side is taken over
 * in one piece.
 *
 * @param first - the index of the piece with which the text is to begin, if not with the bracket
 */
export function joinPieces(container: Container, { lineEnd }: Layout, first = 0): string {
  const { text, start, end, headEnd, pieces, tail, hasTrailingComma } = container;
  const close = text.slice(end - 1, end);
  if (pieces.length === 0 && (text.slice(start + 1, headEnd) + tail).trim() === '') {
    return text.charAt(start) + close;
  }
  const made: string[] = [];
  let before = pieces[first - 1] ?? { trailStart: start + 1, trailEnd: headEnd };
  /** The part of the text that is taken over and not made yet. */
  let [from, to] = [first === 0 ? start : before.trailEnd, before.trailEnd];
  const add = (some: string): void => {
    made.push(text.slice(from, to));
    const mustBreak = endsInLineComment(text, before.trailStart, before.trailEnd);
    made.push(mustBreak && !/^[ \t]*\r?\n/.test(some) ? lineEnd + some : some);
  };
  for (let index = first; index < pieces.length; index += 1) {
    const piece = pieces[index] as Piece;
    const { lead, core, coreEnd, trailStart, trailEnd } = piece;
    const hasComma = index < pieces.length - 1 || hasTrailingComma;
    const isAsItWas = lead === undefined && core === undefined && hasComma === piece.hasComma;
    if (isAsItWas && piece.leadStart === to) {
      to = trailEnd;
      before = piece;
      continue;
    }
    add(leadOf(container, piece));
    made.push(core ?? text.slice(piece.coreStart, coreEnd));
    if (piece.hasComma) made.push(text.slice(coreEnd, trailStart - 1));
    if (hasComma) made.push(',');
    [from, to] = [trailStart, trailEnd];
    before = piece;
  }
  add(tail);
  return made.join('') + close;
}
