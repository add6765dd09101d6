import type { FileStat, LockMode, LockTickets } from '../fs.js';

/** What a platform's native layer must give. A descriptor is one that Node opened. Failures throw system errors. */
export interface Native {
  tryLock(fd: number, mode: LockMode, path: string): boolean;
  unlock(fd: number, path: string): void;
  renameNoReplace(from: string, to: string): void;
  exchange(a: string, b: string): void;
  /**
   * Lets the kernel begin to write out a file, or a part of it, without waiting for it; but a full queue of the disk
   * makes it wait. Absent where it cannot be asked.
   */
  startWriteOut?(fd: number, offsetBytes?: number, mostBytes?: number): void;
  /**
   * `preadv(2)` for each of many short rows, as `FsFile.readStrided` says: it takes half of the time of Node's own call for
   * each. Absent where Node's is as good.
   */
  readonly readRows?: (
    fd: number,
    buffers: readonly Uint8Array[],
    rowCount: number,
    offsetBytes: number,
    strideBytes: number,
    path: string,
  ) => number;
  /** Absent where Node's is as good. */
  readonly stat?: NativeStat | undefined;
  /** May take long, so it runs on the thread pool. */
  syncFilesystem(fd: number, path: string): Promise<void>;
  /** Where Node's fsync may hide a failure (macOS): a sync that does not. Runs on the thread pool too. */
  fullSync?(fd: number, path: string): Promise<void>;
  listXattrs(fd: number, path: string): readonly string[];
  getXattr(fd: number, name: string, path: string): Uint8Array;
  setXattr(fd: number, name: string, value: Uint8Array, path: string): void;
  removeXattr(fd: number, name: string, path: string): void;
  /** Undefined where the platform or the filesystem with this `statfs` magic has no marks on files. */
  tickets(fd: number, filesystemMagic: number): LockTickets | undefined;
}

/** `stat(2)` that does not look at times. */
export interface NativeStat {
  ofFile(fd: number, path: string): FileStat;
  /** @param path - without a NUL, where a C string would end */
  ofPath(path: string, call: 'stat' | 'lstat'): FileStat;
}
