/** Errors as callers of write-file-atomic know them: those of system calls, told by `code`. */
import { constants } from 'node:os';
import { errnoOf, isError, isHoldfastError, type ErrorCode } from 'holdfast/errors';

/**
 * What says the same where the kernel reported no error: a short count, say, is how it tells of a
 * full disk.
 */
const codes: Partial<Readonly<Record<ErrorCode, keyof typeof constants.errno>>> = {
  NO_SPACE: 'ENOSPC',
  NOT_FOUND: 'ENOENT',
  UNSUPPORTED_TARGET: 'EISDIR',
  DIRECTORY_NOT_WRITABLE: 'EACCES',
  TARGET_IS_MOUNT: 'EBUSY',
  TARGET_IN_USE: 'EBUSY',
  CROSS_DEVICE: 'EXDEV',
  INVALID_ARGUMENT: 'EINVAL',
};

/**
 * The error for the caller. Its `cause` is that of Holdfast, whose `outcome` says what is on disk
 * now, and its message too.
 *
 * @param error - what a call of Holdfast has thrown
 */
export function nodeError(error: unknown): unknown {
  if (!isHoldfastError(error)) return error;
  const { cause } = error;
  const given = errnoOf(cause);
  const code = given?.startsWith('E') ? given : (codes[error.code] ?? 'EIO');
  const { errno, syscall = error.step } = (isError(cause) ? cause : {}) as NodeJS.ErrnoException;
  const known: Readonly<Record<string, number>> = constants.errno;
  const number = errno ?? (known[code] === undefined ? undefined : -known[code]);
  return Object.assign(new Error(`${code}: ${error.message}`, { cause: error }), {
    code,
    errno: number,
    syscall,
    path: error.path,
  });
}
