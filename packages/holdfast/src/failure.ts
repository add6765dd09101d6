/** Turns the error of a system call into the typed error that says what it means for the caller. */
import type { Readable } from 'node:stream';
import { HoldfastError, errnoOf, type ErrorCode, type Outcome } from './errors.js';

/** What a failed system call means, by the kernel's name of its error. Everything else is `IO`. */
const meanings: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOSPC: ['NO_SPACE', 'The disk is full. Free some space, then try again.'],
  EDQUOT: ['NO_SPACE', 'The disk quota is used up. Free some space, then try again.'],
  EFBIG: [
    'NO_SPACE',
    'The file would be larger than the filesystem or the limit of the process allows.',
  ],
  ENOENT: ['NOT_FOUND', 'There is no such file or directory.'],
  ENOTDIR: ['NOT_FOUND', 'A part of the path that must be a directory is none.'],
  ETXTBSY: [
    'TARGET_IN_USE',
    'Another program (a scanner, an indexer, a reader) keeps the file open. Close it there, then try again.',
  ],
  EXDEV: ['CROSS_DEVICE', 'The two paths lie on different mounts, so one rename cannot join them.'],
  ENAMETOOLONG: ['INVALID_ARGUMENT', 'The name is longer than the filesystem allows.'],
  ELOOP: [
    'UNSUPPORTED_TARGET',
    'The path leads through too many symlinks, or through one that was refused.',
  ],
  EISDIR: ['UNSUPPORTED_TARGET', 'The path is a directory.'],
};

/**
 * The typed error for a failed step. A {@link HoldfastError} is passed on as it is; any other error stays as `cause`.
 *
 * @param step - the step of the protocol, in its own word: `open`, `write`, `publish`, …
 * @param outcome - what is on disk now
 */
export function failure(
  step: string,
  path: string,
  cause: unknown,
  outcome: Outcome = 'unchanged',
): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  const [code, message] = meanings[errnoOf(cause) ?? ''] ?? ['IO', describe(step, cause)];
  return new HoldfastError(code, { message, outcome, step, path, cause });
}

/** The typed error for a call that the caller's AbortSignal ended. */
export function aborted(step: string, path: string, signal: AbortSignal): HoldfastError {
  return new HoldfastError('ABORTED', {
    message: 'The caller ended the call.',
    outcome: 'unchanged',
    step,
    path,
    cause: signal.reason,
  });
}

function describe(step: string, cause: unknown): string {
  return `The step '${step}' failed: ${cause instanceof Error ? cause.message : String(cause)}.`;
}

/**
 * Listens to a stream from now on, if the value is one: a stream that fails before it is read (its file is missing) would
 * end the process, since nobody else listens yet. Who reads it gets the same error.
 */
export function hearFailure(value: unknown): void {
  if (isStream(value)) value.on('error', () => undefined);
}

/**
 * Makes a call that is to read the data. When the call fails, also before it reads, a stream of Node is closed: one that keeps
 * its reader waiting would not hear of its iterator's end before its next chunk.
 */
export function readingFrom<T>(data: unknown, call: () => Promise<T>): Promise<T> {
  hearFailure(data);
  const ended = call();
  if (isStream(data)) ended.catch(() => data.destroy());
  return ended;
}

function isStream(value: unknown): value is Readable {
  if (typeof value !== 'object' || value === null) return false;
  const { on, pipe, destroy } = value as Partial<Readable>;
  return [on, pipe, destroy].every((method) => typeof method === 'function');
}
