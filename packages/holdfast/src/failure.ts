/** Turns the error of a system call into the typed error that says what it means for the caller. */
import type { Readable } from 'node:stream';
import {
  HoldfastError,
  errnoOf,
  type ErrorCode,
  type Outcome,
  isHoldfastError,
  messageOf,
} from './errors.js';

export const READ_ONLY =
  'The filesystem is mounted read-only. Mount it for writing, or write elsewhere; if the kernel made it so, it met an error there (dmesg).';

/** What a failed system call means, by the kernel's name of its error. Everything else is `IO`. */
const meanings: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOSPC: [
    'NO_SPACE',
    'The disk is full, or has no inodes left for another file (df -h and df -i tell which). Remove something, then try again.',
  ],
  EDQUOT: [
    'NO_SPACE',
    'The disk quota of this user is used up, of space or of files (quota -s). Remove something, then try again.',
  ],
  EFBIG: [
    'NO_SPACE',
    'The file would be larger than the filesystem or the limit of the process (ulimit -f) allows. Raise the limit, or keep less in it.',
  ],
  ENOENT: ['NOT_FOUND', 'There is no such file or directory.'],
  ENOTDIR: [
    'NOT_FOUND',
    'A part of the path that must be a directory is none: look at each of them.',
  ],
  EACCES: [
    'IO',
    'This user has no right to do that. Look at the owner and the mode of the file, and of every directory above it.',
  ],
  EROFS: ['IO', READ_ONLY],
  EIO: ['IO', 'The disk, or the server behind it, reported an error (dmesg). Check it.'],
  EMFILE: [
    'IO',
    'This process has too many files open. Raise its limit (ulimit -n), or open fewer at once.',
  ],
  ENFILE: [
    'IO',
    'The system has too many files open (sysctl fs.file-max). Close some, then try again.',
  ],
  ETXTBSY: [
    'TARGET_IN_USE',
    'Another program (a scanner, an indexer, a reader) keeps the file open. Close it there, then try again.',
  ],
  EXDEV: [
    'CROSS_DEVICE',
    'One rename cannot join the two paths: either a mount ends between them, or a directory comes from a lower layer of an ' +
      'overlay (the image of a container), which overlayfs without redirect_dir does not move. ' +
      'Such a directory can be copied once, removed and put back under its name (cp -a, rm -r, mv); or keep it on a volume.',
  ],
  ENAMETOOLONG: [
    'INVALID_ARGUMENT',
    'The name is longer than the filesystem allows (255 bytes, mostly). Take a shorter one.',
  ],
  ELOOP: [
    'UNSUPPORTED_TARGET',
    'The path leads through too many symlinks, or through one that was refused. Name the file that it is to lead to.',
  ],
  EISDIR: ['UNSUPPORTED_TARGET', 'The path is a directory. Name a file in it.'],
};

/**
 * The typed error for a failed step. A {@link HoldfastError} is passed on as it is; any other error
 * stays as `cause`.
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
  if (isHoldfastError(cause)) return cause;
  const [code, message] = meanings[errnoOf(cause) ?? ''] ?? ['IO', describe(step, cause)];
  return new HoldfastError(code, { message, outcome, step, path, cause });
}

/** What the error of a failed system call means; the code of an error of Holdfast. */
export function codeOfFailure(cause: unknown): ErrorCode {
  return isHoldfastError(cause) ? cause.code : (meanings[errnoOf(cause) ?? '']?.[0] ?? 'IO');
}

/** The typed error for a call that the caller's AbortSignal ended. */
export function aborted(step: string, path: string, signal: AbortSignal): HoldfastError {
  return new HoldfastError('ABORTED', {
    message: 'The caller ended the call.',
    step,
    path,
    cause: signal.reason,
  });
}

function describe(step: string, cause: unknown): string {
  return `The step '${step}' failed: ${messageOf(cause)}.`;
}

/**
 * Listens to a stream from now on, if the value is one: a stream that fails before it is read (its
 * file is missing) would end the process, since nobody else listens yet. Its reader gets the same
 * error.
 */
export function hearFailure(value: unknown): void {
  if (isStream(value)) value.on('error', () => undefined);
}

/** Whether it is a readable stream of Node, of any version or copy. */
export function isStream(value: unknown): value is Readable {
  if (typeof value !== 'object' || value === null) return false;
  const { on, pipe, destroy } = value as Partial<Readable>;
  return [on, pipe, destroy].every((method) => typeof method === 'function');
}
