/**
 * The package as compilers, editors and the API reference see it: the names of index.ts, each
 * function with the doc comment that stands where it is written. index.ts, which runs, loads a
 * function's modules at its first call, and a constant that does so has no comment to show.
 */
export * from './index.js';
export { acquireLock, withLock } from './journal/settled-lock.js';
export { lockEnvironment } from './lock/inherited-locks.js';
export { replaceFile } from './file/replace-file.js';
export { listPrevious, restorePrevious } from './file/restore-previous.js';
export { readJson } from './json/read-json.js';
export { updateFile } from './document/update-file.js';
export { readEnv, updateEnv } from './env/update-env.js';
export { readToml, updateToml } from './toml/update-toml.js';
export { readYaml, updateYaml } from './yaml/update-yaml.js';
export { watchFile } from './watch/watch-file.js';
export { watchJson } from './watch/watch-json.js';
export { updateJson } from './json/update-json.js';
export { publishDirectory } from './directory/publish-directory.js';
export { abandonParts, beginParts } from './parts/begin-parts.js';
export { joinParts } from './parts/session.js';
export { resumableStagePath } from './directory/resumable-stage.js';
export { listOrphans, sweepOrphans } from './directory/orphans.js';
export { probe } from './directory/probe.js';
export { appendRecords } from './records/append-records.js';
export { compactRecords } from './records/compact-records.js';
export { repairRecords } from './records/repair-records.js';
export { readRecords } from './records/read-records.js';
export { transaction } from './transaction/transaction.js';
export { recover } from './transaction/recover.js';
