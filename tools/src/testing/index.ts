/** What tests of every package share. */
export { temporaryDirectory } from './temporary-directory.js';
export { repository } from './repository.js';
export { pythonWith } from './python-environment.js';
export { rasterioPython } from './newest-gdal.js';
export { sharedData } from './shared-data.js';
export { mountFilesystem, type MountableFilesystem } from './mount-filesystem.js';
export { twoUsers, type TestUser, type TwoUsers } from './two-users.js';
export * as everyChange from './every-change.js';
export { nfsClients, onBothMachines, type NfsClients } from './nfs-clients.js';
export { runs } from './runs.js';
export { inLines, startScript, type NodeProcess } from './node-process.js';
export { raceExchanges, type Race } from './race-exchanges.js';
export { startRedis, type RedisServer } from './redis.js';
