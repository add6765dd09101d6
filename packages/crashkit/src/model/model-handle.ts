/** Open files and directories of a modelled process. */
import type { FileStat, FsDirectory, FsFile, FsHandle, LockMode, OpenFlags } from 'holdfast/os';
import type { AttributeSetting, Change } from './change.js';
import type { Description, ModelDisk } from './disk.js';
import { newPage, PAGE_BYTES, type FileNode, type Page } from './image.js';
import { modelError } from './model-error.js';
import type { ModelProcess } from './model-process.js';

const MODEL_DEVICE = 2049n;

/** What `stat(2)` says of an inode. */
export function statOf(disk: ModelDisk, ino: number): FileStat {
  const node = disk.live.node(ino);
  return {
    kind: node.kind,
    dev: MODEL_DEVICE,
    ino: BigInt(node.number),
    sizeBytes: node.kind === 'file' ? node.sizeBytes : 0,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    linkCount: disk.linkCount(ino),
  };
}

export class ModelHandle implements FsHandle, Description {
  readonly path: string;
  readonly ino: number;
  readonly process: number;
  protected readonly owner: ModelProcess;
  protected readonly disk: ModelDisk;
  #isOpen = true;
  #untoldLoss = false;

  constructor(owner: ModelProcess, ino: number, path: string) {
    this.owner = owner;
    this.process = owner.number;
    this.disk = owner.disk;
    this.ino = ino;
    this.path = path;
    this.disk.openHandles.add(this);
  }

  async stat(): Promise<FileStat> {
    await this.turn('fstat');
    return statOf(this.disk, this.ino);
  }

  async sync(): Promise<void> {
    await this.turn('fsync');
    this.tellOfLoss('fsync');
    this.perform(`fsync ${this.path}`, [], this.ino);
  }

  /**
   * What a failed sync does: nothing written so far is durable, and no later sync makes it so.
   * Every other descriptor that has the file open is told by its next sync, once (the errseq_t of
   * Linux, since 4.13).
   */
  forget(): void {
    const { process, ino } = this;
    for (const other of this.disk.openHandles) {
      if (other.ino === ino && other !== this) other.#untoldLoss = true;
    }
    const text = `(the kernel forgets what ${this.path} still had to write)`;
    this.disk.perform({ text, process, births: [], changes: [], forgets: ino });
  }

  async chmod(mode: number): Promise<void> {
    await this.turn('fchmod');
    this.#setAttribute(`fchmod ${this.path} 0${mode.toString(8)}`, { mode });
  }

  async chown(uid: number, gid: number): Promise<void> {
    await this.turn('fchown');
    this.#setAttribute(`fchown ${this.path} ${uid}:${gid}`, { uid, gid });
  }

  tryLock(mode: LockMode): boolean {
    this.#checkOpen('flock');
    return this.disk.tryLock(this, mode);
  }

  unlock(): void {
    this.#checkOpen('flock');
    this.disk.unlock(this);
  }

  listXattrs(): readonly string[] {
    this.#checkOpen('flistxattr');
    return [...this.disk.live.node(this.ino).xattrs.keys()];
  }

  getXattr(name: string): Uint8Array {
    this.#checkOpen('fgetxattr');
    const value = this.disk.live.node(this.ino).xattrs.get(name);
    if (!value) throw modelError('ENODATA', 'fgetxattr', this.path);
    return value.slice();
  }

  setXattr(name: string, value: Uint8Array): void {
    this.#checkOpen('fsetxattr');
    this.#setAttribute(`fsetxattr ${this.path} ${name}`, { xattr: name, value: value.slice() });
  }

  removeXattr(name: string): void {
    this.getXattr(name);
    this.#setAttribute(`fremovexattr ${this.path} ${name}`, { xattr: name, value: undefined });
  }

  async close(): Promise<void> {
    await this.turn('close');
    this.owner.closed(this);
    this.release();
  }

  /** Frees what the descriptor holds. */
  release(): void {
    this.#isOpen = false;
    this.disk.openHandles.delete(this);
    this.disk.unlock(this);
  }

  protected async turn(call: string): Promise<void> {
    if (this.disk.turn) await this.disk.turn();
    this.#checkOpen(call);
  }

  protected perform(text: string, changes: readonly Change[], syncs?: number | 'everything'): void {
    this.disk.perform({ text, process: this.process, births: [], changes, syncs });
  }

  protected tellOfLoss(call: string): void {
    if (!this.#untoldLoss) return;
    this.#untoldLoss = false;
    this.perform(`${call} ${this.path} FAILS: EIO, for what was forgotten before`, []);
    throw modelError('EIO', call, this.path);
  }

  #setAttribute(text: string, set: AttributeSetting): void {
    this.perform(text, [{ kind: 'attribute', ino: this.ino, set }]);
  }

  #checkOpen(call: string): void {
    if (!this.#isOpen) throw modelError('EBADF', call, this.path);
  }
}

export class ModelFile extends ModelHandle implements FsFile {
  readonly #flags: OpenFlags;

  constructor(owner: ModelProcess, ino: number, path: string, flags: OpenFlags) {
    super(owner, ino, path);
    this.#flags = flags;
  }

  async read(buffer: Uint8Array, offsetBytes: number): Promise<number> {
    await this.turn('read');
    if (this.#flags.access === 'write') throw modelError('EBADF', 'read', this.path);
    return readPages(this.#node('read'), buffer, offsetBytes);
  }

  async write(data: Uint8Array, offsetBytes: number): Promise<number> {
    await this.turn('write');
    this.#checkWritable('write');
    const file = this.#node('write');
    const endBytes = offsetBytes + data.length;
    const changes = pageChanges(file, data, offsetBytes);
    if (data.length > 0 && endBytes > file.sizeBytes) {
      changes.push({ kind: 'size', ino: this.ino, sizeBytes: endBytes, cuts: false });
    }
    this.perform(`write ${this.path} [${offsetBytes}, ${endBytes})`, changes);
    return data.length;
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.turn('ftruncate');
    this.#checkWritable('ftruncate');
    this.resize(sizeBytes);
  }

  async modifiedMs(): Promise<number> {
    await this.turn('fstat');
    return this.disk.nowMs();
  }

  async dataSync(): Promise<void> {
    await this.turn('fdatasync');
    this.tellOfLoss('fdatasync');
    this.perform(`fdatasync ${this.path}`, [], this.ino);
  }

  resize(sizeBytes: number): void {
    const cuts = sizeBytes < this.#node('ftruncate').sizeBytes;
    const change: Change = { kind: 'size', ino: this.ino, sizeBytes, cuts };
    this.perform(`truncate ${this.path} ${sizeBytes}`, [change]);
  }

  #node(call: string): FileNode {
    const node = this.disk.live.node(this.ino);
    if (node.kind !== 'file') throw modelError('EISDIR', call, this.path);
    return node;
  }

  #checkWritable(call: string): void {
    if (this.#flags.access === 'read') throw modelError('EBADF', call, this.path);
  }
}

export class ModelDirectory extends ModelHandle implements FsDirectory {
  at(name: string): string {
    return this.owner.pathInOpen(this, name);
  }

  async syncFilesystem(): Promise<void> {
    await this.turn('syncfs');
    this.perform(`syncfs ${this.path}`, [], 'everything');
  }
}

/** Copies what a file holds from an offset; how many bytes there were. */
export function readPages(file: FileNode, buffer: Uint8Array, offsetBytes: number): number {
  const count = Math.max(0, Math.min(buffer.length, file.sizeBytes - offsetBytes));
  for (let done = 0; done < count;) {
    const within = (offsetBytes + done) % PAGE_BYTES;
    const part = Math.min(PAGE_BYTES - within, count - done);
    const page = file.pages[Math.floor((offsetBytes + done) / PAGE_BYTES)];
    if (page) buffer.set(page.bytes.subarray(within, within + part), done);
    else buffer.fill(0, done, done + part);
    done += part;
  }
  return count;
}

/** The pages that a write makes, each the old page with the new bytes in it. */
export function pageChanges(file: FileNode, data: Uint8Array, offsetBytes: number): Change[] {
  const changes: Change[] = [];
  for (let done = 0; done < data.length;) {
    const within = (offsetBytes + done) % PAGE_BYTES;
    const part = Math.min(PAGE_BYTES - within, data.length - done);
    const index = Math.floor((offsetBytes + done) / PAGE_BYTES);
    const page = pageWith(file.pages[index], data.subarray(done, done + part), within);
    changes.push({ kind: 'page', ino: file.ino, index, page });
    done += part;
  }
  return changes;
}

function pageWith(before: Page | undefined, data: Uint8Array, within: number): Page {
  const bytes = before ? before.bytes.slice() : new Uint8Array(PAGE_BYTES);
  bytes.set(data, within);
  return newPage(bytes);
}
