/** Holdfast: crash-safe, all-or-nothing writes. See docs/guarantees.md for what each call promises. */
export { HoldfastError, errorCodes, isHoldfastError } from './errors.js';
export type { ErrorCode, HoldfastErrorFields, Outcome } from './errors.js';
export { publishDirectory } from './directory/publish-directory.js';
export type {
  PublishDirectoryOptions,
  PublishedDirectory,
  PublishProgress,
} from './directory/publish-directory.js';
export type { FileData, Stage, StageWriteOptions } from './directory/stage.js';
export type { SyncStrategy } from './directory/sync-tree.js';
