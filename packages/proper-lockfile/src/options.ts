/** What callers of proper-lockfile say, as that package understands it. */

/** How a lock is looked for. */
export interface UnlockOptions {
  /**
   * By default symlinks are followed, and the file must exist. `false`: the path is taken as it is.
   */
  readonly realpath?: boolean | undefined;
  /** The directory by which the file is locked; `<file>.lock` by default. */
  readonly lockfilePath?: string | undefined;
}

/** How it is found out whether a file is locked. */
export interface CheckOptions extends UnlockOptions {
  /**
   * After how many milliseconds a directory that nobody refreshes counts no more; 10,000 by
   * default, 2,000 at least.
   */
  readonly stale?: number | undefined;
}

/** How a lock is taken. */
export interface LockOptions extends CheckOptions {
  /**
   * How often the directory is refreshed, in milliseconds; half of `stale` by default and at most,
   * 1,000 at least.
   */
  readonly update?: number | null | undefined;
  /**
   * How long to wait for a lock that is held: a number of retries, or the options of the package
   * `retry`, whose pauses are added up. Within that time the lock is had as soon as it is free.
   */
  readonly retries?: number | RetryOptions | readonly number[] | null | undefined;
  /** Told when the lock was lost; by default the error is thrown, where nobody catches it. */
  readonly onCompromised?: ((error: Error) => unknown) | undefined;
}

/** Pauses between retries, as the package `retry` has them. */
export interface RetryOptions {
  readonly retries?: number | undefined;
  readonly factor?: number | undefined;
  /** In milliseconds. */
  readonly minTimeout?: number | undefined;
  /** In milliseconds. */
  readonly maxTimeout?: number | undefined;
  readonly forever?: boolean | undefined;
}

const STALE_MS = 10_000;
const LEAST_STALE_MS = 2000;
const LEAST_UPDATE_MS = 1000;

export function staleMsOf({ stale = STALE_MS }: CheckOptions): number {
  return Math.max(stale || 0, LEAST_STALE_MS);
}

export function updateMsOf(options: LockOptions): number {
  const mostMs = staleMsOf(options) / 2;
  return Math.max(Math.min(options.update ?? mostMs, mostMs), LEAST_UPDATE_MS);
}

/** How long the retries would take; `undefined` for ever. */
export function timeoutMsOf({ retries }: LockOptions): number | undefined {
  if (Array.isArray(retries)) return sum(retries as readonly number[]);
  const given: RetryOptions =
    typeof retries === 'object' && retries !== null
      ? (retries as RetryOptions)
      : { retries: retries ?? 0 };
  if (given.forever) return undefined;
  const { retries: count = 10, factor = 2, minTimeout = 1000, maxTimeout = Infinity } = given;
  const pauses = Array.from({ length: count }, (_, attempt) =>
    Math.min(Math.round(minTimeout * factor ** attempt), maxTimeout),
  );
  return sum(pauses);
}

function sum(pauses: readonly number[]): number {
  return pauses.reduce((total, pause) => total + pause, 0);
}
