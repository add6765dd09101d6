import type { FileStat, LockMode, LockTickets, OpenWatch, SomeEntries } from '../fs.js';

/**
 * What a platform's native layer must give. A descriptor is one that Node opened. Failures throw
 * system errors.
 */
export interface Native {
  /** Held as long as its functions: when Bun before 1.3 collects a library, it ends the process. */
  readonly library?: unknown;
  tryLock(fd: number, mode: LockMode, path: string): boolean;
  unlock(fd: number, path: string): void;
  /** Absent where it cannot be done, or is not known to exclude what it is for. */
  readonly tryLockBytes?: ((fd: number, mode: LockMode, path: string) => boolean) | undefined;
  renameNoReplace(from: string, to: string): void;
  exchange(a: string, b: string): void;
  /**
   * Lets the kernel begin to write out a file, or a part of it, without waiting for it; but a full
   * queue of the disk makes it wait. Absent where it cannot be asked.
   */
  startWriteOut?(fd: number, offsetBytes?: number, mostBytes?: number): void;
  /**
   * `preadv(2)` for each of many short rows, as `FsFile.readStrided` says: it takes half of the
   * time of Node's own call for each. Absent where Node's is as good.
   */
  readonly readRows?: (
    fd: number,
    buffers: readonly Uint8Array[],
    rows: StridedRows,
    path: string,
  ) => number;
  /** As `FsDirectory.readSome` says. Absent where that cannot be. */
  readonly readSome?: ((directory: number, place: bigint, path: string) => SomeEntries) | undefined;
  /** Absent where nobody tells. */
  readonly watchOpens?: ((path: string) => OpenWatch) | undefined;
  /** Absent where Node's is as good. */
  readonly stat?: NativeStat | undefined;
  /** May take long, so it runs on the thread pool. */
  syncFilesystem(fd: number, path: string): Promise<void>;
  /**
   * fsync(2), on the thread pool too; on macOS the one that does not hide a failure. Absent on
   * Windows, where Node's is as good.
   */
  sync?(fd: number, path: string): Promise<void>;
  /** fchmod(2) and fchown(2), which Node's permission model refuses. Absent on Windows. */
  chmod?(fd: number, mode: number, path: string): void;
  chown?(fd: number, uid: number, gid: number, path: string): void;
  listXattrs(fd: number, path: string): readonly string[];
  getXattr(fd: number, name: string, path: string): Uint8Array;
  setXattr(fd: number, name: string, value: Uint8Array, path: string): void;
  removeXattr(fd: number, name: string, path: string): void;
  /**
   * Undefined where the platform has no marks on directories. To be asked on a local filesystem
   * only.
   *
   * @param directory - a descriptor of the lock file's directory
   */
  tickets(directory: number, lockFile: Pick<FileStat, 'dev' | 'ino'>): OpenTickets | undefined;
}

/** Tickets that a descriptor shows. */
export interface OpenTickets extends LockTickets {
  /** Nobody can wake them any more. Their directory is closed by whoever has opened it. */
  close(): void;
}

/** Rows of a file, one `strideBytes` after the other. */
export interface StridedRows {
  readonly rowCount: number;
  readonly offsetBytes: number;
  readonly strideBytes: number;
}

/** `stat(2)` that does not look at times. */
interface NativeStat {
  ofFile(fd: number, path: string, freshness?: 'fresh'): FileStat;
  /** @param path - without a NUL, where a C string would end */
  ofPath(path: string, call: 'stat' | 'lstat'): FileStat;
}
