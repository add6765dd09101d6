/**
 * Errors on their way between threads. A structured clone keeps an error's message and stack but drops its code and
 * other fields, and its class; here they are carried along, and a `HoldfastError` arrives as one.
 */
import { HoldfastError, isHoldfastError } from 'holdfast/errors';

/** An error as a message can hold it. */
export interface CarriedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** `code`, `errno`, `path`, `outcome` and whatever else the error says. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause: CarriedError | undefined;
}

const inherited = ['message', 'stack', 'cause', 'name'];

export function carryError(thrown: unknown): CarriedError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const fields = Object.entries(error).filter(
    ([key, value]) => !inherited.includes(key) && isPlain(value),
  );
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    fields: Object.fromEntries(fields),
    cause: error.cause === undefined ? undefined : carryError(error.cause),
  };
}

/** The error again, with the stack of the thread where it was thrown. */
export function arrivedError({ name, message, stack, fields, cause }: CarriedError): Error {
  const error = new Error(
    message,
    cause === undefined ? undefined : { cause: arrivedError(cause) },
  );
  Object.assign(error, fields);
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true });
  // Its constructor would make a second message out of the first; its fields are all there already.
  if (isHoldfastError(error)) Object.setPrototypeOf(error, HoldfastError.prototype);
  return error;
}

/** Whether a value survives the journey: text, numbers and the empty list of other errors. */
function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value === null
    ? typeof value !== 'function' && typeof value !== 'symbol'
    : Array.isArray(value) && value.length === 0;
}
