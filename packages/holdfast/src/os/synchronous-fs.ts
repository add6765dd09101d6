/** The filesystem of synchronous calls. */
import type { Fs, FsHandle } from './fs.js';

/** What a call gives when nobody has to wait for it. */
type Synchronous<T> =
  T extends Promise<infer Result>
    ? Synchronous<Result>
    : T extends (...args: infer Arguments) => infer Result
      ? (...args: Arguments) => Synchronous<Result>
      : T extends FsHandle
        ? { [Name in keyof T]: Synchronous<T[Name]> }
        : T;

/** `Fs` whose calls give their results and not promises of them. */
export type SynchronousFs = { [Name in keyof Fs]: Synchronous<Fs[Name]> };
