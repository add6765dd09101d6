/** The text of a value that is new in a document. */
import type { JsonValue } from './json-value.js';

/** How a new value is laid out. */
export interface Layout {
  /** What one level is indented by; where the document shows none, two spaces. */
  readonly indent: string;
  readonly lineEnd: '\n' | '\r\n';
  /** The indentation of the line where the value begins; `undefined` puts it on one line. */
  readonly base: string | undefined;
  /** On one line: `{"a": 1, "b": 2}` rather than `{"a":1,"b":2}`. */
  readonly isSpaced: boolean;
}

// Inside the strings of JSON a line feed or a tab is always escaped, so bare ones are layout and
// can be replaced.

/** The value must be plain data. */
export function formatValue(value: JsonValue, { indent, lineEnd, base, isSpaced }: Layout): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (base === undefined) return isSpaced ? onOneLine(value) : JSON.stringify(value);
  const unit = indent === '' ? '  ' : indent;
  return JSON.stringify(value, null, '\t').replaceAll(
    /\n(\t*)/g,
    (_, tabs: string) => lineEnd + base + unit.repeat(tabs.length),
  );
}

/** As Python's `json.dump` writes it. */
export function onOneLine(value: unknown): string {
  return JSON.stringify(value, null, '\t').replace(/(,?)\n\t*/g, (_, comma) => (comma ? ', ' : ''));
}
