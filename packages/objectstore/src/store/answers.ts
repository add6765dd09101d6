/**
 * What an answer of a store means, by its status and the store's own code, whichever client has
 * asked: the same for all implementations (Amazon S3 API reference, "Error responses";
 * docs/object-stores.md says what was seen on which store).
 *
 * Only an answer that can mean nothing else says that a write did not take place. Everything else
 * is `unknown`.
 */
import { messageOf } from 'holdfast/errors';
import type { Condition, Read, Refusal, Uploaded, Written } from './object-store.js';

/** An answer that is no success. */
export interface Answer {
  readonly status: number;
  /** The code in its body; empty where it had none, as of HEAD. */
  readonly code: string;
  readonly message: string;
}

/** What an answer says of a request that writes. */
export function writtenBy(
  answer: Answer,
  condition?: Condition,
): Exclude<Written, { outcome: 'committed' }> {
  const { status, code } = answer;
  if (status === 412 || (status === 409 && code === 'ConditionalRequestConflict'))
    return { outcome: 'precondition' };
  // The object that If-Match speaks of is gone.
  const isGone = status === 404 && (code === 'NoSuchKey' || code === '');
  if (isGone && condition?.ifMatch !== undefined) return { outcome: 'precondition' };
  return uploadedBy(answer);
}

/** What an answer says of a request that has no condition. */
export function uploadedBy(answer: Answer): Exclude<Uploaded<unknown>, { outcome: 'committed' }> {
  const { status } = answer;
  // A store that is busy or broken may have done it all the same.
  if (status < 300 || status >= 500 || status === 408 || status === 429)
    return { outcome: 'unknown', cause: errorOf(answer) };
  return { outcome: 'refused', refusal: refusalOf(answer) };
}

/** What an answer says of a request that only reads. */
export function readBy(answer: Answer): Exclude<Read<unknown>, { outcome: 'found' }> {
  const { status, code } = answer;
  if (status === 404 && code !== 'NoSuchBucket') return { outcome: 'missing' };
  if (status === 412 || status === 304) return { outcome: 'precondition' };
  return uploadedBy(answer);
}

/** The error that an answer is, for the cause of others. */
export function errorOf({ status, code, message }: Answer): Error {
  return new Error(`the store answered ${status} ${code}: ${message}`);
}

function refusalOf({ status, code, message }: Answer): Refusal {
  return { status, code: code || String(status), message, isTransient: status === 409 };
}

/**
 * Failures of a connection that is not there yet: no byte of the request has left. What fails later
 * may have arrived. (connect(2), getaddrinfo(3), and the errors of undici and OpenSSL by these
 * names.)
 */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** What the failure of a request that got no answer says. */
export function unanswered(
  cause: unknown,
):
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  | { readonly outcome: 'unknown'; readonly cause: unknown } {
  const code = codesOf(cause).find((each) => neverSent.has(each));
  if (code === undefined) return { outcome: 'unknown', cause };
  const isTransient = !/CERT/.test(code);
  return { outcome: 'refused', refusal: { code, message: messageOf(cause), isTransient } };
}

/**
 * The codes of an error and of what caused it. Of several addresses that were tried none may have
 * taken the request.
 */
function codesOf(error: unknown): readonly string[] {
  if (typeof error !== 'object' || error === null) return [];
  const { code, cause, errors } = error as {
    readonly code?: unknown;
    readonly cause?: unknown;
    readonly errors?: readonly unknown[];
  };
  if (Array.isArray(errors)) {
    const each = errors.map(codesOf);
    return each.every((codes) => codes.some((one) => neverSent.has(one))) ? each.flat() : [];
  }
  return [...(typeof code === 'string' ? [code] : []), ...codesOf(cause)];
}
