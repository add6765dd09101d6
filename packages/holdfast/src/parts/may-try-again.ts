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
  return !isHoldfastError(error) || passing.has(error.code);
}
