/**
 * The directories that a journal speaks of, each opened below the one above it, from the root down,
 * without following a symlink, and reached through its descriptor from then on. So a move leaves
 * the root for nobody, whatever is exchanged for a directory between the look at the moves and the
 * last of them.
 */
import { errnoOf } from '../errors.js';
import type { FileStat, Fs, FsDirectory } from '../os/fs.js';
import { closeQuietly, lookAt, openCanonical } from '../os/handles.js';
import { openChild } from '../os/tree.js';
import { basename, dirname } from '../os/paths.js';
import { below, journalPathOf, refusal } from './journal-file.js';

/** How many directories stay open from move to move. */
const MOST_OPEN = 64;

export class OpenRoot {
  readonly fs: Fs;
  readonly handle: FsDirectory;
  readonly #open = new Map<string, FsDirectory>();

  private constructor(fs: Fs, handle: FsDirectory) {
    this.fs = fs;
    this.handle = handle;
  }

  /** Opens the root at its canonical path, and closes all when the function has ended. */
  static async use<T>(fs: Fs, path: string, fn: (root: OpenRoot) => Promise<T>): Promise<T> {
    const root = new OpenRoot(fs, await openCanonical(fs, path));
    try {
      return await fn(root);
    } finally {
      await root.#closeAll();
      await closeQuietly(root.handle);
    }
  }

  /** The path as people know it. */
  pathOf(relative: string): string {
    return below(this.handle.path, relative);
  }

  /** Looks at a name below the root; `undefined` where nothing is, or its directory is missing. */
  async lookAt(relative: string): Promise<FileStat | undefined> {
    const directory = await this.directoryOf(relative);
    return directory && lookAt(this.fs, directory.at(basename(relative)));
  }

  /** A path to a name below the root, for a call. The directory must be there. */
  async at(relative: string): Promise<string> {
    const directory = await this.directoryOf(relative);
    if (directory) return directory.at(basename(relative));
    const text = `ENOENT: no such directory, '${dirname(this.pathOf(relative))}'`;
    throw Object.assign(new Error(text), { code: 'ENOENT' });
  }

  /**
   * Makes the names in the directory of a name durable; one that is gone has nothing to be synced.
   */
  async syncDirectoryOf(relative: string): Promise<void> {
    await (await this.directoryOf(relative))?.sync();
  }

  /** Lets go of what earlier moves have opened, if that is much. */
  async beginMove(): Promise<void> {
    if (this.#open.size > MOST_OPEN) await this.#closeAll();
  }

  /**
   * The open directory of a name below the root; `undefined` where it is missing, or no directory.
   *
   * @throws HoldfastError DAMAGED_JOURNAL for a symlink, which no transaction leaves in a path
   */
  directoryOf(relative: string): Promise<FsDirectory | undefined> {
    const directory = dirname(relative);
    return this.#directory(directory === '.' ? '' : directory);
  }

  async #directory(relative: string): Promise<FsDirectory | undefined> {
    if (relative === '') return this.handle;
    const known = this.#open.get(relative);
    if (known) return known;
    const parent = await this.directoryOf(relative);
    const opened = parent && (await this.#openIfThere(parent, relative));
    if (opened) this.#open.set(relative, opened);
    return opened;
  }

  async #openIfThere(parent: FsDirectory, relative: string): Promise<FsDirectory | undefined> {
    const name = basename(relative);
    try {
      return await openChild(this.fs, parent, name);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      if (!['ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) throw error;
      if ((await lookAt(this.fs, parent.at(name)))?.kind !== 'symlink') return undefined;
      const journal = journalPathOf(this.handle.path);
      throw refusal(journal, `a symlink now leads ${this.pathOf(relative)} elsewhere`);
    }
  }

  async #closeAll(): Promise<void> {
    for (const directory of this.#open.values()) await closeQuietly(directory);
    this.#open.clear();
  }
}
