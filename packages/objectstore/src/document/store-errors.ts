/** The errors of what a store does not do. */
import { HoldfastError, type Outcome } from 'holdfast';
import type { Refusal } from '../store/object-store.js';

/**
 * What to do about a refusal, by the store's own code (Amazon S3 API reference, "Error responses").
 */
const advice: Readonly<Record<string, string>> = {
  AccessDenied: 'These credentials may not do that: give them the right, or take others.',
  ContentEncoding: 'Store it without a Content-Encoding.',
  ECONNREFUSED: 'Nothing listens at the endpoint: correct it, or start the store.',
  ENOTFOUND: 'The name of the endpoint is not known: correct it, or the bucket, or the network.',
  ExpiredToken: 'The credentials have ended: give new ones, or a function that gets them.',
  InvalidAccessKeyId: 'The store does not know these credentials: correct them.',
  NoCredentials: 'Give credentials.',
  NoSuchBucket: 'Make the bucket first, or correct its name.',
  NotImplemented: 'The store lacks what this needs: `conditional writes` of S3.',
  PermanentRedirect: 'The bucket is of another region: name it.',
  RequestTimeTooSkewed: 'The clock of this machine is wrong: set it.',
  SignatureDoesNotMatch: 'The secret key is not that of the access key, or the region is another.',
};

/** The store refused a request, or could not be reached. */
export function refused(
  step: string,
  url: string,
  refusal: Refusal,
  outcome: Outcome = 'unchanged',
): HoldfastError {
  const { status, code, message } = refusal;
  const todo = advice[code] ?? 'Look at what it says, at the credentials and at the endpoint.';
  const what =
    status === undefined
      ? `The request was not sent (${code}: ${message}).`
      : `The store refused the request (${status} ${code}).`;
  return new HoldfastError('STORE_FAILED', {
    message: `${what} ${todo}`,
    outcome,
    step,
    path: url,
    cause: Object.assign(new Error(`${code}: ${message}`), { code, status }),
  });
}

/** No whole answer came to a request that only reads, until the time was over. */
export function unanswered(
  step: string,
  url: string,
  cause: unknown,
  outcome: Outcome = 'unchanged',
): HoldfastError {
  return new HoldfastError('STORE_FAILED', {
    message: 'No whole answer came from the store. Look at the network, then call again.',
    outcome,
    step,
    path: url,
    cause,
  });
}

/** Others were always first. */
export function alwaysLate(url: string, timeoutMs: number): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message:
      `Other writers were first each time, for ${timeoutMs} milliseconds. Give more time, or let one process write for ` +
      'many: its calls share a request.',
    step: 'publish',
    path: url,
  });
}

/** A request may have been done, or may still be, and what is there does not say it. */
export function inDoubt(url: string, why: string, cause: unknown): HoldfastError {
  return new HoldfastError('STORE_FAILED', {
    message:
      `The answer to a write was lost, and ${why}. Read the object until it is clear whether the change is in it; only then ` +
      'call again.',
    outcome: 'unknown',
    step: 'publish',
    path: url,
    cause,
  });
}

/** The caller's signal fired, and nothing of the call is under way. */
export function aborted(step: string, url: string, signal: AbortSignal | undefined): HoldfastError {
  return new HoldfastError('ABORTED', {
    message: 'The caller ended the call.',
    step,
    path: url,
    cause: signal?.reason,
  });
}
