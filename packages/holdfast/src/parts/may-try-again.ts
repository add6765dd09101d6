import { isHoldfastError, type ErrorCode } from '../errors.js';

/** What may go well the next time. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'ABORTED',
  'NO_SPACE',
  'IO',
  'SYNC_FAILED',
  'LOCK_TIMEOUT',
  'LOCK_LOST',
  'TARGET_IN_USE',
  'TARGET_CHANGED',
  'UPDATER_FAILED',
]);

/**
 * Whether a part, or a commit, that failed with this error may go well when it is tried again as it
 * is: what an engine has to know. False where it would fail in the same way: the session is gone,
 * the input changed, two attempts differ, parts are missing, no right to write. What is not of
 * Holdfast may pass.
 */
export function mayTryPartAgain(error: unknown): boolean {
  if (!isHoldfastError(error)) return true;
  return error.code === 'STORE_FAILED' ? !isRefusedForGood(error.cause) : passing.has(error.code);
}

/**
 * Whether a store has refused what it was asked for itself (RFC 9110, 15.5), and not since it is busy
 * or others were first.
 */
function isRefusedForGood(cause: unknown): boolean {
  const { status } = (cause ?? {}) as { readonly status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 500 && !isPassing.has(status);
}

/** Request Timeout, Conflict, Too Early, Too Many Requests. */
const isPassing: ReadonlySet<number> = new Set([408, 409, 425, 429]);
