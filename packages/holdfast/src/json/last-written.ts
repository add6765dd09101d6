/**
 * The document that this process wrote last. Found byte for byte as it was written, it need not be decoded, searched
 * for losses or looked through for a layout, and any difference to its text is a change of content. Only the bytes tell:
 * a file's times and size may stay as they are when its content changes.
 */
import type { Fs } from '../os/fs.js';
import { inMembers, textOf, valueOf, type Content, type Document } from './document.js';
import { detectFormat, type JsonFormat } from './format.js';

/** Documents that are longer are not kept: they would hold the memory for a gain that is spent rarely. */
const LONGEST_BYTES = 16 * 1024 * 1024;

export class WrittenDocument {
  readonly path: string;
  readonly bytes: Buffer;
  /** The layout that it was written in. */
  readonly format: JsonFormat;
  /** Whether it was made of one that this process had written too. */
  readonly #isInRun: boolean;
  #content: Content;
  #prepared: { readonly value: unknown } | undefined;
  #isTaken = false;

  /** @param document - what is to be written, with a content */
  constructor(document: Document) {
    this.path = document.path;
    this.bytes = document.encode();
    this.format = document.format;
    this.#isInRun = document.isOwn;
    this.#content = document.content as Content;
  }

  get content(): Content {
    return this.#content;
  }

  /** The layout that the text shows to who reads it; that of an empty object is none. */
  get shownFormat(): JsonFormat {
    const content = this.#content;
    if (typeof content !== 'string' && !content.isEmpty) return this.format;
    return detectFormat(textOf(content), this.format.hasByteOrderMark);
  }

  /**
   * Who found its own document is in a run of updates, and will need a value of this one too: it is made as soon as the
   * event loop is idle, which it is while the disk is syncing.
   */
  prepareWhenIdle(): void {
    if (!this.#isInRun) return;
    setImmediate(() => {
      if (!this.#isTaken) this.#prepared = { value: this.#makeValue() };
    });
  }

  /** The document's value, of which the caller is the only owner. */
  takeValue(): unknown {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    this.#isTaken = true;
    return prepared ? prepared.value : this.#makeValue();
  }

  #makeValue(): unknown {
    if (this.#isInRun) this.#content = inMembers(this.#content, this.format);
    return valueOf(this.#content);
  }
}

const lastWritten = new WeakMap<Fs, WrittenDocument>();

export function rememberWritten(fs: Fs, written: WrittenDocument): void {
  if (written.bytes.length <= LONGEST_BYTES) lastWritten.set(fs, written);
  else lastWritten.delete(fs);
}

/** What this process wrote last, if it wrote to this path. */
export function writtenLast(fs: Fs, path: string): WrittenDocument | undefined {
  const written = lastWritten.get(fs);
  return written?.path === path ? written : undefined;
}
