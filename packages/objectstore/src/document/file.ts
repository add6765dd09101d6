/** Objects of which only the bytes are known. */
import { checkOptions, invalidArgument } from 'holdfast/options';
import { types } from 'node:util';
import { checkUpdater, fileSyntax } from 'holdfast/syntaxes';
import { parseS3Url } from '../s3-url.js';
import { updateObject } from './object-queue.js';
import { accessNames, accessOf, type ObjectAccess } from './object-options.js';

/**
 * What an updater of a file may return: the new content, or nothing for the one that it was given.
 */
export type FileContent = string | Uint8Array;

/** The present content to the new one. It may be async, and **may be called several times**. */
export type FileUpdater<Content> = (
  content: Content,
) => FileContent | void | Promise<FileContent | void>;

/** How an object of any kind is updated. */
export interface UpdateFileOptions extends ObjectAccess {
  /** `utf8`: the updater gets text, and the call resolves to text. Without it: bytes. */
  readonly encoding?: 'utf8' | undefined;
  /** The content of an object that is not there; empty by default. */
  readonly initial?: FileContent | undefined;
  /** The `Content-Type` of an object that is made; one that is there keeps its own. */
  readonly contentType?: string | undefined;
}

/**
 * Updates an object, whatever it holds, as `updateJson` does a document, and resolves to its new
 * content.
 *
 * Nothing is added to the bytes. So they may come back, and with them a request whose answer was
 * lost: when another writer was faster than the call could find out, it ends with the outcome
 * `unknown`, where `updateJson` goes on.
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError UPDATER_FAILED; CORRUPT_DOCUMENT when text is asked for and the object is
 *   not UTF-8; and those of `updateJson`
 */
export async function updateFile(
  url: string,
  updater: FileUpdater<string>,
  options: UpdateFileOptions & { readonly encoding: 'utf8' },
): Promise<string>;
export async function updateFile(
  url: string,
  updater: FileUpdater<Buffer>,
  options?: UpdateFileOptions & { readonly encoding?: undefined },
): Promise<Buffer>;
export async function updateFile(
  url: string,
  updater: FileUpdater<string> | FileUpdater<Buffer>,
  options: UpdateFileOptions = {},
): Promise<string | Buffer> {
  const names = [...accessNames, 'encoding', 'initial', 'contentType'] as const;
  checkOptions('updateFile', options, names);
  checkUpdater('updateFile', url, updater, {});
  const { encoding, initial, contentType, signal } = options;
  if (encoding !== undefined && encoding !== 'utf8')
    throw invalidArgument('updateFile', `encoding is 'utf8', not '${String(encoding)}'`, url);
  if (initial !== undefined && typeof initial !== 'string' && !types.isUint8Array(initial))
    throw invalidArgument('updateFile', 'initial is a string or bytes', url);
  const name = parseS3Url('updateFile', url);
  const { store, timeoutMs } = accessOf('updateFile', options);
  const syntax = fileSyntax(encoding);
  const request = { syntax, nonce: 'none', contentType, initial, timeoutMs, signal } as const;
  return updateObject(store, name, updater, request) as Promise<string | Buffer>;
}
