/**
 * `@holdfast/objectstore`, which reaches buckets: an optional peer, loaded when an address of
 * `s3://` is given. Its types are said here as far as they are used, so that this package compiles
 * without it.
 */
import type { JsonValue, PartsProgress, WrittenPart } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import type { ReadableStore } from './store-ranges.js';

/** How a directory in a bucket is reached. */
export interface BucketAccess {
  readonly store: ReadableStore | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly index: {
    readonly url: string;
    readonly contentType: string;
    readonly factsIn: (text: string) => string | undefined;
    readonly withFacts: (text: string, facts: string) => string;
  };
}

/** A directory that is filled where nobody reads. */
export interface BucketStage {
  readonly url: string;
  readonly signal: AbortSignal;
  write(
    path: string,
    data: Uint8Array | AsyncIterable<Uint8Array>,
    options?: { readonly contentType?: string; readonly sha256?: string },
  ): Promise<void>;
  spawn(task: () => Promise<unknown>): Promise<void>;
  setIndex(text: string): void;
}

/** A file that a part has written. */
export interface BucketPartFile {
  readonly path: string;
  readonly sha256: string;
}

/** Which attempt at a part counts. */
export interface BucketPartRecord {
  readonly value: JsonValue;
  readonly files: readonly BucketPartFile[];
}

/** What all parts have made. */
export interface BucketParts {
  readonly records: readonly BucketPartRecord[];
  readonly read: (record: never, file: never) => AsyncIterable<Uint8Array>;
}

/** A session of parts in a bucket. */
export interface BucketSession {
  readonly id: string;
  readonly partCount: number;
  readonly job: JsonValue;
  writePart(
    part: number,
    fill: (stage: BucketStage) => Promise<JsonValue>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<WrittenPart>;
  progress(): Promise<PartsProgress>;
  commitWith<V, T extends JsonValue>(
    publish: {
      readonly fill: (stage: BucketStage, parts: BucketParts) => Promise<V>;
      readonly result: (filled: {
        readonly value: V;
        readonly generation: string;
        readonly resumed: readonly string[];
      }) => T;
    },
    options?: {
      readonly verify?: 'checksum' | 'size' | undefined;
      readonly timeoutMs?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<T>;
}

/** What is used of the package. */
export interface Stores {
  s3Store(options: { readonly allowHttp: boolean }): ReadableStore;
  publishDirectory<T>(
    url: string,
    fill: (stage: BucketStage) => Promise<T>,
    options: BucketAccess & {
      readonly ifExists?: 'fail' | 'replace' | undefined;
      readonly keepForMs?: number | undefined;
      readonly keepPrevious?: number | undefined;
      readonly concurrency?: number | undefined;
      readonly resume?: string | undefined;
    },
  ): Promise<{
    readonly value: T;
    readonly generation: string;
    readonly resumed: readonly string[];
  }>;
  sweepDirectory(
    url: string,
    options: BucketAccess & {
      readonly keepForMs?: number | undefined;
      readonly keepPrevious?: number | undefined;
      readonly dryRun?: boolean | undefined;
    },
  ): Promise<{ readonly removed: readonly string[]; readonly kept: readonly string[] }>;
  beginParts(
    url: string,
    options: BucketAccess & {
      readonly partCount: number;
      readonly job: JsonValue;
      readonly ifExists?: 'fail' | 'replace' | undefined;
      readonly keepForMs?: number | undefined;
      readonly keepPrevious?: number | undefined;
    },
  ): Promise<{
    readonly id: string;
    readonly partCount: number;
    readonly state: 'begun' | 'open' | 'committed';
  }>;
  joinParts(url: string, id: string, options: BucketAccess): Promise<BucketSession>;
  abandonParts(url: string, id: string, options: BucketAccess): Promise<boolean>;
  replaceObject(
    url: string,
    data: AsyncIterable<Uint8Array>,
    options: {
      readonly store: ReadableStore;
      readonly ifExists: 'fail' | 'replace';
      readonly contentType: string;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<{ readonly sizeBytes: number }>;
  openDirectory(
    url: string,
    options: BucketAccess,
  ): Promise<{
    readonly generation: string;
    readonly url: string;
    readonly files: ReadonlyMap<string, unknown>;
  }>;
  verifyDirectory(
    url: string,
    options: BucketAccess & { readonly deep?: boolean | undefined },
  ): Promise<{
    readonly generation: string;
    readonly problems: readonly {
      readonly kind: 'missing' | 'changed' | 'foreign' | 'putBack';
      readonly path: string;
    }[];
  }>;
}

/** In a variable, since it need not be there when this package is compiled or bundled. */
const PACKAGE: string = '@holdfast/objectstore';

/**
 * @throws HoldfastError INVALID_ARGUMENT, with what to install, where the package is missing
 */
export async function loadStores(call: string, path: string): Promise<Stores> {
  try {
    return (await import(PACKAGE)) as Stores;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw invalidArgument(call, `a bucket is reached by ${PACKAGE}: npm install ${PACKAGE}`, path);
  }
}
