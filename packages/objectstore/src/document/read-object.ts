/** Reads a document from a store: one request, which is made again when no whole answer comes. */
import { Buffer } from 'node:buffer';
import { HoldfastError } from 'holdfast';
import { validate, type Syntax } from 'holdfast/syntaxes';
import { parseS3Url } from '../s3-url.js';
import { readObject } from './commit-object.js';
import { withoutNonce, type NonceKind } from './nonce.js';
import { accessOf, type ReadObjectOptions } from './object-options.js';
import { machineTiming } from './timing.js';

/** What a format of documents is called, and how it is read. */
export interface ObjectFormat {
  readonly syntax: Syntax;
  readonly nonce: NonceKind;
  readonly contentType: string;
}

/** What a reader of documents does, on behalf of `call`. */
export async function readDocument<T>(
  { syntax, nonce }: ObjectFormat,
  call: string,
  url: string,
  options: ReadObjectOptions<T>,
): Promise<T> {
  const name = parseS3Url(call, url);
  const { store, timeoutMs } = accessOf(call, options);
  const { initial, schema, signal } = options;
  const place = { store, name, timing: machineTiming };
  const found = await readObject(place, machineTiming.now() + timeoutMs, signal);
  const { content } = withoutNonce(nonce, Buffer.from(found?.body ?? []));
  const document = syntax.open(url, found && content, {});
  if (!document.exists && initial === undefined) throw notThere(url);
  const value = document.exists ? document.takeValue(undefined) : initial;
  return schema ? validate(schema, value, 'The document', url) : (value as T);
}

function notThere(url: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', {
    message: 'There is no document, or an empty one. Give an `initial` value if it may be missing.',
    step: 'read',
    path: url,
  });
}
