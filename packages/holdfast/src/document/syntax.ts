/**
 * What the machinery of updates (commit-group.ts) asks of a kind of document: JSON, another format
 * of text, or a file of which only its bytes are known. The machinery has the lock, the group and
 * the disk; a syntax has the content.
 */
import type { Buffer } from 'node:buffer';

/** How a document is opened. A syntax reads those of the options that it knows. */
export interface OpenOptions {
  readonly indent?: number | string | undefined;
}

/**
 * A document while it is being updated. Each updater gets a value of its own, and only a value that
 * passed every check becomes the new content: nothing that an updater does to its value before it
 * fails, or after it has finished, can reach the file or another updater.
 */
export interface Document {
  readonly path: string;
  /** False while there is no document yet. */
  readonly exists: boolean;
  /** Whether the content is another than the one found. */
  readonly isChanged: boolean;
  /** A value that nobody else has. */
  takeValue(initial: unknown): unknown;
  /**
   * Makes a value the new content.
   *
   * @returns what reading the document back would give, which belongs to the caller alone
   * @throws HoldfastError UNREPRESENTABLE for what the syntax would drop or change
   */
  accept(value: unknown): unknown;
  /** Whether a value that was taken for an updater is no longer what it was. */
  isAltered(taken: unknown, initial: unknown): boolean;
  /** The bytes of the content, which must be there. */
  encode(): Buffer;
  /**
   * The document as its own bytes, now on disk, would be opened; `undefined` when they have to be
   * opened for that.
   */
  reopen?(options: OpenOptions): Document;
  /** Called when the document was written, while nothing waits for it. */
  prepare?(): void;
}

export interface Syntax {
  /** The name of the format in messages. */
  readonly name: string;
  /** The call that updates such a document. */
  readonly call: string;
  /** The value of a document that is not there, unless the caller names one. */
  readonly initial: unknown;
  /**
   * @param bytes - `undefined` when there is no file
   * @throws HoldfastError CORRUPT_DOCUMENT; UNREPRESENTABLE for what reading would lose
   */
  open(path: string, bytes: Buffer | undefined, options: OpenOptions): Document;
}
