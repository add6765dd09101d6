/**
 * A store by way of the caller's own client of the AWS SDK (`@aws-sdk/client-s3`, version 3), with
 * the credentials, the region and the agent that it has. Holdfast does not depend on the SDK: the
 * caller gives its module.
 *
 * The SDK sends a request up to three times by itself, and a PUT that was done and whose answer was
 * lost is refused the second time: the caller would be told that its own write was somebody else's.
 * So a command carries a middleware by which its second request is none (SDK for JavaScript,
 * "Middleware stack").
 */
import { checkOptions, invalidArgument } from 'holdfast/options';
import { readBy, unanswered, uploadedBy, writtenBy, type Answer } from './answers.js';
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

/** What is needed of a client: `S3Client` of `@aws-sdk/client-s3`. */
export interface SdkClient {
  /** Sends a command, and gives its output. */
  // oxlint-disable-next-line typescript/no-explicit-any
  send(command: any, options?: { readonly abortSignal?: AbortSignal }): Promise<any>;
}

/** What is needed of the module `@aws-sdk/client-s3`: its commands. */
export type SdkCommands = {
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly [Name in (typeof commandNames)[number]]: new (input: any) => any;
};

const commandNames = [
  'GetObjectCommand',
  'HeadObjectCommand',
  'PutObjectCommand',
  'DeleteObjectCommand',
  'ListObjectsV2Command',
  'CreateMultipartUploadCommand',
  'UploadPartCommand',
  'CompleteMultipartUploadCommand',
  'AbortMultipartUploadCommand',
] as const;

/** How a store is asked by way of the SDK. */
export interface SdkStoreOptions {
  /**
   * What tells this store from others of the process; needed where two clients have different
   * endpoints. `sdk:` by default.
   */
  readonly endpoint?: string | undefined;
  /**
   * After how long a request that is not answered whole is given up, in milliseconds; 30 000 by
   * default.
   */
  readonly requestTimeoutMs?: number | undefined;
  /** Whether the conditions of the store are taken on trust, as with {@link s3Store}. */
  readonly trusted?: boolean | undefined;
}

const REQUEST_TIMEOUT_MS = 30_000;

/**
 * A store by way of a client of the AWS SDK.
 *
 * @param client - an `S3Client`; its own retries are not used
 * @param commands - the module: `import * as sdk from '@aws-sdk/client-s3'`
 * @throws HoldfastError INVALID_ARGUMENT
 */
export function sdkStore(
  client: SdkClient,
  commands: SdkCommands,
  options: SdkStoreOptions = {},
): ObjectStore {
  checkOptions('sdkStore', options, ['endpoint', 'requestTimeoutMs', 'trusted']);
  if (typeof client?.send !== 'function')
    throw invalidArgument('sdkStore', 'client is an S3Client');
  const missing = commandNames.find((name) => typeof commands?.[name] !== 'function');
  if (missing !== undefined) {
    throw invalidArgument(
      'sdkStore',
      `commands is the module @aws-sdk/client-s3, and has no ${missing}`,
    );
  }
  return new SdkStore(client, commands, options);
}

interface Middleware {
  add(
    middleware: (next: (args: unknown) => Promise<unknown>) => (args: unknown) => Promise<unknown>,
    options: { readonly step: 'finalizeRequest'; readonly priority: 'low'; readonly name: string },
  ): void;
}

/** What a command gives, as far as it is looked at. */
interface Output {
  readonly ETag?: string;
  readonly UploadId?: string;
  readonly Body?: { transformToByteArray(): Promise<Uint8Array> };
  readonly ContentLength?: number;
  readonly ContentRange?: string;
  readonly ContentEncoding?: string;
  readonly ContentType?: string;
  readonly CacheControl?: string;
  readonly ContentDisposition?: string;
  readonly ContentLanguage?: string;
  readonly Metadata?: Readonly<Record<string, string>>;
  readonly LastModified?: Date;
  readonly IsTruncated?: boolean;
  readonly NextContinuationToken?: string;
  readonly Contents?: readonly {
    readonly Key?: string;
    readonly ETag?: string;
    readonly Size?: number;
    readonly LastModified?: Date;
  }[];
}

/**
 * The first request of a command failed. Nothing of it tells the SDK that it might be sent again.
 */
class FirstFailure extends Error {
  readonly failure: unknown;

  constructor(failure: unknown) {
    super('the request failed');
    this.failure = failure;
  }
}

type Failed = { readonly answer: Answer } | { readonly failure: unknown };

class SdkStore implements ObjectStore {
  readonly endpoint: string;
  readonly isTrusted: boolean;
  readonly #client: SdkClient;
  readonly #commands: SdkCommands;
  readonly #requestTimeoutMs: number;

  constructor(client: SdkClient, commands: SdkCommands, options: SdkStoreOptions) {
    this.endpoint = options.endpoint ?? 'sdk:';
    this.isTrusted = options.trusted ?? false;
    this.#client = client;
    this.#commands = commands;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  }

  async get(name: ObjectName, options: GetOptions = {}): Promise<Read<FoundObject>> {
    const { ifMatch, range } = options;
    const input = {
      ...nameOf(name),
      IfMatch: ifMatch,
      Range: range && `bytes=${range.offsetBytes}-${range.offsetBytes + range.sizeBytes - 1}`,
    };
    return this.#read('GetObjectCommand', input, options, async (output) => {
      const body = (await output.Body?.transformToByteArray()) ?? new Uint8Array();
      const whole = output.ContentRange?.split('/')[1];
      return { ...infoOf(output, whole === undefined ? body.length : Number(whole)), body };
    });
  }

  async head(name: ObjectName, options: RequestOptions = {}): Promise<Read<ObjectInfo>> {
    return this.#read('HeadObjectCommand', nameOf(name), options, (output) =>
      infoOf(output, output.ContentLength ?? 0),
    );
  }

  async put(name: ObjectName, body: Uint8Array, options: PutOptions = {}): Promise<Written> {
    const { condition } = options;
    const input = {
      ...nameOf(name),
      ...conditionOf(condition),
      ...headersOf(options),
      Body: body,
      ContentLength: body.length,
    };
    return this.#write('PutObjectCommand', input, options, condition);
  }

  async delete(name: ObjectName, options: DeleteOptions = {}): Promise<Written> {
    const sent = await this.#send(
      'DeleteObjectCommand',
      { ...nameOf(name), IfMatch: options.ifMatch },
      options,
    );
    if ('output' in sent) return { outcome: 'committed', etag: '' };
    if ('failure' in sent) return unanswered(sent.failure);
    return sent.answer.code === 'NoSuchKey'
      ? { outcome: 'committed', etag: '' }
      : writtenBy(sent.answer);
  }

  async list(bucket: string, prefix: string, options: ListOptions = {}): Promise<Read<Listed>> {
    const input = { Bucket: bucket, Prefix: prefix, ContinuationToken: options.after };
    const found = await this.#read('ListObjectsV2Command', input, options, listedOf);
    return found.outcome === 'missing' ? { outcome: 'found', objects: [] } : found;
  }

  async createUpload(
    name: ObjectName,
    options: Omit<PutOptions, 'condition'> = {},
  ): Promise<Uploaded<{ readonly uploadId: string }>> {
    const input = { ...nameOf(name), ...headersOf(options) };
    const sent = await this.#send('CreateMultipartUploadCommand', input, options);
    if ('failure' in sent) return unanswered(sent.failure);
    if ('answer' in sent) return uploadedBy(sent.answer);
    return { outcome: 'committed', uploadId: sent.output.UploadId ?? '' };
  }

  async putPart(
    name: ObjectName,
    { uploadId, partNumber }: PartPlace,
    body: Uint8Array,
    options: RequestOptions = {},
  ): Promise<Written> {
    const part = {
      UploadId: uploadId,
      PartNumber: partNumber,
      Body: body,
      ContentLength: body.length,
    };
    return this.#write('UploadPartCommand', { ...nameOf(name), ...part }, options);
  }

  async completeUpload(
    name: ObjectName,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: Pick<PutOptions, 'condition' | 'signal'> = {},
  ): Promise<Written> {
    const { condition } = options;
    const input = {
      ...nameOf(name),
      ...conditionOf(condition),
      UploadId: uploadId,
      MultipartUpload: {
        Parts: parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag })),
      },
    };
    return this.#write('CompleteMultipartUploadCommand', input, options, condition);
  }

  async abortUpload(
    name: ObjectName,
    uploadId: string,
    options: RequestOptions = {},
  ): Promise<Written> {
    const input = { ...nameOf(name), UploadId: uploadId };
    const sent = await this.#send('AbortMultipartUploadCommand', input, options);
    if ('output' in sent) return { outcome: 'committed', etag: '' };
    if ('failure' in sent) return unanswered(sent.failure);
    return sent.answer.code === 'NoSuchUpload'
      ? { outcome: 'committed', etag: '' }
      : writtenBy(sent.answer);
  }

  async #write(
    name: keyof SdkCommands,
    input: object,
    options: RequestOptions,
    condition?: Condition,
  ): Promise<Written> {
    const sent = await this.#send(name, input, options);
    if ('failure' in sent) return unanswered(sent.failure);
    if ('answer' in sent) return writtenBy(sent.answer, condition);
    const { ETag: etag } = sent.output;
    if (etag !== undefined) return { outcome: 'committed', etag };
    return { outcome: 'unknown', cause: new Error('the store answered without an ETag') };
  }

  async #read<Found>(
    name: keyof SdkCommands,
    input: object,
    options: RequestOptions,
    read: (output: Output) => Found | Promise<Found>,
  ): Promise<Read<Found>> {
    const sent = await this.#send(name, input, options);
    if ('failure' in sent) return unanswered(sent.failure);
    if ('answer' in sent) return readBy(sent.answer);
    try {
      return { outcome: 'found', ...(await read(sent.output)) };
    } catch (cause) {
      return { outcome: 'unknown', cause };
    }
  }

  async #send(
    name: keyof SdkCommands,
    input: object,
    { signal }: RequestOptions,
  ): Promise<{ readonly output: Output } | Failed> {
    const timeout = AbortSignal.timeout(this.#requestTimeoutMs);
    const abortSignal = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const command = new this.#commands[name](input) as { readonly middlewareStack: Middleware };
    command.middlewareStack.add(sendOnce, {
      step: 'finalizeRequest',
      priority: 'low',
      name: 'holdfastSendOnce',
    });
    const sending = this.#client.send(command, { abortSignal }) as Promise<Output>;
    try {
      // The signal ends a request that the SDK goes on waiting for.
      return { output: await endedBy(abortSignal, sending) };
    } catch (error) {
      return failedBy(error instanceof FirstFailure ? error.failure : error);
    }
  }
}

function sendOnce(next: (args: unknown) => Promise<unknown>): (args: unknown) => Promise<unknown> {
  return (args) =>
    next(args).catch((failure: unknown) => {
      throw new FirstFailure(failure);
    });
}

function endedBy<T>(signal: AbortSignal, working: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', end, { once: true });
    working.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}

/** An error of the SDK is an answer when it has the status of one. */
function failedBy(error: unknown): Failed {
  const { $metadata, name, message } = error as Error & {
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return { failure: error };
  // Of HEAD there is no body, and so no code of the store's own.
  const code = ['NotFound', 'Unknown', 'UnknownError'].includes(name) ? '' : name;
  // The status of a success, and an error in the body (API reference, CompleteMultipartUpload).
  const said = code === 'PreconditionFailed' ? 412 : status < 300 ? 500 : status;
  return { answer: { status: said, code, message } };
}

function nameOf({ bucket, key }: ObjectName): { readonly Bucket: string; readonly Key: string } {
  return { Bucket: bucket, Key: key };
}

function conditionOf(condition?: Condition): object {
  return { IfMatch: condition?.ifMatch, IfNoneMatch: condition?.ifNoneMatch };
}

function headersOf({ metadata, headers = {} }: Pick<PutOptions, 'metadata' | 'headers'>): object {
  return {
    Metadata: metadata,
    ContentType: headers.contentType,
    CacheControl: headers.cacheControl,
    ContentDisposition: headers.contentDisposition,
    ContentLanguage: headers.contentLanguage,
  };
}

function infoOf(output: Output, sizeBytes: number): ObjectInfo {
  const { ETag: etag, Metadata: metadata = {}, LastModified } = output;
  if (etag === undefined) throw new Error('the store answered without an ETag');
  const all: Record<keyof ObjectHeaders, string | undefined> = {
    contentType: output.ContentType,
    cacheControl: output.CacheControl,
    contentDisposition: output.ContentDisposition,
    contentLanguage: output.ContentLanguage,
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return {
    etag,
    sizeBytes,
    metadata,
    headers: Object.fromEntries(given),
    ...(LastModified && { modifiedMs: LastModified.getTime() }),
  };
}

function listedOf(output: Output): Listed {
  const objects = (output.Contents ?? []).map(({ Key, ETag, Size, LastModified }) => ({
    key: Key ?? '',
    etag: ETag ?? '',
    sizeBytes: Size ?? 0,
    ...(LastModified && { modifiedMs: LastModified.getTime() }),
  }));
  const next = output.NextContinuationToken;
  if (output.IsTruncated && next === undefined)
    throw new Error('a list that is cut off says not where it goes on');
  return { objects, ...(output.IsTruncated && next !== undefined && { next }) };
}
