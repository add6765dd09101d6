/** Reads a document from disk, as strictly as a program must that is going to write it again. */
import type { Buffer } from 'node:buffer';
import { isHoldfastError } from '../errors.js';
import type { ResolvedName } from '../lock/follow-symlinks.js';
import type { Fs } from '../os/fs.js';
import { decodeText } from './decode.js';
import { Document, textOf } from './document.js';
import { defaultFormat, detectFormat, isSameFormat, type JsonFormat } from './format.js';
import { writtenLast, type WrittenDocument } from './last-written.js';
import { parseDocument } from './parse.js';
import { readBytes } from './read-bytes.js';

export interface LoadOptions {
  readonly indent?: number | string | undefined;
  readonly onCorrupt?: 'error' | 'quarantine' | undefined;
}

export interface LoadedDocument {
  readonly document: Document;
  /** Whether the file on disk is not JSON, and `document` an empty one that may take its place. */
  readonly isCorrupt: boolean;
}

/**
 * @param target - what the path leads to
 * @throws HoldfastError CORRUPT_DOCUMENT with line and column; UNREPRESENTABLE for what reading would lose; IO
 */
export async function loadDocument(
  fs: Fs,
  { path, existing }: ResolvedName,
  options: LoadOptions,
): Promise<LoadedDocument> {
  const own = writtenLast(fs, path);
  const bytes = existing && (await readBytes(fs, path, own?.bytes));
  if (own && bytes === own.bytes) return { document: loadOwn(own, options), isCorrupt: false };
  try {
    return { document: loadForeign(path, bytes, options), isCorrupt: false };
  } catch (error) {
    if (options.onCorrupt !== 'quarantine' || !isHoldfastError(error, 'CORRUPT_DOCUMENT')) {
      throw error;
    }
    const format = withIndent(defaultFormat, options.indent);
    return { document: new Document(path, format, undefined), isCorrupt: true };
  }
}

/** A document as this process left it: nothing in it is lost by reading. */
function loadOwn(own: WrittenDocument, { indent }: LoadOptions): Document {
  const { path } = own;
  const format = withIndent(own.shownFormat, indent);
  const value = own.takeValue();
  const content = isSameFormat(own.format, format) ? own.content : textOf(own.content);
  return new Document(path, format, { content, value, written: own });
}

function loadForeign(path: string, bytes: Buffer | undefined, { indent }: LoadOptions): Document {
  const isMissing = bytes === undefined || bytes.length === 0;
  const { text, hasByteOrderMark } = isMissing
    ? { text: '', hasByteOrderMark: false }
    : decodeText(bytes, path);
  const format = withIndent(detectFormat(text, hasByteOrderMark), indent);
  if (text === '') return new Document(path, format, undefined);
  const value = parseDocument(text, path);
  return new Document(path, format, { content: text, value, written: undefined });
}

function withIndent(format: JsonFormat, indent: number | string | undefined): JsonFormat {
  if (indent === undefined) return format;
  const text = typeof indent === 'number' ? ' '.repeat(indent) : indent;
  return { ...format, indent: text, isSpaced: text === '' && format.isSpaced };
}
