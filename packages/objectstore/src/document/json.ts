/** JSON documents in a store. */
import { checkOptions, checkWords } from 'holdfast/options';
import type { JsonObject, JsonValue } from 'holdfast';
import { checkUpdater, syntaxFor, type JsonSyntaxName } from 'holdfast/syntaxes';
import { parseS3Url } from '../s3-url.js';
import { updateObject } from './object-queue.js';
import {
  accessOf,
  documentNames,
  type ObjectUpdater,
  type ReadObjectOptions,
  type UpdateObjectOptions,
} from './object-options.js';
import { readDocument } from './read-object.js';

/** How a JSON document is read. */
export interface ReadJsonOptions<T> extends ReadObjectOptions<T> {
  /**
   * `jsonc`: comments and trailing commas may be in it. By default an object named `.jsonc` is such
   * a document.
   */
  readonly syntax?: JsonSyntaxName | undefined;
}

/** How a JSON document is updated. */
export interface UpdateJsonOptions<T> extends UpdateObjectOptions<T> {
  /**
   * Spaces per level, or the text to indent by; 0 for one line. By default as found, and 2 in a new
   * document.
   */
  readonly indent?: number | string | undefined;
  /**
   * `jsonc`: comments and trailing commas may be in it, and stay. By default an object named
   * `.jsonc` is such a document.
   */
  readonly syntax?: JsonSyntaxName | undefined;
}

const JSON_TYPE = 'application/json';

/**
 * Reads a JSON document from a store: what it holds at one instant, by one request. One that gets
 * no whole answer is made again until `timeoutMs` is over.
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError NOT_FOUND when it is missing and no `initial` is given; CORRUPT_DOCUMENT
 *   with line and column; UNREPRESENTABLE for what JavaScript would lose of it; SCHEMA_MISMATCH;
 *   STORE_FAILED; INVALID_ARGUMENT
 */
export async function readJson<T = JsonValue>(
  url: string,
  options: ReadJsonOptions<T> = {},
): Promise<T> {
  checkOptions('readJson', options, [...documentNames, 'syntax']);
  checkWords('readJson', url, options, { syntax: ['json', 'jsonc'] });
  const syntax = syntaxFor(url, options.syntax);
  const format = { syntax, nonce: 'blanks', contentType: JSON_TYPE } as const;
  return readDocument(format, 'readJson', url, options);
}

/**
 * Updates a JSON document in a store, so that no change of anybody who updates it in this way is
 * lost, and resolves to the new value: what the document holds after this call's change and before
 * the next one's.
 *
 * The updater gets the present value, or `initial` when the object is missing or empty, and returns
 * the new one, or changes the one it was given. There is no lock: the object is written on the
 * condition that it is still the one that was read, and when it is not, the updater **is called
 * again** with what is there then. Calls of one process share requests.
 *
 * After success the change was in the store. After a failure with the outcome `unchanged` it is
 * not, and never will be; with `unknown` an answer was lost, and it may be there, or get there
 * late. What the updater did becomes the smallest edits of the text; headers and metadata of the
 * object stay, and its tags, ACL and storage class do not. At the end of the text stands a line of
 * blanks and tabs, another one after each commit (docs/object-stores.md).
 *
 * Not promised: protection from those who write without a condition, remove the object, or put an
 * old version back, while updates are under way; anything on a store whose conditions do not hold
 * (docs/object-stores.md names some).
 *
 * @param url - `s3://bucket/key`
 * @throws HoldfastError UPDATER_FAILED; CORRUPT_DOCUMENT; UNREPRESENTABLE; SCHEMA_MISMATCH;
 *   TARGET_CHANGED when others were first until the time was over; STORE_FAILED;
 *   UNSUPPORTED_PLATFORM for a store that is found to lose updates; LOCK_NESTED inside its own
 *   updater; ABORTED; INVALID_ARGUMENT
 */
export async function updateJson<T = JsonObject>(
  url: string,
  updater: ObjectUpdater<T>,
  options: UpdateJsonOptions<T> = {},
): Promise<T> {
  checkOptions('updateJson', options, [...documentNames, 'indent', 'syntax']);
  checkUpdater('updateJson', url, updater, options);
  const name = parseS3Url('updateJson', url);
  const { store, timeoutMs } = accessOf('updateJson', options);
  const { indent, initial, schema, signal } = options as UpdateJsonOptions<unknown>;
  const syntax = syntaxFor(url, options.syntax);
  const request = { syntax, nonce: 'blanks', contentType: JSON_TYPE, indent } as const;
  const call = { ...request, initial, schema, timeoutMs, signal };
  return updateObject(store, name, updater, call) as Promise<T>;
}
