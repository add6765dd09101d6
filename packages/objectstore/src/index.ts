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
