/** Path resolution (path_resolution(7)), on an image or on what a machine knows of it. */
import type { Names } from './client-names.js';
import { PAGE_BYTES, ROOT_INO, type DirectoryNode } from './image.js';
import { modelError } from './model-error.js';

const MAX_SYMLINKS = 40;
const MAX_NAME_BYTES = 255;

/**
 * Where a path leads: the directory and name of its last component, and the inode there, if there
 * is one.
 */
export interface Place {
  readonly directory: number;
  /** Empty for the root, `.` and `..`, which cannot be made, renamed or removed. */
  readonly name: string;
  readonly ino: number | undefined;
  /** The path with every symlink resolved. */
  readonly path: string;
}

interface Walk {
  readonly names: Names;
  readonly call: string;
  readonly path: string;
  readonly follow: boolean;
  symlinks: number;
}

/** How a path is resolved. */
interface LookupOptions {
  /** The system call that asks, for its error. */
  readonly call: string;
  /**
   * Follows a symlink as the last component; a dangling one then leads to the place where its
   * target would be.
   */
  readonly follow: boolean;
  readonly from?: OpenDirectory | undefined;
}

/** Resolves a path. */
export function lookup(names: Names, path: string, { call, follow, from }: LookupOptions): Place {
  const walk = { names, call, path, follow, symlinks: 0 };
  const root = { ino: ROOT_INO, name: '' };
  // What its path says of it may have changed; what is below it begins at what is open.
  const trail = from ? [root, { ino: from.ino, name: from.path.slice(1) }] : [root];
  return step(walk, trail, path.split('/'));
}

/** A directory at which a path begins. */
interface OpenDirectory {
  readonly ino: number;
  readonly path: string;
}

type Crumb = { readonly ino: number; readonly name: string };

function step(walk: Walk, trail: Crumb[], components: readonly string[]): Place {
  const steps = components.filter((component) => component !== '' && component !== '.');
  for (const [index, component] of steps.entries()) {
    const isLast = index === steps.length - 1;
    if (component === '..') {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const directory = directoryOf(walk, last(trail).ino);
    checkName(walk, component);
    const ino = walk.names.entry(directory, component);
    const node = ino === undefined ? undefined : walk.names.node(ino);
    if (node?.kind === 'symlink' && (!isLast || walk.follow)) {
      return followLink(walk, trail, node.target, steps.slice(index + 1));
    }
    if (isLast) return placeOf(walk, trail, component, ino);
    if (ino === undefined) throw modelError('ENOENT', walk.call, walk.path);
    trail.push({ ino, name: component });
  }
  return { directory: last(trail).ino, name: '', ino: last(trail).ino, path: pathOf(trail) };
}

function followLink(walk: Walk, trail: Crumb[], target: string, rest: readonly string[]): Place {
  walk.symlinks += 1;
  if (walk.symlinks > MAX_SYMLINKS) throw modelError('ELOOP', walk.call, walk.path);
  const from = target.startsWith('/') ? trail.slice(0, 1) : trail;
  return step(walk, from, [...target.split('/'), ...rest]);
}

function placeOf(walk: Walk, trail: Crumb[], name: string, ino: number | undefined): Place {
  const directory = directoryOf(walk, last(trail).ino);
  return { directory: directory.ino, name, ino, path: pathOf([...trail, { ino: 0, name }]) };
}

function directoryOf(walk: Walk, ino: number): DirectoryNode {
  const node = walk.names.node(ino);
  if (node.kind !== 'directory') throw modelError('ENOTDIR', walk.call, walk.path);
  return node;
}

function checkName(walk: Walk, name: string): void {
  if (name.length > MAX_NAME_BYTES / 4 && Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw modelError('ENAMETOOLONG', walk.call, walk.path);
  }
  if (walk.path.length >= PAGE_BYTES) throw modelError('ENAMETOOLONG', walk.call, walk.path);
}

function pathOf(trail: readonly Crumb[]): string {
  return trail.map((crumb) => crumb.name).join('/') || '/';
}

function last(trail: readonly Crumb[]): Crumb {
  return trail[trail.length - 1] as Crumb;
}
