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
import { calledAs } from './call-name.js';
import {
  updateFile,
  type FileContent,
  type FileUpdater,
  type UpdateFileOptions,
} from './document/update-file.js';
import type { ReadOptions } from './document/read-document.js';
import type { Stage, StageWriteOptions } from './directory/stage.js';
import {
  publishDirectory,
  type PublishDirectoryOptions,
  type PublishedDirectory,
} from './directory/publish-directory.js';
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
import {
  transaction,
  type Transaction,
  type TransactionDirectoryOptions,
  type TransactionEnvOptions,
  type TransactionFileOptions,
  type TransactionJsonOptions,
  type TransactionOptions,
  type TransactionTextOptions,
  type TransactionUpdateOptions,
} from './transaction/transaction.js';
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
  data: SynchronousData,
  options: SynchronousOptions<ReplaceFileOptions> = {},
): void {
  now('replaceFileSync', () => replaceFile(path, data, asAsync(options)));
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
  return now<string | Buffer>('updateFileSync', () =>
    updateFile(path, own, asAsync(options) as { encoding: 'utf8' }),
  );
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
  return now('readJsonSync', () =>
    readJson(path, withSchema('readJsonSync', path, asAsync(options))),
  );
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
  return now('updateJsonSync', () =>
    updateJson(path, ...checked('updateJsonSync', path, updater, options)),
  );
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
  return now('readEnvSync', () => readEnv(path, withSchema('readEnvSync', path, asAsync(options))));
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
  return now('updateEnvSync', () =>
    updateEnv(path, ...checked('updateEnvSync', path, updater, options)),
  );
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
  return now('readTomlSync', () =>
    readToml(path, withSchema('readTomlSync', path, asAsync(options))),
  );
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
  return now('updateTomlSync', () =>
    updateToml(path, ...checked('updateTomlSync', path, updater, options)),
  );
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
  return now('readYamlSync', () =>
    readYaml(path, withSchema('readYamlSync', path, asAsync(options))),
  );
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
  return now('updateYamlSync', () =>
    updateYaml(path, ...checked('updateYamlSync', path, updater, options)),
  );
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
  return synchronous(now('acquireLockSync', () => acquireLock(path, asAsync(options))));
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
  return now('withLockSync', () => withLock(path, ofLock, asAsync(options)));
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
  return now('appendRecordsSync', () => appendRecords(path, records, asAsync(options)));
}

/** What a synchronous call writes: string (UTF-8), bytes, or an iterable of bytes. */
export type SynchronousData = string | Uint8Array | Iterable<Uint8Array>;

/** The directory to fill, before anybody can see it; what `Stage` says of each member holds. */
export interface SynchronousStage extends Omit<Stage, 'write' | 'spawn'> {
  /**
   * Writes a new file, and the directories above it. Nothing is synced yet: publishing syncs the
   * whole tree. A failed write fails the publish, also when its error is caught.
   *
   * @param relative - its path under the stage, with `/` between the parts
   * @throws HoldfastError those of `Stage.write`
   */
  write(relative: string, data: SynchronousData, options?: StageWriteOptions): void;
  /** Runs a task, at once. When it fails the publish fails, also when its error is caught. */
  spawn(task: () => unknown): void;
}

/**
 * Fills a directory where nobody reads and publishes it whole, as `publishDirectory` does: readers
 * and crashes see the tree that was there, or the new one.
 *
 * After success the tree is at the target and durable. After an error of outcome `unchanged` the
 * target is as it was and the stage is gone (with `resume` it is kept).
 *
 * @throws HoldfastError those of `publishDirectory`; LOCK_NESTED while an asynchronous call of this
 *   process publishes there; INVALID_ARGUMENT for an async `fill`
 */
export function publishDirectorySync<T>(
  path: string,
  fill: (stage: SynchronousStage) => T,
  options: SynchronousOptions<PublishDirectoryOptions> = {},
): PublishedDirectory<T> {
  const own = filling('publishDirectorySync', path, fill);
  return now('publishDirectorySync', () => publishDirectory(path, own, asAsync(options)));
}

/**
 * What a transaction is to do, as `Transaction` says; each call returns when its path is found to
 * be good and what can be staged is staged. A call that fails makes the whole transaction fail,
 * also when its error is caught.
 */
export interface SynchronousTransaction {
  /** Replaces a file whole, or makes it. */
  replaceFile(path: string, data: SynchronousData, options?: TransactionFileOptions): void;
  /** Updates a JSON document; the updater runs at the commit, as with `Transaction.updateJson`. */
  updateJson<T = JsonObject>(
    path: string,
    updater: SynchronousUpdater<T>,
    options?: TransactionJsonOptions<T>,
  ): void;
  /** Updates any file as text; the updater runs at the commit. */
  updateFile(
    path: string,
    updater: (content: string) => FileContent | void,
    options: TransactionUpdateOptions & { readonly encoding: 'utf8' },
  ): void;
  /** Updates any file as bytes; the updater runs at the commit. */
  updateFile(
    path: string,
    updater: (content: Buffer) => FileContent | void,
    options?: TransactionUpdateOptions & { readonly encoding?: undefined },
  ): void;
  /** Updates a `.env` file; the updater runs at the commit. */
  updateEnv(
    path: string,
    updater: SynchronousUpdater<EnvVariables>,
    options?: TransactionEnvOptions,
  ): void;
  /** Updates a TOML document; the updater runs at the commit. */
  updateToml<T = TomlTable>(
    path: string,
    updater: SynchronousUpdater<T>,
    options?: TransactionTextOptions<T>,
  ): void;
  /** Updates a YAML document; the updater runs at the commit. */
  updateYaml<T = JsonObject>(
    path: string,
    updater: SynchronousUpdater<T>,
    options?: TransactionTextOptions<T>,
  ): void;
  /** Publishes a whole directory. */
  publishDirectory(
    path: string,
    fill: (stage: SynchronousStage) => unknown,
    options?: TransactionDirectoryOptions,
  ): void;
  /** Removes a file, a directory with all that is in it, or a symlink (not what it leads to). */
  remove(path: string): void;
  /** Gives a file, directory or symlink another name, which must be free at the commit. */
  rename(from: string, to: string): void;
}

/**
 * Changes several paths below one directory, all or none, as `transaction` does: the same locks, in
 * the same order, the same journal, which `recover` and the next call on one of the paths finish.
 *
 * After success every change is made and durable. After a failure with outcome `unchanged` none is,
 * and nothing is left behind.
 *
 * @param root - an existing directory; no path may lead out of it
 * @returns what `fn` returned
 * @throws HoldfastError those of `transaction`; LOCK_NESTED when this process holds the lock of one
 *   of the paths; INVALID_ARGUMENT for an async function
 */
export function transactionSync<T>(
  root: string,
  fn: (tx: SynchronousTransaction) => T,
  options: SynchronousOptions<TransactionOptions> = {},
): T {
  const own = notAsync('transactionSync', root, fn);
  const ofTransaction =
    typeof own === 'function' ? (tx: Transaction): T => own(synchronousTransaction(tx)) : own;
  return now('transactionSync', () => transaction(root, ofTransaction, asAsync(options)));
}

/** Makes a call, which messages name as its caller does. */
function now<T>(name: string, make: () => Promise<T>): T {
  return calledAs(name, () => given(make()));
}

/**
 * The build has made functions of the calls that give their results, and not the promises that
 * their types name.
 */
function given<T>(result: Promise<T>): T {
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

/** A function that fills a stage, which gets one with synchronous calls. */
function filling<T>(
  call: string,
  path: string,
  fill: (stage: SynchronousStage) => T,
): (stage: Stage) => T {
  const own = notAsync(call, path, fill);
  return typeof own === 'function' ? (stage) => own(synchronousStage(stage)) : own;
}

function synchronousStage(stage: Stage): SynchronousStage {
  return {
    ...stage,
    write: (relative, data, options) => given(stage.write(relative, data, options)),
    spawn: (task) => given(stage.spawn(notAsync('stage.spawn', stage.path, task) as AsyncTask)),
  };
}

type AsyncTask = () => Promise<unknown>;

function synchronousTransaction(tx: Transaction): SynchronousTransaction {
  return {
    replaceFile: (path, data, options) => given(tx.replaceFile(path, data, options)),
    updateJson: (path, updater, options = {}) =>
      given(tx.updateJson(path, ...checked('tx.updateJson', path, updater, options))),
    updateFile: (
      path: string,
      updater:
        ((content: string) => FileContent | void) | ((content: Buffer) => FileContent | void),
      options?: TransactionUpdateOptions,
    ) => {
      const own = notAsync('tx.updateFile', path, updater as FileUpdater<string>);
      given(tx.updateFile(path, own, options as { encoding: 'utf8' }));
    },
    updateEnv: (path, updater, options = {}) =>
      given(tx.updateEnv(path, ...checked('tx.updateEnv', path, updater, options))),
    updateToml: (path, updater, options = {}) =>
      given(tx.updateToml(path, ...checked('tx.updateToml', path, updater, options))),
    updateYaml: (path, updater, options = {}) =>
      given(tx.updateYaml(path, ...checked('tx.updateYaml', path, updater, options))),
    publishDirectory: (path, fill, options) =>
      given(tx.publishDirectory(path, filling('tx.publishDirectory', path, fill), options)),
    remove: (path) => given(tx.remove(path)),
    rename: (from, to) => given(tx.rename(from, to)),
  };
}
