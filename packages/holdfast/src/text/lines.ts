/** Lines of a text in which `#` begins a comment: which of them belong to a statement. */

/** The line end that the text has, and a new one gets. */
export function lineEndOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? '\n';
}

/** Where the line of the place begins. */
export function startOfLine(text: string, place: number): number {
  return place === 0 ? 0 : text.lastIndexOf('\n', place - 1) + 1;
}

/** Behind the line end after the place, or the end of the text. */
export function endOfLine(text: string, place: number): number {
  const lineEnd = text.indexOf('\n', place);
  return lineEnd === -1 ? text.length : lineEnd + 1;
}

/** The spaces that the line of the place begins with. */
export function indentAt(text: string, place: number): string {
  return /^[ \t]*/.exec(text.slice(startOfLine(text, place), place))?.[0] ?? '';
}

/**
 * Where what belongs to a statement begins: its line, and the lines of comment right above it. A
 * comment that a blank line parts from the statement is nobody's.
 *
 * @param floor - where what stands before the statement ends; no line of it is looked at
 */
export function ownStart(text: string, statement: number, floor: number): number {
  let start = startOfLine(text, statement);
  while (start > floor) {
    const above = startOfLine(text, start - 1);
    if (above < floor || !/^[ \t]*#/.test(text.slice(above, start))) break;
    start = above;
  }
  return Math.max(start, floor);
}

/** The lines, each with its line end, below a text that may lack one at its end. */
export function linesBelow(text: string, place: number, lines: string): string {
  const lineEnd = lineEndOf(text);
  if (place === 0 || text[place - 1] === '\n') return lines;
  return lineEnd + lines.slice(0, -lineEnd.length);
}
