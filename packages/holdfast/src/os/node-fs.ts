/**
 * The real filesystem: Node's calls and, where Node has none, the kernel's.
 *
 * Calls that touch metadata only (open, rename, stat, close, …) and small reads and writes are made inline: each takes
 * microseconds, a hop through the thread pool costs more than the call itself, and ten of them in one commit would
 * double its time (docs/decisions/0003-inline-metadata-calls.md). What may wait for the disk (fsync, large reads and
 * writes, syncfs) or grow without bound (the names of a directory) goes through the pool.
 */
import * as nodeFs from 'node:fs';
import { promisify } from 'node:util';
import {
  PERMISSION_BITS,
  type DirectoryEntry,
  type FileKind,
  type FileStat,
  type FilesystemStat,
  type Fs,
  type FsDirectory,
  type FsFile,
  type FsHandle,
  type LockMode,
  type LockTickets,
  type OpenFlags,
} from './fs.js';
import { native, nativeIfLoaded, nativeOfWindows } from './native/load.js';
import { withKnownCode } from './system-error.js';
import { windowsFileSystem } from './windows-fs.js';

const { constants } = nodeFs;
/** Reads and writes up to this size are made inline: copying them takes about as long as a hop through the pool. */
const INLINE_BYTES = 64 * 1024;

/** What goes to the disk ahead of a sync: little, since a full queue of the disk would make this thread wait. */
const EARLY_BYTES = 64 * 1024;

/** How long inline calls may follow each other before the event loop turns. */
const LONGEST_RUN_MS = 10;

/** One sync, in both manners. */
interface Sync {
  readonly inline: (fd: number) => void;
  readonly onPool: (fd: number) => Promise<void>;
}

const fsync: Sync = { inline: nodeFs.fsyncSync, onPool: promisify(nodeFs.fsync) };
const fdatasync: Sync = { inline: nodeFs.fdatasyncSync, onPool: promisify(nodeFs.fdatasync) };
const ftruncate = promisify(nodeFs.ftruncate);
const readdir = promisify(nodeFs.readdir);

/** What is made inline, and what on the thread pool. */
interface Manner {
  /** Reads and writes up to this size are made inline. */
  readonly inlineBytes: number;
  readonly syncsInline: boolean;
}

const pooled: Manner = { inlineBytes: INLINE_BYTES, syncsInline: false };
const inline: Manner = { inlineBytes: Number.POSITIVE_INFINITY, syncsInline: true };

class NodeHandle implements FsHandle {
  readonly path: string;
  protected readonly fd: number;
  protected readonly manner: Manner;

  constructor(fd: number, path: string, manner: Manner) {
    this.fd = fd;
    this.path = path;
    this.manner = manner;
  }

  async stat(): Promise<FileStat> {
    return call(() => statOfFile(this.fd, this.path));
  }
  sync(): Promise<void> {
    return this.syncBy(fsync);
  }
  async chmod(mode: number): Promise<void> {
    call(() => nodeFs.fchmodSync(this.fd, mode));
  }
  async chown(uid: number, gid: number): Promise<void> {
    call(() => nodeFs.fchownSync(this.fd, uid, gid));
  }
  tryLock(mode: LockMode): boolean {
    return native().tryLock(this.fd, mode, this.path);
  }
  unlock(): void {
    native().unlock(this.fd, this.path);
  }
  listXattrs(): readonly string[] {
    return native().listXattrs(this.fd, this.path);
  }
  getXattr(name: string): Uint8Array {
    return native().getXattr(this.fd, name, this.path);
  }
  setXattr(name: string, value: Uint8Array): void {
    native().setXattr(this.fd, name, value, this.path);
  }
  removeXattr(name: string): void {
    native().removeXattr(this.fd, name, this.path);
  }
  async close(): Promise<void> {
    call(() => nodeFs.closeSync(this.fd));
  }

  /** By Node's call, or by the one of the native layer where Node's may hide a failure. */
  protected async syncBy(sync: Sync): Promise<void> {
    const full =
      process.platform === 'darwin' ? native().fullSync?.(this.fd, this.path) : undefined;
    if (full) await full;
    else if (this.manner.syncsInline) call(() => sync.inline(this.fd));
    else await callAsync(sync.onPool(this.fd));
  }
}

class NodeFile extends NodeHandle implements FsFile {
  #tickets: { readonly offered: LockTickets | undefined } | undefined;
  /** In bytes from the beginning of the file. */
  #lastWriteBegan = 0;

  get tickets(): LockTickets | undefined {
    this.#tickets ??= { offered: ticketsOf(this.fd, this.path) };
    return this.#tickets.offered;
  }
  async read(buffer: Uint8Array, offsetBytes: number): Promise<number> {
    if (buffer.length <= this.manner.inlineBytes) {
      return call(() => nodeFs.readSync(this.fd, buffer, 0, buffer.length, offsetBytes));
    }
    return callAsync(
      new Promise((resolve, reject) => {
        nodeFs.read(this.fd, buffer, 0, buffer.length, offsetBytes, settle(resolve, reject));
      }),
    );
  }
  async readStrided(
    buffers: readonly Uint8Array[],
    rowCount: number,
    offsetBytes: number,
    strideBytes: number,
  ): Promise<number> {
    const readRows = native().readRows ?? nodeReadRows;
    return call(() => readRows(this.fd, buffers, rowCount, offsetBytes, strideBytes, this.path));
  }
  async write(data: Uint8Array, offsetBytes: number): Promise<number> {
    this.#lastWriteBegan = offsetBytes;
    if (data.length <= this.manner.inlineBytes) {
      return call(() => nodeFs.writeSync(this.fd, data, 0, data.length, offsetBytes));
    }
    return callAsync(
      new Promise((resolve, reject) => {
        nodeFs.write(this.fd, data, 0, data.length, offsetBytes, settle(resolve, reject));
      }),
    );
  }
  /** Syncs of many small files wait for the few threads of the pool; the disk has their data meanwhile. */
  override async sync(): Promise<void> {
    if (!this.manner.syncsInline) native().startWriteOut?.(this.fd, 0, EARLY_BYTES);
    await super.sync();
  }
  async truncate(sizeBytes: number): Promise<void> {
    await callAsync(ftruncate(this.fd, sizeBytes));
  }
  async modifiedMs(): Promise<number> {
    return call(() => Number(nodeFs.fstatSync(this.fd, { bigint: true }).mtimeMs));
  }
  startWriteOut(): void {
    native().startWriteOut?.(this.fd);
  }
  /** The disk begins with the last write while a thread of the pool wakes up. */
  dataSync(): Promise<void> {
    if (!this.manner.syncsInline) {
      native().startWriteOut?.(this.fd, this.#lastWriteBegan, EARLY_BYTES);
    }
    return this.syncBy(fdatasync);
  }
}

class NodeDirectory extends NodeHandle implements FsDirectory {
  async syncFilesystem(): Promise<void> {
    await native().syncFilesystem(this.fd, this.path);
  }
}

function nodeReadRows(
  fd: number,
  buffers: readonly Uint8Array[],
  rowCount: number,
  offsetBytes: number,
  strideBytes: number,
): number {
  const rowBytes = buffers.reduce((sum, { length }) => sum + length / rowCount, 0);
  let done = 0;
  for (let row = 0; row < rowCount; row += 1) {
    const pieces = buffers.map((buffer) => {
      const pieceBytes = buffer.length / rowCount;
      return buffer.subarray(row * pieceBytes, (row + 1) * pieceBytes);
    });
    const count = nodeFs.readvSync(fd, pieces, offsetBytes + row * strideBytes);
    done += count;
    if (count < rowBytes) break;
  }
  return done;
}

const callsByPath: Omit<Fs, 'open' | 'openDirectory'> = {
  async stat(path) {
    return call(() => statOfPath(path, 'stat'));
  },
  async lstat(path) {
    return call(() => statOfPath(path, 'lstat'));
  },
  async exists(path) {
    return call(() => nodeFs.lstatSync(path, { throwIfNoEntry: false }) !== undefined);
  },
  async readlink(path) {
    return call(() => nodeFs.readlinkSync(path));
  },
  async realpath(path) {
    return call(() => nodeFs.realpathSync.native(path));
  },
  async readDirectory(path): Promise<readonly DirectoryEntry[]> {
    const entries = await callAsync(readdir(path, { withFileTypes: true }));
    return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  },
  async mkdir(path, mode = 0o777) {
    call(() => nodeFs.mkdirSync(path, { mode }));
  },
  async rmdir(path) {
    call(() => nodeFs.rmdirSync(path));
  },
  async unlink(path) {
    call(() => nodeFs.unlinkSync(path));
  },
  async symlink(target, path) {
    call(() => nodeFs.symlinkSync(target, path));
  },
  async link(existing, path) {
    call(() => nodeFs.linkSync(existing, path));
  },
  async rename(from, to) {
    call(() => nodeFs.renameSync(from, to));
  },
  async renameNoReplace(from, to) {
    native().renameNoReplace(from, to);
  },
  async exchange(a, b) {
    native().exchange(a, b);
  },
  async statFilesystem(path): Promise<FilesystemStat> {
    const stats = call(() => nodeFs.statfsSync(path));
    return {
      type: stats.type,
      freeBytes: stats.bavail * stats.bsize,
      totalBytes: stats.blocks * stats.bsize,
    };
  },
};

/** Tickets are a hint, so a filesystem that cannot be asked (its name is gone) simply has none. */
function ticketsOf(fd: number, path: string): LockTickets | undefined {
  try {
    return native().tickets(fd, nodeFs.statfsSync(path).type);
  } catch {
    return undefined;
  }
}

/** The machine's own filesystem. */
export const nodeFileSystem: Fs = fileSystem(pooled);

/**
 * The same for a thread that has nothing else to do meanwhile, such as a worker, or a program that does one thing after
 * the other: reads, writes and syncs are made inline, without a hop through the thread pool. The event loop waits for
 * the disk.
 */
export const inlineFileSystem: Fs = fileSystem(inline);

function fileSystem(manner: Manner): Fs {
  const posix: Fs = {
    ...callsByPath,
    async open(path, flags, mode = 0o666) {
      if (mustTurn()) await turnEventLoop();
      return call(() => new NodeFile(nodeFs.openSync(path, openFlags(flags), mode), path, manner));
    },
    async openDirectory(path) {
      const flags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0);
      return call(() => new NodeDirectory(nodeFs.openSync(path, flags), path, manner));
    },
  };
  return process.platform === 'win32' ? windowsFileSystem(posix, nativeOfWindows) : posix;
}

let turnedAt = 0;

/** Calls made inline settle in one turn of the event loop. A loop of awaited ones must not keep timers from running. */
function mustTurn(): boolean {
  return performance.now() - turnedAt >= LONGEST_RUN_MS;
}

async function turnEventLoop(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  turnedAt = performance.now();
}

/** Makes a synchronous call, and names the errors that libuv cannot name. */
function call<T>(operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw withKnownCode(error);
  }
}

/** The same for a call on the thread pool. */
async function callAsync<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw withKnownCode(error);
  }
}

/** A callback that settles a promise with a count of bytes. */
function settle(
  resolve: (count: number) => void,
  reject: (error: unknown) => void,
): (error: unknown, count: number) => void {
  return (error, count) => {
    if (error) reject(error);
    else resolve(count);
  };
}

const accessFlags = {
  read: constants.O_RDONLY,
  write: constants.O_WRONLY,
  readWrite: constants.O_RDWR,
} as const;
const createFlags = {
  ifMissing: constants.O_CREAT,
  exclusive: constants.O_CREAT | constants.O_EXCL,
} as const;

function openFlags(flags: OpenFlags): number {
  return (
    accessFlags[flags.access] |
    (flags.create ? createFlags[flags.create] : 0) |
    (flags.noFollow ? (constants.O_NOFOLLOW ?? 0) : 0) |
    (flags.truncate ? constants.O_TRUNC : 0)
  );
}

/** By the native layer where that is loaded; whoever only reads does without it. */
function statOfFile(fd: number, path: string): FileStat {
  const own = nativeIfLoaded()?.stat;
  return own ? own.ofFile(fd, path) : fromStats(nodeFs.fstatSync(fd, { bigint: true }));
}

function statOfPath(path: string, way: 'stat' | 'lstat'): FileStat {
  const own = nativeIfLoaded()?.stat;
  // Node refuses a path with a NUL.
  if (own && !path.includes('\0')) return own.ofPath(path, way);
  return fromStats(nodeFs[`${way}Sync`](path, { bigint: true }));
}

function fromStats(stats: nodeFs.BigIntStats): FileStat {
  return {
    kind: kindOf(stats),
    dev: stats.dev,
    ino: stats.ino,
    sizeBytes: Number(stats.size),
    mode: Number(stats.mode) & PERMISSION_BITS,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    linkCount: Number(stats.nlink),
  };
}

function kindOf(entry: nodeFs.BigIntStats | nodeFs.Dirent): FileKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symlink';
  if (entry.isFIFO()) return 'fifo';
  if (entry.isSocket()) return 'socket';
  if (entry.isBlockDevice()) return 'blockDevice';
  return entry.isCharacterDevice() ? 'characterDevice' : 'unknown';
}
