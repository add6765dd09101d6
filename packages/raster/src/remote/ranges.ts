/**
 * How bytes of one object far away are asked for. One call is one request; requests.ts makes it
 * again where that may help.
 */
import { HoldfastError, messageOf } from 'holdfast/errors';

/** Some bytes of an object. */
export interface ByteRange {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** What came. */
export interface RangeAnswer {
  /** All that was asked for, or up to the end of the object. */
  readonly bytes: Uint8Array;
  /** Of the whole object. */
  readonly sizeBytes: number;
  /** What no other content of the object has: its ETag, or else when it was last changed. */
  readonly version: string;
}

/**
 * Asks for a range of an object.
 *
 * @param version - of what the bytes must be, as an earlier answer gave it
 * @throws HoldfastError NOT_FOUND, TARGET_CHANGED, STORE_FAILED, UNSUPPORTED_TARGET;
 *   TransientFailure
 */
export type AskRange = (
  range: ByteRange,
  version: string | undefined,
  signal: AbortSignal,
) => Promise<RangeAnswer>;

/** No answer that says anything, or one that says that another time may be better. */
export class TransientFailure extends Error {
  /** Of HTTP, where there was an answer. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

export function notThere(path: string): HoldfastError {
  const message = 'There is nothing at this address.';
  return new HoldfastError('NOT_FOUND', { message, step: 'open', path });
}

export function wasReplaced(path: string): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message:
      'What is at this address has been replaced since it was opened, and the new bytes do not belong to the old ones. Open ' +
      'the mosaic again.',
    step: 'read',
    path,
  });
}

/** @param status - of HTTP; `undefined` where the request was not sent */
export function refusedRange(
  path: string,
  status: number | undefined,
  said: string,
  cause?: unknown,
): HoldfastError {
  const what = status === undefined ? 'The request was not sent' : `The server answered ${status}`;
  return failed(path, `${what}${said === '' ? '' : ` (${said})`}. ${LOOK}`, {
    said: said || `status ${status}`,
    status,
    cause,
  });
}

/** Nothing came, each time, or that another time may be better. */
export function noAnswer(path: string, attempts: number, cause: unknown): HoldfastError {
  const status = cause instanceof TransientFailure ? cause.status : undefined;
  const said = messageOf(cause);
  const what =
    status === undefined ? `No whole answer came (${said})` : `The server answered ${status}`;
  return failed(path, `${what}, each of ${attempts} times. ${LOOK}`, { said, status, cause });
}

const LOOK = 'Look at the address, at who may read there, and at the network.';

function failed(
  path: string,
  message: string,
  {
    said,
    status,
    cause,
  }: { readonly said: string; readonly status?: number | undefined; readonly cause: unknown },
): HoldfastError {
  return new HoldfastError('STORE_FAILED', {
    message,
    step: 'read',
    path,
    cause: Object.assign(new Error(said, { cause }), { status }),
  });
}

/** Whether somebody may not read it: which S3 also says of what is not there. */
export function isForbidden(error: HoldfastError): boolean {
  const { status } = (error.cause ?? {}) as { readonly status?: unknown };
  return error.code === 'STORE_FAILED' && (status === 403 || status === 401);
}

export function unreadableThere(path: string, why: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED_TARGET', {
    message: `${why}, so that windows of it cannot be read from there. Download it first.`,
    step: 'read',
    path,
  });
}
