/**
 * Several paths, one commit. The caller's function names the changes; then all of them happen, or
 * none (transaction/commit.ts has the order of the steps).
 *
 * What needs no lock is done while the function runs: files and directories are staged, which may
 * take long and keeps nobody waiting. What needs the locks is done afterwards, when every path is
 * known: so the locks can be taken in one order, and are held only while the updaters run and the
 * commit is made.
 */
import { checkPublishOptions } from '../directory/check-publish-options.js';
import type { Fill } from '../directory/prepare-tree.js';
import { TaskGroup } from '../directory/task-group.js';
import { HoldfastError, isHoldfastError, isError } from '../errors.js';
import { aborted, failure } from '../failure.js';
import { below } from '../journal/journal-file.js';
import { recoverPending } from '../journal/pending.js';
import type { JsonObject } from '../json/json-value.js';
import type { Buffer } from 'node:buffer';
import type { Syntax } from '../document/syntax.js';
import {
  checkFileUpdate,
  fileSyntax,
  type FileContent,
  type FileUpdater,
  type UpdateFileOptions,
} from '../document/update-file.js';
import {
  checkUpdateArguments,
  type UpdateCall,
  type UpdateJsonOptions,
  type Updater,
} from '../document/update-options.js';
import { envSyntax, type EnvVariables } from '../env/update-env.js';
import { tomlSyntax, type TomlTable } from '../toml/update-toml.js';
import { yamlSyntax } from '../yaml/update-yaml.js';
import { syntaxFor } from '../json/document.js';
import { checkKeepOptions, keepOptionNames, type KeepOptions } from '../file/previous.js';
import { checkOptions, invalidArgument } from '../options.js';
import { checkOtherLockers, otherLockerNames, type OtherLockers } from '../lock/lock-choice.js';
import { canonicalDirectory, type ResolvedName } from '../os/follow-symlinks.js';
import type { FileKind, Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { withSlashes } from '../os/paths.js';
import type { FileData } from '../stage/file-data.js';
import { readingFrom } from '../stage/reading-from.js';
import {
  publishDirectoryChange,
  removeChange,
  renameChange,
  replaceFileChange,
  updateChange,
  type Change,
  type StagedDirectoryOptions,
  type StagedUpdateOptions,
} from './changes.js';
import { ClaimedPaths } from './claimed-paths.js';
import { commit } from './commit.js';
import { discardAll } from './discard.js';

/** How a transaction waits and works. */
export interface TransactionOptions extends OtherLockers {
  /**
   * How long to wait for all the locks together, in milliseconds; 0 tries once; without it the wait
   * has no end.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the transaction, until its commit point. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** How a file is replaced in a transaction. */
export interface TransactionFileOptions extends KeepOptions {
  /** The exact permission bits. Without it: those of the existing file, or 0666 less the umask. */
  readonly mode?: number | undefined;
  /** `fail`: the commit fails when something is at the path. */
  readonly ifExists?: 'replace' | 'fail' | undefined;
}

/** How a document is updated in a transaction. */
export type TransactionJsonOptions<T> = Pick<
  UpdateJsonOptions<T>,
  | 'initial'
  | 'indent'
  | 'syntax'
  | 'schema'
  | 'mode'
  | 'secret'
  | 'onEmpty'
  | 'keepPrevious'
  | 'previousDirectory'
>;

/** How a file is updated in a transaction. */
export type TransactionUpdateOptions = Pick<
  UpdateFileOptions,
  'encoding' | 'initial' | 'mode' | 'secret' | 'keepPrevious' | 'previousDirectory'
>;

/** How a `.env` file is updated in a transaction. */
export type TransactionEnvOptions = TransactionTextOptions<EnvVariables>;

/** How a TOML or YAML document is updated in a transaction. */
export type TransactionTextOptions<T> = Omit<TransactionJsonOptions<T>, 'indent' | 'syntax'>;

/** How a directory is published in a transaction. */
export type TransactionDirectoryOptions = Omit<StagedDirectoryOptions, 'signal'>;

/**
 * What a transaction is to do. Paths are relative to its root, or absolute. Each call resolves when
 * its path is found to be good and what can be staged is staged; nothing is visible before the
 * commit. A call that fails, awaited or not, makes the whole transaction fail.
 */
export interface Transaction {
  /** Replaces a file whole, or makes it, as `replaceFile` does. Symlinks are followed. */
  replaceFile(path: string, data: FileData, options?: TransactionFileOptions): Promise<void>;
  /**
   * Updates a JSON document, as `updateJson` does; symlinks are followed. The updater runs at the
   * commit, when the locks of all paths are held, and the updaters of a transaction run one after
   * the other in the order of these calls: a later one may use what an earlier one has found. What
   * an updater throws fails the transaction.
   */
  updateJson<T = JsonObject>(
    path: string,
    updater: Updater<T>,
    options?: TransactionJsonOptions<T>,
  ): Promise<void>;
  /** Updates any file as text, as `updateFile` does; the updater runs as that of `updateJson`. */
  updateFile(
    path: string,
    updater: FileUpdater<string>,
    options: TransactionUpdateOptions & { readonly encoding: 'utf8' },
  ): Promise<void>;
  /** Updates any file as bytes, as `updateFile` does; the updater runs as that of `updateJson`. */
  updateFile(
    path: string,
    updater: FileUpdater<Buffer>,
    options?: TransactionUpdateOptions & { readonly encoding?: undefined },
  ): Promise<void>;
  /** Updates a `.env` file, as `updateEnv` does; the updater runs as that of `updateJson`. */
  updateEnv(
    path: string,
    updater: Updater<EnvVariables>,
    options?: TransactionEnvOptions,
  ): Promise<void>;
  /** Updates a TOML document, as `updateToml` does; the updater runs as that of `updateJson`. */
  updateToml<T = TomlTable>(
    path: string,
    updater: Updater<T>,
    options?: TransactionTextOptions<T>,
  ): Promise<void>;
  /** Updates a YAML document, as `updateYaml` does; the updater runs as that of `updateJson`. */
  updateYaml<T = JsonObject>(
    path: string,
    updater: Updater<T>,
    options?: TransactionTextOptions<T>,
  ): Promise<void>;
  /**
   * Publishes a whole directory, as `publishDirectory` does; symlinks are followed. It is always
   * made durable, and its journal stands in for an exchange where there is none, so it has no
   * options `durability` and `withoutExchange`.
   */
  publishDirectory(
    path: string,
    fill: Fill<unknown>,
    options?: TransactionDirectoryOptions,
  ): Promise<void>;
  /** Removes a file, a directory with all that is in it, or a symlink (not what it leads to). */
  remove(path: string): Promise<void>;
  /** Gives a file, directory or symlink another name, which must be free at the commit. */
  rename(from: string, to: string): Promise<void>;
}

const optionNames = ['timeoutMs', 'signal', 'fs', ...otherLockerNames] as const;
const fileOptionNames = ['mode', 'ifExists', ...keepOptionNames] as const;
const textOptionNames = [
  'initial',
  'schema',
  'mode',
  'secret',
  'onEmpty',
  ...keepOptionNames,
] as const;
const jsonOptionNames = [...textOptionNames, 'indent', 'syntax'] as const;
const updateOptionNames = ['encoding', 'initial', 'mode', 'secret', ...keepOptionNames] as const;
const directoryOptionNames = [
  'ifExists',
  'keepPrevious',
  'sync',
  'resume',
  'concurrency',
  'onProgress',
] as const;

/**
 * Changes several paths below one directory, all or none.
 *
 * After success every change is made and durable. After a failure with outcome `unchanged` none is,
 * and nothing is left behind; with outcome `committed` (a step after the commit point failed) the
 * next call of Holdfast on a path below the root, or `recover`, completes them all; with `unknown`
 * (the journal could not be synced) it completes all or none. A process that dies at any instant
 * leaves all or none as well, for everyone who reads under `withLock`.
 *
 * Locks: every path named has its own, `<path>.lock`, taken in the order of their names when `fn`
 * has returned, and held until the commit is done. So transactions and the other calls of Holdfast
 * never wait for each other in a circle. With `guard` and `alsoFcntl` each path has those locks too,
 * right after its own. While `fn` runs no lock is held; what it reads by itself
 * may have changed by the commit.
 *
 * Not promised: that readers without a lock see all changes at one instant (each path by itself is
 * old or new, never a mix); protection from programs that take no locks. Recovery knows files by
 * their inode numbers, so the filesystem must keep them (ext4, xfs, btrfs, tmpfs and NFS do).
 *
 * @param root - an existing directory; no path may lead out of it
 * @param fn - names the changes; what it throws ends the transaction, and is passed on as it is
 * @returns what `fn` returned
 * @throws HoldfastError PATH_ESCAPES; PATH_CONFLICT for a path named twice, also by another name or
 *   letter case, or inside another; NOT_FOUND; ALREADY_EXISTS; UNSUPPORTED_TARGET; TARGET_CHANGED;
 *   TARGET_IS_MOUNT; CROSS_DEVICE; LOCK_TIMEOUT; LOCK_NESTED; ABORTED; NO_SPACE; SYNC_FAILED;
 *   DAMAGED_JOURNAL; INVALID_ARGUMENT; IO; and for its JSON documents those of `updateJson`
 */
export async function transaction<T>(
  root: string,
  fn: (tx: Transaction) => T | Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  checkTransactionOptions(root, fn, options);
  const fs = options.fs ?? nodeFileSystem;
  const directory = await canonicalRoot(fs, root);
  // For whatever lies in the root, its own journal among those looked for.
  await recoverPending(fs, below(directory, 'any'), options);
  const open = new OpenTransaction(fs, directory, options);
  const value = await open.collect(fn);
  await open.commit();
  return value;
}

/**
 * A call of a transaction that updates a document: what its options are judged by, and how its
 * content is read.
 */
interface StagedCall extends UpdateCall {
  readonly syntax: (call: string) => Syntax | Promise<Syntax>;
  readonly check?:
    ((call: UpdateCall, path: string, updater: unknown, options: object) => void) | undefined;
}

class OpenTransaction implements Transaction {
  readonly #fs: Fs;
  readonly #root: string;
  readonly #options: TransactionOptions;
  readonly #paths: ClaimedPaths;
  readonly #calls: TaskGroup;
  /**
   * By the order of the calls, which is that of the updaters, and not always that in which they are
   * staged.
   */
  readonly #staged = new Map<number, Change>();
  #callCount = 0;

  constructor(fs: Fs, root: string, options: TransactionOptions) {
    this.#fs = fs;
    this.#root = root;
    this.#options = options;
    this.#paths = new ClaimedPaths(fs, root);
    this.#calls = new TaskGroup(Infinity, options.signal);
  }

  replaceFile(path: string, data: FileData, options: TransactionFileOptions = {}): Promise<void> {
    const replace = async (): Promise<Change> => {
      refuseInPlace(path, options);
      checkOptions('tx.replaceFile', options, fileOptionNames);
      checkKeepOptions('tx.replaceFile', path, options);
      const target = await this.#paths.claim(path, { follow: true });
      refuseOther(target.path, kindNamed(path, target), 'file');
      const { signal } = this.#calls;
      return replaceFileChange(this.#fs, target, data, { ...options, signal });
    };
    return readingFrom(data, () => this.#add(replace));
  }

  updateJson<T = JsonObject>(
    path: string,
    updater: Updater<T>,
    options: TransactionJsonOptions<T> = {},
  ): Promise<void> {
    const syntax = (): Syntax => syntaxFor(path, options.syntax);
    const call = { call: 'tx.updateJson', names: jsonOptionNames, syntax };
    return this.#update(call, path, updater, options);
  }

  updateFile(
    path: string,
    updater: FileUpdater<string> | FileUpdater<Buffer>,
    options: TransactionUpdateOptions = {},
  ): Promise<void> {
    const syntax = (): Syntax => fileSyntax(options.encoding);
    const call = {
      call: 'tx.updateFile',
      names: updateOptionNames,
      syntax,
      check: checkFileUpdate,
    };
    return this.#update(call, path, updater as Updater<FileContent>, options);
  }

  updateEnv(
    path: string,
    updater: Updater<EnvVariables>,
    options: TransactionEnvOptions = {},
  ): Promise<void> {
    const call = { call: 'tx.updateEnv', names: textOptionNames, syntax: () => envSyntax };
    return this.#update(call, path, updater, options);
  }

  updateToml<T = TomlTable>(
    path: string,
    updater: Updater<T>,
    options: TransactionTextOptions<T> = {},
  ): Promise<void> {
    const call = { call: 'tx.updateToml', names: textOptionNames, syntax: tomlSyntax };
    return this.#update(call, path, updater, options);
  }

  updateYaml<T = JsonObject>(
    path: string,
    updater: Updater<T>,
    options: TransactionTextOptions<T> = {},
  ): Promise<void> {
    const call = { call: 'tx.updateYaml', names: textOptionNames, syntax: yamlSyntax };
    return this.#update(call, path, updater, options);
  }

  publishDirectory(
    path: string,
    fill: Fill<unknown>,
    options: TransactionDirectoryOptions = {},
  ): Promise<void> {
    return this.#add(async () => {
      checkPublishOptions('tx.publishDirectory', options, directoryOptionNames);
      const target = await this.#paths.claim(path, { follow: true });
      const { signal } = this.#calls;
      return publishDirectoryChange(this.#fs, target.path, fill, { ...options, signal });
    });
  }

  remove(path: string): Promise<void> {
    return this.#add(async () => {
      const target = await this.#paths.claim(path, { follow: false });
      return removeChange(this.#fs, target.path);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#add(async () => {
      const source = await this.#paths.claim(from, { follow: false });
      const target = await this.#paths.claim(to, { follow: false });
      return renameChange(this.#fs, source.path, target.path);
    });
  }

  /**
   * Lets the function name its changes, and waits for everything that it started, also when it
   * failed.
   */
  async collect<T>(fn: (tx: Transaction) => T | Promise<T>): Promise<T> {
    try {
      const value = await fn(this);
      await this.#calls.close();
      this.#refuseFailed();
      return value;
    } catch (error) {
      await this.#calls.close();
      await this.#discardAll();
      // The calls on `tx` that the signal kept from beginning reject with its own reason.
      const { signal } = this.#options;
      const isSignalled = signal?.aborted && error === signal.reason;
      throw isSignalled ? aborted('transaction', this.#root, signal) : error;
    }
  }

  /**
   * Commits, and discards what was replaced. What a journal may still publish is left to it, also
   * by a failure.
   */
  async commit(): Promise<void> {
    try {
      if (this.#changes.length === 0) return;
      const discards = await commit(this.#fs, this.#root, this.#changes, this.#options);
      await this.#releaseAll();
      await discardAll(this.#fs, discards);
      for (const change of this.#changes) await change.sweep?.();
    } catch (error) {
      const isLeftToJournal = isHoldfastError(error) && error.outcome !== 'unchanged';
      await (isLeftToJournal ? this.#releaseAll() : this.#discardAll());
      throw failure('commit', this.#root, error);
    }
  }

  #refuseFailed(): void {
    const { signal } = this.#options;
    if (signal?.aborted) throw aborted('transaction', this.#root, signal);
    const [first, ...others] = this.#calls.errors;
    if (first !== undefined) throw callFailed(this.#root, first, others);
  }

  async #discardAll(): Promise<void> {
    for (const change of this.#changes) await change.discard();
  }

  async #releaseAll(): Promise<void> {
    for (const change of this.#changes) await change.release();
  }

  #update<T>(
    call: StagedCall,
    path: string,
    updater: Updater<T>,
    given: StagedUpdateOptions,
  ): Promise<void> {
    return this.#add(async () => {
      refuseInPlace(path, given);
      (call.check ?? checkUpdateArguments)(call, path, updater, given);
      const options = { ...given, signal: this.#options.signal };
      const syntax = await call.syntax(call.call);
      const target = await this.#paths.claim(path, { follow: true });
      refuseOther(target.path, kindNamed(path, target), 'file');
      return updateChange(this.#fs, target, {
        syntax,
        updater: updater as Updater<unknown>,
        options,
      });
    });
  }

  #add(stage: () => Promise<Change>): Promise<void> {
    const place = this.#callCount++;
    return this.#calls.run(async () => {
      this.#staged.set(place, await stage());
    });
  }

  get #changes(): readonly Change[] {
    return [...this.#staged].toSorted(([a], [b]) => a - b).map(([, change]) => change);
  }
}

async function canonicalRoot(fs: Fs, root: string): Promise<string> {
  try {
    const canonical = await canonicalDirectory(fs, root);
    refuseOther(root, (await fs.stat(canonical)).kind, 'directory');
    return canonical;
  } catch (error) {
    throw failure('open root', root, error);
  }
}

/** What the path says that it names; a slash at its end means a directory, as for the kernel. */
function kindNamed(path: string, { existing }: ResolvedName): FileKind {
  return withSlashes(path).endsWith('/') ? 'directory' : (existing?.kind ?? 'file');
}

function refuseOther(path: string, kind: string, wanted: 'file' | 'directory'): void {
  if (kind === wanted) return;
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message: `The path must be a ${wanted}, and is a ${kind}.`,
    step: 'check',
    path,
  });
}

/**
 * The calls that ran beside the first one that failed were ended by it; that they say so is nothing
 * new.
 */
function callFailed(root: string, first: unknown, rest: readonly unknown[]): unknown {
  const others = rest.filter((error) => !(isError(error) && error.cause === first));
  if (!isHoldfastError(first) || others.length === 0) return first;
  return new HoldfastError(first.code, {
    message: `Several calls of the transaction failed; the first one: ${first.message}`,
    step: first.step,
    path: root,
    cause: first,
    others,
  });
}

/** What is overwritten where it is cannot wait under another name for the commit. */
function refuseInPlace(path: string, options: object): void {
  if (!('inPlace' in options)) return;
  const why =
    'a transaction makes all of its changes at one instant, by renames, and an overwrite in place is one by itself; make it ' +
    'outside of the transaction';
  throw invalidArgument('transaction', why, path);
}

function checkTransactionOptions(root: string, fn: unknown, options: TransactionOptions): void {
  checkOptions('transaction', options, optionNames);
  checkOtherLockers('transaction', root, options);
  if (typeof fn !== 'function') throw invalidArgument('transaction', 'it needs a function', root);
}
