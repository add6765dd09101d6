/**
 * A store that speaks S3, over HTTP: aws4fetch signs, `fetch` of Node sends. One method is one
 * request: nothing is retried, and no redirect is followed (a PUT that was redirected would be
 * two).
 */
import { createHash } from 'node:crypto';
import { AwsV4Signer } from 'aws4fetch';
import { checkOptions, invalidArgument } from 'holdfast/options';
import { errorOf, readBy, unanswered, uploadedBy, writtenBy, type Answer } from './answers.js';
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
import { escapeXml, parseXml, textIn, type Element } from './xml.js';

/** What requests are signed with. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of credentials that end. */
  readonly sessionToken?: string | undefined;
}

/** Where a store is, and how it is asked. */
export interface S3StoreOptions {
  /** By default `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, or Amazon's of the region. */
  readonly endpoint?: string | undefined;
  /** By default `AWS_REGION`, `AWS_DEFAULT_REGION`, or `us-east-1`. */
  readonly region?: string | undefined;
  /**
   * What to sign with, or a function that is asked before each request, and keeps what it gives for
   * as long as that is valid. By default `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
   * `AWS_SESSION_TOKEN`, looked up at each request. For profiles, roles and single sign-on take
   * {@link sdkStore}, or a provider of the AWS SDK as this function.
   */
  readonly credentials?: S3Credentials | (() => S3Credentials | Promise<S3Credentials>) | undefined;
  /**
   * Whether the bucket is a part of the path, or (false) of the host's name. By default true, but
   * for Amazon.
   */
  readonly pathStyle?: boolean | undefined;
  /**
   * Whether the endpoint may be `http:`, by which everybody on the way reads and changes what is
   * sent.
   */
  readonly allowHttp?: boolean | undefined;
  /**
   * After how long a request that is not answered whole is given up, in milliseconds; 30 000 by
   * default.
   */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Whether the conditions of the store are taken on trust. By default the first update of a
   * process at an endpoint tries them, by some hundred small requests beside the object, and
   * refuses a store that is found to lose updates.
   */
  readonly trusted?: boolean | undefined;
}

const optionNames = [
  'endpoint',
  'region',
  'credentials',
  'pathStyle',
  'allowHttp',
  'requestTimeoutMs',
  'trusted',
] as const;

const REQUEST_TIMEOUT_MS = 30_000;

/** The names of headers that are kept with an object. */
const kept: Readonly<Record<keyof ObjectHeaders, string>> = {
  contentType: 'content-type',
  cacheControl: 'cache-control',
  contentDisposition: 'content-disposition',
  contentLanguage: 'content-language',
};

const METADATA = 'x-amz-meta-';

/**
 * A store that speaks S3: Amazon's own, or another one at an endpoint. Nothing is asked of it yet.
 *
 * @throws HoldfastError INVALID_ARGUMENT; for an endpoint of plain `http:` without `allowHttp`
 */
export function s3Store(options: S3StoreOptions = {}): ObjectStore {
  checkOptions('s3Store', options, optionNames);
  return new S3Store(options);
}

interface Request extends RequestOptions {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly bucket: string;
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array;
}

/** A whole answer. */
interface Response extends Answer {
  readonly headers: Headers;
  readonly body: Uint8Array;
}

class S3Store implements ObjectStore {
  readonly endpoint: string;
  readonly isTrusted: boolean;
  readonly #url: URL;
  readonly #region: string;
  readonly #isPathStyle: boolean;
  readonly #credentials: () => S3Credentials | Promise<S3Credentials>;
  readonly #requestTimeoutMs: number;
  /** Keys that are derived once a day. */
  readonly #signingKeys = new Map<string, ArrayBuffer>();

  constructor(options: S3StoreOptions) {
    const { env } = process;
    const { credentials = credentialsOfEnvironment } = options;
    const region =
      options.region ?? (env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || 'us-east-1');
    const given = options.endpoint ?? (env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL']);
    this.#url = endpointOf(given || `https://s3.${region}.amazonaws.com`, options.allowHttp);
    this.endpoint = this.#url.href;
    this.isTrusted = options.trusted ?? false;
    this.#region = region;
    this.#isPathStyle =
      options.pathStyle ?? !/(^|\.)amazonaws\.com(\.cn)?$/.test(this.#url.hostname);
    this.#credentials = typeof credentials === 'function' ? credentials : () => credentials;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  }

  async get(name: ObjectName, options: GetOptions = {}): Promise<Read<FoundObject>> {
    const { ifMatch, range, signal } = options;
    const headers = { 'if-match': ifMatch, range: range && rangeOf(range) };
    return this.#read({ method: 'GET', ...name, headers, signal }, (response) => {
      const isWhole = response.status === 200;
      const { body } = response;
      const wanted =
        range && isWhole
          ? body.subarray(range.offsetBytes, range.offsetBytes + range.sizeBytes)
          : body;
      return { ...infoOf(response, isWhole ? body.length : wholeSizeOf(response)), body: wanted };
    });
  }

  async head(name: ObjectName, { signal }: RequestOptions = {}): Promise<Read<ObjectInfo>> {
    return this.#read({ method: 'HEAD', ...name, signal }, (response) =>
      infoOf(response, Number(response.headers.get('content-length'))),
    );
  }

  async put(name: ObjectName, body: Uint8Array, options: PutOptions = {}): Promise<Written> {
    const { condition, signal } = options;
    const headers = { ...headersOf(options), ...conditionOf(condition) };
    return this.#write({ method: 'PUT', ...name, headers, body, signal }, condition);
  }

  async delete(name: ObjectName, { ifMatch, signal }: DeleteOptions = {}): Promise<Written> {
    const request = {
      method: 'DELETE',
      ...name,
      headers: { 'if-match': ifMatch },
      signal,
    } as const;
    const response = await this.#send(request);
    if ('outcome' in response) return response;
    if (response.status === 204 || response.status === 200)
      return { outcome: 'committed', etag: '' };
    if (response.status === 404 && response.code === 'NoSuchKey')
      return { outcome: 'committed', etag: '' };
    return writtenBy(response);
  }

  async list(
    bucket: string,
    prefix: string,
    { after, signal }: ListOptions = {},
  ): Promise<Read<Listed>> {
    const query = {
      'list-type': '2',
      'encoding-type': 'url',
      prefix,
      ...(after === undefined ? {} : { 'continuation-token': after }),
    };
    const found = await this.#read({ method: 'GET', bucket, query, signal }, listedOf);
    return found.outcome === 'missing' ? { outcome: 'found', objects: [] } : found;
  }

  async createUpload(
    name: ObjectName,
    options: Omit<PutOptions, 'condition'> = {},
  ): Promise<Uploaded<{ readonly uploadId: string }>> {
    const headers = headersOf(options);
    const query = { uploads: '' };
    const response = await this.#send({
      method: 'POST',
      ...name,
      query,
      headers,
      signal: options.signal,
    });
    if ('outcome' in response) return response;
    if (response.status !== 200) return uploadedBy(response);
    return understood(response, (root) => ({
      outcome: 'committed',
      uploadId: textIn(root, 'UploadId'),
    }));
  }

  async putPart(
    name: ObjectName,
    { uploadId, partNumber }: PartPlace,
    body: Uint8Array,
    { signal }: RequestOptions = {},
  ): Promise<Written> {
    const query = { partNumber: String(partNumber), uploadId };
    return this.#write({ method: 'PUT', ...name, query, body, signal });
  }

  async completeUpload(
    name: ObjectName,
    uploadId: string,
    parts: readonly UploadedPart[],
    { condition, signal }: Pick<PutOptions, 'condition' | 'signal'> = {},
  ): Promise<Written> {
    const response = await this.#send({
      method: 'POST',
      ...name,
      query: { uploadId },
      headers: { 'content-type': 'application/xml', ...conditionOf(condition) },
      body: Buffer.from(partsOf(parts)),
      signal,
    });
    if ('outcome' in response) return response;
    if (response.status !== 200) return writtenBy(response, condition);
    return understood(response, (root) => {
      if (root.name !== 'Error') return { outcome: 'committed', etag: textIn(root, 'ETag') };
      // The status was sent before the store began to work (API reference,
      // CompleteMultipartUpload).
      const code = textIn(root, 'Code');
      const status = code === 'PreconditionFailed' ? 412 : 500;
      return writtenBy({ status, code, message: textIn(root, 'Message') }, condition);
    });
  }

  async abortUpload(
    name: ObjectName,
    uploadId: string,
    { signal }: RequestOptions = {},
  ): Promise<Written> {
    const response = await this.#send({ method: 'DELETE', ...name, query: { uploadId }, signal });
    if ('outcome' in response) return response;
    if (response.status === 204 || response.code === 'NoSuchUpload')
      return { outcome: 'committed', etag: '' };
    return writtenBy(response);
  }

  async #write(request: Request, condition?: Condition): Promise<Written> {
    const response = await this.#send(request);
    if ('outcome' in response) return response;
    if (response.status !== 200) return writtenBy(response, condition);
    const etag = response.headers.get('etag');
    if (etag !== null) return { outcome: 'committed', etag };
    return { outcome: 'unknown', cause: new Error('the store answered without an ETag') };
  }

  async #read<Found>(request: Request, read: (response: Response) => Found): Promise<Read<Found>> {
    const response = await this.#send(request);
    if ('outcome' in response) return response;
    if (response.status !== 200 && response.status !== 206) return readBy(response);
    const encoding = response.headers.get('content-encoding') ?? '';
    if (!['', 'identity', 'aws-chunked'].includes(encoding)) return encoded(encoding);
    try {
      return { outcome: 'found', ...read(response) };
    } catch (cause) {
      return { outcome: 'unknown', cause };
    }
  }

  /** The whole answer to a request, or what is known without one. */
  async #send(request: Request): Promise<Response | ReturnType<typeof unanswered>> {
    const timeout = AbortSignal.timeout(this.#requestTimeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    let signed: RequestInit & { readonly url: URL };
    try {
      signal.throwIfAborted();
      signed = await this.#sign(request);
    } catch (error) {
      return neverSent(error);
    }
    try {
      const response = await fetch(signed.url, { ...signed, redirect: 'manual', signal });
      const body = new Uint8Array(await response.arrayBuffer());
      const { status, headers } = response;
      return { status, headers, body, ...sayingOf(status, body) };
    } catch (error) {
      // `fetch failed`: what is behind it says more.
      return unanswered((error as Error).cause ?? error);
    }
  }

  async #sign(request: Request): Promise<RequestInit & { readonly url: URL }> {
    const { method, body, query = {} } = request;
    const url = this.#urlOf(request);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const given = Object.entries(request.headers ?? {}).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const { accessKeyId, secretAccessKey, sessionToken } = await this.#credentials();
    const signer = new AwsV4Signer({
      url: url.href,
      method,
      headers: {
        ...Object.fromEntries(given),
        // What arrives is what was meant, or refused.
        'x-amz-content-sha256': createHash('sha256')
          .update(body ?? '')
          .digest('hex'),
      },
      ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
      service: 's3',
      region: this.#region,
      cache: this.#signingKeys,
    });
    const signed = await signer.sign();
    return {
      method,
      url: signed.url,
      headers: signed.headers,
      ...(body && { body }),
    };
  }

  #urlOf({ bucket, key = '' }: Request): URL {
    const path = key.split('/').map(encodePart).join('/');
    if (this.#isPathStyle) return new URL(`${this.#url.href}${encodePart(bucket)}/${path}`);
    const url = new URL(`${this.#url.href}${path}`);
    url.hostname = `${bucket}.${url.hostname}`;
    return url;
  }
}

function endpointOf(text: string, allowHttp = false): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const refuse = (why: string): never => {
    throw invalidArgument('s3Store', `the endpoint ${why}`);
  };
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return refuse('is a URL of https:, as https://s3.eu-central-1.amazonaws.com');
  if (url.username !== '' || url.password !== '')
    return refuse('holds no credentials: give them as `credentials`');
  if (url.protocol === 'http:' && !allowHttp) {
    return refuse(
      'is of http:, by which everybody on the way reads and changes what is sent; take https:, or say allowHttp',
    );
  }
  url.search = '';
  url.hash = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function credentialsOfEnvironment(): S3Credentials {
  const { env } = process;
  const [accessKeyId, secretAccessKey] = [env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']];
  if (accessKeyId && secretAccessKey)
    return { accessKeyId, secretAccessKey, sessionToken: env['AWS_SESSION_TOKEN'] || undefined };
  throw Object.assign(
    new Error(
      'there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give `credentials`',
    ),
    { code: 'NoCredentials' },
  );
}

/** What failed before a request was made of it. */
function neverSent(error: unknown): ReturnType<typeof unanswered> {
  const { code, name, message } = error as Error & { readonly code?: string };
  const said = typeof code === 'string' ? code : name;
  return { outcome: 'refused', refusal: { code: said, message, isTransient: false } };
}

/** `fetch` decodes it, and what is read would not be what the ETag stands for. */
function encoded(encoding: string): Read<never> {
  const message = `the object is stored with Content-Encoding: ${encoding}; only one without can be read here`;
  return {
    outcome: 'refused',
    refusal: { code: 'ContentEncoding', message, isTransient: false },
  };
}

/** RFC 3986 section 2.3, as Signature Version 4 wants it. */
function encodePart(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function rangeOf({ offsetBytes, sizeBytes }: { offsetBytes: number; sizeBytes: number }): string {
  return `bytes=${offsetBytes}-${offsetBytes + sizeBytes - 1}`;
}

function conditionOf(condition?: Condition): Readonly<Record<string, string | undefined>> {
  return { 'if-match': condition?.ifMatch, 'if-none-match': condition?.ifNoneMatch };
}

function headersOf({
  metadata = {},
  headers = {},
}: Pick<PutOptions, 'metadata' | 'headers'>): Record<string, string | undefined> {
  const named = Object.entries(kept) as [keyof ObjectHeaders, string][];
  return Object.fromEntries([
    ...named.map(([name, header]) => [header, headers[name]]),
    ...Object.entries(metadata).map(([name, value]) => [METADATA + name, value]),
  ]);
}

function infoOf({ headers }: Response, sizeBytes: number): ObjectInfo {
  const metadata = [...headers]
    .filter(([name]) => name.startsWith(METADATA))
    .map(([name, value]) => [name.slice(METADATA.length), value] as const);
  const named = Object.entries(kept).map(([name, header]) => [name, headers.get(header)] as const);
  const modifiedMs = Date.parse(headers.get('last-modified') ?? '');
  const etag = headers.get('etag');
  if (etag === null) throw new Error('the store answered without an ETag');
  return {
    etag,
    sizeBytes,
    headers: Object.fromEntries(named.filter(([, value]) => value !== null)),
    metadata: Object.fromEntries(metadata),
    ...(Number.isNaN(modifiedMs) ? {} : { modifiedMs }),
  };
}

function wholeSizeOf({ headers }: Response): number {
  return Number(headers.get('content-range')?.split('/')[1]);
}

function sayingOf(status: number, body: Uint8Array): Pick<Answer, 'code' | 'message'> {
  if (status < 300 || body.length === 0) return { code: '', message: '' };
  try {
    const root = parseXml(Buffer.from(body).toString());
    return { code: textIn(root, 'Code'), message: textIn(root, 'Message') };
  } catch {
    return { code: '', message: '' };
  }
}

function understood<T>(
  response: Response,
  read: (root: Element & { readonly name: string }) => T,
): T | { readonly outcome: 'unknown'; readonly cause: unknown } {
  try {
    return read(parseXml(Buffer.from(response.body).toString()));
  } catch {
    const { status } = response;
    const cause = errorOf({ status, code: '', message: 'an answer that cannot be read' });
    return { outcome: 'unknown', cause };
  }
}

function listedOf({ body }: Response): Listed {
  const root = parseXml(Buffer.from(body).toString());
  const isEncoded = textIn(root, 'EncodingType') === 'url';
  const decode = (key: string): string =>
    isEncoded ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
  const objects = (root.children.get('Contents') ?? []).map((element) => {
    const modifiedMs = Date.parse(textIn(element, 'LastModified'));
    return {
      key: decode(textIn(element, 'Key')),
      etag: textIn(element, 'ETag'),
      sizeBytes: Number(textIn(element, 'Size')),
      ...(Number.isNaN(modifiedMs) ? {} : { modifiedMs }),
    };
  });
  const next = textIn(root, 'NextContinuationToken');
  const isCut = textIn(root, 'IsTruncated') === 'true';
  if (isCut && next === '') throw new Error('a list that is cut off says not where it goes on');
  return { objects, ...(isCut ? { next } : {}) };
}

function partsOf(parts: readonly UploadedPart[]): string {
  const each = parts.map(
    ({ partNumber, etag }) =>
      `<Part><PartNumber>${partNumber}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`,
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${each.join('')}</CompleteMultipartUpload>`;
}
