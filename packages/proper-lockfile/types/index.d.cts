/** The types for programs in CommonJS; those of ES modules are made of the sources. */
interface UnlockOptions {
  readonly realpath?: boolean | undefined;
  readonly lockfilePath?: string | undefined;
}

interface CheckOptions extends UnlockOptions {
  readonly stale?: number | undefined;
}

interface RetryOptions {
  readonly retries?: number | undefined;
  readonly factor?: number | undefined;
  readonly minTimeout?: number | undefined;
  readonly maxTimeout?: number | undefined;
  readonly forever?: boolean | undefined;
}

interface LockOptions extends CheckOptions {
  readonly update?: number | null | undefined;
  readonly retries?: number | RetryOptions | readonly number[] | null | undefined;
  readonly onCompromised?: ((error: Error) => unknown) | undefined;
}

declare function lockfile(file: string, options?: LockOptions): Promise<() => Promise<void>>;

declare namespace lockfile {
  export function lock(file: string, options?: LockOptions): Promise<() => Promise<void>>;
  export function unlock(file: string, options?: UnlockOptions): Promise<void>;
  export function check(file: string, options?: CheckOptions): Promise<boolean>;
  export function lockSync(file: string, options?: LockOptions): () => void;
  export function unlockSync(file: string, options?: UnlockOptions): void;
  export function checkSync(file: string, options?: CheckOptions): boolean;
  export type { CheckOptions, LockOptions, RetryOptions, UnlockOptions };
}

export = lockfile;
