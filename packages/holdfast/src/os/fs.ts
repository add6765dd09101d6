/**
 * The one door to the disk. Every algorithm of Holdfast takes the `Fs` it works on, so each durability step is
 * visible: the real one calls the kernel (node-fs.ts), others record, fail, or model a crash (crashkit).
 *
 * A method is one system call, or one bounded loop of the same call. Errors are Node's own (`code: 'ENOENT'`, …) with
 * the codes that Node lacks filled in (`EDQUOT`). No method retries, renames an error or hides a short count.
 */

/** What a directory entry is. */
export type FileKind =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'fifo'
  | 'socket'
  | 'blockDevice'
  | 'characterDevice'
  | 'unknown';

/** The identity and attributes of a file (`stat(2)`), without its times ({@link FsFile.modifiedMs}). */
export interface FileStat {
  readonly kind: FileKind;
  /** Device and inode together identify the file on this machine. */
  readonly dev: bigint;
  readonly ino: bigint;
  readonly sizeBytes: number;
  /** Permission bits only ({@link PERMISSION_BITS}). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkCount: number;
}

/** The bits of `st_mode` that are permissions, setuid, setgid and the sticky bit (`inode(7)`). */
export const PERMISSION_BITS = 0o7777;

/** One name in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: FileKind;
}

/** The filesystem that holds a path (`statfs(2)`). */
export interface FilesystemStat {
  /** The `f_type` magic of `statfs(2)`; 0 where the platform has none. */
  readonly type: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** How a file is opened (`open(2)`); `O_CLOEXEC` always. */
export interface OpenFlags {
  readonly access: 'read' | 'write' | 'readWrite';
  /** `ifMissing`: O_CREAT; `exclusive`: O_CREAT | O_EXCL, fails with EEXIST. */
  readonly create?: 'ifMissing' | 'exclusive';
  /** O_NOFOLLOW: fails with ELOOP on a symlink. */
  readonly noFollow?: boolean;
  /** O_TRUNC. */
  readonly truncate?: boolean;
}

export type LockMode = 'shared' | 'exclusive';

/**
 * Who else waits for the lock of an open file: marks that the kernel keeps and that end with their process. A hint for
 * fairness between the processes of Holdfast, never a lock.
 */
export interface LockTickets {
  /** Shows this number to everyone who has the file open. Like all that concerns hints, never fails. */
  draw(ticket: bigint): void;
  drop(ticket: bigint): void;
  /** The lowest number that another open file description shows. */
  lowestOfOthers(): bigint | undefined;
}

/** What an open file and an open directory have in common. */
export interface FsHandle {
  readonly path: string;
  stat(): Promise<FileStat>;
  /** `fsync(2)`: for a file its data and size; for a directory its entries. */
  sync(): Promise<void>;
  chmod(mode: number): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
  /** `flock(2)`, never blocking: whether the lock was taken. Released by `unlock`, `close` or the end of the process. */
  tryLock(mode: LockMode): boolean;
  unlock(): void;
  /** The names of the extended attributes; empty where the filesystem has none. POSIX ACLs are among them. */
  listXattrs(): readonly string[];
  getXattr(name: string): Uint8Array;
  setXattr(name: string, value: Uint8Array): void;
  /** Absent in a model without default ACLs, where a new file inherits nothing. */
  removeXattr?(name: string): void;
  close(): Promise<void>;
}

/** An open file. */
export interface FsFile extends FsHandle {
  /** Absent where the filesystem cannot tell who waits. */
  readonly tickets?: LockTickets | undefined;
  /** `pread(2)`: how many bytes were read; 0 at the end. */
  read(buffer: Uint8Array, offsetBytes: number): Promise<number>;
  /**
   * A `preadv(2)` for each of `rowCount` rows that lie `strideBytes` apart: the pieces of a row go to one buffer after
   * another, each its share (its size divided by `rowCount`), and lie there one after another. How many bytes were read,
   * which is fewer than the buffers hold only at the end of the file. Absent where nothing is gained by it.
   */
  readStrided?(
    buffers: readonly Uint8Array[],
    rowCount: number,
    offsetBytes: number,
    strideBytes: number,
  ): Promise<number>;
  /** `pwrite(2)`: how many bytes were taken, which on a full disk is fewer than given, without an error. */
  write(data: Uint8Array, offsetBytes: number): Promise<number>;
  truncate(sizeBytes: number): Promise<void>;
  /** When the data was last changed (`st_mtime`), in milliseconds since 1970. A look that makes the next write dearer. */
  modifiedMs(): Promise<number>;
  /**
   * `sync_file_range(2)`: the disk may begin with what has been written, so that a sync has less to wait for. Makes
   * nothing durable and never fails. Absent where nothing is gained by it.
   */
  startWriteOut?(): void;
  /** `fdatasync(2)`: the data, and of the metadata only what is needed to read it back (the size). */
  dataSync(): Promise<void>;
}

/** An open directory. */
export interface FsDirectory extends FsHandle {
  /** `syncfs(2)`: everything written to the filesystem that holds this directory. */
  syncFilesystem(): Promise<void>;
}

/** A filesystem. Paths are absolute, or relative to the working directory of the process. */
export interface Fs {
  open(path: string, flags: OpenFlags, mode?: number): Promise<FsFile>;
  openDirectory(path: string): Promise<FsDirectory>;
  stat(path: string): Promise<FileStat>;
  lstat(path: string): Promise<FileStat>;
  /** Whether the name exists (`lstat(2)`), for a look at what is mostly missing: an exception costs six times the call. */
  exists(path: string): Promise<boolean>;
  readlink(path: string): Promise<string>;
  /** The path with every symlink resolved (`realpath(3)`). */
  realpath(path: string): Promise<string>;
  /**
   * The path as the directory spells it, where names in another letter case (or short ones of Windows) lead to the same
   * file; where nothing is there, the path itself. Absent where every spelling is a name of its own.
   */
  spelling?(path: string): Promise<string>;
  readDirectory(path: string): Promise<readonly DirectoryEntry[]>;
  /** `mkdir(2)`: one level. */
  mkdir(path: string, mode?: number): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  /** `rename(2)`: replaces a file, or an empty directory by a directory. */
  rename(from: string, to: string): Promise<void>;
  /** `renameat2(2)` with RENAME_NOREPLACE: fails with EEXIST. */
  renameNoReplace(from: string, to: string): Promise<void>;
  /** False where no filesystem of the platform can exchange two names; elsewhere {@link exchange} has to be tried. */
  readonly hasExchange?: boolean;
  /** `renameat2(2)` with RENAME_EXCHANGE: swaps two existing names; EINVAL where the filesystem cannot. */
  exchange(a: string, b: string): Promise<void>;
  statFilesystem(path: string): Promise<FilesystemStat>;
}
