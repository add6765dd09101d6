/**
 * Packages that a call needs and the user installs. Each is imported by its name inside of `try`:
 * so a bundler takes it along where it is installed, and where it is not, knows that the program
 * does without.
 */
import { nameOfCall } from '../call-name.js';
import { HoldfastError, errnoOf } from '../errors.js';

/** In an ES module, and in what a bundler made into CommonJS. */
const MISSING: readonly (string | undefined)[] = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'];

/**
 * The error for a call whose import failed: UNSUPPORTED_PLATFORM, naming the package, when it is
 * not installed.
 */
export function importFailed(name: string, call: string, cause: unknown): unknown {
  if (!MISSING.includes(errnoOf(cause))) return cause;
  return new HoldfastError('UNSUPPORTED_PLATFORM', {
    message: `${nameOfCall(call)} needs the package ${name}, which is not installed. Run: npm install ${name}`,
    step: 'load',
    path: '',
    cause,
  });
}
