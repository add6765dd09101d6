/**
 * JSON Lines: one JSON object a line. JSON itself escapes line feeds, carriage returns and NULs;
 * the other characters that some programs take for line ends (U+0085, U+2028, U+2029) are escaped
 * too, so that a line is one for everybody.
 *
 * Records are objects, never bare numbers or strings: a beginning of an object is never an object,
 * so a last line without its line feed shows whether it is whole, while `12` may be the beginning
 * of `123`.
 */
import { isPlainObject } from '../document/plain-data.js';
import { checkValue } from '../json/check.js';
import { parseText } from '../json/parse-text.js';
import { readByteOrderMark } from './byte-order-mark.js';
import { DamagedLine, type LogFormat, type LogRecord, type PreparedRecords } from './log-format.js';
import { notARecord, unrepresentable } from './record-errors.js';
import { salvageJson } from './salvage-json.js';

const otherLineBreaks = /[\u0085\u2028\u2029]/g;

export const jsonLines: LogFormat = {
  name: 'jsonl',
  prepare,
  async readHead(file, endBytes) {
    return { format: 'jsonl', sizeBytes: await readByteOrderMark(file, endBytes) };
  },
  newHead(_records, offsetBytes) {
    return { head: { format: 'jsonl', sizeBytes: offsetBytes }, text: '' };
  },
  decode(lines) {
    return lines.map(decodeLine);
  },
  isWhole,
  salvage: (line, hasLineEnd) => salvageJson(line, hasLineEnd, isWhole),
  isWholeHead() {
    return false;
  },
};

function isWhole(line: string): boolean {
  return !(decodeLine(line) instanceof DamagedLine);
}

function prepare(records: Iterable<object>, path: string): PreparedRecords {
  let count = 0;
  let text = '';
  for (const record of records) {
    text += encodeLine(record, count, path);
    count += 1;
  }
  return { count, fieldNames: [], encode: () => text };
}

function encodeLine(record: object, index: number, path: string): string {
  const { loss } = isPlainObject(record) ? checkValue(record, 'exact') : notARecord;
  if (loss) throw unrepresentable(path, index, loss);
  return `${JSON.stringify(record).replace(otherLineBreaks, escapeCharacter)}\n`;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function decodeLine(line: string): LogRecord | DamagedLine {
  try {
    const value: unknown = parseText(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as LogRecord;
    }
    return new DamagedLine('it is JSON, but not an object');
  } catch (error) {
    return new DamagedLine((error as Error).message);
  }
}
