/**
 * Walks over directory trees and removes them, through descriptors: each directory is looked at,
 * opened below its parent's descriptor without following a symlink, and compared with what was
 * seen; every name in it is then reached through its own descriptor (`FsDirectory.at`). So whatever
 * is exchanged meanwhile for a directory of the tree, or above it, nothing outside of what was
 * opened is read or removed. Symlinks are entries like any other and never followed.
 *
 * Bottom up and with bounded state: what is held at any time is the directories between the root
 * and where the walk is, and their entries.
 */
import { errnoOf, HoldfastError } from '../errors.js';
import { filesystemOf } from './filesystem.js';
import type { DirectoryEntry, FileKind, FileStat, Fs, FsDirectory } from './fs.js';
import { closeQuietly, inDirectoryOf, isSameFile, lookAt } from './handles.js';
import { turn } from './pause.js';

/** What a walk does with what it finds. */
export interface TreeVisitor {
  /** Anything that is not a directory. Calls may overlap, up to the walk's concurrency. */
  entry?(inside: FsDirectory, name: string, kind: FileKind): Promise<void>;
  /** A directory, before anything in it. */
  enter?(directory: FsDirectory): Promise<void>;
  /** A directory, after everything in it. The root comes last. */
  leave?(directory: FsDirectory): Promise<void>;
  /** The name of a directory that has been left, when it is closed; the root has none. */
  left?(inside: FsDirectory, name: string): Promise<void>;
}

/** A name in a directory that is open. */
export interface ChildName {
  readonly parent: FsDirectory;
  readonly name: string;
}

/** More directories than a path of 4096 bytes can name. */
const DEEPEST = 2048;

/** How a tree is walked. */
export interface WalkOptions {
  /** How many calls of the visitor's `entry` may overlap; 1 by default. */
  readonly concurrency?: number | undefined;
  /** How far below the tree's own root this one lies. */
  readonly depth?: number | undefined;
}

/** Walks a tree from its open root. The first error ends it, once what runs beside has settled. */
export async function walkTree(
  fs: Fs,
  root: FsDirectory,
  visitor: TreeVisitor,
  { concurrency = 1, depth = 0 }: WalkOptions = {},
): Promise<void> {
  if (depth > DEEPEST) throw tooDeep(root.path);
  await visitor.enter?.(root);
  const entries = await readEntries(fs, root);
  for (const { name, kind } of entries) {
    if (kind !== 'directory') continue;
    const child = await openChild(fs, root, name);
    try {
      await walkTree(fs, child, visitor, { concurrency, depth: depth + 1 });
    } finally {
      await closeQuietly(child);
    }
    await visitor.left?.(root, name);
  }
  const others = entries.filter(({ kind }) => kind !== 'directory');
  await forEachOf(others, concurrency, async ({ name, kind }) => visitor.entry?.(root, name, kind));
  await visitor.leave?.(root);
}

/**
 * Opens a directory that has a name in an open one.
 *
 * @throws HoldfastError TARGET_CHANGED when another took its place meanwhile; NOT_FOUND's errors as
 *   the kernel gives them
 */
export async function openChild(fs: Fs, parent: FsDirectory, name: string): Promise<FsDirectory> {
  const path = parent.at(name);
  const entry = await fs.lstat(path);
  const child = await fs.openDirectory(path, { noFollow: true });
  try {
    if (isSameFile(await child.stat(), entry)) return child;
    // Elsewhere the number of a directory may be another at every look.
    if (!(await filesystemOf(fs, path)).isLocal) return child;
    throw exchanged(child.path);
  } catch (error) {
    await closeQuietly(child);
    throw error;
  }
}

/**
 * The entries of a directory; the kinds that the filesystem does not tell with the names are asked
 * for.
 */
export async function readEntries(
  fs: Fs,
  directory: FsDirectory,
): Promise<readonly DirectoryEntry[]> {
  const entries = await fs.readDirectory(directory.at('.'));
  if (entries.every(({ kind }) => kind !== 'unknown')) return entries;
  return Promise.all(
    entries.map(async ({ name }) => ({ name, kind: (await fs.lstat(directory.at(name))).kind })),
  );
}

/**
 * Calls a function for each item, at most `concurrency` at a time; after an error no more. All
 * calls have settled when it ends.
 */
async function forEachOf<T>(
  items: readonly T[],
  concurrency: number,
  visit: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      if (errors.length > 0) return;
      await visit(item).catch((error: unknown) => errors.push(error));
      await breathe();
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
}

/**
 * Removes everything in an open directory. Symlinks in it are removed, what they point to is not
 * touched.
 *
 * @param except - a file in the directory itself that stays
 */
export function emptyTree(fs: Fs, root: FsDirectory, except?: string): Promise<void> {
  return walkTree(fs, root, {
    enter: makeWritable,
    entry: async (inside, name) => {
      if (inside !== root || name !== except) await fs.unlink(inside.at(name));
    },
    left: (inside, name) => fs.rmdir(inside.at(name)),
  });
}

/**
 * Removes the tree at a canonical path.
 *
 * @param isMeant - judges the directory that was opened there; another one is left alone
 */
export async function removeTree(
  fs: Fs,
  path: string,
  isMeant: (root: FileStat) => boolean = () => true,
): Promise<void> {
  await inDirectoryOf(fs, path, async (parent, name) => {
    const tree = await openChild(fs, parent, name);
    try {
      if (!isMeant(await tree.stat())) return;
      await emptyTree(fs, tree);
    } finally {
      await closeQuietly(tree);
    }
    await fs.rmdir(parent.at(name));
  });
}

/**
 * Removes a tree that was opened before, if it is still what has a name in the directory given.
 *
 * @param tree - as it was when it was opened
 * @throws HoldfastError TARGET_CHANGED when something else has the name, or nothing: that is left
 *   alone
 */
export async function removeOpenTree(
  fs: Fs,
  tree: FileStat,
  { parent, name }: ChildName,
): Promise<void> {
  await asNamed(fs, tree, { parent, name }, (named) => emptyTree(fs, named));
  await checkNamed(fs, tree, parent.at(name));
  await fs.rmdir(parent.at(name));
}

/**
 * Works on a tree that was opened before as what it is called now: opened once more, and compared.
 * The first handle may bear an older name, and where names are not reached through descriptors
 * (Windows) that one may be another tree's by now.
 */
export async function asNamed(
  fs: Fs,
  tree: FileStat,
  { parent, name }: ChildName,
  work: (named: FsDirectory) => Promise<void>,
): Promise<void> {
  await checkNamed(fs, tree, parent.at(name));
  const named = await openChild(fs, parent, name);
  try {
    if (!isSameFile(await named.stat(), tree)) throw exchanged(named.path);
    await work(named);
  } finally {
    await closeQuietly(named);
  }
}

async function checkNamed(fs: Fs, tree: FileStat, path: string): Promise<void> {
  const named = await lookAt(fs, path);
  if (!named || !isSameFile(named, tree)) throw exchanged(path);
}

/**
 * A directory that its owner may not write keeps its entries; trees copied from read-only ones are
 * made of them.
 */
export async function makeWritable(directory: FsDirectory): Promise<void> {
  const { mode } = await directory.stat();
  if ((mode & 0o300) === 0o300) return;
  try {
    await directory.chmod(mode | 0o700);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error;
  }
}

function exchanged(path: string): HoldfastError {
  return new HoldfastError('TARGET_CHANGED', {
    message:
      'Another directory took the place of this one while it was looked at. It was not touched.',
    step: 'walk',
    path,
  });
}

function tooDeep(path: string): HoldfastError {
  return new HoldfastError('UNSUPPORTED_TARGET', {
    message: `The tree is deeper than ${DEEPEST} directories.`,
    step: 'walk',
    path,
  });
}

const TURN_MS = 8;
let turnBegan = 0;

/** Whether this turn of the event loop has taken so long that {@link breathe} would end it. */
export function isTurnLong(): boolean {
  return performance.now() - turnBegan >= TURN_MS;
}

/**
 * Lets timers, signals and other work run when this turn of the event loop has taken long. The
 * calls of `os/` on metadata are made inline, so a loop of thousands of them would otherwise hold
 * everything up.
 */
export async function breathe(): Promise<void> {
  if (!isTurnLong()) return;
  await turn();
  turnBegan = performance.now();
}
