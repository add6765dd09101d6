/**
 * A tree of files as plain data: for reports, for replays, and to carry trees between the model and
 * real directories.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { linkSync, symlinkSync, writeFileSync } from 'node:fs';
import { pageChanges, readPages } from './model-handle.js';
import { apply } from './change.js';
import { Image, newDirectory, newFile, newSymlink, ROOT_INO, type FileNode } from './image.js';

/** A file, a directory or a symlink to begin with. */
export type TreeEntry =
  | { readonly path: string; readonly kind: 'directory'; readonly mode: number }
  | { readonly path: string; readonly kind: 'symlink'; readonly target: string }
  | {
      readonly path: string;
      readonly kind: 'file';
      readonly mode: number;
      readonly dataBase64: string;
      /** The path of an earlier entry that is the same file. */
      readonly sameAs?: string;
    };

/** The entries of an image below its root, parents first. */
export function treeOf(image: Image): TreeEntry[] {
  const firstPaths = new Map<number, string>();
  const below = (ino: number, path: string): TreeEntry[] => {
    const node = image.node(ino);
    const known = firstPaths.get(ino);
    if (known === undefined) firstPaths.set(ino, path);
    if (node.kind === 'symlink') return [{ path, kind: 'symlink', target: node.target }];
    if (node.kind === 'file') {
      const dataBase64 = contentOf(node).toString('base64');
      const entry = { path, kind: 'file', mode: node.mode, dataBase64 } as const;
      return [known === undefined ? entry : { ...entry, sameAs: known }];
    }
    const self: TreeEntry[] = path === '' ? [] : [{ path, kind: 'directory', mode: node.mode }];
    if (known !== undefined) return self;
    const names = [...node.entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return [...self, ...names.flatMap(([name, child]) => below(child, `${path}/${name}`))];
  };
  return below(ROOT_INO, '');
}

/** The whole content of a file of an image. */
export function contentOf(node: FileNode): Buffer {
  const buffer = Buffer.alloc(node.sizeBytes);
  readPages(node, buffer, 0);
  return buffer;
}

/** An image that holds a tree. */
export function imageOf(tree: readonly TreeEntry[]): Image {
  const image = Image.empty();
  const inos = new Map([['', ROOT_INO]]);
  for (const [index, entry] of tree.entries()) {
    const ino = sameFile(entry, inos) ?? addNode(image, ROOT_INO + 1 + index, entry);
    inos.set(entry.path, ino);
    const slash = entry.path.lastIndexOf('/');
    const parent = image.writableDirectory(inos.get(entry.path.slice(0, slash)) ?? ROOT_INO);
    parent.entries.set(entry.path.slice(slash + 1), ino);
  }
  return image;
}

/**
 * Reads a real directory. What `skip` names (paths relative to it, with a leading slash) is left
 * out.
 */
export function readTree(
  directory: string,
  skip: (path: string) => boolean = () => false,
): TreeEntry[] {
  const firstPaths = new Map<bigint, string>();
  const below = (path: string): TreeEntry[] =>
    readdirSync(directory + path)
      .toSorted()
      .map((name) => `${path}/${name}`)
      .filter((child) => !skip(child))
      .flatMap((child) => entryAt(directory, child, firstPaths, below));
  return below('');
}

/** Makes a tree in a real, existing, empty directory. */
export function writeTree(directory: string, tree: readonly TreeEntry[]): void {
  for (const entry of tree) {
    const path = directory + entry.path;
    if (entry.kind === 'directory') mkdirSync(path, { mode: entry.mode });
    else if (entry.kind === 'symlink') symlinkSync(entry.target, path);
    else if (entry.sameAs !== undefined) linkSync(directory + entry.sameAs, path);
    else writeFileSync(path, Buffer.from(entry.dataBase64, 'base64'), { mode: entry.mode });
  }
}

function sameFile(entry: TreeEntry, inos: ReadonlyMap<string, number>): number | undefined {
  return entry.kind === 'file' && entry.sameAs !== undefined ? inos.get(entry.sameAs) : undefined;
}

function addNode(image: Image, ino: number, entry: TreeEntry): number {
  if (entry.kind === 'directory') image.add(newDirectory(ino, entry.mode));
  else if (entry.kind === 'symlink') image.add(newSymlink(ino, entry.target));
  else {
    const data = Buffer.from(entry.dataBase64, 'base64');
    const file = newFile(ino, entry.mode);
    image.add(file);
    for (const change of pageChanges(file, data, 0)) apply(image, change);
    image.writableFile(ino).sizeBytes = data.length;
  }
  return ino;
}

function entryAt(
  directory: string,
  path: string,
  firstPaths: Map<bigint, string>,
  below: (path: string) => TreeEntry[],
): TreeEntry[] {
  const stats = lstatSync(directory + path, { bigint: true });
  const mode = Number(stats.mode) & 0o7777;
  if (stats.isDirectory()) return [{ path, kind: 'directory', mode }, ...below(path)];
  if (stats.isSymbolicLink()) {
    return [{ path, kind: 'symlink', target: readlinkSync(directory + path) }];
  }
  if (!stats.isFile()) return [];
  const dataBase64 = readFileSync(directory + path).toString('base64');
  const known = firstPaths.get(stats.ino);
  if (known === undefined) firstPaths.set(stats.ino, path);
  const file = { path, kind: 'file', mode, dataBase64 } as const;
  return [known === undefined ? file : { ...file, sameAs: known }];
}
