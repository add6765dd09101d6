/**
 * The document that this process wrote last. Found byte for byte as it was written, it need not be
 * decoded and searched for losses again. Only the bytes tell: a file's times and size may stay as
 * they are when its content changes.
 */
import type { Buffer } from 'node:buffer';
import type { Fs } from '../os/fs.js';
import type { Document, Syntax } from './syntax.js';

/**
 * Documents that are longer are not kept: they would hold the memory for a gain that is spent
 * rarely.
 */
const LONGEST_BYTES = 16 * 1024 * 1024;

interface WrittenDocument {
  readonly syntax: Syntax;
  readonly document: Document;
  readonly bytes: Buffer;
}

const lastWritten = new WeakMap<Fs, WrittenDocument>();

export function rememberWritten(fs: Fs, written: WrittenDocument): void {
  const { document, bytes } = written;
  if (document.reopen !== undefined && bytes.length <= LONGEST_BYTES) lastWritten.set(fs, written);
  else lastWritten.delete(fs);
}

/** What this process wrote last, if it wrote to this path, and in this syntax. */
export function writtenLast(fs: Fs, path: string, syntax: Syntax): WrittenDocument | undefined {
  const written = lastWritten.get(fs);
  return written?.document.path === path && written.syntax === syntax ? written : undefined;
}
