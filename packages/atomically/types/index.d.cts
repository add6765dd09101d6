/** The types for programs in CommonJS; those of ES modules are made of the sources. */
type Encoding = string;
/** A stream of Node. */
type Readable = AsyncIterable<unknown>;
type Data = string | Uint8Array | undefined;
type Disposer = () => void;
type Callback = (error?: unknown) => unknown;

interface ReadOptions {
  readonly encoding?: Encoding | null | undefined;
  readonly mode?: number | string | false | undefined;
  readonly timeout?: number | undefined;
}

type ReadEncoding = Encoding | (ReadOptions & { readonly encoding: Encoding });

interface WriteOptions {
  readonly chown?: { readonly uid: number; readonly gid: number } | false | null | undefined;
  readonly encoding?: Encoding | null | undefined;
  readonly fsync?: boolean | undefined;
  readonly fsyncWait?: boolean | undefined;
  readonly mode?: number | string | false | null | undefined;
  readonly schedule?: ((path: string) => Promise<Disposer>) | undefined;
  readonly timeout?: number | undefined;
  readonly tmpCreate?: ((path: string) => string) | undefined;
  readonly tmpCreated?: ((path: string) => unknown) | undefined;
  readonly tmpPurge?: boolean | undefined;
}

export declare function readFile(path: string, options: ReadEncoding): Promise<string>;
export declare function readFile(path: string, options?: string | ReadOptions): Promise<Buffer>;
export declare function readFileSync(path: string, options: ReadEncoding): string;
export declare function readFileSync(path: string, options?: string | ReadOptions): Buffer;
export declare function writeFile(
  path: string,
  data: Data | Readable,
  callback: Callback,
): Promise<void>;
export declare function writeFile(
  path: string,
  data: Data | Readable,
  options?: string | WriteOptions,
  callback?: Callback,
): Promise<void>;
export declare function writeFileSync(
  path: string,
  data: Data,
  options?: string | WriteOptions,
): void;
export type { Callback, Data, Disposer, Encoding, ReadEncoding, ReadOptions, WriteOptions };
