/**
 * `@holdfast/atomically`: the calls of atomically, made by Holdfast. For `overrides` of npm, by
 * which conf, configstore, electron-store and whatever else depends on atomically gets it in the
 * place of the original, and for programs that move (docs/moving.md in the repository of Holdfast).
 *
 * What is the same: arguments, options, callback and promise, missing folders that are made, calls
 * on one file in order, retries, the codes of errors. What is better: a full disk is an error and
 * the old file stays; the directory is synced too; extended attributes and ACL are kept; a name
 * that is too long is an error and no other file; the temporary file of a process that was killed
 * is removed by the next one.
 */
import { existsSync, mkdirSync, readFileSync as readSync } from 'node:fs';
import { readFile as read } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import writeFileAtomic, { type Options } from '@holdfast/write-file-atomic';
import {
  optionsOf,
  type Data,
  type ReadEncoding,
  type ReadOptions,
  type WriteOptions,
} from './options.js';
import { retrying, retryingSync } from './retries.js';

export type {
  Data,
  Disposer,
  Encoding,
  ReadEncoding,
  ReadOptions,
  WriteOptions,
} from './options.js';

/** Called when the file is written, or with the error. */
export type Callback = (error?: unknown) => unknown;

/** How long a call tries again, in milliseconds, unless it is told. */
const ASYNC_TIMEOUT_MS = 7500;
const SYNC_TIMEOUT_MS = 1000;

/**
 * Reads a file whole: its bytes, or with an encoding its text.
 *
 * @throws Error with the `code` of a system call
 */
export function readFile(path: string, options: ReadEncoding): Promise<string>;
export function readFile(path: string, options?: string | ReadOptions): Promise<Buffer>;
export function readFile(path: string, options?: string | ReadOptions): Promise<string | Buffer> {
  const { encoding, timeout } = optionsOf(options);
  return retrying(timeout ?? ASYNC_TIMEOUT_MS, () =>
    read(path, { encoding: (encoding ?? null) as BufferEncoding }),
  );
}

/** The same at once, without a promise. */
export function readFileSync(path: string, options: ReadEncoding): string;
export function readFileSync(path: string, options?: string | ReadOptions): Buffer;
export function readFileSync(path: string, options?: string | ReadOptions): string | Buffer {
  const { encoding, timeout } = optionsOf(options);
  return retryingSync(timeout ?? SYNC_TIMEOUT_MS, () =>
    readSync(path, { encoding: (encoding ?? null) as BufferEncoding }),
  );
}

/**
 * Replaces a file whole, or makes it, and missing folders above it. After success the path holds
 * exactly the data, durably (unless `fsync` is false). After a failure the old file is as it was,
 * unless the error's `cause.outcome` says otherwise.
 *
 * Calls of this process on one file are made in order.
 *
 * @throws Error with the `code` of a system call, and Holdfast's error as its `cause`
 */
export function writeFile(path: string, data: Data | Readable, callback: Callback): Promise<void>;
export function writeFile(
  path: string,
  data: Data | Readable,
  options?: string | WriteOptions,
  callback?: Callback,
): Promise<void>;
export function writeFile(
  path: string,
  data: Data | Readable,
  options?: string | WriteOptions | Callback,
  callback?: Callback,
): Promise<void> {
  const called = typeof options === 'function' ? options : callback;
  const written = write(path, data, optionsOf(options));
  if (called) written.then(() => called(), called);
  return written;
}

/** The same at once, without a promise; without `schedule`, which gives one. */
export function writeFileSync(path: string, data: Data, options?: string | WriteOptions): void {
  const given = optionsOf(options);
  makeFolders(path);
  retryingSync(given.timeout ?? SYNC_TIMEOUT_MS, () =>
    writeFileAtomic.sync(path, data, inOwnWords(given)),
  );
}

async function write(path: string, data: Data | Readable, options: WriteOptions): Promise<void> {
  const dispose = await options.schedule?.(path);
  try {
    makeFolders(path);
    // What a stream has given is gone.
    const timeoutMs = data instanceof Readable ? 0 : (options.timeout ?? ASYNC_TIMEOUT_MS);
    await retrying(timeoutMs, () => writeFileAtomic(path, data, inOwnWords(options)));
  } finally {
    dispose?.();
  }
}

function makeFolders(path: string): void {
  if (!existsSync(path)) mkdirSync(dirname(path), { recursive: true });
}

/** What conf asks for that was told nothing: an existing file keeps its mode, which may be private. */
const NEW_FILE = 0o666;

/** The options of write-file-atomic that say the same. */
function inOwnWords({ chown, encoding, fsync, mode, tmpCreated }: WriteOptions): Options {
  return {
    chown: chown ?? (chown === null ? false : undefined),
    encoding,
    fsync,
    mode: mode === undefined || mode === NEW_FILE ? undefined : mode || false,
    // A promise would be awaited there.
    tmpfileCreated: tmpCreated && ((path) => void tmpCreated(path)),
  };
}
