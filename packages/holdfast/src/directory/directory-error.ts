/**
 * What the operating system's errors mean for a directory that is being published, beyond what they
 * mean everywhere.
 */
import {
  errnoOf,
  HoldfastError,
  isHoldfastError,
  type ErrorCode,
  type Outcome,
} from '../errors.js';
import { READ_ONLY, failure } from '../failure.js';

type Meaning = readonly [code: ErrorCode, message: string];

const notWritable: Meaning = [
  'DIRECTORY_NOT_WRITABLE',
  'This user may make nothing in the directory of the target, and nothing can be staged in it. Allow it (chmod u+wx), or publish elsewhere.',
];
const unsupported: Meaning = [
  'UNSUPPORTED_PLATFORM',
  'The filesystem lacks a call that this needs; holdfast doctor DIRECTORY shows which.',
];

const meaningsOfStep: Readonly<Record<string, Readonly<Record<string, Meaning>>>> = {
  stage: { EACCES: notWritable, EPERM: notWritable, EROFS: ['DIRECTORY_NOT_WRITABLE', READ_ONLY] },
  publish: {
    EBUSY: [
      'TARGET_IS_MOUNT',
      'The target is a mount point, which no rename can replace. Publish a directory inside of it.',
    ],
    ENOSYS: unsupported,
    ENOTSUP: unsupported,
    EINVAL: unsupported,
  },
};

/** The typed error for whatever a step threw; an error of Holdfast passes as it is. */
export function stepFailed(
  error: unknown,
  step: string,
  path: string,
  outcome: Outcome = 'unchanged',
): HoldfastError {
  if (isHoldfastError(error)) return error;
  const meaning = meaningsOfStep[step]?.[errnoOf(error) ?? ''];
  if (!meaning) return failure(step, path, error, outcome);
  const [code, message] = meaning;
  return new HoldfastError(code, { message, outcome, step, path, cause: error });
}

/**
 * Another program changed the target, or is changing it: the publish is given up, nothing of it is
 * visible.
 */
export function targetChanged(path: string, what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message: `${what} The publish was given up. Look at the target, then publish again.`,
    step: 'publish',
    path,
    cause,
  });
}

/** The target is there and may not be replaced. */
export function targetExists(path: string, step: string, cause?: unknown): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', {
    message:
      "The target is there and not empty. To replace it whole, say so (ifExists: 'replace').",
    step,
    path,
    cause,
  });
}
