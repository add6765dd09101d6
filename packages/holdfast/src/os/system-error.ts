/** Errors of system calls, in the one form that Node gives them: `code`, negative `errno`, `syscall`, `path`. */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** Asked for once: Node makes the whole map anew for each who asks. */
const systemErrors = getSystemErrorMap();

const nameOfErrno = new Map<number, string>(
  Object.entries(constants.errno).map(([name, errno]) => [errno, name]),
);
// These numbers have two names each; the one that Node itself reports wins.
nameOfErrno.set(constants.errno.EAGAIN, 'EAGAIN');
nameOfErrno.set(constants.errno.ENOTSUP, 'ENOTSUP');

/** Makes the error that Node would make for a failed system call, from the raw (positive) `errno`. */
export function systemError(errno: number, syscall: string, path: string): NodeJS.ErrnoException {
  const code = nameOfErrno.get(errno) ?? `ERRNO_${errno}`;
  const text = systemErrors.get(-errno)?.[1] ?? 'system call failed';
  const error: NodeJS.ErrnoException = new Error(`${code}: ${text}, ${syscall} '${path}'`);
  return Object.assign(error, { code, errno: -errno, syscall, path });
}

/**
 * libuv has no name for EDQUOT, so Node reports `code: 'UNKNOWN'`. Names it in place, and returns the same error.
 */
export function withKnownCode(error: unknown): unknown {
  if (
    error instanceof Error &&
    (error as NodeJS.ErrnoException).errno === -constants.errno.EDQUOT
  ) {
    Object.assign(error, { code: 'EDQUOT' });
  }
  return error;
}
