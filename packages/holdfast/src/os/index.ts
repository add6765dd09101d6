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
  OpenFlags,
} from './fs.js';
export { inlineFileSystem, nodeFileSystem } from './node-fs.js';
export { systemError } from './system-error.js';
export { errnoOf } from '../errors.js';
