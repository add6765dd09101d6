/** `holdfast/os`: the filesystem interface, for those who record, fail or model it. */
export type {
  DirectoryEntry,
  FileKind,
  FileStat,
  FilesystemStat,
  Fs,
  FsDirectory,
  FsFile,
  FsHandle,
  LockMode,
  LockTickets,
  OpenDirectoryFlags,
  OpenFlags,
  SomeEntries,
  OpenWatch,
} from './fs.js';
export { askAgain } from './ask-again.js';
export { followSymlinks, type ResolvedName } from './follow-symlinks.js';
export { freshenWay } from './freshen.js';
export { resolvedOnce } from './resolved-once.js';
export { filesystemOf, type Filesystem, type LockReach } from './filesystem.js';
export {
  directoryOwnerFileSystem,
  inlineFileSystem,
  isMachines,
  nodeFileSystem,
  withPlainPaths,
} from './node-fs.js';
export { loadKoffi } from './native/koffi.js';
export { keepAlive } from './pending-calls.js';
export {
  closeQuietly,
  inDirectoryOf,
  isNamed,
  isSameFile,
  lookAt,
  nameTaken,
  openGiven,
  openIfThere,
  openOwn,
  openOwnDirectory,
  openOwnIfThere,
  pathIn,
  readAll,
  readFully,
  readPieces,
  shortWrite,
  syncAt,
  unlinkIfThere,
  writeAll,
  type Demands,
  type Inode,
  type Opened,
  type OwnFlags,
} from './handles.js';
export { isOurs, isOurWork, isTrusted, type Surroundings } from './owner.js';
export {
  breathe,
  emptyTree,
  openChild,
  readEntries,
  removeTree,
  walkTree,
  type TreeVisitor,
  type WalkOptions,
} from './tree.js';
export { systemError } from './system-error.js';
export { errnoOf } from '../errors.js';
export { codeOfFailure } from '../failure.js';
