/**
 * `holdfast/sync`: the calls of Holdfast for programs that cannot wait: stores with a synchronous
 * interface, build scripts, handlers of `process.on('exit')`.
 *
 * They are made from the same sources as the asynchronous ones, by a build step that takes `async`
 * and `await` out of them (docs/decisions/0026-synchronous-calls.md). So options, errors, outcomes,
 * what is on disk at every instant and what is found after a crash are the same. What differs:
 *
 * - This thread does nothing else meanwhile. A call that waits for a lock sleeps in the kernel, up
 *   to `timeoutMs`; signals of `AbortSignal` cannot fire, and one that has fired refuses the call.
 * - A lock that this very process holds is never waited for, since nothing could release it:
 *   LOCK_NESTED, at once.
 * - Functions that are given must not be async, nor data and schemas: what they would do later no
 *   call could wait for.
 * - Each call commits by itself: there is no queue in which several could share one.
 */
import { types } from 'node:util';
import type { Buffer } from 'node:buffer';
import {
  updateFile,
  type FileContent,
  type FileUpdater,
  type UpdateFileOptions,
} from './document/update-file.js';
import type { ReadOptions } from './document/read-document.js';
import type { UpdateJsonOptions, UpdateOptions } from './document/update-options.js';
import { readEnv, updateEnv, type EnvVariables } from './env/update-env.js';
import type { StandardSchema } from './document/standard-schema.js';
import { replaceFile, type ReplaceFileOptions } from './file/replace-file.js';
import { acquireLock, withLock } from './journal/settled-lock.js';
import { readJson, type ReadJsonOptions } from './json/read-json.js';
import type { JsonObject, JsonValue } from './json/json-value.js';
import { updateJson } from './json/update-json.js';
import type { Lock, LockOptions } from './lock/lock.js';
import { notAsync } from './not-async.js';
import type { LockMode } from './os/fs.js';
import { nodeFileSystem } from './os/node-fs.js';
import type { SynchronousFs } from './os/synchronous-fs.js';
import { appendRecords, type AppendRecordsOptions } from './records/append-records.js';
import type { AppendResult } from './records/append-round.js';
import { readToml, updateToml, type TomlTable } from './toml/update-toml.js';
import { readYaml, updateYaml } from './yaml/update-yaml.js';

export type { SynchronousFs };

/** The machine's own filesystem, whose calls give their results. */
export const synchronousFileSystem: SynchronousFs = nodeFileSystem as unknown as SynchronousFs;

/** The options of the asynchronous call, but for the filesystem. */
export type SynchronousOptions<Options> = Omit<Options, 'fs'> & {
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: SynchronousFs | undefined;
};

/**
 * Makes the new value of a document: returns it, or changes the value it was given and returns
 * nothing.
 */
export type SynchronousUpdater<T> = (value: T) => T | void;

/** A lock that is held until `release`. */
export interface SynchronousLock {
  /** The path as it was given. */
  readonly path: string;
  /** The canonical path of the lock file. */
  readonly lockPath: string;
  readonly mode: LockMode;
  /** Whether `release` was not called yet. */
  readonly held: boolean;
  /**
   * Makes sure that the lock still excludes others: it was not released, and nobody deleted or
   * replaced its file.
   *
   * @throws HoldfastError LOCK_LOST
   */
  assertHeld(): void;
  /** Frees the lock; a second call does nothing. Never fails. */
  release(): void;
}

/**
 * Replaces a file whole, or makes it, as `replaceFile` does: string (UTF-8), bytes, or a
 * synchronous iterable of bytes.
 *
 * After success the path holds exactly the data, durably. After a failure with outcome `unchanged`
 * the old file is as it was and nothing is left beside it.
 *
 * @throws HoldfastError those of `replaceFile`; INVALID_ARGUMENT for a stream, which nobody could
 *   wait for
 */
export function replaceFileSync(
  path: string,
  data: string | Uint8Array | Iterable<Uint8Array>,
  options: SynchronousOptions<ReplaceFileOptions> = {},
): void {
  now(replaceFile(path, data, asAsync(options)));
}

/**
 * Updates a file under its lock, whatever it holds, and returns its new content, as `updateFile`
 * does. The updater gets bytes, or with `encoding: 'utf8'` text.
 *
 * @throws HoldfastError those of `updateFile`; LOCK_NESTED when this process holds the lock;
 *   INVALID_ARGUMENT for an async updater
 */
export function updateFileSync(
  path: string,
  updater: (content: string) => FileContent | void,
  options: SynchronousOptions<UpdateFileOptions> & { readonly encoding: 'utf8' },
): string;
export function updateFileSync(
  path: string,
  updater: (content: Buffer) => FileContent | void,
  options?: SynchronousOptions<UpdateFileOptions> & { readonly encoding?: undefined },
): Buffer;
export function updateFileSync(
  path: string,
  updater: ((content: string) => FileContent | void) | ((content: Buffer) => FileContent | void),
  options: SynchronousOptions<UpdateFileOptions> = {},
): string | Buffer {
  const own = notAsync('updateFileSync', path, updater as FileUpdater<string>);
  return now<string | Buffer>(updateFile(path, own, asAsync(options) as { encoding: 'utf8' }));
}

/**
 * Reads a JSON document, as `readJson` does. Nothing is locked and nothing is written.
 *
 * @throws HoldfastError those of `readJson`; INVALID_ARGUMENT for a schema that judges
 *   asynchronously
 */
export function readJsonSync<T = JsonValue>(
  path: string,
  options: SynchronousOptions<ReadJsonOptions<T>> = {},
): T {
  return now(readJson(path, withSchema('readJsonSync', path, asAsync(options))));
}

/**
 * Updates a JSON document under its lock, and returns the new value, as `updateJson` does: what
 * other processes wrote is kept, and what the updater did not change stays to the byte.
 *
 * After success the change survives a power loss. After a failure of this call the document is as
 * if it had not been made.
 *
 * @throws HoldfastError those of `updateJson`; LOCK_NESTED when this process holds the lock;
 *   INVALID_ARGUMENT for an async updater or a schema that judges asynchronously
 */
export function updateJsonSync<T = JsonObject>(
  path: string,
  updater: SynchronousUpdater<T>,
  options: SynchronousOptions<UpdateJsonOptions<T>> = {},
): T {
  return now(updateJson(path, ...checked('updateJsonSync', path, updater, options)));
}

/**
 * Reads a `.env` file, as `readEnv` does.
 *
 * @throws HoldfastError those of `readEnv`; INVALID_ARGUMENT as {@link readJsonSync}
 */
export function readEnvSync(
  path: string,
  options: SynchronousOptions<ReadOptions<EnvVariables>> = {},
): EnvVariables {
  return now(readEnv(path, withSchema('readEnvSync', path, asAsync(options))));
}

/**
 * Updates a `.env` file under its lock, as `updateEnv` does.
 *
 * @throws HoldfastError those of `updateEnv`; LOCK_NESTED and INVALID_ARGUMENT as
 *   {@link updateJsonSync}
 */
export function updateEnvSync(
  path: string,
  updater: SynchronousUpdater<EnvVariables>,
  options: SynchronousOptions<UpdateOptions<EnvVariables>> = {},
): EnvVariables {
  return now(updateEnv(path, ...checked('updateEnvSync', path, updater, options)));
}

/**
 * Reads a TOML document, as `readToml` does. Needs the package `toml-eslint-parser`.
 *
 * @throws HoldfastError those of `readToml`; INVALID_ARGUMENT as {@link readJsonSync}
 */
export function readTomlSync<T = TomlTable>(
  path: string,
  options: SynchronousOptions<ReadOptions<T>> = {},
): T {
  return now(readToml(path, withSchema('readTomlSync', path, asAsync(options))));
}

/**
 * Updates a TOML document under its lock, as `updateToml` does. Needs the package
 * `toml-eslint-parser`.
 *
 * @throws HoldfastError those of `updateToml`; LOCK_NESTED and INVALID_ARGUMENT as
 *   {@link updateJsonSync}
 */
export function updateTomlSync<T = TomlTable>(
  path: string,
  updater: SynchronousUpdater<T>,
  options: SynchronousOptions<UpdateOptions<T>> = {},
): T {
  return now(updateToml(path, ...checked('updateTomlSync', path, updater, options)));
}

/**
 * Reads a YAML document, as `readYaml` does. Needs the package `yaml`.
 *
 * @throws HoldfastError those of `readYaml`; INVALID_ARGUMENT as {@link readJsonSync}
 */
export function readYamlSync<T = JsonObject>(
  path: string,
  options: SynchronousOptions<ReadOptions<T>> = {},
): T {
  return now(readYaml(path, withSchema('readYamlSync', path, asAsync(options))));
}

/**
 * Updates a YAML document under its lock, as `updateYaml` does. Needs the package `yaml`.
 *
 * @throws HoldfastError those of `updateYaml`; LOCK_NESTED and INVALID_ARGUMENT as
 *   {@link updateJsonSync}
 */
export function updateYamlSync<T = JsonObject>(
  path: string,
  updater: SynchronousUpdater<T>,
  options: SynchronousOptions<UpdateOptions<T>> = {},
): T {
  return now(updateYaml(path, ...checked('updateYamlSync', path, updater, options)));
}

/**
 * Takes the lock of a path, as `acquireLock` does. It is held until `release`, or until the process
 * dies, however.
 *
 * @throws HoldfastError those of `acquireLock`; LOCK_NESTED when this process holds the lock in a
 *   mode that excludes this one
 */
export function acquireLockSync(
  path: string,
  options: SynchronousOptions<LockOptions> = {},
): SynchronousLock {
  return synchronous(now(acquireLock(path, asAsync(options))));
}

/**
 * Runs a function while it holds the lock of a path, and returns what it returns, as `withLock`
 * does. The lock is released when the function ends, also when it fails.
 *
 * @throws HoldfastError those of {@link acquireLockSync}; INVALID_ARGUMENT for a function that
 *   returns a promise: the lock is released before it is done
 */
export function withLockSync<T>(
  path: string,
  fn: (lock: SynchronousLock) => T,
  options: SynchronousOptions<LockOptions> = {},
): T {
  const own = notAsync('withLockSync', path, fn);
  const ofLock = typeof own === 'function' ? (lock: Lock): T => own(synchronous(lock)) : own;
  return now(withLock(path, ofLock, asAsync(options)));
}

/**
 * Appends records to a log, which is made if it is missing, as `appendRecords` does. When the call
 * returns, all of them are durable, each as one line of its own.
 *
 * @throws HoldfastError those of `appendRecords`; LOCK_NESTED when this process holds the lock
 */
export function appendRecordsSync(
  path: string,
  records: Iterable<object>,
  options: SynchronousOptions<AppendRecordsOptions> = {},
): AppendResult {
  return now(appendRecords(path, records, asAsync(options)));
}

/**
 * The build has made a function of it that gives its result, and not the promise that its type
 * names.
 */
function now<T>(result: Promise<T>): T {
  if (types.isPromise(result)) throw new Error('holdfast/sync is to be imported by that name');
  return result;
}

/** An updater and its options, as the sources have them. */
function checked<T, Options extends object>(
  call: string,
  path: string,
  updater: SynchronousUpdater<T>,
  options: SynchronousOptions<Options>,
): [SynchronousUpdater<T>, Options] {
  const own = notAsync(call, path, updater);
  return [own, withSchema(call, path, asAsync(options) as Options)];
}

/** Options as the sources have them, from which the asynchronous calls are made too. */
function asAsync<Options extends object>(options: Options): Omit<Options, 'fs'> {
  return options;
}

/** The methods of the lock are synchronous, too. */
function synchronous(lock: Lock): SynchronousLock {
  return lock;
}

/** Options whose schema, if there is one, may not be asynchronous. */
function withSchema<Options extends object>(call: string, path: string, options: Options): Options {
  const { schema } = (options ?? {}) as { readonly schema?: StandardSchema | undefined };
  const standard = schema?.['~standard'];
  if (typeof standard?.validate !== 'function') return options;
  const validate = notAsync(call, path, (value: unknown) => standard.validate(value));
  return { ...options, schema: { '~standard': { ...standard, validate } } };
}
