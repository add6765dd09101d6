/**
 * `ObjectStore`: the one door to a bucket. One method is one request: nothing is tried again
 * inside, the condition is an argument, and the result says what is known of the object afterwards,
 * never more.
 *
 * A store is no filesystem: it has no rename, no lock and no append. What it has, and all that the
 * protocols here build on, is a PUT of one object, whole or not at all, with a condition on what is
 * there.
 */

/** The name of an object. */
export interface ObjectName {
  readonly bucket: string;
  readonly key: string;
}

/** What must be true of the object for a write to take place. Without one it always does. */
export type Condition =
  /** Nothing has the name (`If-None-Match: *`). */
  | { readonly ifNoneMatch: '*'; readonly ifMatch?: undefined }
  /** The object has this ETag (`If-Match`), as the store has told it. */
  | { readonly ifMatch: string; readonly ifNoneMatch?: undefined };

/** How a request was answered that did not do what it was asked for, as the store says itself. */
export interface Refusal {
  /**
   * The HTTP status; `undefined` where no request reached the store, as when it cannot be connected
   * to.
   */
  readonly status?: number | undefined;
  /**
   * The store's own word for it: `AccessDenied`, `NoSuchBucket`, …; or the system's:
   * `ECONNREFUSED`.
   */
  readonly code: string;
  readonly message: string;
  /** Whether the same request may succeed later: the store is busy, or could not be reached. */
  readonly isTransient: boolean;
}

/** What is known of a write: */
export type Written =
  /** it took place, and this is the ETag of what is there; */
  | { readonly outcome: 'committed'; readonly etag: string }
  /** it did not take place and never will, since its condition does not hold; */
  | { readonly outcome: 'precondition' }
  /** it did not take place and never will, for another reason; */
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  /** nothing: it may have taken place, and it may still. */
  | { readonly outcome: 'unknown'; readonly cause: unknown };

/** What a writer says of an object beside its bytes, which every write says anew. */
export interface ObjectHeaders {
  readonly contentType?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentLanguage?: string | undefined;
}

/** What is known of an object. */
export interface ObjectInfo {
  readonly etag: string;
  readonly sizeBytes: number;
  readonly headers: ObjectHeaders;
  /** The metadata of its writer, by names in lower case without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** When the store says that it was written, in milliseconds since 1970, by the store's clock. */
  readonly modifiedMs?: number | undefined;
}

/** What came of a request that only reads: */
export type Read<Found> =
  | ({ readonly outcome: 'found' } & Found)
  /** nothing has the name; */
  | { readonly outcome: 'missing' }
  /** what is there is not what was asked for; */
  | { readonly outcome: 'precondition' }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  /** no whole answer came. */
  | { readonly outcome: 'unknown'; readonly cause: unknown };

/** An object and what it holds. */
export interface FoundObject extends ObjectInfo {
  readonly body: Uint8Array;
}

/** Some bytes of an object. */
export interface ByteRange {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** What ends a request; a write whose request is ended is `unknown`. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
}

/** How an object is read. */
export interface GetOptions extends RequestOptions {
  readonly ifMatch?: string | undefined;
  readonly range?: ByteRange | undefined;
}

/** How an object is written. */
export interface PutOptions extends RequestOptions {
  readonly condition?: Condition | undefined;
  /** Names in lower case and values in ASCII; 2 KB in all. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly headers?: ObjectHeaders | undefined;
}

/** How an object is removed. Many stores do not look at the condition. */
export interface DeleteOptions extends RequestOptions {
  readonly ifMatch?: string | undefined;
}

/** An object in a list. */
export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly modifiedMs?: number | undefined;
}

/** A part of a list. */
export interface Listed {
  readonly objects: readonly ListedObject[];
  /** What to ask for the rest with; `undefined` at the end. */
  readonly next?: string | undefined;
}

/** How a list is asked for. */
export interface ListOptions extends RequestOptions {
  /** What the answer before this one gave as `next`. */
  readonly after?: string | undefined;
}

/** Where a part of an upload belongs: its place, from 1. */
export interface PartPlace {
  readonly uploadId: string;
  readonly partNumber: number;
}

/** A part of an upload that is to be put together, in its place from 1. */
export interface UploadedPart {
  readonly partNumber: number;
  readonly etag: string;
}

/** What came of a request about an upload. */
export type Uploaded<Found> =
  | ({ readonly outcome: 'committed' } & Found)
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  | { readonly outcome: 'unknown'; readonly cause: unknown };

/**
 * A store of objects. No method rejects for what the store or the network does: that is in the
 * result. One that is called with what no store could be asked for rejects with INVALID_ARGUMENT.
 */
export interface ObjectStore {
  /** What tells this store from others of a process, for what is kept per store: its endpoint. */
  readonly endpoint: string;
  /**
   * Whether its conditions are taken on trust. Otherwise the first update of a process at the
   * endpoint tries them, and refuses a store that is found to lose updates.
   */
  readonly isTrusted?: boolean | undefined;
  /** Reads an object, whole or in part. An answer that breaks off is `unknown`. */
  get(name: ObjectName, options?: GetOptions): Promise<Read<FoundObject>>;
  /** Looks at an object. */
  head(name: ObjectName, options?: RequestOptions): Promise<Read<ObjectInfo>>;
  /** Writes an object, whole or not at all. */
  put(name: ObjectName, body: Uint8Array, options?: PutOptions): Promise<Written>;
  /** Removes an object; one that is not there is `committed` with an empty ETag, as S3 answers. */
  delete(name: ObjectName, options?: DeleteOptions): Promise<Written>;
  /** The objects of a bucket whose keys begin so, in the order of their keys, a part at a time. */
  list(bucket: string, prefix: string, options?: ListOptions): Promise<Read<Listed>>;
  /** Begins an object that comes in parts. */
  createUpload(
    name: ObjectName,
    options?: Omit<PutOptions, 'condition'>,
  ): Promise<Uploaded<{ readonly uploadId: string }>>;
  /** Sends a part; all but the last have 5 MiB or more. */
  putPart(
    name: ObjectName,
    place: PartPlace,
    body: Uint8Array,
    options?: RequestOptions,
  ): Promise<Written>;
  /** Puts the parts together: the write of the object, whole or not at all. */
  completeUpload(
    name: ObjectName,
    uploadId: string,
    parts: readonly UploadedPart[],
    options?: Pick<PutOptions, 'condition' | 'signal'>,
  ): Promise<Written>;
  /** Drops the parts of an upload. */
  abortUpload(name: ObjectName, uploadId: string, options?: RequestOptions): Promise<Written>;
}
