/**
 * Walks over directory trees, bottom up and with bounded state: what is held at any time is the entries of the
 * directories between the root and where the walk is. Symlinks are entries like any other and never followed.
 */
import { setImmediate } from 'node:timers/promises';
import { errnoOf } from '../errors.js';
import type { DirectoryEntry, FileKind, Fs } from '../os/fs.js';
import { closeQuietly } from '../os/close-quietly.js';
import { join } from '../os/paths.js';

/** What a walk does with what it finds. */
export interface TreeVisitor {
  /** Anything that is not a directory. Calls may overlap, up to the walk's concurrency. */
  entry(path: string, kind: FileKind): Promise<void>;
  /** A directory, after everything in it. The root comes last. */
  leave(path: string): Promise<void>;
  /** A directory, before anything in it. */
  enter?(path: string): Promise<void>;
}

/** Walks the tree at `root`. The first error ends it, once what runs beside has settled. */
export async function walkTree(
  fs: Fs,
  root: string,
  visitor: TreeVisitor,
  concurrency = 1,
): Promise<void> {
  await visitor.enter?.(root);
  const entries = await readEntries(fs, root);
  for (const { name, kind } of entries) {
    if (kind === 'directory') await walkTree(fs, join(root, name), visitor, concurrency);
  }
  const others = entries.filter(({ kind }) => kind !== 'directory');
  await forEachOf(others, concurrency, ({ name, kind }) => visitor.entry(join(root, name), kind));
  await visitor.leave(root);
}

/** The entries of a directory; the kinds that the filesystem does not tell with the names are asked for. */
export async function readEntries(fs: Fs, directory: string): Promise<readonly DirectoryEntry[]> {
  const entries = await fs.readDirectory(directory);
  if (entries.every(({ kind }) => kind !== 'unknown')) return entries;
  return Promise.all(
    entries.map(async ({ name }) => ({
      name,
      kind: (await fs.lstat(join(directory, name))).kind,
    })),
  );
}

/** Calls a function for each item, at most `concurrency` at a time; after an error no more. All calls have settled when it ends. */
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

/** Removes a tree. Symlinks in it are removed, what they point to is not touched. */
export async function removeTree(fs: Fs, root: string): Promise<void> {
  await walkTree(fs, root, {
    enter: (path) => makeWritable(fs, path),
    entry: (path) => fs.unlink(path),
    leave: (path) => fs.rmdir(path),
  });
}

/** A directory that its owner may not write keeps its entries; trees copied from read-only ones are made of them. */
export async function makeWritable(fs: Fs, path: string): Promise<void> {
  const { mode } = await fs.lstat(path);
  if ((mode & 0o300) === 0o300) return;
  const directory = await fs.openDirectory(path);
  try {
    await directory.chmod(mode | 0o700);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error;
  } finally {
    await closeQuietly(directory);
  }
}

/** Makes the names in a directory durable. */
export async function syncDirectory(fs: Fs, path: string): Promise<void> {
  const directory = await fs.openDirectory(path);
  try {
    await directory.sync();
  } finally {
    await closeQuietly(directory);
  }
}

const TURN_MS = 8;
let turnBegan = 0;

/** Whether this turn of the event loop has taken so long that {@link breathe} would end it. */
export function isTurnLong(): boolean {
  return performance.now() - turnBegan >= TURN_MS;
}

/**
 * Lets timers, signals and other work run when this turn of the event loop has taken long. The calls of `os/` on
 * metadata are made inline, so a loop of thousands of them would otherwise hold everything up.
 */
export async function breathe(): Promise<void> {
  if (!isTurnLong()) return;
  await setImmediate();
  turnBegan = performance.now();
}
