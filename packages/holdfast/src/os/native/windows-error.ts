/** Errors of Windows calls, under the names that Node gives the like of them. */

/** System error codes (winerror.h) and the names that libuv has for them (src/win/error.c). */
const names: Readonly<Record<number, string>> = {
  1: 'ENOTSUP', // ERROR_INVALID_FUNCTION
  2: 'ENOENT', // ERROR_FILE_NOT_FOUND
  3: 'ENOENT', // ERROR_PATH_NOT_FOUND
  4: 'EMFILE', // ERROR_TOO_MANY_OPEN_FILES
  5: 'EPERM', // ERROR_ACCESS_DENIED
  6: 'EBADF', // ERROR_INVALID_HANDLE
  17: 'EXDEV', // ERROR_NOT_SAME_DEVICE
  19: 'EROFS', // ERROR_WRITE_PROTECT
  32: 'EBUSY', // ERROR_SHARING_VIOLATION
  33: 'EBUSY', // ERROR_LOCK_VIOLATION
  39: 'ENOSPC', // ERROR_HANDLE_DISK_FULL
  50: 'ENOTSUP', // ERROR_NOT_SUPPORTED
  80: 'EEXIST', // ERROR_FILE_EXISTS
  87: 'EINVAL', // ERROR_INVALID_PARAMETER
  112: 'ENOSPC', // ERROR_DISK_FULL
  123: 'EINVAL', // ERROR_INVALID_NAME
  145: 'ENOTEMPTY', // ERROR_DIR_NOT_EMPTY
  183: 'EEXIST', // ERROR_ALREADY_EXISTS
  206: 'ENAMETOOLONG', // ERROR_FILENAME_EXCED_RANGE
  303: 'EBUSY', // ERROR_DELETE_PENDING
  1224: 'EBUSY', // ERROR_USER_MAPPED_FILE
  1295: 'EDQUOT', // ERROR_DISK_QUOTA_EXCEEDED
};

/** The error for a failed call, from what GetLastError says. */
export function windowsError(
  lastError: number,
  syscall: string,
  path: string,
  more = '',
): NodeJS.ErrnoException {
  const code = names[lastError] ?? `WINDOWS_${lastError}`;
  const text = `${code}: Windows error ${lastError}${more}, ${syscall} '${path}'`;
  return Object.assign(new Error(text), { code, errno: -lastError, syscall, path });
}
