/** What callers of atomically say. */
import type { Options } from '@holdfast/write-file-atomic';

/** The name of an encoding, as Node has them. */
export type Encoding = BufferEncoding;

/** What is written; `undefined` is an empty file. */
export type Data = string | Uint8Array | undefined;

/** Called when a scheduled write has ended, however. */
export type Disposer = () => void;

/** How a file is read. What is not named here is ignored. */
export interface ReadOptions {
  /** Of the text that is given back; bytes by default. */
  readonly encoding?: Encoding | null | undefined;
  /** Ignored, as by atomically. */
  readonly mode?: number | string | false | undefined;
  /**
   * For how long a read that finds no free descriptor is tried again, in milliseconds; 7500 by
   * default, 1000 in the synchronous form.
   */
  readonly timeout?: number | undefined;
}

/** Options of a read that gives text. */
export type ReadEncoding = Encoding | (ReadOptions & { readonly encoding: Encoding });

/**
 * How a file is written. What is not named here is ignored; so are `tmpCreate` and `tmpPurge` of
 * atomically, since the temporary file is Holdfast's own, and `fsyncWait`: a sync is waited for.
 */
export interface WriteOptions extends Pick<Options, 'chown' | 'fsync' | 'mode'> {
  /** Of data that is a string; `utf8` by default. */
  readonly encoding?: Encoding | null | undefined;
  /** Called before the write, which begins when it resolves; what it gives is called at the end. */
  readonly schedule?: ((path: string) => Promise<Disposer>) | undefined;
  /**
   * For how long a write that a lack of descriptors or a busy file has stopped is tried again, in
   * milliseconds; 7500 by default, 1000 in the synchronous form, not at all for a stream.
   */
  readonly timeout?: number | undefined;
  /** Called with the path of the temporary file when that was made. */
  readonly tmpCreated?: ((path: string) => unknown) | undefined;
  /** Ignored. */
  readonly fsyncWait?: boolean | undefined;
  /** Ignored. */
  readonly tmpCreate?: ((path: string) => string) | undefined;
  /** Ignored. */
  readonly tmpPurge?: boolean | undefined;
}

/** The options of a call that may have given an encoding, a callback, or nothing in their place. */
export function optionsOf(given: unknown): ReadOptions & WriteOptions {
  if (typeof given === 'string') return { encoding: given as Encoding };
  return typeof given === 'object' && given !== null ? given : {};
}
