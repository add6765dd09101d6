/**
 * `@holdfast/write-file-atomic`: the calls of write-file-atomic, made by Holdfast. For `overrides`
 * of npm, by which a whole tree of packages gets it in the place of the original, and for programs
 * that move (docs/moving.md in the repository of Holdfast).
 *
 * What is the same: arguments, options, callback and promise, `sync`, the order of calls on one
 * file, the codes of errors. What is better: a full disk is an error and the old file stays; the
 * directory is synced too; extended attributes and ACL are kept; a symlink that dangles is
 * followed; the temporary file of a process that was killed is removed by the next one.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { replaceFile } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import type * as synchronous from 'holdfast/sync';
import { nodeError } from './node-error.js';
import { bytesOf, modeOf, optionsOf, ownerOf, type Data, type Options } from './options.js';
import { FailedWish, fulfilling, fulfillingSync, type Wishes } from './temporary-file.js';

export type { Data, Options, Owner } from './options.js';

/** Called when the file is written, or with the error. */
export type Callback = (error?: Error | null) => unknown;

/** The function that the package is, with its synchronous form. */
export interface WriteFileAtomic {
  (path: string, data: Data, options?: Options | string, callback?: Callback): Promise<void>;
  (path: string, data: Data, callback: Callback): Promise<void>;
  /** The same at once, without a promise. */
  readonly sync: typeof writeFileAtomicSync;
}

/** The last of the calls on each file. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Replaces a file whole, or makes it. After success the path holds exactly the data, durably
 * (unless `fsync` is false). After a failure the old file is as it was, unless the error's
 * `cause.outcome` says otherwise.
 *
 * Calls of this process on one file are made in order.
 *
 * @throws Error with the `code` of a system call, and Holdfast's error as its `cause`
 */
async function writeFileAtomic(
  path: string,
  data: Data,
  options?: Options | string | Callback,
  callback?: Callback,
): Promise<void> {
  const called = typeof options === 'function' ? options : callback;
  const written = inOrder(resolve(path), () => write(path, data, optionsOf(options)));
  if (typeof called !== 'function') return written;
  let failed: Error | undefined;
  try {
    await written;
  } catch (error) {
    failed = error as Error;
  }
  called(failed);
}

/** The same at once, without a promise. */
function writeFileAtomicSync(path: string, data: Data, options?: Options | string | null): void {
  const given = optionsOf(options);
  const { replaceFileSync, synchronousFileSystem } = loadSync();
  try {
    const fs = fulfillingSync(synchronousFileSystem, wishesOf(given));
    replaceFileSync(path, bytesOf(data, given), { ...settingsOf(given), fs });
  } catch (error) {
    throw asGiven(error);
  }
}

async function write(path: string, data: Data, options: Options): Promise<void> {
  try {
    const fs = fulfilling(nodeFileSystem, wishesOf(options));
    const content = data instanceof Readable ? data : bytesOf(data, options);
    await replaceFile(path, content, { ...settingsOf(options), fs });
  } catch (error) {
    throw asGiven(error);
  }
}

function settingsOf(options: Options): {
  readonly mode: number | undefined;
  readonly durability: 'durable' | 'atomic';
} {
  return { mode: modeOf(options), durability: options.fsync === false ? 'atomic' : 'durable' };
}

function wishesOf(options: Options): Wishes {
  return { owner: ownerOf(options), created: options.tmpfileCreated ?? undefined };
}

/** Makes a call after those on the same file. */
function inOrder(path: string, call: () => Promise<void>): Promise<void> {
  const before = underWay.get(path);
  const ended = before === undefined ? call() : before.then(call, call);
  underWay.set(path, ended);
  const forget = (): void => {
    if (underWay.get(path) === ended) underWay.delete(path);
  };
  ended.then(forget, forget);
  return ended;
}

function asGiven(error: unknown): unknown {
  const cause = (error as { readonly cause?: unknown } | undefined)?.cause;
  return cause instanceof FailedWish ? cause.cause : nodeError(error);
}

let loaded: typeof synchronous | undefined;

/** At the first call of `sync`: programs that make none need not load it. */
function loadSync(): typeof synchronous {
  loaded ??= createRequire(import.meta.url)('holdfast/sync') as typeof synchronous;
  return loaded;
}

const whole: WriteFileAtomic = Object.assign(writeFileAtomic, { sync: writeFileAtomicSync });

export default whole;
/** What `require` of this package gives. */
export { whole as 'module.exports' };
