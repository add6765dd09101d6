/** The types for programs in CommonJS; those of ES modules are made of the sources. */
interface Owner {
  readonly uid: number;
  readonly gid: number;
}

interface Options {
  readonly chown?: Owner | false | null | undefined;
  readonly encoding?: string | null | undefined;
  readonly fsync?: boolean | undefined;
  readonly mode?: number | string | false | null | undefined;
  readonly tmpfileCreated?: ((path: string) => unknown) | null | undefined;
}

type Callback = (error?: Error | null) => unknown;

declare function writeFileAtomic(
  path: string,
  data: unknown,
  options?: Options | string,
  callback?: Callback,
): Promise<void>;
declare function writeFileAtomic(path: string, data: unknown, callback: Callback): Promise<void>;

declare namespace writeFileAtomic {
  export function sync(path: string, data: unknown, options?: Options | string | null): void;
  export type { Callback, Options, Owner };
}

export = writeFileAtomic;
