/**
 * One updater and the document that it changes, wherever that lies: it gets a value of its own,
 * what it makes is judged, and only what passes becomes the content.
 */
import { types } from 'node:util';
import { HoldfastError, isHoldfastError, messageOf } from '../errors.js';
import { invalidArgument } from '../options.js';
import { validate, type StandardSchema } from './standard-schema.js';
import type { Document, Syntax } from './syntax.js';

/** What a call says of its updater. */
export interface UpdaterCall {
  readonly syntax: Syntax;
  /** The value of a document that is not there; by default that of the syntax. */
  readonly initial?: unknown;
  /** Judges the document before and after. */
  readonly schema?: StandardSchema | undefined;
  /** Whether the call has ended meanwhile, so that nothing may come of it. */
  readonly isOver?: (() => boolean) | undefined;
}

/**
 * Runs an updater, and makes its value the content of the document. When it fails, the content is
 * as if it had not been called.
 *
 * @returns what the document holds now, which belongs to the caller; `undefined` for a call that
 *   has ended meanwhile
 * @throws HoldfastError UPDATER_FAILED; SCHEMA_MISMATCH; UNREPRESENTABLE; INVALID_ARGUMENT for an
 *   updater that changes the value and returns another one; an error of Holdfast with outcome
 *   `unchanged` that the updater threw, as it is
 */
export async function applyUpdater(
  document: Document,
  { syntax, initial = syntax.initial, schema, isOver }: UpdaterCall,
  run: (value: unknown) => unknown,
): Promise<{ readonly value: unknown } | undefined> {
  try {
    const given = document.takeValue(initial);
    if (schema && document.exists) await validate(schema, given, 'The document', document.path);
    const returned = await run(given);
    const value = returned === undefined ? given : returned;
    if (isPrimitiveForObject(value, given) && document.isAltered(given, initial)) {
      throw halfChanged(syntax.call, document.path, value);
    }
    if (schema) await validate(schema, value, 'The new value', document.path);
    return isOver?.() ? undefined : { value: document.accept(value) };
  } catch (error) {
    // What is not ours is the caller's own: a getter, a toJSON, a schema.
    throw isHoldfastError(error) ? error : updaterFailed(document.path, error);
  }
}

/**
 * `(doc) => doc.list.push(1)` changes the document and returns a number by accident. To take the
 * number for the new document would lose everything else in it.
 */
function isPrimitiveForObject(value: unknown, given: unknown): boolean {
  if (typeof given !== 'object' || given === null || types.isUint8Array(given)) return false;
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
}

function halfChanged(call: string, path: string, value: unknown): HoldfastError {
  return invalidArgument(
    call,
    `the updater changed the document and returned a ${typeof value}; return nothing, or the new document`,
    path,
  );
}

/** A promise for what can be awaited, whoever's it is; anything else as it is. */
export function asPromise(value: unknown): unknown {
  const isThenable =
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function';
  return isThenable ? Promise.resolve(value) : value;
}

/**
 * An error of ours that says the disk is unchanged is passed on: it is true of this document as
 * well.
 */
export function updaterFailed(path: string, cause: unknown): HoldfastError {
  if (isHoldfastError(cause) && cause.outcome === 'unchanged') return cause;
  const said = messageOf(cause);
  return new HoldfastError('UPDATER_FAILED', {
    message: `The updater failed: ${said}. The document is as if it had not been called.`,
    step: 'update',
    path,
    cause,
  });
}
