/**
 * The steps in which a filesystem may persist what a program did. Each change reaches the disk
 * whole or not at all, on its own, in any order, until a sync that covers it returns:
 *
 * - a page of data (4 KiB) of a file;
 * - a size of a file (its own, apart from the data it makes visible);
 * - an attribute (mode, owner, extended attribute);
 * - the entries of one directory that one call changed: a rename within a directory is one change,
 *   a rename across two is two.
 *
 * fsync of a file covers its pages, sizes and attributes, and no name of it. fsync of a directory
 * covers its entries, and not its own name in the directory above.
 */
import { isZeroFrom, newPage, PAGE_BYTES, type FileNode, type Image, type Page } from './image.js';

export type Change =
  | {
      readonly kind: 'page';
      readonly ino: number;
      readonly index: number;
      readonly page: Page | undefined;
    }
  | {
      readonly kind: 'size';
      readonly ino: number;
      readonly sizeBytes: number;
      readonly cuts: boolean;
    }
  | { readonly kind: 'attribute'; readonly ino: number; readonly set: AttributeSetting }
  | { readonly kind: 'entries'; readonly ino: number; readonly set: readonly EntrySetting[] };

export type AttributeSetting =
  | { readonly mode: number }
  | { readonly uid: number; readonly gid: number }
  | { readonly xattr: string; readonly value: Uint8Array | undefined };

/** A name of a directory and the inode it now leads to, or none. */
export type EntrySetting = readonly [name: string, ino: number | undefined];

/** Makes a change in an image. Call {@link finish} when all are made. */
export function apply(image: Image, change: Change): void {
  switch (change.kind) {
    case 'page':
      image.writableFile(change.ino).pages[change.index] = change.page;
      break;
    case 'size':
      resize(image.writableFile(change.ino), change.sizeBytes, change.cuts);
      break;
    case 'attribute':
      applyAttribute(image, change.ino, change.set);
      break;
    case 'entries':
      applyEntries(image, change.ino, change.set);
      break;
  }
}

/** Sets a size. When it `cuts`, what lay beyond is gone, also when the file grows again. */
export function resize(file: FileNode, sizeBytes: number, cuts: boolean): void {
  file.sizeBytes = sizeBytes;
  if (cuts) cutPages(file);
}

/**
 * Hides what no size makes visible: data that was persisted without its size reads as nothing, and
 * as zeros when the file grows later.
 */
export function finish(image: Image, changes: readonly Change[]): void {
  const files = new Set<number>();
  for (const change of changes) {
    if (change.kind === 'page' || change.kind === 'size') files.add(change.ino);
  }
  for (const ino of files) cutPages(image.writableFile(ino));
}

/** What a reader of a trace is told about a change. */
export function describe(change: Change): string {
  if (change.kind === 'page') return `page ${change.index}`;
  if (change.kind === 'size') return `size ${change.sizeBytes}`;
  if (change.kind === 'attribute') return `attribute ${Object.keys(change.set)[0] ?? ''}`;
  const names = change.set.map(([name, ino]) => (ino === undefined ? `-${name}` : `+${name}`));
  return `entry ${names.join(' ')}`;
}

function applyAttribute(image: Image, ino: number, set: AttributeSetting): void {
  const node = image.writable(ino);
  if ('mode' in set) node.mode = set.mode;
  else if ('uid' in set) Object.assign(node, { uid: set.uid, gid: set.gid });
  else node.xattrs = withXattr(node.xattrs, set.xattr, set.value);
}

function withXattr(
  before: ReadonlyMap<string, Uint8Array>,
  name: string,
  value: Uint8Array | undefined,
): ReadonlyMap<string, Uint8Array> {
  const others = [...before].filter(([other]) => other !== name);
  return new Map(value === undefined ? others : [...others, [name, value]]);
}

function applyEntries(image: Image, ino: number, set: readonly EntrySetting[]): void {
  const { entries } = image.writableDirectory(ino);
  for (const [name, target] of set) {
    if (target === undefined) entries.delete(name);
    else entries.set(name, target);
  }
}

function cutPages(file: FileNode): void {
  const count = Math.ceil(file.sizeBytes / PAGE_BYTES);
  if (file.pages.length > count) file.pages.length = count;
  const visibleBytes = file.sizeBytes % PAGE_BYTES;
  const last = file.pages[count - 1];
  if (visibleBytes === 0 || !last || isZeroFrom(last, visibleBytes)) return;
  const bytes = last.bytes.slice();
  bytes.fill(0, visibleBytes);
  file.pages[count - 1] = newPage(bytes);
}
