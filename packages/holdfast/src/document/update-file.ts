/**
 * Reads any file, lets a function change its content and writes it back, so that no change of
 * anybody is lost: what `updateJson` does, for a content that Holdfast does not look into.
 */
import { types } from 'node:util';
import { Buffer, isUtf8 } from 'node:buffer';
import { HoldfastError } from '../errors.js';
import { invalidArgument } from '../options.js';
import { encodeString } from '../stage/file-data.js';
import { updateDocument } from './document-updates.js';
import type { Document, Syntax } from './syntax.js';
import {
  bytesOptionNames,
  checkUpdateArguments,
  type UpdateCall,
  type UpdateOptions,
  type Updater,
} from './update-options.js';

/**
 * What an updater of a file may return: the new content, or nothing for the one that it was given.
 */
export type FileContent = string | Uint8Array;

/** How a file is updated. */
export interface UpdateFileOptions extends Pick<
  UpdateOptions<FileContent>,
  Exclude<(typeof bytesOptionNames)[number], 'initial'>
> {
  /** `utf8`: the updater gets text, and the call resolves to text. Without it: bytes. */
  readonly encoding?: 'utf8' | undefined;
  /** The content of a file that is not there; empty by default. */
  readonly initial?: FileContent | undefined;
}

const fileCall: UpdateCall = { call: 'updateFile', names: ['encoding', ...bytesOptionNames] };

/** The present content to the new one; it may be async, and runs under the file's lock. */
export type FileUpdater<Content> = (
  content: Content,
) => FileContent | void | Promise<FileContent | void>;

/**
 * Updates a file under its lock (`<path>.lock`), whatever it holds, and resolves to its new
 * content.
 *
 * The updater gets the content, as bytes or with `encoding: 'utf8'` as text, and returns the new
 * one; when it returns nothing, the bytes that it was given are the new content, as it left them. A
 * file that is missing is empty, or `initial`; missing directories are made. Calls of one process
 * share commits, and a file that is not changed is not written, as in `updateJson`.
 *
 * After success the content is on disk and survives a power loss (`durability: 'durable'`). After a
 * failure of this call the file is as if it had not been made. Nothing of the content is looked at:
 * an empty file is content like any other.
 *
 * Not promised: protection from programs that write the file without taking the lock.
 *
 * @throws HoldfastError UPDATER_FAILED; CORRUPT_DOCUMENT when text is asked for and the file is not
 *   UTF-8; UNREPRESENTABLE for half a surrogate pair; LOCK_TIMEOUT; LOCK_NESTED; LOCK_LOST;
 *   ABORTED; INVALID_ARGUMENT; and those of `replaceFile`
 */
export async function updateFile(
  path: string,
  updater: FileUpdater<string>,
  options: UpdateFileOptions & { readonly encoding: 'utf8' },
): Promise<string>;
export async function updateFile(
  path: string,
  updater: FileUpdater<Buffer>,
  options?: UpdateFileOptions & { readonly encoding?: undefined },
): Promise<Buffer>;
export async function updateFile(
  path: string,
  updater: FileUpdater<string> | FileUpdater<Buffer>,
  options: UpdateFileOptions = {},
): Promise<string | Buffer> {
  checkFileUpdate(fileCall, path, updater, options);
  const { encoding, ...rest } = options;
  return updateDocument(
    fileSyntax(encoding),
    path,
    updater as Updater<FileContent>,
    rest,
  ) as Promise<string | Buffer>;
}

export function checkFileUpdate(
  { call, names }: UpdateCall,
  path: string,
  updater: unknown,
  options: UpdateFileOptions,
): void {
  checkUpdateArguments({ call, names }, path, updater, options);
  const { encoding, initial } = options;
  if (encoding !== undefined && encoding !== 'utf8') {
    throw invalidArgument(call, `encoding is 'utf8', not '${String(encoding)}'`, path);
  }
  if (initial !== undefined && !isContent(initial)) {
    throw invalidArgument(call, 'initial is a string or bytes', path);
  }
}

export function fileSyntax(encoding: 'utf8' | undefined): Syntax {
  return encoding === 'utf8' ? textFile : bytesFile;
}

const bytesFile: Syntax = {
  name: 'a file',
  call: 'updateFile',
  initial: '',
  open: (path, bytes) => new FileDocument(path, bytes, (content) => content),
};

const textFile: Syntax = {
  ...bytesFile,
  open(path, bytes) {
    if (bytes && !isUtf8(bytes)) throw notText(path);
    return new FileDocument(path, bytes, (content) => content.toString('utf8'));
  },
};

class FileDocument implements Document {
  readonly path: string;
  readonly #found: Buffer | undefined;
  readonly #give: (content: Buffer) => Buffer | string;
  #content: Buffer | undefined;

  constructor(path: string, found: Buffer | undefined, give: (content: Buffer) => Buffer | string) {
    this.path = path;
    this.#found = found;
    this.#give = give;
    this.#content = found;
  }

  get exists(): boolean {
    return this.#content !== undefined;
  }

  get isChanged(): boolean {
    if (this.#content === undefined) return false;
    return this.#found === undefined || !this.#content.equals(this.#found);
  }

  takeValue(initial: unknown): unknown {
    return this.#give(Buffer.from(this.#content ?? bytesOf(initial as FileContent, this.path)));
  }

  accept(value: unknown): unknown {
    if (!isContent(value)) {
      const what = value === null ? 'null' : `a ${typeof value}`;
      throw invalidArgument(
        'updateFile',
        `the updater returned ${what}, no text or bytes`,
        this.path,
      );
    }
    this.#content = bytesOf(value, this.path);
    return this.takeValue(undefined);
  }

  isAltered(): boolean {
    return false;
  }

  encode(): Buffer {
    return this.#content as Buffer;
  }
}

function isContent(value: unknown): value is FileContent {
  return typeof value === 'string' || types.isUint8Array(value);
}

/** A copy, which nobody else can change. */
function bytesOf(content: FileContent, path: string): Buffer {
  return typeof content === 'string' ? encodeString(content, path) : Buffer.from(content);
}

function notText(path: string): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: 'It is not UTF-8 text. Repair the file, or ask for its bytes.',
    step: 'read',
    path,
  });
}
