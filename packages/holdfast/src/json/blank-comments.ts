/**
 * JSONC is JSON with comments and with a comma behind the last member (as VS Code, TypeScript and
 * others read it). Both are replaced by spaces, one for each character, so that what remains is
 * JSON, and every place in it is the same place in the text.
 */
import { endOfComment } from './pieces.js';
import { endOfString } from './places.js';

/**
 * A comment without an end, and a comma that follows nothing, stay: they are errors of the JSON.
 */
export function blankComments(text: string): string {
  const blanks: [start: number, end: number][] = [];
  /** Where a comma is of which it is not known yet whether something follows it. */
  let comma = -1;
  let isAfterValue = false;
  for (let position = 0; position < text.length;) {
    const character = text.charAt(position);
    if (/\s/.test(character)) {
      position += 1;
      continue;
    }
    const commentEnd = character === '/' ? endOfWholeComment(text, position) : undefined;
    if (commentEnd !== undefined) {
      blanks.push([position, commentEnd]);
      position = commentEnd;
      continue;
    }
    if (comma >= 0 && (character === '}' || character === ']')) blanks.push([comma, comma + 1]);
    comma = character === ',' && isAfterValue ? position : -1;
    isAfterValue = !'{[,:'.includes(character);
    const end = character === '"' ? endOfString(text, position) : position + 1;
    position = end > position ? end : text.length;
  }
  return withBlanks(
    text,
    blanks.toSorted(([a], [b]) => a - b),
  );
}

function withBlanks(text: string, blanks: readonly (readonly [number, number])[]): string {
  let made = '';
  let taken = 0;
  for (const [start, end] of blanks) {
    made += text.slice(taken, start) + text.slice(start, end).replaceAll(/[^\r\n]/g, ' ');
    taken = end;
  }
  return made + text.slice(taken);
}

function endOfWholeComment(text: string, start: number): number | undefined {
  const next = text[start + 1];
  if (next === '/') return endOfComment(text, start);
  const close = next === '*' ? text.indexOf('*/', start + 2) : -1;
  return close === -1 ? undefined : close + 2;
}
