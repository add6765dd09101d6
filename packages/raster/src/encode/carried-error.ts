/**
 * Errors on their way between threads. A structured clone keeps an error's message and stack but
 * drops its code and other fields, and its class; here they are carried along, and a
 * `HoldfastError` arrives as one.
 */
import { HoldfastError, isError, isHoldfastError } from 'holdfast/errors';
import { withPlainPaths } from 'holdfast/os';

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
  const error = isError(thrown) ? thrown : new Error(String(thrown));
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

/**
 * The error again, with the stack of the thread where it was thrown. What begins at a directory
 * that this thread has open is named as people know it: the other thread was only given the path.
 */
export function arrivedError({ name, message, stack, fields, cause }: CarriedError): Error {
  const error = new Error(
    withPlainPaths(message),
    cause === undefined ? undefined : { cause: arrivedError(cause) },
  );
  for (const [key, value] of Object.entries(fields))
    Object.assign(error, { [key]: typeof value === 'string' ? withPlainPaths(value) : value });
  const own = { name, stack: stack && withPlainPaths(stack) };
  for (const [key, value] of Object.entries(own))
    Object.defineProperty(error, key, { value, configurable: true, writable: true });
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
