/** Replacements in a text. What lies outside of them stays to the byte. */

/** One replacement; an insertion where start and end are the same. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The part of the text from `start` to `end`, with the edits made. Those at one place are made in
 * the order of the list.
 */
export function applyEdits(
  text: string,
  edits: readonly Edit[],
  start = 0,
  end: number = text.length,
): string {
  let made = '';
  let position = start;
  for (const edit of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (edit.start < position) throw new Error('two edits of a text overlap');
    made += text.slice(position, edit.start) + edit.text;
    position = edit.end;
  }
  return made + text.slice(position, end);
}
