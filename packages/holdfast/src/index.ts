/** Holdfast: crash-safe, all-or-nothing writes. See docs/guarantees.md for what each call promises. */
export { HoldfastError, errorCodes, isHoldfastError } from './errors.js';
export type { ErrorCode, HoldfastErrorFields, Outcome } from './errors.js';
export { publishDirectory } from './directory/publish-directory.js';
export type { PublishDirectoryOptions, PublishedDirectory } from './directory/publish-directory.js';
export type { Stage, StageWriteOptions } from './directory/stage.js';
export type { FillOptions, PublishProgress } from './directory/prepare-tree.js';
export type { SyncStrategy } from './directory/sync-tree.js';
export { listOrphans, sweepOrphans } from './directory/orphans.js';
export type {
  ListOrphansOptions,
  Orphan,
  OrphanKind,
  SweepOrphansOptions,
  SweptOrphan,
} from './directory/orphans.js';
export { probe } from './directory/probe.js';
export type { ProbeCheck, ProbeGuarantee, ProbeOptions, ProbeReport } from './directory/probe.js';
export { acquireLock, withLock } from './journal/settled-lock.js';
export type { Lock, LockOptions } from './lock/lock.js';
export { replaceFile } from './file/replace-file.js';
export type { ReplaceFileOptions } from './file/replace-file.js';
export type { FileData } from './stage/file-data.js';
export type { Durability } from './stage/staged-file.js';
export { readJson } from './json/read-json.js';
export type { ReadJsonOptions } from './json/read-json.js';
export { updateJson } from './json/update-json.js';
export type { JsonUpdater, UpdateJsonOptions } from './json/update-options.js';
export type { JsonObject, JsonPrimitive, JsonValue } from './json/json-value.js';
export type { StandardSchema } from './json/standard-schema.js';
export type { Fs, LockMode } from './os/fs.js';
export { appendRecords, type AppendRecordsOptions } from './records/append-records.js';
export type { AppendResult } from './records/append-round.js';
export type { LogOptions } from './records/choose-format.js';
export {
  compactRecords,
  type CompactRecordsOptions,
  type CompactResult,
} from './records/compact-records.js';
export type { KeyChoice, RankChoice } from './records/compact-rule.js';
export type { DamagePolicy, LogDamage } from './records/log-damage.js';
export type { LogFormatName, LogRecord } from './records/log-format.js';
export type { LogRepair } from './records/log-tail.js';
export { readRecords, type ReadRecordsOptions } from './records/read-records.js';
export { transaction } from './transaction/transaction.js';
export type {
  Transaction,
  TransactionDirectoryOptions,
  TransactionFileOptions,
  TransactionJsonOptions,
  TransactionOptions,
} from './transaction/transaction.js';
export { recover, type RecoverOptions } from './transaction/recover.js';
export type { Recovery } from './journal/pending.js';
export type { ChangeReport, ChangeState } from './journal/roll-forward.js';
export type { ChangeKind } from './journal/journal.js';
