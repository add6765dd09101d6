/** Errors as callers of proper-lockfile know them, told by `code`. */
import { errnoOf, isHoldfastError, type ErrorCode } from 'holdfast/errors';

type Code = 'ELOCKED' | 'ENOTACQUIRED' | 'ERELEASED' | 'ECOMPROMISED' | 'ESYNC';

export function lockError(code: Code, message: string, fields: object = {}): Error {
  return Object.assign(new Error(message), { code, ...fields });
}

const codes: Partial<Readonly<Record<ErrorCode, string>>> = {
  LOCK_TIMEOUT: 'ELOCKED',
  LOCK_NESTED: 'ELOCKED',
  LOCK_LOST: 'ECOMPROMISED',
  NOT_FOUND: 'ENOENT',
  DIRECTORY_NOT_WRITABLE: 'EACCES',
};

/**
 * @param error - what a call of Holdfast has thrown; it is the `cause` of the one that the caller
 *   gets
 */
export function asLockError(error: unknown, file: string): unknown {
  if (!isHoldfastError(error)) return error;
  const code = codes[error.code] ?? errnoOf(error.cause) ?? error.code;
  const message =
    code === 'ELOCKED' ? `Lock file is already being held: ${error.message}` : error.message;
  return Object.assign(new Error(message, { cause: error }), { code, file });
}
