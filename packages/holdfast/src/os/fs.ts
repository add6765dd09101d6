/**
 * The one door to the disk. Every algorithm of Holdfast takes the `Fs` it works on, so each
 * durability step is visible: the real one calls the kernel (node-fs.ts), others record, fail, or
 * model a crash (crashkit).
 *
 * A method is one system call, or one bounded loop of the same call. Errors are Node's own
 * (`code: 'ENOENT'`, …) with the codes that Node lacks filled in (`EDQUOT`). No method retries,
 * renames an error or hides a short count.
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

/**
 * The identity and attributes of a file (`stat(2)`), without its times ({@link FsFile.modifiedMs}).
 */
export interface FileStat {
  readonly kind: FileKind;
  /** Device and inode together identify the file on this machine. */
  readonly dev: bigint;
  readonly ino: bigint;
  readonly sizeBytes: number;
  /** Permission bits only (the bits of 07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkCount: number;
}

/** The bits of `st_mode` that are permissions, setuid, setgid and the sticky bit (`inode(7)`). */
export const PERMISSION_BITS = 0o7777;

/** The extended attribute that is the ACL of a file or directory (acl(5)). */
export const ACL = 'system.posix_acl_access';

/** One name in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: FileKind;
}

/**
 * The filesystem that holds a path (`statfs(2)`, `/proc/self/mountinfo`); filesystem.ts says what
 * to make of it.
 */
export interface FilesystemStat {
  /** The `f_type` magic of `statfs(2)`; 0 where the platform has none. */
  readonly type: number;
  /** The device number of the path, `major:minor`; absent where the platform has no mount table. */
  readonly device?: string | undefined;
  /** What the mount table says of that device; absent where it says nothing. */
  readonly mount?: { readonly type: string; readonly options: readonly string[] } | undefined;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** How a file is opened (`open(2)`); `O_CLOEXEC` always. */
export interface OpenFlags {
  readonly access: 'read' | 'write' | 'readWrite';
  /** `ifMissing`: O_CREAT; `exclusive`: O_CREAT | O_EXCL, fails with EEXIST. */
  readonly create?: 'ifMissing' | 'exclusive' | undefined;
  /** O_NOFOLLOW: fails with ELOOP on a symlink. */
  readonly noFollow?: boolean | undefined;
  /**
   * O_NONBLOCK: opening a FIFO or a device waits for nobody. Changes nothing for a regular file.
   */
  readonly nonBlock?: boolean | undefined;
  /** O_TRUNC. */
  readonly truncate?: boolean | undefined;
}

/** How a directory is opened. */
export interface OpenDirectoryFlags {
  /** O_NOFOLLOW: fails with ENOTDIR or ELOOP on a symlink. */
  readonly noFollow?: boolean | undefined;
  /**
   * For a canonical path: fails with ENOTDIR or ELOOP on a symlink in any part of it (openat2(2),
   * RESOLVE_NO_SYMLINKS). As `noFollow` where no path to an open directory can be had (Windows, no
   * /proc).
   */
  readonly noSymlinks?: boolean | undefined;
  /**
   * O_PATH: for its names and its stat alone, which needs no right to read it. May be left out of
   * account.
   */
  readonly namesOnly?: boolean | undefined;
}

/** `shared`: with other shared locks; `exclusive`: alone (`flock(2)`). */
export type LockMode = 'shared' | 'exclusive';

/**
 * The others that wait for the lock of an open file: marks that the kernel keeps and that end with
 * their process. A hint for fairness between the processes of Holdfast, never a lock.
 */
export interface LockTickets {
  /**
   * Shows this number, below 2^48, to everyone who has the file open. Like all that concerns hints,
   * never fails.
   *
   * @param woken - called each time that somebody wakes the number, if they can reach this process
   */
  draw(ticket: bigint, woken: () => void): void;
  /** Takes the number back. */
  drop(ticket: bigint): void;
  /** The lowest number that another open file description shows. */
  lowestOfOthers(): bigint | undefined;
  /** How many of these show a number below this one, counted up to `most`. */
  countBelow(ticket: bigint, most: number): number;
  /** Wakes whoever shows this number. */
  wake(ticket: bigint): void;
  /**
   * How this thread sleeps until somebody wakes the number that it shows, or as many milliseconds
   * are over. Undefined where it cannot be woken: in asynchronous calls, which are called back.
   */
  sleepOf?(ticket: bigint): ((mostMs: number) => Promise<void>) | undefined;
}

/** What an open file and an open directory have in common. */
export interface FsHandle {
  readonly path: string;
  /**
   * `fstat(2)`. `fresh`: what the server or daemon of a filesystem knows now, not what this kernel
   * remembers (statx(2), AT_STATX_FORCE_SYNC); reads that follow reach up to the new size.
   */
  stat(freshness?: 'fresh'): Promise<FileStat>;
  /** `fsync(2)`: for a file its data and size; for a directory its entries. */
  sync(): Promise<void>;
  /** `fchmod(2)`. */
  chmod(mode: number): Promise<void>;
  /** `fchown(2)`. */
  chown(uid: number, gid: number): Promise<void>;
  /**
   * `flock(2)`, never blocking: whether the lock was taken. Released by `unlock`, `close` or the
   * end of the process.
   */
  tryLock(mode: LockMode): boolean;
  /** Releases what `tryLock` took. */
  unlock(): void;
  /**
   * The names of the extended attributes; empty where the filesystem has none. POSIX ACLs are among
   * them.
   */
  listXattrs(): readonly string[];
  /** `fgetxattr(2)`: the whole value. */
  getXattr(name: string): Uint8Array;
  /** `fsetxattr(2)`. */
  setXattr(name: string, value: Uint8Array): void;
  /** Absent in a model without default ACLs, where a new file inherits nothing. */
  removeXattr?(name: string): void;
  /** `close(2)`: the handle is of no use afterwards. */
  close(): Promise<void>;
}

/** An open file. */
export interface FsFile extends FsHandle {
  /**
   * `fcntl(2)`, F_OFD_SETLK on all bytes, never blocking: whether the lock was taken. An exclusive
   * one needs a file that is open for writing. Released by `close` or the end of the process.
   * Absent where there are no such locks.
   */
  readonly tryLockBytes?: ((mode: LockMode) => boolean) | undefined;
  /** Absent where the filesystem cannot tell who waits. */
  readonly tickets?: LockTickets | undefined;
  /** `pread(2)`: how many bytes were read; 0 at the end. */
  read(buffer: Uint8Array, offsetBytes: number): Promise<number>;
  /**
   * A `preadv(2)` for each of `rowCount` rows that lie `strideBytes` apart: the pieces of a row go
   * to one buffer after another, each its share (its size divided by `rowCount`), and lie there one
   * after another. How many bytes were read, which is fewer than the buffers hold only at the end
   * of the file. Absent where nothing is gained by it.
   */
  readStrided?(
    buffers: readonly Uint8Array[],
    rowCount: number,
    offsetBytes: number,
    strideBytes: number,
  ): Promise<number>;
  /**
   * `pwrite(2)`: how many bytes were taken, which on a full disk is fewer than given, without an
   * error.
   */
  write(data: Uint8Array, offsetBytes: number): Promise<number>;
  /** `ftruncate(2)`: cuts the file, or fills it up with zeros. */
  truncate(sizeBytes: number): Promise<void>;
  /**
   * When the data was last changed (`st_mtime`), in milliseconds since 1970. A look that makes the
   * next write dearer.
   */
  modifiedMs(): Promise<number>;
  /**
   * When it was made, in milliseconds since 1970; `undefined` where that is not kept (statx(2),
   * STATX_BTIME).
   */
  bornMs?(): Promise<number | undefined>;
  /**
   * `sync_file_range(2)`: the disk may begin with what has been written, so that a sync has less to
   * wait for. Makes nothing durable and never fails. Absent where nothing is gained by it.
   */
  startWriteOut?(): void;
  /**
   * `fdatasync(2)`: the data, and of the metadata only what is needed to read it back (the size).
   */
  dataSync(): Promise<void>;
}

/** An open directory. */
export interface FsDirectory extends FsHandle {
  /**
   * A path to a name in this very directory, whatever becomes of the directory's own name and of
   * those above it; to the directory itself for `.`. For the calls of the `Fs` that opened it,
   * until it is closed. As good as a path below `path` where the platform has no such paths
   * (Windows).
   */
  at(name: string): string;
  /** `syncfs(2)`: everything written to the filesystem that holds this directory. */
  syncFilesystem(): Promise<void>;
  /**
   * Some of the entries, at most about a thousand, from a place on: 0, or where an earlier call has
   * ended. Any other number is some place too, or lies beyond the end. For a directory that is too
   * large to be read as a whole; absent where it can only be that.
   */
  readonly readSome?: ((place: bigint) => Promise<SomeEntries>) | undefined;
}

/** A piece of a directory. */
export interface SomeEntries {
  readonly entries: readonly DirectoryEntry[];
  /** Where the next piece begins; `undefined` at the end. */
  readonly next: bigint | undefined;
}

/** Tells who opens and closes a file. */
export interface OpenWatch {
  /**
   * How often anybody, this process too, has opened and closed it since the watch began or was last
   * asked.
   */
  take(): { readonly opened: number; readonly closed: number };
  /** Ends the watch, which is of no use afterwards. */
  close(): void;
}

/** A filesystem. Paths are absolute, or relative to the working directory of the process. */
export interface Fs {
  /**
   * The same object for every `Fs` of this process that reaches the same files with the same locks;
   * by default the `Fs` itself.
   */
  readonly machine?: object | undefined;
  /** The user as whom the calls are made; that of this process where it is absent. */
  readonly uid?: number | undefined;
  /**
   * Where what belongs to this user alone outlives a program, for a file whose directory forbids
   * new names; it need not exist. Where it is absent, such a file cannot be overwritten.
   */
  readonly stateDirectory?: string | undefined;
  /** `open(2)`; a new file has the mode less the umask, 0666 by default. */
  open(path: string, flags: OpenFlags, mode?: number): Promise<FsFile>;
  /** `open(2)` with O_DIRECTORY. */
  openDirectory(path: string, flags?: OpenDirectoryFlags): Promise<FsDirectory>;
  /** `stat(2)`: symlinks are followed. */
  stat(path: string): Promise<FileStat>;
  /** `lstat(2)`: of a symlink itself. */
  lstat(path: string): Promise<FileStat>;
  /**
   * Whether the name exists (`lstat(2)`), for a look at what is mostly missing: an exception costs
   * six times the call.
   */
  exists(path: string): Promise<boolean>;
  /**
   * Watches a file from now on (`inotify(7)`); `undefined` where that is impossible. Absent in
   * models.
   */
  watchOpens?(path: string): OpenWatch | undefined;
  /**
   * When what has the name was last changed (`st_mtime` by `lstat(2)`), in milliseconds since 1970.
   * Absent in models.
   */
  modifiedMs?(path: string): Promise<number>;
  /** Says that it was then (`utimensat(2)`, a symlink itself). Absent in models. */
  setModified?(path: string, modifiedMs: number): Promise<void>;
  /** `readlink(2)`: what a symlink says. */
  readlink(path: string): Promise<string>;
  /** The path with every symlink resolved (`realpath(3)`). */
  realpath(path: string): Promise<string>;
  /**
   * The path as the directory spells it, where names in another letter case (or short ones of
   * Windows) lead to the same file; where nothing is there, the path itself. Absent where every
   * spelling is a name of its own.
   */
  spelling?(path: string): Promise<string>;
  /** The names in a directory and what they are, in no order. */
  readDirectory(path: string): Promise<readonly DirectoryEntry[]>;
  /** `mkdir(2)`: one level. */
  mkdir(path: string, mode?: number): Promise<void>;
  /** `rmdir(2)`: an empty directory. */
  rmdir(path: string): Promise<void>;
  /** `unlink(2)`: a name of anything but a directory. */
  unlink(path: string): Promise<void>;
  /** `symlink(2)`. */
  symlink(target: string, path: string): Promise<void>;
  /** `link(2)`: a further name for a file. */
  link(existing: string, path: string): Promise<void>;
  /** `rename(2)`: replaces a file, or an empty directory by a directory. */
  rename(from: string, to: string): Promise<void>;
  /** `renameat2(2)` with RENAME_NOREPLACE: fails with EEXIST. */
  renameNoReplace(from: string, to: string): Promise<void>;
  /**
   * False where a mode means next to nothing (Windows); elsewhere {@link FsHandle.chmod} can be
   * held against `stat`.
   */
  readonly hasModes?: boolean | undefined;
  /**
   * True where what root makes is to belong to the owner of the directory that it lies in: lock
   * files, new files, directories and trees. The machine's own says so when the environment has
   * `HOLDFAST_OWNER=directory`.
   */
  readonly givesToDirectory?: boolean | undefined;
  /**
   * False where no filesystem of the platform can exchange two names; elsewhere {@link exchange}
   * has to be tried.
   */
  readonly hasExchange?: boolean | undefined;
  /**
   * `renameat2(2)` with RENAME_EXCHANGE: swaps two existing names; EINVAL where the filesystem
   * cannot.
   */
  exchange(a: string, b: string): Promise<void>;
  /** `statfs(2)` of what holds the path. */
  statFilesystem(path: string): Promise<FilesystemStat>;
}
