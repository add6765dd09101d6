/**
 * The real filesystem: Node's calls and, where Node has none, the kernel's.
 *
 * Calls that touch metadata only (open, rename, stat, close, …) and small reads and writes are made
 * inline: each takes microseconds, a hop through the thread pool costs more than the call itself,
 * and ten of them in one commit would double its time
 * (docs/decisions/0003-inline-metadata-calls.md). What may wait for the disk (fsync, large reads
 * and writes, syncfs) or grow without bound (the names of a directory) goes through the pool.
 */
import * as nodeFs from 'node:fs';
import { errnoOf } from '../errors.js';
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
import { judgeFilesystem } from './filesystem.js';
import { EXT4_WITHOUT_JOURNAL } from './filesystem.js';
import { parseMountInfo, spelledDevice, type Mount } from './mount-table.js';
import { native, nativeIfLoaded, nativeOfWindows } from './native/load.js';
import type { Native, OpenTickets, StridedRows } from './native/native.js';
import { O_PATH, OpenDirectories, openWithoutSymlinks } from './open-directories.js';
import { machine } from './machine.js';
import { dirname } from './paths.js';
import { pause, turn } from './pause.js';
import { stateDirectoryOfUser } from './state-directory.js';
import { withKnownCode } from './system-error.js';
import * as pool from './thread-pool.js';
import { windowsFileSystem } from './windows-fs.js';

const { constants } = nodeFs;
/**
 * What goes to the disk ahead of a sync: little, since a full queue of the disk would make this
 * thread wait.
 */
const EARLY_BYTES = 64 * 1024;

/** Windows has none (windows-fs.ts). */
const NOFOLLOW = constants.O_NOFOLLOW ?? 0;

/** How long inline calls may follow each other before the event loop turns. */
const LONGEST_RUN_MS = 10;

/** One sync, in both policies. */
interface Sync {
  readonly inline: (fd: number) => void;
  readonly onPool: (fd: number) => Promise<void>;
}

const fsync: Sync = { inline: nodeFs.fsyncSync, onPool: pool.fsync };
const fdatasync: Sync = { inline: nodeFs.fdatasyncSync, onPool: pool.fdatasync };

const inline: pool.ThreadPolicy = { inlineBytes: Number.POSITIVE_INFINITY, syncsInline: true };

class NodeHandle implements FsHandle {
  readonly path: string;
  protected readonly fd: number;
  protected readonly policy: pool.ThreadPolicy;

  constructor(fd: number, path: string, policy: pool.ThreadPolicy) {
    this.fd = fd;
    this.path = path;
    this.policy = policy;
  }

  async stat(freshness?: 'fresh'): Promise<FileStat> {
    if (freshness === 'fresh') loadNativeUnlessLocal(this.fd);
    return call(() => statOfFile(this.fd, this.path, freshness));
  }
  sync(): Promise<void> {
    return this.syncBy(fsync);
  }
  async chmod(mode: number): Promise<void> {
    call(() => {
      const own = ownCalls();
      if (own?.chmod) own.chmod(this.fd, mode, this.path);
      else nodeFs.fchmodSync(this.fd, mode);
    });
  }
  async chown(uid: number, gid: number): Promise<void> {
    call(() => {
      const own = ownCalls();
      if (own?.chown) own.chown(this.fd, uid, gid, this.path);
      else nodeFs.fchownSync(this.fd, uid, gid);
    });
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
    const own = process.platform === 'darwin' ? native() : ownCalls();
    if (own?.sync) await own.sync(this.fd, this.path);
    else if (this.policy.syncsInline) call(() => sync.inline(this.fd));
    else await callAsync(() => sync.onPool(this.fd));
  }
}

class NodeFile extends NodeHandle implements FsFile {
  #tickets: TicketsOfFile | undefined;
  /** In bytes from the beginning of the file. */
  #lastWriteBegan = 0;

  get tickets(): LockTickets | undefined {
    this.#tickets ??= openTickets(this.fd, this.path);
    return this.#tickets.offered;
  }
  /** Undefined where the platform has none, as an absent method is. */
  get tryLockBytes(): ((mode: LockMode) => boolean) | undefined {
    const { tryLockBytes } = native();
    return tryLockBytes && ((mode) => tryLockBytes(this.fd, mode, this.path));
  }
  override async close(): Promise<void> {
    const { directory, offered } = this.#tickets ?? {};
    offered?.close();
    if (directory !== undefined) nodeFs.closeSync(directory);
    await super.close();
  }
  async read(buffer: Uint8Array, offsetBytes: number): Promise<number> {
    if (buffer.length <= this.policy.inlineBytes) {
      return call(() => nodeFs.readSync(this.fd, buffer, 0, buffer.length, offsetBytes));
    }
    return callAsync(() => pool.read(this.fd, buffer, offsetBytes));
  }
  async readStrided(
    buffers: readonly Uint8Array[],
    rowCount: number,
    offsetBytes: number,
    strideBytes: number,
  ): Promise<number> {
    const readRows = native().readRows ?? nodeReadRows;
    const rows = { rowCount, offsetBytes, strideBytes };
    return call(() => readRows(this.fd, buffers, rows, this.path));
  }
  async write(data: Uint8Array, offsetBytes: number): Promise<number> {
    this.#lastWriteBegan = offsetBytes;
    if (data.length <= this.policy.inlineBytes) {
      return call(() => nodeFs.writeSync(this.fd, data, 0, data.length, offsetBytes));
    }
    return callAsync(() => pool.write(this.fd, data, offsetBytes));
  }
  /**
   * Syncs of many small files wait for the few threads of the pool; the disk has their data
   * meanwhile.
   */
  override async sync(): Promise<void> {
    if (!this.policy.syncsInline) native().startWriteOut?.(this.fd, 0, EARLY_BYTES);
    await super.sync();
  }
  async truncate(sizeBytes: number): Promise<void> {
    await callAsync(() => pool.ftruncate(this.fd, sizeBytes));
  }
  async modifiedMs(): Promise<number> {
    return call(() => Number(nodeFs.fstatSync(this.fd, { bigint: true }).mtimeMs));
  }

  async bornMs(): Promise<number | undefined> {
    const stat = call(() => nodeFs.fstatSync(this.fd));
    return tellsBirths(stat) && stat.birthtimeMs > 0 ? stat.birthtimeMs : undefined;
  }
  startWriteOut(): void {
    native().startWriteOut?.(this.fd);
  }
  /** The disk begins with the last write while a thread of the pool wakes up. */
  dataSync(): Promise<void> {
    if (!this.policy.syncsInline) {
      native().startWriteOut?.(this.fd, this.#lastWriteBegan, EARLY_BYTES);
    }
    return this.syncBy(fdatasync);
  }
}

let areBirthsTold = false;

/**
 * Whether a time of birth is one. Where statx(2) is refused (sandboxes), libuv gives the time of
 * the last change of the inode in its place.
 */
function tellsBirths(stat: nodeFs.Stats): boolean {
  const differ = (one: nodeFs.Stats): boolean => one.birthtimeMs !== one.ctimeMs;
  areBirthsTold ||= differ(stat) || differ(nodeFs.statSync(process.execPath));
  return areBirthsTold;
}

class NodeDirectory extends NodeHandle implements FsDirectory {
  constructor(fd: number, path: string, policy: pool.ThreadPolicy) {
    super(fd, path, policy);
    directories.opened(fd, path);
  }
  at(name: string): string {
    return directories.pathAt(this.fd, name);
  }
  override async sync(): Promise<void> {
    if (keepsRenamesInMemory(this.fd)) await this.syncFilesystem();
    await super.sync();
  }
  override close(): Promise<void> {
    directories.closed(this.fd);
    return super.close();
  }
  async syncFilesystem(): Promise<void> {
    await native().syncFilesystem(this.fd, this.path);
  }
  get readSome(): FsDirectory['readSome'] {
    const { readSome } = native();
    return readSome && (async (place) => call(() => readSome(this.fd, place, this.path)));
  }
}

/** vfat and msdos in <linux/magic.h>. */
const FAT = 0x4d44;

/**
 * Whether a name that was renamed is written without the place where its file lies: on vfat that is
 * written with the file, and a sync of the directory does not reach it (vfat_rename in the kernel's
 * fs/fat/namei_vfat.c).
 */
function keepsRenamesInMemory(fd: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    return nodeFs.statfsSync(`/proc/self/fd/${fd}`).type === FAT;
  } catch {
    // Without /proc nobody can be asked.
    return false;
  }
}

/**
 * Node's permission model refuses what it makes of descriptors: there these calls are the native
 * layer's, once it is loaded.
 */
function ownCalls(): Native | undefined {
  return 'permission' in process ? nativeIfLoaded() : undefined;
}

function nodeReadRows(
  fd: number,
  buffers: readonly Uint8Array[],
  { rowCount, offsetBytes, strideBytes }: StridedRows,
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
  watchOpens(path) {
    try {
      return native().watchOpens?.(path);
    } catch {
      // The user may have no more of them.
      return undefined;
    }
  },
  async modifiedMs(path) {
    return call(() => Number(nodeFs.lstatSync(path, { bigint: true }).mtimeMs));
  },
  async setModified(path, modifiedMs) {
    const seconds = modifiedMs / 1000;
    call(() => nodeFs.lutimesSync(path, seconds, seconds));
  },
  async readlink(path) {
    return call(() => nodeFs.readlinkSync(path));
  },
  async realpath(path) {
    return call(() => nodeFs.realpathSync.native(path));
  },
  async readDirectory(path): Promise<readonly DirectoryEntry[]> {
    const entries = await callAsync(() => pool.readEntries(path));
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
    call(() => native().renameNoReplace(from, to));
  },
  async exchange(a, b) {
    call(() => native().exchange(a, b));
  },
  async statFilesystem(path) {
    return call(() => statFilesystem(path));
  },
};

function statFilesystem(path: string): FilesystemStat {
  const { type, bavail, blocks, bsize } = nodeFs.statfsSync(path);
  const size = { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  if (process.platform !== 'linux') return { type, ...size };
  const device = spelledDevice(statOfPath(path, 'stat').dev);
  return { type, device, mount: mountOfDevice(device, type), ...size };
}

/** Above this many the table is read anew for each. */
const MAX_REMEMBERED = 1024;
/**
 * All of FUSE has one `f_type` (<linux/magic.h>), so there a number that is given again may be
 * another filesystem's.
 */
const FUSE = 0x65735546;
/**
 * By device number and `f_type`: a number that is given again is that of the same kind of
 * filesystem, or not found.
 */
const mountsOfDevices = new Map<string, FilesystemStat['mount']>();

/**
 * The table may have thousands of rows, so it is read once for each filesystem that this process
 * meets.
 */
function mountOfDevice(device: string, type: number): FilesystemStat['mount'] {
  const key = `${device} ${type}`;
  if (mountsOfDevices.has(key)) return mountsOfDevices.get(key);
  const mount = mountTable().find((row) => row.device === device);
  if (mountsOfDevices.size >= MAX_REMEMBERED) mountsOfDevices.clear();
  const found = mount && { type: typeOf(mount), options: mount.options };
  if (type !== FUSE) mountsOfDevices.set(key, found);
  return found;
}

/**
 * ext4 can be made without a journal, which its row does not tell; /sys does, where it is mounted.
 */
function typeOf({ type, device }: Mount): string {
  if (type !== 'ext4') return type;
  try {
    const [disk] = nodeFs.readlinkSync(`/sys/dev/block/${device}`).split('/').slice(-1);
    const journal = nodeFs.readFileSync(`/sys/fs/ext4/${disk}/journal_task`, 'utf8');
    return journal.startsWith('<none>') ? EXT4_WITHOUT_JOURNAL : type;
  } catch {
    return type;
  }
}

/** Nothing where /proc is not mounted. */
function mountTable(): readonly Mount[] {
  try {
    return parseMountInfo(nodeFs.readFileSync('/proc/self/mountinfo', 'utf8'));
  } catch {
    return [];
  }
}

interface TicketsOfFile {
  readonly offered: OpenTickets | undefined;
  /** The descriptor that they lie on; `undefined` where there are none. */
  readonly directory: number | undefined;
}

/** Tickets are a hint, so a filesystem that cannot be asked (its name is gone) simply has none. */
function openTickets(fd: number, path: string): TicketsOfFile {
  try {
    if (process.platform === 'linux' && judgeFilesystem(statFilesystem(path)).isLocal) {
      const directory = nodeFs.openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
      const lockFile = nodeFs.fstatSync(fd, { bigint: true });
      return { offered: native().tickets(directory, lockFile), directory };
    }
  } catch {
    // As below.
  }
  return { offered: undefined, directory: undefined };
}

/** The machine's own filesystem. */
export const nodeFileSystem: Fs = fileSystem(pool.usualPolicy);

/**
 * The same, for programs that work for other users as root: what a call makes in a directory
 * belongs to the owner of that directory, as with `HOLDFAST_OWNER=directory` for a whole program.
 * Without effect for other users than root, and on what is there.
 */
export const directoryOwnerFileSystem: Fs = Object.defineProperties({} as Fs, {
  ...Object.getOwnPropertyDescriptors(nodeFileSystem),
  givesToDirectory: { value: true, enumerable: true },
});

/** Whether a filesystem is one of these two, which show the same files and make the same locks. */
export function isMachines(fs: Fs): boolean {
  return fs === nodeFileSystem || fs === directoryOwnerFileSystem;
}

/**
 * The same for a thread that has nothing else to do meanwhile, such as a worker, or a program that
 * does one thing after the other: reads, writes and syncs are made inline, without a hop through
 * the thread pool. The event loop waits for the disk.
 */
export const inlineFileSystem: Fs = fileSystem(inline);

function fileSystem(policy: pool.ThreadPolicy): Fs {
  const posix: Fs = {
    ...callsByPath,
    machine,
    get givesToDirectory() {
      return process.env['HOLDFAST_OWNER'] === 'directory';
    },
    get stateDirectory() {
      return stateDirectoryOfUser();
    },
    async open(path, flags, mode = 0o666) {
      if (mustTurn()) await turnEventLoop();
      const fd = await descriptorOf(() => nodeFs.openSync(path, openFlags(flags), mode));
      return new NodeFile(fd, directories.plain(path), policy);
    },
    async openDirectory(path, { noFollow, noSymlinks, namesOnly } = {}) {
      const flags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (namesOnly ? O_PATH : 0);
      const fd = await descriptorOf(() => {
        if (noSymlinks) return openWithoutSymlinks(path, flags | NOFOLLOW);
        return nodeFs.openSync(path, flags | (noFollow ? NOFOLLOW : 0));
      });
      return new NodeDirectory(fd, directories.plain(path), policy);
    },
  };
  return process.platform === 'win32' ? windowsFileSystem(posix, nativeOfWindows) : posix;
}

const directories = new OpenDirectories();

/**
 * A text that came from another thread, in which what begins at an open directory
 * ({@link FsDirectory.at}) is named as people know it, while the directory is open. What the calls
 * of this thread throw says so already.
 */
export function withPlainPaths(text: string): string {
  return directories.plain(text);
}

/** The same for an error of a system call that was made without `Fs`, in place. */
export function nameError(error: unknown): unknown {
  return directories.named(error);
}

/** How long a call waits for a descriptor, and how often it asks. */
const DESCRIPTOR_TIMEOUT_MS = 5000;
const DESCRIPTOR_POLL_MS = 5;

/**
 * When all descriptors are in use, a call that is under way may close one: thousands may read at
 * once.
 */
async function descriptorOf(open: () => number): Promise<number> {
  const deadline = performance.now() + DESCRIPTOR_TIMEOUT_MS;
  for (;;) {
    try {
      return call(open);
    } catch (error) {
      const isUsedUp = ['EMFILE', 'ENFILE'].includes(errnoOf(error) ?? '');
      if (!isUsedUp || performance.now() > deadline) throw error;
    }
    await pause(DESCRIPTOR_POLL_MS);
  }
}

let turnedAt = 0;

/**
 * Calls made inline settle in one turn of the event loop. A loop of awaited ones must not keep
 * timers from running.
 */
function mustTurn(): boolean {
  return performance.now() - turnedAt >= LONGEST_RUN_MS;
}

async function turnEventLoop(): Promise<void> {
  await turn();
  turnedAt = performance.now();
}

/** Makes a synchronous call, and names the errors that libuv cannot name. */
function call<T>(operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw directories.named(withKnownCode(error));
  }
}

/** The same for a call on the thread pool. */
async function callAsync<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw directories.named(withKnownCode(error));
  }
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
    (flags.noFollow ? NOFOLLOW : 0) |
    (flags.nonBlock ? (constants.O_NONBLOCK ?? 0) : 0) |
    (flags.truncate ? constants.O_TRUNC : 0)
  );
}

/** By the native layer where that is loaded; whoever only reads does without it. */
function statOfFile(fd: number, path: string, freshness?: 'fresh'): FileStat {
  const own = nativeIfLoaded()?.stat;
  return own ? own.ofFile(fd, path, freshness) : fromStats(nodeFs.fstatSync(fd, { bigint: true }));
}

/**
 * Only the native layer can ask for what the kernel does not remember, and on a local filesystem
 * there is nothing more.
 */
function loadNativeUnlessLocal(fd: number): void {
  if (process.platform !== 'linux' || nativeIfLoaded()) return;
  try {
    if (!judgeFilesystem(statFilesystem(`/proc/self/fd/${fd}`)).isLocal) native();
  } catch {
    // Without /proc or the native layer what the kernel remembers has to do.
  }
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
