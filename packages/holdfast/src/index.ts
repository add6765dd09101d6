/** Holdfast: crash-safe, all-or-nothing writes. See docs/guarantees.md for what each call promises. */
export { HoldfastError, errorCodes, isHoldfastError } from './errors.js';
export type { ErrorCode, HoldfastErrorFields, Outcome } from './errors.js';
