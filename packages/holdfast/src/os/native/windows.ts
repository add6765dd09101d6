/**
 * The native layer of Windows, over kernel32 and advapi32 (learn.microsoft.com/windows/win32/api).
 *
 * - Locks are LockFileEx on one byte far beyond any content, since they keep others from reading
 *   what they cover. The system frees them when the process ends.
 * - Renames have POSIX semantics where Windows offers them (FileRenameInfoEx with the flags below,
 *   Windows 10 1809 on NTFS): a target that is open in another program does not stop them.
 *   Elsewhere MoveFileExW with replace and write-through.
 * - An extended attribute is the discretionary access control list alone, under a name of its own,
 *   so that a file that replaces another keeps it.
 */
import { toNamespacedPath } from 'node:path';
import type { Koffi } from './koffi.js';
import type { Native } from './native.js';
import { onPool } from './on-pool.js';
import { windowsError } from './windows-error.js';

// LockFileEx.
const LOCKFILE_FAIL_IMMEDIATELY = 1;
const LOCKFILE_EXCLUSIVE_LOCK = 2;
const ERROR_LOCK_VIOLATION = 33;
/** What unlocking says of a byte that is not locked; Wine says the other. */
const NOT_LOCKED = [158, ERROR_LOCK_VIOLATION];
/** OVERLAPPED: two pointers, the offset in two halves, a handle. */
const OVERLAPPED_BYTES = 32;
const OFFSET_HIGH_AT = 20;
const LOCK_OFFSET_HIGH = 0x40000000;

// CreateFileW.
const DELETE = 0x00010000;
const GENERIC_WRITE = 0x40000000;
const SHARE_ALL = 7;
const OPEN_EXISTING = 3;
const OPEN_ALWAYS = 4;
const FILE_FLAG_BACKUP_SEMANTICS = 0x02000000;
const FILE_FLAG_OPEN_REPARSE_POINT = 0x00200000;
const FILE_FLAG_DELETE_ON_CLOSE = 0x04000000;
const FILE_ATTRIBUTE_HIDDEN = 2;
const INVALID_HANDLE = -1;

// SetFileInformationByHandle with FileRenameInfoEx, the 23rd of FILE_INFO_BY_HANDLE_CLASS
// (win32/api/minwinbase), and its flags: those of FILE_RENAME_INFORMATION
// (windows-hardware/drivers/ddi/ntifs), POSIX semantics only with the first of them.
const FILE_RENAME_INFO_EX = 22;
const RENAME_REPLACE_IF_EXISTS = 0x1;
const RENAME_POSIX_SEMANTICS = 0x2;
const RENAME_IGNORE_READONLY = 0x40;
/**
 * FILE_RENAME_INFO (win32/api/winbase) on 64 bits: flags, padding, a handle that should be null,
 * the length of the name in bytes without its NUL, the name with it. [MS-FSCC] draws the same bytes
 * as FILE_RENAME_INFORMATION_EX.
 */
const RENAME_LENGTH_AT = 16;
const RENAME_NAME_AT = 20;

// MoveFileExW.
const MOVEFILE_REPLACE_EXISTING = 1;
const MOVEFILE_WRITE_THROUGH = 8;

const ERROR_ACCESS_DENIED = 5;
const ERROR_SHARING_VIOLATION = 32;
const ERROR_DIR_NOT_EMPTY = 145;
/** What filesystems and older Windows answer to a request that they do not know. */
const NOT_OFFERED = [1, 50, 87, 124];

// GetDriveTypeW: removable, fixed, RAM disk; a network drive is 4.
const LOCAL_DRIVES = [2, 3, 6];

// GetFileSecurityW, SetFileSecurityW.
const DACL_SECURITY_INFORMATION = 4;
const ERROR_INSUFFICIENT_BUFFER = 122;
/** The name under which the access control list is handled as an extended attribute. */
const DACL_NAME = 'windows.dacl';

/** A file that lasts as long as it is held. */
export interface HeldFile {
  free(): void;
}

/** What Windows offers beyond {@link Native}, for windows-fs.ts. */
export interface WindowsNative extends Native {
  /**
   * One try; throws EBUSY or EPERM while another program holds a file open in a way that forbids
   * it.
   */
  renameReplacing(from: string, to: string): void;
  /**
   * Makes a file that no other program can open and that vanishes when its handle is closed, also
   * by the end of the process; `undefined` while another holds it.
   */
  holdFile(path: string): HeldFile | undefined;
  /** Whether only this machine reaches the drive with this root. */
  isLocalDrive(root: string): boolean;
  /**
   * Flushes a file or directory by a handle of its own, open for writing; whether Windows let this
   * user do so.
   */
  flush(path: string): Promise<boolean>;
}

export function windowsNative(koffi: Koffi, executable: string): WindowsNative {
  const kernel32 = koffi.load('kernel32.dll');
  const lastError = kernel32.func('uint32_t __stdcall GetLastError()') as () => number;
  // node.exe exports libuv's functions.
  const handleOf = koffi.load(executable).func('intptr_t uv_get_osfhandle(int fd)');
  const lockFileEx = kernel32.func(
    'int __stdcall LockFileEx(intptr_t file, uint32_t flags, uint32_t reserved, uint32_t low, uint32_t high, void *overlapped)',
  );
  const unlockFileEx = kernel32.func(
    'int __stdcall UnlockFileEx(intptr_t file, uint32_t reserved, uint32_t low, uint32_t high, void *overlapped)',
  );
  const createFile = kernel32.func(
    'intptr_t __stdcall CreateFileW(const char16_t *name, uint32_t access, uint32_t share, void *security, uint32_t disposition, uint32_t flags, intptr_t template)',
  );
  const closeHandle = kernel32.func('int __stdcall CloseHandle(intptr_t handle)');
  const setInformation = kernel32.func(
    'int __stdcall SetFileInformationByHandle(intptr_t file, int kind, void *information, uint32_t size)',
  );
  const moveFileEx = kernel32.func(
    'int __stdcall MoveFileExW(const char16_t *from, const char16_t *to, uint32_t flags)',
  );
  const driveType = kernel32.func('uint32_t __stdcall GetDriveTypeW(const char16_t *root)');
  const removeDirectory = kernel32.func('int __stdcall RemoveDirectoryW(const char16_t *name)');
  const flushFileBuffers = kernel32.func('int __stdcall FlushFileBuffers(intptr_t file)');

  function unlock(handle: number, path: string): void {
    if (unlockFileEx(handle, 0, 1, 0, farByte())) return;
    const error = lastError();
    if (!NOT_LOCKED.includes(error)) throw windowsError(error, 'UnlockFileEx', path);
  }

  function openHandle(path: string, access: number, flags: number): number {
    return createFile(
      toNamespacedPath(path),
      access,
      SHARE_ALL,
      null,
      OPEN_EXISTING,
      flags,
      0,
    ) as number;
  }

  /** 0, or what Windows said; so do the three after it. */
  function renamePosix(from: string, to: string): number {
    const handle = openHandle(
      from,
      DELETE,
      FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT,
    );
    if (handle === INVALID_HANDLE) return lastError();
    try {
      const information = renameInformation(toNamespacedPath(to));
      const done = setInformation(handle, FILE_RENAME_INFO_EX, information, information.length);
      return done ? 0 : lastError();
    } finally {
      closeHandle(handle);
    }
  }

  function move(from: string, to: string, flags: number): number {
    return moveFileEx(toNamespacedPath(from), toNamespacedPath(to), flags) ? 0 : lastError();
  }

  /**
   * For an empty directory in the way, which neither rename replaces; of anything else there is
   * still access denied.
   */
  function moveOntoEmptyDirectory(from: string, to: string): number {
    if (removeDirectory(toNamespacedPath(to))) return move(from, to, MOVEFILE_WRITE_THROUGH);
    return lastError() === ERROR_DIR_NOT_EMPTY ? ERROR_DIR_NOT_EMPTY : ERROR_ACCESS_DENIED;
  }

  return {
    tryLock(fd, mode, path) {
      const handle = handleOf(fd) as number;
      // As flock(2) does it: a second lock of one open file replaces its first.
      unlock(handle, path);
      const exclusive = mode === 'exclusive' ? LOCKFILE_EXCLUSIVE_LOCK : 0;
      if (lockFileEx(handle, LOCKFILE_FAIL_IMMEDIATELY | exclusive, 0, 1, 0, farByte()))
        return true;
      const error = lastError();
      if (error === ERROR_LOCK_VIOLATION) return false;
      throw windowsError(error, 'LockFileEx', path);
    },
    unlock(fd, path) {
      unlock(handleOf(fd) as number, path);
    },
    renameReplacing(from, to) {
      let error = renamePosix(from, to);
      if (NOT_OFFERED.includes(error)) {
        error = move(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH);
      }
      if (error === ERROR_ACCESS_DENIED) error = moveOntoEmptyDirectory(from, to);
      if (error !== 0) throw windowsError(error, 'rename', from);
    },
    holdFile(path) {
      const flags = FILE_FLAG_DELETE_ON_CLOSE | FILE_ATTRIBUTE_HIDDEN;
      const handle = createFile(
        toNamespacedPath(path),
        DELETE,
        0,
        null,
        OPEN_ALWAYS,
        flags,
        0,
      ) as number;
      if (handle !== INVALID_HANDLE) return { free: () => void closeHandle(handle) };
      const error = lastError();
      // A file that is being deleted is still somebody's, for a moment.
      if (error === ERROR_SHARING_VIOLATION || error === ERROR_ACCESS_DENIED) return undefined;
      throw windowsError(error, 'CreateFileW', path);
    },
    renameNoReplace(from, to) {
      const error = move(from, to, MOVEFILE_WRITE_THROUGH);
      if (error !== 0) throw windowsError(error, 'MoveFileExW', from);
    },
    exchange(a) {
      throw windowsError(87, 'exchange', a, ' (Windows swaps no names)');
    },
    async syncFilesystem(_fd, path) {
      throw windowsError(50, 'syncfs', path, ' (Windows flushes a volume for administrators only)');
    },
    isLocalDrive(root) {
      return LOCAL_DRIVES.includes(driveType(root) as number);
    },
    async flush(path) {
      const handle = openHandle(path, GENERIC_WRITE, FILE_FLAG_BACKUP_SEMANTICS);
      if (handle === INVALID_HANDLE) {
        if (lastError() === ERROR_ACCESS_DENIED) return false;
        throw windowsError(lastError(), 'CreateFileW', path);
      }
      try {
        const [done, error] = await flushOnPool(handle);
        if (done) return true;
        if (error === ERROR_ACCESS_DENIED || NOT_OFFERED.includes(error)) return false;
        throw windowsError(error, 'FlushFileBuffers', path);
      } finally {
        closeHandle(handle);
      }
    },
    ...accessControl(koffi, lastError),
    tickets: () => undefined,
  };

  function flushOnPool(handle: number): Promise<readonly [boolean, number]> {
    return onPool(flushFileBuffers, [handle], (done) => [done !== 0, done === 0 ? lastError() : 0]);
  }
}

function farByte(): Uint8Array {
  const overlapped = Buffer.alloc(OVERLAPPED_BYTES);
  overlapped.writeUInt32LE(LOCK_OFFSET_HIGH, OFFSET_HIGH_AT);
  return overlapped;
}

function renameInformation(to: string): Uint8Array {
  const name = Buffer.from(to, 'utf16le');
  const information = Buffer.alloc(RENAME_NAME_AT + name.length + 2);
  const flags = RENAME_REPLACE_IF_EXISTS | RENAME_POSIX_SEMANTICS | RENAME_IGNORE_READONLY;
  information.writeUInt32LE(flags, 0);
  information.writeUInt32LE(name.length, RENAME_LENGTH_AT);
  name.copy(information, RENAME_NAME_AT);
  return information;
}

/** The access control list of a file as its one extended attribute, in self-relative form. */
function accessControl(
  koffi: Koffi,
  lastError: () => number,
): Pick<Native, 'listXattrs' | 'getXattr' | 'setXattr' | 'removeXattr'> {
  const advapi32 = koffi.load('advapi32.dll');
  const getFileSecurity = advapi32.func(
    'int __stdcall GetFileSecurityW(const char16_t *name, uint32_t what, _Out_ uint8_t *descriptor, uint32_t size, _Out_ uint32_t *needed)',
  );
  const setFileSecurity = advapi32.func(
    'int __stdcall SetFileSecurityW(const char16_t *name, uint32_t what, const uint8_t *descriptor)',
  );

  function get(path: string): Uint8Array {
    for (let descriptor = new Uint8Array(1024); ;) {
      const needed: [number] = [0];
      const name = toNamespacedPath(path);
      if (getFileSecurity(name, DACL_SECURITY_INFORMATION, descriptor, descriptor.length, needed)) {
        return descriptor.subarray(0, needed[0] === 0 ? descriptor.length : needed[0]);
      }
      if (lastError() !== ERROR_INSUFFICIENT_BUFFER) {
        throw windowsError(lastError(), 'GetFileSecurityW', path);
      }
      descriptor = new Uint8Array(needed[0]);
    }
  }

  return {
    listXattrs: () => [DACL_NAME],
    getXattr(_fd, name, path) {
      refuseOther(name, path);
      return get(path);
    },
    setXattr(_fd, name, value, path) {
      refuseOther(name, path);
      if (setFileSecurity(toNamespacedPath(path), DACL_SECURITY_INFORMATION, value)) return;
      throw windowsError(lastError(), 'SetFileSecurityW', path);
    },
    // What a file inherited is never taken away: a file without a list is open to everyone.
    removeXattr() {},
  };
}

/** ERROR_NOT_SUPPORTED, as a filesystem without extended attributes says. */
function refuseOther(name: string, path: string): void {
  if (name !== DACL_NAME) throw windowsError(50, 'xattr', path, ` (there is no '${name}')`);
}
