/**
 * Errors of system calls, in the one form that Node gives them: `code`, negative `errno`,
 * `syscall`, `path`.
 */
import { isError } from '../errors.js';
import { constants } from 'node:os';
import * as util from 'node:util';

/** Asked for once: Node makes the whole map anew for each who asks. Bun before 1.4 has none. */
const systemErrors = (util as Partial<typeof util>).getSystemErrorMap?.();

const nameOfErrno = new Map<number, string>(
  Object.entries(constants.errno).map(([name, errno]) => [errno, name]),
);
// These numbers have two names each; the one that Node itself reports wins.
nameOfErrno.set(constants.errno.EAGAIN, 'EAGAIN');
nameOfErrno.set(constants.errno.ENOTSUP, 'ENOTSUP');

/** What filesystems say that Node has no text for, or a text about sockets (errno(3)). */
const texts: Readonly<Record<string, string>> = {
  EDQUOT: 'disk quota exceeded',
  ENOLCK: 'no locks available',
  ENOTSUP: 'operation not supported',
  ESTALE: 'stale file handle: the file was replaced or removed behind the back of this machine',
};

/**
 * Makes the error that Node would make for a failed system call, from the raw (positive) `errno`.
 */
export function systemError(errno: number, syscall: string, path: string): NodeJS.ErrnoException {
  const code = nameOfErrno.get(errno) ?? `ERRNO_${errno}`;
  const error: NodeJS.ErrnoException = new Error(
    `${code}: ${textOf(code, errno)}, ${syscall} '${path}'`,
  );
  return Object.assign(error, { code, errno: -errno, syscall, path });
}

/**
 * libuv has no name for some errors of filesystems (ESTALE, EDQUOT), and Node then reports
 * `Unknown system error -116`. Names them in place, in code and message, and returns the same
 * error.
 */
export function withKnownCode(error: unknown): unknown {
  if (!isError(error)) return error;
  const { errno, code: given = '', message } = error as NodeJS.ErrnoException;
  if (errno === undefined || systemErrors === undefined || systemErrors.has(errno)) return error;
  const code = nameOfErrno.get(-errno);
  if (code === undefined) return error;
  const unnamed = new RegExp(`^(${given}|UNKNOWN): .*?(?=,|$)`);
  return Object.assign(error, {
    code,
    message: message.replace(unnamed, `${code}: ${textOf(code, -errno)}`),
  });
}

function textOf(code: string, errno: number): string {
  return texts[code] ?? systemErrors?.get(-errno)?.[1] ?? 'system call failed';
}
