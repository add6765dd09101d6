/**
 * `@holdfast/objectstore`: documents in object stores that speak S3, updated so that no change of
 * anybody is lost. docs/object-stores.md says what is promised, and of which stores.
 */
export {
  readJson,
  updateJson,
  type ReadJsonOptions,
  type UpdateJsonOptions,
} from './document/json.js';
export { readEnv, readToml, readYaml, updateEnv, updateToml, updateYaml } from './document/text.js';
export {
  updateFile,
  type FileContent,
  type FileUpdater,
  type UpdateFileOptions,
} from './document/file.js';
export type {
  ObjectAccess,
  ObjectUpdater,
  ReadObjectOptions,
  UpdateObjectOptions,
} from './document/object-options.js';
export type { ObjectStage, ObjectStageWriteOptions } from './directory/fill-stage.js';
export {
  publishDirectory,
  type PublishDirectoryOptions,
  type PublishedObjects,
} from './directory/publish-directory.js';
export type { Manifest, PublishedFile } from './directory/manifest.js';
export type { DirectoryAccess, DirectoryIndex } from './directory/pointer-form.js';
export {
  replaceObject,
  type ReplacedObject,
  type ReplaceObjectOptions,
} from './directory/replace-object.js';
export type { ObjectData } from './directory/write-object.js';
export {
  sweepDirectory,
  type KeepOptions,
  type SweepDirectoryOptions,
  type SweptDirectory,
} from './directory/sweep-directory.js';
export { openDirectory, type OpenedObjects } from './directory/open-directory.js';
export {
  verifyDirectory,
  type DirectoryProblem,
  type VerifiedDirectory,
  type VerifyDirectoryOptions,
} from './directory/verify-directory.js';
export {
  abandonParts,
  beginParts,
  type BeginPartsOptions,
  type BegunParts,
} from './parts/begin-parts.js';
export {
  joinParts,
  type PartsSession,
  type PublishedParts,
  type WritePartOptions,
} from './parts/session.js';
export type { PartsProgress, WrittenPart } from 'holdfast';
export type { CommitPartsOptions, CommittedParts, PublishParts } from './parts/commit-parts.js';
export type { PartFile, PartRecord } from './parts/part-record.js';
export type { SessionFacts, SessionPublishing } from './parts/sessions.js';
export type { FilledDirectory } from './directory/publish-directory.js';
export { s3Store, type S3Credentials, type S3StoreOptions } from './store/s3-store.js';
export {
  probeStore,
  type ProbeStoreOptions,
  type StoreCheck,
  type StoreReport,
} from './probe/probe-store.js';
export { ModelStore, type ModelRequest } from './store/model-store.js';
export {
  sdkStore,
  type SdkClient,
  type SdkCommands,
  type SdkStoreOptions,
} from './store/sdk-store.js';
export type {
  ByteRange,
  Condition,
  DeleteOptions,
  FoundObject,
  GetOptions,
  Listed,
  ListedObject,
  ListOptions,
  ObjectHeaders,
  ObjectInfo,
  ObjectName,
  ObjectStore,
  PartPlace,
  PutOptions,
  Read,
  Refusal,
  RequestOptions,
  Uploaded,
  UploadedPart,
  Written,
} from './store/object-store.js';
