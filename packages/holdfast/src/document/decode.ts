/**
 * From the bytes of a file to the text of a document, and back. A document is UTF-8 (RFC 8259
 * section 8.1, and every other format here).
 */
import { Buffer, constants, isAscii, isUtf8 } from 'node:buffer';
import { HoldfastError } from '../errors.js';

export const BYTE_ORDER_MARK: Buffer = Buffer.from([0xef, 0xbb, 0xbf]);
const LINE_FEED = 0x0a;

interface DecodedText {
  readonly text: string;
  readonly hasByteOrderMark: boolean;
}

/**
 * The text, without its byte order mark.
 *
 * @throws HoldfastError CORRUPT_DOCUMENT for bytes that are not UTF-8: replacing them would lose
 *   them; UNREPRESENTABLE for more than a JavaScript string holds (half a gigabyte)
 */
export function decodeText(bytes: Buffer, path: string, syntax = 'JSON'): DecodedText {
  const hasByteOrderMark = bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const content = hasByteOrderMark ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes;
  if (content.length > constants.MAX_STRING_LENGTH) throw tooLarge(content.length, path);
  // A string of one byte per character takes half the memory, and ASCII is the same in Latin-1.
  if (isAscii(content)) return { text: content.toString('latin1'), hasByteOrderMark };
  if (!isUtf8(content)) throw notUtf8(content, path, syntax);
  return { text: content.toString('utf8'), hasByteOrderMark };
}

export function encodeText(text: string, hasByteOrderMark: boolean): Buffer {
  const encoding = Buffer.byteLength(text) === text.length ? 'latin1' : 'utf8';
  const content = Buffer.from(text, encoding);
  return hasByteOrderMark ? Buffer.concat([BYTE_ORDER_MARK, content]) : content;
}

function notUtf8(bytes: Buffer, path: string, syntax: string): HoldfastError {
  let line = 1;
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) break;
    line += 1;
    start = end + 1;
  }
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: `It is not ${syntax}: line ${line} is not UTF-8 text. Repair the file or restore it.`,
    step: 'parse',
    path,
  });
}

function tooLarge(sizeBytes: number, path: string): HoldfastError {
  return new HoldfastError('UNREPRESENTABLE', {
    message:
      `It has ${sizeBytes} bytes, more than a JavaScript string can hold (${constants.MAX_STRING_LENGTH}). Divide it into ` +
      'several documents, or keep its parts as records of a log, which are read one by one.',
    step: 'parse',
    path,
  });
}
