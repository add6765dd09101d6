/**
 * A store in memory whose network is in the hands of a test. A request that is held is under way
 * until it is told what becomes of it: it arrives, now or late, once, twice or never; and its
 * answer gets back, or is lost. What a client may not rely on of a store is what this one does to
 * it.
 *
 * It keeps to what a protocol may rely on: an object is written whole or not at all, a condition is
 * judged in the same instant, and a read that arrives later sees it. As on S3 an ETag is the MD5 of
 * the bytes, so the same bytes have the same one.
 */
import { createHash } from 'node:crypto';
import { writtenBy } from './answers.js';
import type {
  Condition,
  DeleteOptions,
  FoundObject,
  GetOptions,
  Listed,
  ListOptions,
  ObjectHeaders,
  ObjectInfo,
  ObjectName,
  ObjectStore,
  PartPlace,
  PutOptions,
  Read,
  RequestOptions,
  Uploaded,
  UploadedPart,
  Written,
} from './object-store.js';

/** A request that is under way, and what may become of it. */
export interface ModelRequest {
  readonly method: 'get' | 'head' | 'put' | 'delete' | 'list' | 'upload';
  readonly name: ObjectName;
  readonly condition: Condition | undefined;
  /** How often it has arrived. */
  readonly arrivals: number;
  /** Whether its client has an answer, or has given up. */
  readonly isSettled: boolean;
  /**
   * It reaches the store, which does what it asks for. May be called again, also after the client
   * has given up.
   */
  arrive(): void;
  /** The client gets what the store said at the last arrival. */
  answer(): void;
  /** The client gets nothing, and knows nothing. */
  lose(): void;
}

interface StoredObject {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly headers: ObjectHeaders;
  readonly modifiedMs: number;
}

interface StoredUpload extends Pick<StoredObject, 'metadata' | 'headers'> {
  readonly parts: Map<number, { readonly body: Uint8Array; readonly etag: string }>;
}

const LIST_LENGTH = 1000;

/** A store in memory; see the head of this file. */
export class ModelStore implements ObjectStore {
  readonly endpoint: string = 'model:';
  /** It is one; a test of what a first update does says false. */
  isTrusted = true;
  /** The requests that are held, in the order in which they were made. */
  readonly underWay: ModelRequest[] = [];
  /** Whether requests are held; otherwise each arrives and is answered at once. */
  holds = false;
  /** Told of each request. */
  onRequest: ((request: ModelRequest) => void) | undefined;
  readonly #objects = new Map<string, StoredObject>();
  readonly #uploads = new Map<string, StoredUpload>();
  #now = 0;

  get(name: ObjectName, options: GetOptions = {}): Promise<Read<FoundObject>> {
    const { ifMatch, range } = options;
    return this.#request('get', name, options, () => {
      const stored = this.#objects.get(idOf(name));
      if (stored === undefined) return { outcome: 'missing' };
      if (ifMatch !== undefined && ifMatch !== stored.etag) return { outcome: 'precondition' };
      const { offsetBytes = 0, sizeBytes = stored.body.length } = range ?? {};
      const body = stored.body.slice(offsetBytes, offsetBytes + sizeBytes);
      return { outcome: 'found', ...infoOf(stored), body };
    });
  }

  head(name: ObjectName, options: RequestOptions = {}): Promise<Read<ObjectInfo>> {
    return this.#request('head', name, options, () => {
      const stored = this.#objects.get(idOf(name));
      return stored === undefined
        ? { outcome: 'missing' }
        : { outcome: 'found', ...infoOf(stored) };
    });
  }

  put(name: ObjectName, body: Uint8Array, options: PutOptions = {}): Promise<Written> {
    const { condition, metadata = {}, headers = {} } = options;
    const bytes = Uint8Array.from(body);
    return this.#request('put', name, options, () =>
      this.#store(name, condition, { body: bytes, etag: etagOf(bytes), metadata, headers }),
    );
  }

  delete(name: ObjectName, options: DeleteOptions = {}): Promise<Written> {
    const { ifMatch } = options;
    const condition = ifMatch === undefined ? undefined : { ifMatch };
    return this.#request('delete', name, { ...options, condition }, () => {
      const stored = this.#objects.get(idOf(name));
      if (stored && ifMatch !== undefined && stored.etag !== ifMatch)
        return { outcome: 'precondition' };
      this.#objects.delete(idOf(name));
      return { outcome: 'committed', etag: '' };
    });
  }

  list(bucket: string, prefix: string, options: ListOptions = {}): Promise<Read<Listed>> {
    const { after = '' } = options;
    return this.#request('list', { bucket, key: prefix }, options, () => {
      const begin = idOf({ bucket, key: prefix });
      const all = [...this.#objects]
        .filter(([id]) => id.startsWith(begin))
        .map(([id, { etag, body, modifiedMs }]) => {
          return { key: id.slice(bucket.length + 1), etag, sizeBytes: body.length, modifiedMs };
        })
        .filter(({ key }) => key > after)
        .toSorted((a, b) => (a.key < b.key ? -1 : 1));
      const objects = all.slice(0, LIST_LENGTH);
      const next = all.length > LIST_LENGTH ? objects.at(-1)?.key : undefined;
      return { outcome: 'found', objects, ...(next !== undefined && { next }) };
    });
  }

  createUpload(
    name: ObjectName,
    options: Omit<PutOptions, 'condition'> = {},
  ): Promise<Uploaded<{ readonly uploadId: string }>> {
    const { metadata = {}, headers = {} } = options;
    return this.#request('upload', name, options, () => {
      const uploadId = `upload-${(this.#now += 1)}`;
      this.#uploads.set(uploadId, { metadata, headers, parts: new Map() });
      return { outcome: 'committed', uploadId };
    });
  }

  putPart(
    name: ObjectName,
    { uploadId, partNumber }: PartPlace,
    body: Uint8Array,
    options: RequestOptions = {},
  ): Promise<Written> {
    const bytes = Uint8Array.from(body);
    return this.#request('upload', name, options, () => {
      const upload = this.#uploads.get(uploadId);
      if (upload === undefined) return noSuchUpload();
      const etag = etagOf(bytes);
      upload.parts.set(partNumber, { body: bytes, etag });
      return { outcome: 'committed', etag };
    });
  }

  completeUpload(
    name: ObjectName,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: Pick<PutOptions, 'condition' | 'signal'> = {},
  ): Promise<Written> {
    const { condition } = options;
    return this.#request('put', name, options, () => {
      const upload = this.#uploads.get(uploadId);
      if (upload === undefined) return noSuchUpload();
      const found = parts.map(({ partNumber, etag }) => {
        const part = upload.parts.get(partNumber);
        return part?.etag === etag ? part : undefined;
      });
      if (!found.every((part) => part !== undefined)) {
        return writtenBy({ status: 400, code: 'InvalidPart', message: 'a part is not there' });
      }
      const body = Buffer.concat(found.map((part) => part.body));
      const digests = found.map((part) => Buffer.from(part.etag.slice(1, -1), 'hex'));
      const etag = `${etagOf(Buffer.concat(digests)).slice(0, -1)}-${found.length}"`;
      const { metadata, headers } = upload;
      const written = this.#store(name, condition, { body, etag, metadata, headers });
      if (written.outcome === 'committed') this.#uploads.delete(uploadId);
      return written;
    });
  }

  abortUpload(name: ObjectName, uploadId: string, options: RequestOptions = {}): Promise<Written> {
    return this.#request('upload', name, options, () => {
      this.#uploads.delete(uploadId);
      return { outcome: 'committed', etag: '' };
    });
  }

  /** What an object holds now, without a request. */
  bodyOf(name: ObjectName): Uint8Array | undefined {
    return this.#objects.get(idOf(name))?.body;
  }

  #store(
    name: ObjectName,
    condition: Condition | undefined,
    object: Omit<StoredObject, 'modifiedMs'>,
  ): Written {
    const stored = this.#objects.get(idOf(name));
    if (condition?.ifNoneMatch !== undefined && stored) return { outcome: 'precondition' };
    if (condition?.ifMatch !== undefined && stored?.etag !== condition.ifMatch)
      return { outcome: 'precondition' };
    this.#objects.set(idOf(name), { ...object, modifiedMs: (this.#now += 1000) });
    return { outcome: 'committed', etag: object.etag };
  }

  #request<Result extends { readonly outcome: string }>(
    method: ModelRequest['method'],
    name: ObjectName,
    { signal, condition }: Pick<PutOptions, 'signal' | 'condition'>,
    perform: () => Result,
  ): Promise<Result | { readonly outcome: 'unknown'; readonly cause: unknown }> {
    return new Promise((resolve) => {
      let said: Result | undefined;
      let arrivals = 0;
      let isSettled = false;
      const settle = (
        result: Result | { readonly outcome: 'unknown'; readonly cause: unknown },
      ): void => {
        isSettled = true;
        resolve(result);
      };
      const request: ModelRequest = {
        method,
        name,
        condition,
        get arrivals() {
          return arrivals;
        },
        get isSettled() {
          return isSettled;
        },
        arrive() {
          arrivals += 1;
          said = perform();
        },
        answer() {
          if (said === undefined) throw new Error('a request that has not arrived has no answer');
          settle(said);
        },
        lose: () => settle({ outcome: 'unknown', cause: new Error('no answer came') }),
      };
      if (signal?.aborted) return request.lose();
      this.onRequest?.(request);
      if (this.holds) {
        this.underWay.push(request);
        signal?.addEventListener('abort', () => request.lose(), { once: true });
        return;
      }
      if (request.isSettled) return;
      request.arrive();
      request.answer();
    });
  }
}

function idOf({ bucket, key }: ObjectName): string {
  return `${bucket}/${key}`;
}

function etagOf(body: Uint8Array): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

function infoOf({ etag, body, metadata, headers, modifiedMs }: StoredObject): ObjectInfo {
  return { etag, sizeBytes: body.length, metadata, headers, modifiedMs };
}

function noSuchUpload(): Written {
  return writtenBy({ status: 404, code: 'NoSuchUpload', message: 'there is no such upload' });
}
