/**
 * How a document is laid out. An update keeps what it found: byte order mark, indentation, line
 * ends, final newline, and the spaced one-line form of Python's `json.dump`, so that programs which
 * share a file do not fight about it.
 */

export interface JsonFormat {
  /** Whether the file begins with the UTF-8 byte order mark. */
  readonly hasByteOrderMark: boolean;
  /** What one level is indented by; `''` puts the document on one line. */
  readonly indent: string;
  /** On one line: `{"a": 1, "b": 2}` rather than `{"a":1,"b":2}`. */
  readonly isSpaced: boolean;
  readonly lineEnd: '\n' | '\r\n';
  readonly endsWithNewline: boolean;
}

/** What a new document looks like. */
const defaultFormat: JsonFormat = {
  hasByteOrderMark: false,
  indent: '  ',
  isSpaced: false,
  lineEnd: '\n',
  endsWithNewline: true,
};

/** The longest indentation that `JSON.stringify` makes. */
const LONGEST_INDENT = 10;

/**
 * The layout of a document's text (without byte order mark); what the text does not show is as in a
 * new document.
 */
export function detectFormat(text: string, hasByteOrderMark: boolean): JsonFormat {
  const opening = /^\s*[[{]([\r\n]+([ \t]*))?(?![\s\]}])/.exec(text);
  return {
    hasByteOrderMark,
    indent: opening ? (opening[2] ?? '') : defaultFormat.indent,
    isSpaced: opening !== null && opening[1] === undefined && isSpaced(text),
    lineEnd: text[text.indexOf('\n') - 1] === '\r' ? '\r\n' : '\n',
    endsWithNewline: text === '' ? defaultFormat.endsWithNewline : /[\r\n]$/.test(text.slice(-1)),
  };
}

/** The layout, with the indentation that a caller asks for. */
export function withIndent(format: JsonFormat, indent: number | string | undefined): JsonFormat {
  if (indent === undefined) return format;
  const text = typeof indent === 'number' ? ' '.repeat(indent) : indent;
  return { ...format, indent: text, isSpaced: text === '' && format.isSpaced };
}

/** The text of a value, as the layout wants it. The value must have passed checkValue. */
export function formatDocument(value: unknown, format: JsonFormat): string {
  const body = format.indent === '' ? onOneLine(value, format.isSpaced) : indented(value, format);
  return body + endOf(format);
}

function endOf({ endsWithNewline, lineEnd }: JsonFormat): string {
  return endsWithNewline ? lineEnd : '';
}

// Inside the strings of JSON a line feed or a tab is always escaped, so bare ones are layout and
// can be replaced.

function onOneLine(value: unknown, spaced: boolean): string {
  if (!spaced) return JSON.stringify(value);
  return JSON.stringify(value, null, '\t').replace(/(,?)\n\t*/g, (_, comma) => (comma ? ', ' : ''));
}

function indented(value: unknown, { indent, lineEnd }: JsonFormat): string {
  const long = indent.length > LONGEST_INDENT;
  const text = JSON.stringify(value, null, long ? '\t' : indent);
  const wide = long ? text.replaceAll('\t', indent) : text;
  return lineEnd === '\n' ? wide : wide.replaceAll('\n', lineEnd);
}

/** Whether a document on one line has a space after its first colon or comma outside a string. */
function isSpaced(text: string): boolean {
  const separator = /^\s*[[{](?:"(?:[^"\\]|\\.)*"|[^",:])*[,:](.?)/.exec(text.slice(0, 4096));
  return separator?.[1] === ' ';
}
