/**
 * A process on a modelled disk, as the `Fs` through which Holdfast sees any filesystem. Each method
 * is one system call and happens at one instant. The rules are those of the man pages of section 2;
 * permissions are those of root.
 */
import type {
  DirectoryEntry,
  FileStat,
  FilesystemStat,
  Fs,
  FsDirectory,
  FsFile,
  OpenDirectoryFlags,
  OpenFlags,
} from 'holdfast/os';
import type { EntrySetting } from './change.js';
import type { ModelDisk } from './disk.js';
import {
  newDirectory,
  newFile,
  newSymlink,
  type DirectoryNode,
  type FileNode,
  type ImageNode,
} from './image.js';
import { ClientNames } from './client-names.js';
import { lookup, type Place } from './lookup.js';
import { modelError } from './model-error.js';
import { ModelDirectory, ModelFile, statOf, type ModelHandle } from './model-handle.js';

const EXT4_MAGIC = 0xef53;
const NFS_MAGIC = 0x6969;
const DISK_BYTES = 2 ** 40;

/** How the model spells a name in an open directory: `//<descriptor>/<name>`. */
const IN_OPEN = /^\/\/(\d+)\//;

export class ModelProcess implements Fs {
  /** The user that owns all that it makes. */
  readonly uid = 0;
  readonly disk: ModelDisk;
  readonly number: number;
  readonly #open = new Set<ModelHandle>();
  readonly #directories: ModelDirectory[] = [];
  readonly #names: ClientNames | undefined;

  constructor(disk: ModelDisk, number: number) {
    this.disk = disk;
    this.number = number;
    this.#names = disk.onNfs ? new ClientNames(disk.live) : undefined;
  }

  /**
   * Kills the process: its descriptors close and its locks are free, and what it wrote stays in the
   * page cache.
   */
  end(): void {
    for (const handle of this.#open) handle.release();
    this.#open.clear();
  }

  async open(path: string, flags: OpenFlags, mode = 0o666): Promise<FsFile> {
    await this.disk.turn?.();
    const place = this.#openPlace(path, flags);
    const ino = place.ino ?? this.#make(place, this.#newFile(mode), 'create', path);
    const node = this.disk.live.node(ino);
    if (node.kind === 'symlink') throw modelError('ELOOP', 'open', path);
    if (node.kind === 'directory') {
      if (flags.access !== 'read') throw modelError('EISDIR', 'open', path);
      return this.#opened(new ModelFile(this, ino, this.plain(path), flags));
    }
    const file = this.#opened(new ModelFile(this, ino, this.plain(path), flags));
    if (flags.truncate && node.sizeBytes > 0) file.resize(0);
    return file;
  }

  async openDirectory(path: string, flags: OpenDirectoryFlags = {}): Promise<FsDirectory> {
    await this.disk.turn?.();
    const node = this.#existing(path, 'open', !flags.noFollow && !flags.noSymlinks);
    if (node.kind !== 'directory') throw modelError('ENOTDIR', 'open', path);
    this.#names?.forget(node.ino);
    return this.#opened(new ModelDirectory(this, node.ino, this.plain(path)));
  }

  /** A path that begins at an open directory. */
  pathInOpen(directory: ModelDirectory, name: string): string {
    const known = this.#directories.indexOf(directory);
    return `//${known < 0 ? this.#directories.push(directory) - 1 : known}/${name}`;
  }

  /** The path with the one by which a directory was opened, for a person. */
  plain(path: string): string {
    return path.replace(IN_OPEN, (_, number: string) =>
      `${this.#directories[Number(number)]?.path}/`.replace('//', '/'),
    );
  }

  async stat(path: string): Promise<FileStat> {
    await this.disk.turn?.();
    return statOf(this.disk, this.#existing(path, 'stat').ino);
  }

  async lstat(path: string): Promise<FileStat> {
    await this.disk.turn?.();
    return statOf(this.disk, this.#existing(path, 'lstat', false).ino);
  }

  async exists(path: string): Promise<boolean> {
    await this.disk.turn?.();
    try {
      return this.#lookup(path, 'lstat', false).ino !== undefined;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  }

  async readlink(path: string): Promise<string> {
    await this.disk.turn?.();
    const node = this.#existing(path, 'readlink', false);
    if (node.kind !== 'symlink') throw modelError('EINVAL', 'readlink', path);
    return node.target;
  }

  async realpath(path: string): Promise<string> {
    await this.disk.turn?.();
    const place = this.#lookup(path, 'realpath', true);
    if (place.ino === undefined) throw modelError('ENOENT', 'realpath', path);
    return place.path;
  }

  async readDirectory(path: string): Promise<readonly DirectoryEntry[]> {
    await this.disk.turn?.();
    const node = this.#existing(path, 'scandir');
    if (node.kind !== 'directory') throw modelError('ENOTDIR', 'scandir', path);
    this.#names?.forget(node.ino);
    return [...node.entries].map(([name, ino]) => ({ name, kind: this.disk.live.node(ino).kind }));
  }

  async mkdir(path: string, mode = 0o777): Promise<void> {
    await this.disk.turn?.();
    const place = this.#vacant(path, 'mkdir');
    const { ino, number } = this.disk.newIno();
    this.#make(place, newDirectory(ino, mode, number), 'mkdir', path);
  }

  async symlink(target: string, path: string): Promise<void> {
    await this.disk.turn?.();
    const place = this.#vacant(path, 'symlink');
    const { ino, number } = this.disk.newIno();
    this.#make(place, newSymlink(ino, target, number), 'symlink', path);
  }

  async link(existing: string, path: string): Promise<void> {
    await this.disk.turn?.();
    const node = this.#existing(existing, 'link', false);
    if (node.kind === 'directory') throw modelError('EPERM', 'link', existing);
    const place = this.#vacant(path, 'link');
    const text = `link ${this.plain(existing)} ${this.plain(path)}`;
    this.#setEntries(text, [place, [[place.name, node.ino]]]);
  }

  async unlink(path: string): Promise<void> {
    await this.disk.turn?.();
    const place = this.#removable(path, 'unlink');
    if (this.#nodeAt(place).kind === 'directory') throw modelError('EISDIR', 'unlink', path);
    this.#setEntries(`unlink ${this.plain(path)}`, [place, [[place.name, undefined]]]);
  }

  async rmdir(path: string): Promise<void> {
    await this.disk.turn?.();
    const place = this.#removable(path, 'rmdir');
    const node = this.#nodeAt(place);
    if (node.kind !== 'directory') throw modelError('ENOTDIR', 'rmdir', path);
    if (node.entries.size > 0) throw modelError('ENOTEMPTY', 'rmdir', path);
    this.#setEntries(`rmdir ${this.plain(path)}`, [place, [[place.name, undefined]]]);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.disk.turn?.();
    const source = this.#removable(from, 'rename');
    const target = this.#lookupToChange(to, 'rename');
    if (source.ino === target.ino) return;
    this.#checkRename(source, target, from);
    this.#move(`rename ${this.plain(from)} ${this.plain(to)}`, source, target);
  }

  async renameNoReplace(from: string, to: string): Promise<void> {
    await this.disk.turn?.();
    this.#refuseFlags(from);
    const source = this.#removable(from, 'renameat2');
    const target = this.#vacant(to, 'renameat2');
    this.#checkRename(source, target, from);
    this.#move(`rename (no replace) ${this.plain(from)} ${this.plain(to)}`, source, target);
  }

  async exchange(a: string, b: string): Promise<void> {
    await this.disk.turn?.();
    this.#refuseFlags(a);
    const first = this.#removable(a, 'renameat2');
    const second = this.#removable(b, 'renameat2');
    this.#checkNotBelow(first, second, a);
    this.#checkNotBelow(second, first, b);
    const text = `exchange ${this.plain(a)} ${this.plain(b)}`;
    const one: EntrySetting = [first.name, second.ino];
    const two: EntrySetting = [second.name, first.ino];
    if (first.directory === second.directory) this.#setEntries(text, [first, [one, two]]);
    else this.#setEntries(text, [first, [one]], [second, [two]]);
  }

  async statFilesystem(path: string): Promise<FilesystemStat> {
    await this.disk.turn?.();
    this.#existing(path, 'statfs');
    const type = this.disk.onNfs ? NFS_MAGIC : EXT4_MAGIC;
    return { type, freeBytes: DISK_BYTES, totalBytes: DISK_BYTES };
  }

  closed(handle: ModelHandle): void {
    this.#open.delete(handle);
  }

  #newFile(mode: number): FileNode {
    const { ino, number } = this.disk.newIno();
    return newFile(ino, mode, number);
  }

  #opened<H extends ModelHandle>(handle: H): H {
    this.#open.add(handle);
    return handle;
  }

  #openPlace(path: string, flags: OpenFlags): Place {
    const follow = !flags.noFollow && flags.create !== 'exclusive';
    const place = flags.create
      ? this.#lookupToChange(path, 'open', follow)
      : this.#lookup(path, 'open', follow);
    if (place.ino === undefined && !flags.create) throw modelError('ENOENT', 'open', path);
    if (place.ino !== undefined && flags.create === 'exclusive') {
      throw modelError('EEXIST', 'open', path);
    }
    return place;
  }

  /** Resolves a path, also one that begins at an open directory. */
  #lookup(path: string, call: string, follow: boolean): Place {
    const [start = '', number] = IN_OPEN.exec(path) ?? [];
    const names = this.#names ?? this.disk.live;
    if (number === undefined) return lookup(names, path, { call, follow });
    const directory = this.#directories[Number(number)];
    if (!directory || !this.#open.has(directory)) throw modelError('EBADF', call, path);
    return lookup(names, path.slice(start.length), { call, follow, from: directory });
  }

  /**
   * The same for a call that the server makes: to the name as it has it, in the directory that this
   * machine knows.
   */
  #lookupToChange(path: string, call: string, follow = false): Place {
    const known = this.#lookup(path, call, follow);
    if (!this.#names) return known;
    this.#names.forgetName(known.directory, known.name);
    return this.#lookup(path, call, follow);
  }

  #existing(path: string, call: string, follow = true): ImageNode {
    const { ino } = this.#lookup(path, call, follow);
    if (ino === undefined) throw modelError('ENOENT', call, path);
    return this.disk.live.node(ino);
  }

  #vacant(path: string, call: string): Place {
    const place = this.#lookupToChange(path, call);
    if (place.ino !== undefined) throw modelError('EEXIST', call, path);
    return place;
  }

  #removable(path: string, call: string): Place {
    const place = this.#lookupToChange(path, call);
    if (place.ino === undefined) throw modelError('ENOENT', call, path);
    if (place.name === '') throw modelError('EBUSY', call, path);
    return place;
  }

  #nodeAt(place: Place): ImageNode {
    return this.disk.live.node(place.ino as number);
  }

  /** NFS knows no flags of renameat2(2). */
  #refuseFlags(path: string): void {
    if (this.disk.onNfs) throw modelError('EINVAL', 'renameat2', path);
  }

  #checkRename(source: Place, target: Place, path: string): void {
    this.#checkNotBelow(source, target, path);
    if (target.ino === undefined) return;
    const [from, to] = [this.#nodeAt(source), this.#nodeAt(target)];
    if (from.kind !== 'directory' && to.kind === 'directory') {
      throw modelError('EISDIR', 'rename', path);
    }
    if (from.kind !== 'directory') return;
    if (to.kind !== 'directory') throw modelError('ENOTDIR', 'rename', path);
    if (to.entries.size > 0) throw modelError('ENOTEMPTY', 'rename', path);
  }

  /** A directory cannot be moved below itself. */
  #checkNotBelow(source: Place, target: Place, path: string): void {
    const below = (ino: number): boolean =>
      ino === target.directory || this.#directoriesIn(ino).some(below);
    if (this.#nodeAt(source).kind === 'directory' && below(source.ino as number)) {
      throw modelError('EINVAL', 'rename', path);
    }
  }

  #directoriesIn(ino: number): readonly number[] {
    const node = this.disk.live.node(ino) as DirectoryNode;
    return [...node.entries.values()].filter(
      (child) => this.disk.live.node(child).kind === 'directory',
    );
  }

  #move(text: string, source: Place, target: Place): void {
    const gone: EntrySetting = [source.name, undefined];
    const arrived: EntrySetting = [target.name, source.ino];
    if (source.directory === target.directory) this.#setEntries(text, [target, [gone, arrived]]);
    else this.#setEntries(text, [target, [arrived]], [source, [gone]]);
  }

  #make(place: Place, node: ImageNode, call: string, path: string): number {
    if (place.name === '') throw modelError('EEXIST', call, path);
    const entry: EntrySetting = [place.name, node.ino];
    this.disk.perform({
      text: `${call} ${this.plain(path)}`,
      process: this.number,
      births: [node],
      changes: [{ kind: 'entries', ino: place.directory, set: [entry] }],
    });
    this.#names?.forget(place.directory);
    return node.ino;
  }

  #setEntries(text: string, ...settings: readonly [Place, readonly EntrySetting[]][]): void {
    this.disk.perform({
      text,
      process: this.number,
      births: [],
      changes: settings.map(([place, set]) => ({ kind: 'entries', ino: place.directory, set })),
    });
    for (const [place] of settings) this.#names?.forget(place.directory);
  }
}
