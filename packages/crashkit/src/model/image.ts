/**
 * What a disk holds: inodes, their pages, and the names that lead to them. An image is cheap to
 * copy, since copies share every node until one of them writes to it; exploring crashes means
 * making many thousand images a second.
 */
import { Hasher } from './hasher.js';

/** The unit in which data reaches the disk. */
export const PAGE_BYTES = 4096;
export const ROOT_INO = 1;

/** One page of a file: never changed once made. */
export interface Page {
  readonly bytes: Uint8Array;
  /** The hash of the content; 0 until someone asked for it. */
  hash: number;
  /** Where the zeros at the end begin; -1 until someone asked for it. */
  zerosFrom: number;
}

interface NodeAttributes {
  /** Never used again, so that a change tells what it is about. */
  readonly ino: number;
  /** What `stat(2)` calls the inode: used again once nothing can lead to the old one. */
  readonly number: number;
  mode: number;
  uid: number;
  gid: number;
  xattrs: ReadonlyMap<string, Uint8Array>;
}

export interface FileNode extends NodeAttributes {
  readonly kind: 'file';
  /** A missing page is a hole: zeros. */
  pages: (Page | undefined)[];
  sizeBytes: number;
  /** The hash of all of the above; 0 until someone asked for it. */
  hash: number;
}

export interface DirectoryNode extends NodeAttributes {
  readonly kind: 'directory';
  entries: Map<string, number>;
}

interface SymlinkNode extends NodeAttributes {
  readonly kind: 'symlink';
  readonly target: string;
}

export type ImageNode = FileNode | DirectoryNode | SymlinkNode;

/** A tree of files. */
export class Image {
  readonly nodes: Map<number, ImageNode>;
  /** The nodes that no other image shares. */
  #owned = new Set<number>();

  constructor(nodes: Map<number, ImageNode>) {
    this.nodes = nodes;
  }

  /** An image with nothing but an empty root directory. */
  static empty(): Image {
    return new Image(new Map([[ROOT_INO, newDirectory(ROOT_INO, 0o755)]]));
  }

  /** A copy that can be changed without changing this one, and the other way round. */
  copy(): Image {
    this.#owned.clear();
    return new Image(new Map(this.nodes));
  }

  add(node: ImageNode): void {
    this.nodes.set(node.ino, node);
    this.#owned.add(node.ino);
  }

  /** What a name in a directory leads to. */
  entry(directory: DirectoryNode, name: string): number | undefined {
    return directory.entries.get(name);
  }

  node(ino: number): ImageNode {
    const node = this.nodes.get(ino);
    if (!node) throw new Error(`the image has no inode ${ino}`);
    return node;
  }

  /** The node, for writing to it. */
  writable(ino: number): ImageNode {
    const node = this.node(ino);
    if (this.#owned.has(ino)) {
      if (node.kind === 'file') node.hash = 0;
      return node;
    }
    const own = copyOf(node);
    this.add(own);
    return own;
  }

  writableFile(ino: number): FileNode {
    return this.writable(ino) as FileNode;
  }

  writableDirectory(ino: number): DirectoryNode {
    return this.writable(ino) as DirectoryNode;
  }

  /**
   * A number that two images share if and, but for a hash collision (53 bits), only if their trees
   * are equal.
   */
  hash(): number {
    const hasher = new Hasher();
    this.#hashTree(hasher, ROOT_INO, new Map());
    return hasher.digest();
  }

  #hashTree(hasher: Hasher, ino: number, seen: Map<number, number>): void {
    const before = seen.get(ino);
    hasher.number(before ?? -1);
    if (before !== undefined) return;
    seen.set(ino, seen.size);
    const node = this.node(ino);
    if (node.kind !== 'directory') {
      hasher.number(node.kind === 'file' ? fileHash(node) : Hasher.ofString(node.target));
      return;
    }
    hasher.number(node.entries.size);
    hashAttributes(hasher, node);
    for (const name of [...node.entries.keys()].toSorted()) {
      hasher.string(withoutRandomness(name));
      this.#hashTree(hasher, node.entries.get(name) as number, seen);
    }
  }
}

const RANDOM_PART = /[0-9a-f]{16,}/g;
const namesWithoutRandomness = new Map<string, string>();

/**
 * States that differ in nothing but random names are one: otherwise another seed would make each of
 * them new.
 */
function withoutRandomness(name: string): string {
  const known = namesWithoutRandomness.get(name);
  if (known !== undefined) return known;
  const without = name.replace(RANDOM_PART, '#');
  namesWithoutRandomness.set(name, without);
  return without;
}

export function newFile(ino: number, mode: number, number: number = ino): FileNode {
  const owner = { uid: 0, gid: 0, xattrs: new Map<string, Uint8Array>() };
  return { kind: 'file', ino, number, mode, ...owner, pages: [], sizeBytes: 0, hash: 0 };
}

export function newDirectory(ino: number, mode: number, number: number = ino): DirectoryNode {
  const owner = { uid: 0, gid: 0, xattrs: new Map<string, Uint8Array>() };
  return { kind: 'directory', ino, number, mode, ...owner, entries: new Map() };
}

export function newSymlink(ino: number, target: string, number: number = ino): SymlinkNode {
  const owner = { uid: 0, gid: 0, xattrs: new Map<string, Uint8Array>() };
  return { kind: 'symlink', ino, number, mode: 0o777, ...owner, target };
}

export function newPage(bytes: Uint8Array): Page {
  return { bytes, hash: 0, zerosFrom: -1 };
}

/** Whether a page holds nothing but zeros from an offset on. */
export function isZeroFrom(page: Page, offsetBytes: number): boolean {
  if (page.zerosFrom < 0) {
    page.zerosFrom = page.bytes.length;
    while (page.zerosFrom > 0 && page.bytes[page.zerosFrom - 1] === 0) page.zerosFrom -= 1;
  }
  return page.zerosFrom <= offsetBytes;
}

function copyOf(node: ImageNode): ImageNode {
  if (node.kind === 'file') return { ...node, pages: [...node.pages], hash: 0 };
  if (node.kind === 'directory') return { ...node, entries: new Map(node.entries) };
  return { ...node };
}

function fileHash(node: FileNode): number {
  if (node.hash !== 0) return node.hash;
  const hasher = new Hasher();
  hashAttributes(hasher, node);
  hasher.number(node.sizeBytes);
  for (let index = 0; index * PAGE_BYTES < node.sizeBytes; index += 1) {
    const page = node.pages[index];
    hasher.number(page ? pageHash(page) : ZERO_PAGE_HASH);
  }
  node.hash = hasher.digest();
  return node.hash;
}

function hashAttributes(hasher: Hasher, node: ImageNode): void {
  hasher.number(node.mode);
  hasher.number(node.uid);
  hasher.number(node.gid);
  for (const [name, value] of node.xattrs) {
    hasher.string(name);
    hasher.string(Buffer.from(value).toString('latin1'));
  }
}

function pageHash(page: Page): number {
  if (page.hash === 0) page.hash = Hasher.ofPage(page.bytes);
  return page.hash;
}

const ZERO_PAGE_HASH = Hasher.ofPage(new Uint8Array(PAGE_BYTES));
