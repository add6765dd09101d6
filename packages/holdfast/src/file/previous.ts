/**
 * Keeps what a replacement replaces: `<name>.previous-<n>` beside the file or, as
 * `<name>-<digest of the path>.previous-<n>`, in a directory that the caller names; the highest n
 * is the latest.
 *
 * Under the lock of the file, when its new content is staged:
 *
 * 1. give the present file the next number as a further name (stage/second-name.ts), and sync the
 *    directory of that name
 * 2. the caller replaces the file: rename, sync of its directory
 * 3. remove the versions beyond the number to keep
 *
 * Invariant: from the rename on, and after a power loss whichever names of 2 persist, the old
 * content has a durable name; and until 2 is durable no other version is touched. A crash before
 * the rename leaves a further name of the file as it is, which is no previous version: it is not
 * listed, and the next replacement makes it anew. (A copy, where the filesystem has no links, is
 * listed, and told by its bytes then.) A crash before 3 leaves one version more.
 *
 * Only files of this user, or of the owner of the file, are counted, given back and removed: who
 * may make names here could number one of their own.
 */
import { Buffer } from 'node:buffer';
import { errnoOf } from '../errors.js';
import { failure } from '../failure.js';
import { checkPath, invalidArgument } from '../options.js';
import { canonicalDirectory } from '../os/follow-symlinks.js';
import { nameByPath } from '../lock/lock-path.js';
import type { FileStat, Fs, FsDirectory, FsFile } from '../os/fs.js';
import {
  closeQuietly,
  isSameFile,
  lookAt,
  openCanonical,
  openOwn,
  openResolved,
  pathIn,
  readFully,
  unlinkIfThere,
  type Opened,
} from '../os/handles.js';
import { isOurWork } from '../os/owner.js';
import type { ChildName } from '../os/tree.js';
import { basename, dirname } from '../os/paths.js';
import { numbersBelow, previousName } from '../stage/previous-names.js';
import {
  copyAs,
  linkAs,
  needsCopy,
  syncKept,
  type NamedFile,
  type SecondNameOptions,
} from '../stage/second-name.js';

/** What a call that replaces a file keeps of it. */
export interface KeepOptions {
  /**
   * How many of the versions that were replaced to keep, as `<name>.previous-<n>`, the highest n
   * being the latest; 0 by default. Each commit that changes the file makes one.
   */
  readonly keepPrevious?: number | undefined;
  /**
   * An existing directory for the versions, in place of the file's own; there each name has a
   * digest of the file's path.
   */
  readonly previousDirectory?: string | undefined;
}

export const keepOptionNames = ['keepPrevious', 'previousDirectory'] as const;

/** Refuses wrong values of {@link KeepOptions}, on behalf of `call`. */
export function checkKeepOptions(
  call: string,
  path: string,
  { keepPrevious, previousDirectory }: KeepOptions,
): void {
  if (keepPrevious !== undefined && !(Number.isSafeInteger(keepPrevious) && keepPrevious >= 0)) {
    throw invalidArgument(call, 'keepPrevious is a number of versions, 0 or more', path);
  }
  if (previousDirectory !== undefined) checkPath(call, previousDirectory);
}

/** Where the versions of a file lie, and what their names begin with. */
interface VersionsLocation {
  /** Canonical. */
  readonly directory: string;
  readonly name: string;
}

/** A version that is kept. */
export interface KeptVersion {
  readonly number: number;
  readonly name: string;
  /** In its directory, for messages and for callers. */
  readonly path: string;
  readonly stat: FileStat;
}

const COMPARED_BYTES = 64 * 1024;

/**
 * The versions of a file that are kept, ascending. One that is the present file itself is none.
 *
 * @param path - canonical
 */
export async function keptVersions(
  fs: Fs,
  path: string,
  previousDirectory: string | undefined,
): Promise<readonly KeptVersion[]> {
  try {
    const place = await placeOf(fs, path, previousDirectory);
    const present = await lookAt(fs, path);
    return await within(fs, place.directory, async (directory) => {
      const versions = await versionsIn(fs, directory, place.name, present);
      return versions.filter(({ stat }) => present === undefined || !isSameFile(stat, present));
    });
  } catch (error) {
    throw failure('look for versions', path, error);
  }
}

/**
 * Opens a version that was listed, for as long as the work on it takes. System errors pass as they
 * are.
 */
export async function openVersion<T>(
  fs: Fs,
  version: KeptVersion,
  work: (opened: NamedFile) => Promise<T>,
): Promise<T> {
  return within(fs, dirname(version.path), async (directory) => {
    const opened = await openListed(fs, directory, version);
    try {
      return await work({ ...opened, path: version.path });
    } finally {
      await closeQuietly(opened.handle);
    }
  });
}

/**
 * Step 1. `undefined` when nothing is to be kept, or nothing is there.
 *
 * @param path - canonical
 * @throws HoldfastError `unchanged`, and the versions are as they were
 */
export async function keepPresent(
  fs: Fs,
  path: string,
  options: KeepOptions & SecondNameOptions,
): Promise<KeptPresent | undefined> {
  const { keepPrevious = 0, previousDirectory } = options;
  if (keepPrevious === 0) return undefined;
  try {
    const place = await placeOf(fs, path, previousDirectory);
    return await withPresent(fs, path, (present) =>
      within(fs, place.directory, async (directory) => {
        const versions = await keepIn(
          fs,
          { parent: directory, name: place.name },
          present,
          options,
        );
        return new KeptPresent(fs, path, { ...place, versions }, keepPrevious);
      }),
    );
  } catch (error) {
    throw failure('keep', path, error);
  }
}

/** The present content under its number, and what becomes of it and of the versions before it. */
export class KeptPresent {
  readonly version: KeptVersion;
  readonly #fs: Fs;
  readonly #path: string;
  readonly #directory: string;
  readonly #tooMany: readonly KeptVersion[];

  /** @param versions - ascending, the present content as the last */
  constructor(
    fs: Fs,
    path: string,
    {
      directory,
      versions,
    }: Pick<VersionsLocation, 'directory'> & { readonly versions: readonly KeptVersion[] },
    count: number,
  ) {
    this.version = versions.at(-1) as KeptVersion;
    this.#fs = fs;
    this.#path = path;
    this.#directory = directory;
    this.#tooMany = versions.slice(0, -count);
  }

  /**
   * Takes the name away again, when the file was not replaced; never fails. It stays where the file
   * has lost its own name, as some filesystems lose it when a rename fails (stage/only-copy.ts).
   */
  async discard(): Promise<void> {
    const isThere = await this.#fs.exists(this.#path).catch(() => false);
    if (isThere) await this.#remove([this.version]);
  }

  /**
   * Step 3, when the replacement is durable; never fails: the next one that keeps some looks again.
   */
  sweep(): Promise<void> {
    return this.#remove(this.#tooMany);
  }

  async #remove(versions: readonly KeptVersion[]): Promise<void> {
    if (versions.length === 0) return;
    const fs = this.#fs;
    try {
      await within(fs, this.#directory, async (directory) => {
        for (const { name, stat } of versions) {
          const there = await lookAt(fs, directory.at(name));
          if (there && isSameFile(there, stat)) await unlinkIfThere(fs, directory.at(name));
        }
      });
    } catch {
      // What is kept too long is no reason to fail.
    }
  }
}

async function keepIn(
  fs: Fs,
  { parent: directory, name }: ChildName,
  present: NamedFile,
  options: SecondNameOptions,
): Promise<readonly KeptVersion[]> {
  const mustCopy = needsCopy(fs, present.stat, options);
  const versions = [...(await versionsIn(fs, directory, name, present.stat))];
  const last = versions.at(-1);
  if (last && isSameFile(last.stat, present.stat)) await forget(fs, directory, versions);
  if (options.durability !== 'atomic') await syncKept(present.handle);
  for (let number = (versions.at(-1)?.number ?? 0) + 1; ; number += 1) {
    const own = { parent: directory, name: previousName(name, number) };
    let way = mustCopy ? 'impossible' : await linkAs(fs, present, own, options);
    if (way === 'impossible') {
      while (await isCopy(fs, directory, versions.at(-1), present)) {
        await forget(fs, directory, versions);
      }
      way = (await copyAs(fs, present, own, options)) ? 'made' : 'taken';
    }
    if (way === 'taken') continue;
    return [...versions, (await versionAt(fs, directory, name, number)) as KeptVersion];
  }
}

/**
 * Takes away the name that a replacement which came to no end gave to the present file, which still
 * holds what it led to. It is given anew: that the name reached the disk is known of no name whose
 * sync may have failed.
 */
async function forget(fs: Fs, directory: FsDirectory, versions: KeptVersion[]): Promise<void> {
  const last = versions.pop() as KeptVersion;
  await unlinkIfThere(fs, directory.at(last.name));
}

/** Whether the latest version holds what the present file holds. */
async function isCopy(
  fs: Fs,
  directory: FsDirectory,
  version: KeptVersion | undefined,
  { handle, stat }: NamedFile,
): Promise<boolean> {
  if (version?.stat.sizeBytes !== stat.sizeBytes) return false;
  const other = await openListed(fs, directory, version);
  try {
    return await holdTheSame(handle, other.handle);
  } finally {
    await closeQuietly(other.handle);
  }
}

async function holdTheSame(a: FsFile, b: FsFile): Promise<boolean> {
  const [ours, theirs] = [new Uint8Array(COMPARED_BYTES), new Uint8Array(COMPARED_BYTES)];
  for (let offsetBytes = 0; ; offsetBytes += COMPARED_BYTES) {
    const count = await readFully(a, ours, offsetBytes);
    if (count !== (await readFully(b, theirs, offsetBytes))) return false;
    if (Buffer.compare(ours.subarray(0, count), theirs.subarray(0, count)) !== 0) return false;
    if (count < COMPARED_BYTES) return true;
  }
}

async function placeOf(
  fs: Fs,
  path: string,
  previousDirectory: string | undefined,
): Promise<VersionsLocation> {
  if (previousDirectory === undefined) return { directory: dirname(path), name: basename(path) };
  const directory = await canonicalDirectory(fs, previousDirectory);
  return { directory, name: await nameByPath(fs, path) };
}

/** The versions of ours in a directory, ascending. */
async function versionsIn(
  fs: Fs,
  directory: FsDirectory,
  name: string,
  target: FileStat | undefined,
): Promise<readonly KeptVersion[]> {
  const numbers = await numbersBelow(fs, directory, name, ['file', 'unknown']);
  if (numbers.length === 0) return [];
  const surroundings = { directory: await directory.stat(), target };
  const ours: KeptVersion[] = [];
  for (const number of numbers) {
    const version = await versionAt(fs, directory, name, number);
    if (version?.stat.kind !== 'file') continue;
    const path = directory.at(version.name);
    if (await isOurWork(fs, path, version.stat, surroundings)) ours.push(version);
  }
  return ours;
}

async function versionAt(
  fs: Fs,
  directory: FsDirectory,
  name: string,
  number: number,
): Promise<KeptVersion | undefined> {
  const own = previousName(name, number);
  const stat = await lookAt(fs, directory.at(own));
  return stat && { number, name: own, path: pathIn(directory, own), stat };
}

async function openListed(
  fs: Fs,
  directory: FsDirectory,
  { name, stat }: KeptVersion,
): Promise<Opened<FsFile>> {
  const opened = await openOwn(fs, directory.at(name), { access: 'read' }, { owner: 'anyone' });
  // Whose it is was judged by the name.
  if (isSameFile(opened.stat, stat)) return opened;
  await closeQuietly(opened.handle);
  throw Object.assign(new Error(`${name} has been replaced`), { code: 'ENOENT' });
}

async function within<T>(
  fs: Fs,
  path: string,
  work: (directory: FsDirectory) => Promise<T>,
): Promise<T> {
  const directory = await openCanonical(fs, path);
  try {
    return await work(directory);
  } finally {
    await closeQuietly(directory);
  }
}

async function withPresent<T>(
  fs: Fs,
  path: string,
  work: (present: NamedFile) => Promise<T>,
): Promise<T | undefined> {
  let opened: Opened<FsFile>;
  try {
    opened = await openResolved(fs, path, { access: 'read' });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return await work({ ...opened, path });
  } finally {
    await closeQuietly(opened.handle);
  }
}
