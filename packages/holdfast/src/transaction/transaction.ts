/**
 * Several paths, one commit. The caller's function names the changes; then all of them happen, or none
 * (transaction/commit.ts has the order of the steps).
 *
 * What needs no lock is done while the function runs: files and directories are staged, which may take long and keeps
 * nobody waiting. What needs the locks is done afterwards, when every path is known: so the locks can be taken in one
 * order, and are held only while the updaters run and the commit is made.
 */
import { checkPublishOptions } from '../directory/check-publish-options.js';
import type { Fill } from '../directory/prepare-tree.js';
import { TaskGroup } from '../directory/task-group.js';
import { HoldfastError, isHoldfastError } from '../errors.js';
import { aborted, failure, readingFrom } from '../failure.js';
import { below } from '../journal/journal-file.js';
import { recoverPending } from '../journal/pending.js';
import type { JsonObject } from '../json/json-value.js';
import {
  checkUpdateArguments,
  type JsonUpdater,
  type UpdateJsonOptions,
} from '../json/update-options.js';
import { checkOptions, invalidArgument } from '../options.js';
import type { ResolvedName } from '../lock/follow-symlinks.js';
import type { FileKind, Fs } from '../os/fs.js';
import { nodeFileSystem } from '../os/node-fs.js';
import { withSlashes } from '../os/paths.js';
import type { FileData } from '../stage/file-data.js';
import {
  publishDirectoryChange,
  removeChange,
  renameChange,
  replaceFileChange,
  updateJsonChange,
  type Change,
  type StagedDirectoryOptions,
  type StagedUpdateOptions,
} from './changes.js';
import { ClaimedPaths } from './claimed-paths.js';
import { commit } from './commit.js';
import { discardAll, discardTooMany } from './discard.js';

export interface TransactionOptions {
  /** How long to wait for all the locks together, in milliseconds; 0 tries once; without it the wait has no end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the transaction, until its commit point. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

export interface TransactionFileOptions {
  /** The exact permission bits. Without it: those of the existing file, or 0666 less the umask. */
  readonly mode?: number | undefined;
  /** `fail`: the commit fails when something is at the path. */
  readonly ifExists?: 'replace' | 'fail' | undefined;
}

export type TransactionJsonOptions<T> = Pick<
  UpdateJsonOptions<T>,
  'initial' | 'indent' | 'schema' | 'mode' | 'secret'
>;

export type TransactionDirectoryOptions = Omit<StagedDirectoryOptions, 'signal'>;

/**
 * What a transaction is to do. Paths are relative to its root, or absolute. Each call resolves when its path is found
 * to be good and what can be staged is staged; nothing is visible before the commit. A call that fails, awaited or not,
 * makes the whole transaction fail.
 */
export interface Transaction {
  /** Replaces a file whole, or makes it, as `replaceFile` does. Symlinks are followed. */
  replaceFile(path: string, data: FileData, options?: TransactionFileOptions): Promise<void>;
  /**
   * Updates a JSON document, as `updateJson` does; symlinks are followed. The updater runs at the commit, when the locks
   * of all paths are held, and the updaters of a transaction run one after the other in the order of these calls: a
   * later one may use what an earlier one has found. What an updater throws fails the transaction.
   */
  updateJson<T = JsonObject>(
    path: string,
    updater: JsonUpdater<T>,
    options?: TransactionJsonOptions<T>,
  ): Promise<void>;
  /**
   * Publishes a whole directory, as `publishDirectory` does; symlinks are followed. It is always made durable, and its
   * journal stands in for an exchange where there is none, so it has no options `durability` and `withoutExchange`.
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

const optionNames = ['timeoutMs', 'signal', 'fs'] as const;
const fileOptionNames = ['mode', 'ifExists'] as const;
const jsonOptionNames = ['initial', 'indent', 'schema', 'mode', 'secret'] as const;
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
 * After success every change is made and durable. After a failure with outcome `unchanged` none is, and nothing is left
 * behind; with outcome `committed` (a step after the commit point failed) the next call of Holdfast on a path below the
 * root, or `recover`, completes them all; with `unknown` (the journal could not be synced) it completes all or none.
 * A process that dies at any instant leaves all or none as well, for everyone who reads under `withLock`.
 *
 * Locks: every path named has its own, `<path>.lock`, taken in the order of their names when `fn` has returned, and held
 * until the commit is done. So transactions and the other calls of Holdfast never wait for each other in a circle.
 * While `fn` runs no lock is held; what it reads by itself may have changed by the commit.
 *
 * Not promised: that readers without a lock see all changes at one instant (each path by itself is old or new, never a
 * mix); protection from programs that take no locks. Recovery knows files by their inode numbers, so the filesystem
 * must keep them (ext4, xfs, btrfs, tmpfs and NFS do).
 *
 * @param root - an existing directory; no path may lead out of it
 * @param fn - names the changes; what it throws ends the transaction, and is passed on as it is
 * @returns what `fn` returned
 * @throws HoldfastError PATH_ESCAPES; PATH_CONFLICT for a path named twice, also by another name or letter case, or
 *   inside another; NOT_FOUND; ALREADY_EXISTS; UNSUPPORTED_TARGET; TARGET_CHANGED; TARGET_IS_MOUNT; CROSS_DEVICE;
 *    LOCK_TIMEOUT; LOCK_NESTED; ABORTED; NO_SPACE; SYNC_FAILED; DAMAGED_JOURNAL; INVALID_ARGUMENT; IO; and for its JSON
 *   documents those of `updateJson`
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

class OpenTransaction implements Transaction {
  readonly #fs: Fs;
  readonly #root: string;
  readonly #options: TransactionOptions;
  readonly #paths: ClaimedPaths;
  readonly #calls: TaskGroup;
  readonly #changes: Change[] = [];

  constructor(fs: Fs, root: string, options: TransactionOptions) {
    this.#fs = fs;
    this.#root = root;
    this.#options = options;
    this.#paths = new ClaimedPaths(fs, root);
    this.#calls = new TaskGroup(Infinity, options.signal);
  }

  replaceFile(path: string, data: FileData, options: TransactionFileOptions = {}): Promise<void> {
    const replace = async (): Promise<Change> => {
      checkOptions('tx.replaceFile', options, fileOptionNames);
      const target = await this.#paths.claim(path, { follow: true });
      refuseOther(target.path, kindNamed(path, target), 'file');
      const { signal } = this.#calls;
      return replaceFileChange(this.#fs, target, data, { ...options, signal });
    };
    return readingFrom(data, () => this.#add(replace));
  }

  updateJson<T = JsonObject>(
    path: string,
    updater: JsonUpdater<T>,
    options: TransactionJsonOptions<T> = {},
  ): Promise<void> {
    return this.#add(async () => {
      checkOptions('tx.updateJson', options, jsonOptionNames);
      checkUpdateArguments(path, updater, options);
      const target = await this.#paths.claim(path, { follow: true });
      refuseOther(target.path, kindNamed(path, target), 'file');
      const { signal } = this.#options;
      const all = { ...options, signal } as StagedUpdateOptions;
      return updateJsonChange(this.#fs, target, updater as JsonUpdater<unknown>, all);
    });
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

  /** Lets the function name its changes, and waits for everything that it started, also when it failed. */
  async collect<T>(fn: (tx: Transaction) => T | Promise<T>): Promise<T> {
    try {
      const value = await fn(this);
      await this.#calls.close();
      this.#refuseFailed();
      return value;
    } catch (error) {
      await this.#calls.close();
      await this.#discardAll();
      throw error;
    }
  }

  /** Commits, and discards what was replaced. What a journal may still publish is left to it, also by a failure. */
  async commit(): Promise<void> {
    try {
      if (this.#changes.length === 0) return;
      const discards = await commit(this.#fs, this.#root, this.#changes, this.#options);
      await this.#releaseAll();
      await discardAll(this.#fs, discards);
      for (const { keeps } of this.#changes) if (keeps) await discardTooMany(this.#fs, keeps);
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

  #add(stage: () => Promise<Change>): Promise<void> {
    return this.#calls.run(async () => {
      this.#changes.push(await stage());
    });
  }
}

async function canonicalRoot(fs: Fs, root: string): Promise<string> {
  try {
    refuseOther(root, (await fs.stat(root)).kind, 'directory');
    return await fs.realpath(root);
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
    outcome: 'unchanged',
    step: 'check',
    path,
  });
}

/** The calls that ran beside the first one that failed were ended by it; that they say so is nothing new. */
function callFailed(root: string, first: unknown, rest: readonly unknown[]): unknown {
  const others = rest.filter((error) => !(error instanceof Error && error.cause === first));
  if (!isHoldfastError(first) || others.length === 0) return first;
  return new HoldfastError(first.code, {
    message: `Several calls of the transaction failed; the first one: ${first.message}`,
    outcome: 'unchanged',
    step: first.step,
    path: root,
    cause: first,
    others,
  });
}

function checkTransactionOptions(root: string, fn: unknown, options: TransactionOptions): void {
  checkOptions('transaction', options, optionNames);
  if (typeof fn !== 'function') throw invalidArgument('transaction', 'it needs a function', root);
}
