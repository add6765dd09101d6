/** Reads a document from disk, as strictly as a program must that is going to write it again. */
import { isDeepStrictEqual } from 'node:util';
import { isHoldfastError } from '../errors.js';
import { resolveTarget } from '../file/resolve-target.js';
import type { Fs } from '../os/fs.js';
import { decodeText } from './decode.js';
import { Document } from './document.js';
import { defaultFormat, detectFormat, type JsonFormat } from './format.js';
import { layoutOfOwn } from './last-written.js';
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
 * @throws HoldfastError CORRUPT_DOCUMENT with line and column; UNREPRESENTABLE for what reading would lose;
 *   UNSUPPORTED_TARGET; NOT_FOUND when the directory is missing; IO
 */
export async function loadDocument(
  fs: Fs,
  path: string,
  options: LoadOptions,
): Promise<LoadedDocument> {
  const target = await resolveTarget(fs, path);
  const bytes = target.existing && (await readBytes(fs, target.path));
  const isMissing = bytes === undefined || bytes.length === 0;
  try {
    const { text, hasByteOrderMark } = isMissing
      ? { text: '', hasByteOrderMark: false }
      : decodeText(bytes, target.path);
    const format = withIndent(detectFormat(text, hasByteOrderMark), options.indent);
    return { document: parsed(fs, target.path, format, text), isCorrupt: false };
  } catch (error) {
    if (options.onCorrupt !== 'quarantine' || !isHoldfastError(error, 'CORRUPT_DOCUMENT')) {
      throw error;
    }
    const format = withIndent(defaultFormat, options.indent);
    return { document: new Document(target.path, format, undefined), isCorrupt: true };
  }
}

function parsed(fs: Fs, path: string, format: JsonFormat, text: string): Document {
  if (text === '') return new Document(path, format, undefined);
  const layout = layoutOfOwn(fs, path, text);
  const value: unknown = layout ? JSON.parse(text) : parseDocument(text, path);
  const isCanonical = layout !== undefined && isDeepStrictEqual(layout, format);
  return new Document(path, format, { text, value, isCanonical });
}

function withIndent(format: JsonFormat, indent: number | string | undefined): JsonFormat {
  if (indent === undefined) return format;
  const text = typeof indent === 'number' ? ' '.repeat(indent) : indent;
  return { ...format, indent: text, isSpaced: text === '' && format.isSpaced };
}
