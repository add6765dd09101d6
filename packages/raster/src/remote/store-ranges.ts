/** Ranges of an object in a bucket, by an `ObjectStore` of `@holdfast/objectstore`. */
import {
  notThere,
  refusedRange,
  TransientFailure,
  wasReplaced,
  type AskRange,
  type ByteRange,
} from './ranges.js';

/** What reading needs of an `ObjectStore` of `@holdfast/objectstore`. */
export interface ReadableStore {
  /** Reads some bytes of an object, in one request. */
  get(
    name: { readonly bucket: string; readonly key: string },
    options?: {
      readonly ifMatch?: string | undefined;
      readonly range?: ByteRange | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<
    | {
        readonly outcome: 'found';
        readonly etag: string;
        readonly sizeBytes: number;
        readonly body: Uint8Array;
      }
    | { readonly outcome: 'missing' }
    | { readonly outcome: 'precondition' }
    | {
        readonly outcome: 'refused';
        readonly refusal: {
          readonly status?: number | undefined;
          readonly code: string;
          readonly message: string;
          readonly isTransient: boolean;
        };
      }
    | { readonly outcome: 'unknown'; readonly cause: unknown }
  >;
}

/** Of an object that is empty no range can be given (RFC 9110, 15.5.17). */
const RANGE_NOT_SATISFIABLE = 416;

export function rangesOfObject(
  store: ReadableStore,
  path: string,
  name: { readonly bucket: string; readonly key: string },
): AskRange {
  return async (range, version, signal) => {
    const found = await store.get(name, { range, ifMatch: version, signal });
    if (found.outcome === 'missing') throw notThere(path);
    if (found.outcome === 'precondition') throw wasReplaced(path);
    if (found.outcome === 'unknown')
      throw new TransientFailure('no whole answer', undefined, found.cause);
    if (found.outcome === 'refused') {
      const { status, code, message, isTransient } = found.refusal;
      if (status === RANGE_NOT_SATISFIABLE && version === undefined)
        return { bytes: new Uint8Array(0), sizeBytes: 0, version: '' };
      if (status === RANGE_NOT_SATISFIABLE) throw wasReplaced(path);
      if (isTransient) throw new TransientFailure(`${code}: ${message}`, status);
      throw refusedRange(path, status, `${code}: ${message}`);
    }
    const { etag, sizeBytes, body } = found;
    // Some stores do not look at the condition of a read.
    if (version !== undefined && etag !== version) throw wasReplaced(path);
    const wanted = Math.min(range.sizeBytes, Math.max(0, sizeBytes - range.offsetBytes));
    if (body.length !== wanted)
      throw new TransientFailure(`${body.length} bytes came of ${wanted}`);
    return { bytes: body, sizeBytes, version: etag };
  };
}
