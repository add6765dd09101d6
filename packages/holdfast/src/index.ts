/**
 * Holdfast: crash-safe, all-or-nothing writes. See docs/guarantees.md for what each call promises.
 *
 * Each function's modules are loaded by its first call (at-first-call.ts): what it takes to import
 * this package counts in every command-line program.
 */
import { atFirstCall, atFirstItem } from './at-first-call.js';

export { HoldfastError, errorCodes, isHoldfastError } from './errors.js';
export type { ErrorCode, HoldfastErrorFields, Outcome } from './errors.js';
export type { PublishDirectoryOptions, PublishedDirectory } from './directory/publish-directory.js';
export type { Stage, StageWriteOptions } from './directory/stage.js';
export type { FillOptions, PublishProgress } from './directory/prepare-tree.js';
export type { BeginPartsOptions, BegunParts } from './parts/begin-parts.js';
export type { CommitPartsOptions, CommittedParts, PublishParts } from './parts/commit-parts.js';
export { mayTryPartAgain } from './parts/may-try-again.js';
export type { PartEntry, PartRecord } from './parts/part-record.js';
export type { PublishedParts } from './parts/publish-parts.js';
export type { PartsPublishing, SessionFacts } from './parts/session-place.js';
export type {
  PartsProgress,
  PartsSession,
  WritePartOptions,
  WrittenPart,
} from './parts/session.js';
export type { SyncStrategy } from './directory/sync-tree.js';
export type {
  ListOrphansOptions,
  Orphan,
  OrphanKind,
  SweepOrphansOptions,
  SweptOrphan,
} from './directory/orphans.js';
export type { ProbeCheck, ProbeGuarantee, ProbeOptions, ProbeReport } from './directory/probe.js';
export type { Lock, LockOptions } from './lock/lock.js';
export type { Guard, LockChoice, OtherLockers, ProperLockfileGuard } from './lock/lock-choice.js';
export type { LockHolder } from './os/processes.js';
export type { LongWait } from './lock/waiting.js';
export type { InPlace } from './file/file-turn.js';
export type { ReplaceFileOptions } from './file/replace-file.js';
export type { KeepOptions } from './file/previous.js';
export type {
  ListPreviousOptions,
  PreviousVersion,
  RestoredPrevious,
  RestorePreviousOptions,
} from './file/restore-previous.js';
export type { FileData } from './stage/file-data.js';
export type { Durability } from './stage/staged-file.js';
export type { ReadOptions } from './document/read-document.js';
export type { EnvVariables } from './env/update-env.js';
export { TomlDate } from './toml/toml-date.js';
export type { TomlTable, TomlValue } from './toml/update-toml.js';
export type { WatchOptions } from './watch/changes.js';
export type { WatchJsonOptions } from './watch/watch-json.js';
export type { ReadJsonOptions } from './json/read-json.js';
export type { OnCorrupt, OnEmpty } from './document/load-document.js';
export type { Restoration } from './document/tell-of-restoration.js';
export type { FileContent, FileUpdater, UpdateFileOptions } from './document/update-file.js';
export type {
  JsonSyntaxName,
  UpdateJsonOptions,
  UpdateOptions,
  Updater,
} from './document/update-options.js';
export type { Updater as JsonUpdater } from './document/update-options.js';
export type { JsonObject, JsonPrimitive, JsonValue } from './json/json-value.js';
export type { StandardSchema } from './document/standard-schema.js';
export type { Fs, LockMode } from './os/fs.js';
export type { AppendRecordsOptions } from './records/append-records.js';
export type { AppendResult } from './records/append-round.js';
export type { LogOptions } from './records/choose-format.js';
export type { CompactRecordsOptions, CompactResult } from './records/compact-records.js';
export type { KeyChoice, RankChoice } from './records/compact-rule.js';
export type { DamagePolicy, LogDamage } from './records/log-damage.js';
export type { LogFormatName, LogRecord } from './records/log-format.js';
export type { LogRepair } from './records/log-tail.js';
export type { LineRepair, RepairRecordsOptions, RepairResult } from './records/repair-records.js';
export type { RotationOptions } from './records/rotate-log.js';
export type { SetAsideLimits, SetAsideOptions, SetAsideRemoval } from './stage/set-aside.js';
export type { ReadRecordsOptions } from './records/read-records.js';
export type {
  Transaction,
  TransactionDirectoryOptions,
  TransactionFileOptions,
  TransactionJsonOptions,
  TransactionOptions,
  TransactionEnvOptions,
  TransactionTextOptions,
  TransactionUpdateOptions,
} from './transaction/transaction.js';
export type { RecoverOptions } from './transaction/recover.js';
export type { OverwriteReport, OverwriteState } from './journal/overwrite.js';
export type { Recovery } from './journal/tell-of-recovery.js';
export type { ChangeReport, ChangeState } from './journal/roll-forward.js';
export type { ChangeKind } from './journal/journal.js';

export const acquireLock: typeof import('./journal/settled-lock.js').acquireLock = atFirstCall(
  async () => (await import('./journal/settled-lock.js')).acquireLock,
);
export const withLock: typeof import('./journal/settled-lock.js').withLock = atFirstCall(
  async () => (await import('./journal/settled-lock.js')).withLock,
);
export const lockEnvironment: typeof import('./lock/inherited-locks.js').lockEnvironment =
  atFirstCall(async () => (await import('./lock/inherited-locks.js')).lockEnvironment);
export const replaceFile: typeof import('./file/replace-file.js').replaceFile = atFirstCall(
  async () => (await import('./file/replace-file.js')).replaceFile,
);
export const listPrevious: typeof import('./file/restore-previous.js').listPrevious = atFirstCall(
  async () => (await import('./file/restore-previous.js')).listPrevious,
);
export const restorePrevious: typeof import('./file/restore-previous.js').restorePrevious =
  atFirstCall(async () => (await import('./file/restore-previous.js')).restorePrevious);
export const readJson: typeof import('./json/read-json.js').readJson = atFirstCall(
  async () => (await import('./json/read-json.js')).readJson,
);
export const updateJson: typeof import('./json/update-json.js').updateJson = atFirstCall(
  async () => (await import('./json/update-json.js')).updateJson,
);
export const updateFile: typeof import('./document/update-file.js').updateFile = atFirstCall(
  async () => (await import('./document/update-file.js')).updateFile,
);
export const updateEnv: typeof import('./env/update-env.js').updateEnv = atFirstCall(
  async () => (await import('./env/update-env.js')).updateEnv,
);
export const readEnv: typeof import('./env/update-env.js').readEnv = atFirstCall(
  async () => (await import('./env/update-env.js')).readEnv,
);
export const updateToml: typeof import('./toml/update-toml.js').updateToml = atFirstCall(
  async () => (await import('./toml/update-toml.js')).updateToml,
);
export const readToml: typeof import('./toml/update-toml.js').readToml = atFirstCall(
  async () => (await import('./toml/update-toml.js')).readToml,
);
export const updateYaml: typeof import('./yaml/update-yaml.js').updateYaml = atFirstCall(
  async () => (await import('./yaml/update-yaml.js')).updateYaml,
);
export const readYaml: typeof import('./yaml/update-yaml.js').readYaml = atFirstCall(
  async () => (await import('./yaml/update-yaml.js')).readYaml,
);
export const publishDirectory: typeof import('./directory/publish-directory.js').publishDirectory =
  atFirstCall(async () => (await import('./directory/publish-directory.js')).publishDirectory);
export const beginParts: typeof import('./parts/begin-parts.js').beginParts = atFirstCall(
  async () => (await import('./parts/begin-parts.js')).beginParts,
);
export const joinParts: typeof import('./parts/session.js').joinParts = atFirstCall(
  async () => (await import('./parts/session.js')).joinParts,
);
export const abandonParts: typeof import('./parts/begin-parts.js').abandonParts = atFirstCall(
  async () => (await import('./parts/begin-parts.js')).abandonParts,
);
export const resumableStagePath: typeof import('./directory/resumable-stage.js').resumableStagePath =
  atFirstCall(async () => (await import('./directory/resumable-stage.js')).resumableStagePath);
export const listOrphans: typeof import('./directory/orphans.js').listOrphans = atFirstCall(
  async () => (await import('./directory/orphans.js')).listOrphans,
);
export const sweepOrphans: typeof import('./directory/orphans.js').sweepOrphans = atFirstCall(
  async () => (await import('./directory/orphans.js')).sweepOrphans,
);
export const probe: typeof import('./directory/probe.js').probe = atFirstCall(
  async () => (await import('./directory/probe.js')).probe,
);
export const appendRecords: typeof import('./records/append-records.js').appendRecords =
  atFirstCall(async () => (await import('./records/append-records.js')).appendRecords);
export const compactRecords: typeof import('./records/compact-records.js').compactRecords =
  atFirstCall(async () => (await import('./records/compact-records.js')).compactRecords);
export const repairRecords: typeof import('./records/repair-records.js').repairRecords =
  atFirstCall(async () => (await import('./records/repair-records.js')).repairRecords);
export const transaction: typeof import('./transaction/transaction.js').transaction = atFirstCall(
  async () => (await import('./transaction/transaction.js')).transaction,
);
export const recover: typeof import('./transaction/recover.js').recover = atFirstCall(
  async () => (await import('./transaction/recover.js')).recover,
);

export const watchFile: typeof import('./watch/watch-file.js').watchFile = atFirstItem(
  async () => (await import('./watch/watch-file.js')).watchFile,
);
export const watchJson: typeof import('./watch/watch-json.js').watchJson = atFirstItem(
  async () => (await import('./watch/watch-json.js')).watchJson,
);
export const readRecords: typeof import('./records/read-records.js').readRecords = atFirstItem(
  async () => (await import('./records/read-records.js')).readRecords,
);
