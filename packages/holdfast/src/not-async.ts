/** Functions of the caller that a synchronous call makes. */
import { invalidArgument } from './options.js';

/**
 * The function, which throws when it would return a promise. What is no function is left to be
 * refused.
 *
 * @param call - who asks, for the error
 */
export function notAsync<Arguments extends readonly unknown[], Result>(
  call: string,
  path: string,
  fn: (...args: Arguments) => Result,
): (...args: Arguments) => Result {
  if (typeof fn !== 'function') return fn;
  return (...args) => {
    const result = fn(...args);
    if (!isThenable(result)) return result;
    // Nobody waits for it, so nobody else hears that it failed.
    result.then(undefined, () => undefined);
    const why = 'the function returned a promise, for which a synchronous call cannot wait';
    throw invalidArgument(call, why, path);
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
