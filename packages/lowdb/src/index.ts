/**
 * `@holdfast/lowdb`: adapters for lowdb with the names of those in `lowdb/node`, so that one line
 * of a program changes: the import. What they write is durable when the call returns; a full disk
 * is an error, and the old file stays; mode, owner, extended attributes and a symlink at the path
 * are kept; the temporary file of a killed process is removed by the next write.
 *
 * Not promised: lowdb reads once and writes all that it has, so what another process has written
 * meanwhile is replaced. For several writers there is `updateJson` of Holdfast.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import writeFileAtomic from '@holdfast/write-file-atomic';

/** Text in a file, for `Low`. */
export class TextFile {
  readonly #path: string;

  /** @param filename - a path, or a URL `file:`; its folder must exist */
  constructor(filename: string | URL) {
    this.#path = pathOf(filename);
  }

  /**
   * The text; `null` when there is no file.
   *
   * @throws Error with the `code` of a system call
   */
  async read(): Promise<string | null> {
    return readFile(this.#path, 'utf8').catch(nullIfMissing);
  }

  /**
   * Replaces the file whole; calls of this process are made in order. After a failure the old file
   * is as it was, unless the error's `cause.outcome` says otherwise.
   *
   * @throws Error with the `code` of a system call
   */
  async write(text: string): Promise<void> {
    await writeFileAtomic(this.#path, text);
  }
}

/** Text in a file, for `LowSync`. */
export class TextFileSync {
  readonly #path: string;

  /** @param filename - a path, or a URL `file:`; its folder must exist */
  constructor(filename: string | URL) {
    this.#path = pathOf(filename);
  }

  /** As that of {@link TextFile}, at once. */
  read(): string | null {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      return nullIfMissing(error);
    }
  }

  /** As that of {@link TextFile}, at once. */
  write(text: string): void {
    writeFileAtomic.sync(this.#path, text);
  }
}

/** A value as JSON in a file, with two spaces, for `Low`. */
export class JSONFile<T> {
  readonly #text: TextFile;

  /** @param filename - a path, or a URL `file:`; its folder must exist */
  constructor(filename: string | URL) {
    this.#text = new TextFile(filename);
  }

  /**
   * The value; `null` when there is no file.
   *
   * @throws SyntaxError when the file is no JSON; Error with the `code` of a system call
   */
  async read(): Promise<T | null> {
    return parsed(await this.#text.read()) as T | null;
  }

  /** Replaces the file whole, as {@link TextFile} does. */
  async write(value: T): Promise<void> {
    await this.#text.write(JSON.stringify(value, null, 2));
  }
}

/** A value as JSON in a file, with two spaces, for `LowSync`. */
export class JSONFileSync<T> {
  readonly #text: TextFileSync;

  /** @param filename - a path, or a URL `file:`; its folder must exist */
  constructor(filename: string | URL) {
    this.#text = new TextFileSync(filename);
  }

  /** As that of {@link JSONFile}, at once. */
  read(): T | null {
    return parsed(this.#text.read()) as T | null;
  }

  /** As that of {@link JSONFile}, at once. */
  write(value: T): void {
    this.#text.write(JSON.stringify(value, null, 2));
  }
}

function pathOf(filename: string | URL): string {
  return typeof filename === 'string' ? filename : fileURLToPath(filename);
}

function nullIfMissing(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw error;
}

function parsed(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}
