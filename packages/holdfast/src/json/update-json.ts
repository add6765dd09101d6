/**
 * Reads a JSON document, lets a function change it and writes it back, so that no change of anybody
 * is lost: lock → read → updater → check → replace → unlock. The order and what a crash leaves is
 * in commit-group.ts; how calls of one process share a commit, in lock/group-queue.ts.
 */
import { updateDocument } from '../document/document-updates.js';
import { syntaxFor } from './document.js';
import type { JsonObject } from './json-value.js';
import {
  checkUpdateArguments,
  updateOptionNames,
  type UpdateCall,
  type Updater,
  type UpdateJsonOptions,
} from '../document/update-options.js';

const jsonCall: UpdateCall = {
  call: 'updateJson',
  names: [...updateOptionNames, 'indent', 'syntax'],
};

/**
 * Updates a JSON document under its lock (`<path>.lock`), and resolves to the new value: what the
 * document holds after this call's change and before the next one's. The value belongs to the
 * caller.
 *
 * The updater gets the present value, or `initial` when the document is missing or empty. It
 * returns the new value, or changes the one it was given and returns nothing. It may be async:
 * nobody else changes the document until it has finished, so a token can be read, refreshed over
 * the network and written as one step. There is no limit to its time; give a `signal` to end it.
 * Calls that arrive while a commit is under way share the next one, in call order.
 *
 * After success the change is on disk and survives a power loss (`durability: 'durable'`), and what
 * other processes wrote before it is kept. What the updater did becomes the smallest edits of the
 * text: what it did not change stays to the byte (spellings of numbers, escapes, layout, order,
 * byte order mark; in JSONC comments and trailing commas). Missing directories are made; a document
 * that is not changed is not written. After a failure of this call the document is as if it had not
 * been made; other calls are not touched. With outcome `unknown` the change is in place and may be
 * lost by a power loss.
 *
 * Not promised: protection from programs that write the file without taking the lock; the place of
 * a new member whose name is an integer; the sign of -0.
 *
 * @throws HoldfastError UPDATER_FAILED (a HoldfastError of the updater with outcome `unchanged` is
 *   passed on as it is); CORRUPT_DOCUMENT, with line and column; UNREPRESENTABLE for what JSON
 *   would drop or change, or what the file holds and JavaScript cannot (integers past 2^53, NaN, a
 *   member twice), with its place; SCHEMA_MISMATCH; LOCK_TIMEOUT; LOCK_NESTED inside its own
 *   updater; LOCK_LOST; ABORTED; and those of `replaceFile`
 */
export async function updateJson<T = JsonObject>(
  path: string,
  updater: Updater<T>,
  options: UpdateJsonOptions<T> = {},
): Promise<T> {
  checkUpdateArguments(jsonCall, path, updater, options);
  return updateDocument(syntaxFor(path, options.syntax), path, updater, options);
}
