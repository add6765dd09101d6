/** Every scenario that proves Holdfast, by name. */
import type { ScenarioAt } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { directoryScenarios } from './directory.js';
import { fileScenarios } from './file.js';
import { inPlaceScenarios } from './in-place.js';
import { interferenceScenarios } from './interference.js';
import { jsonScenarios } from './json.js';
import { logFileScenarios } from './log-files.js';
import { lostLockScenarios } from './lost-locks.js';
import { failedRenameScenarios, lostNameScenarios } from './lost-names.js';
import { machineScenarios } from './machines.js';
import { orphanScenarios } from './orphans.js';
import { partsScenarios } from './parts.js';
import { previousScenarios } from './previous.js';
import { recordRepairScenarios } from './record-repairs.js';
import { recordsScenarios } from './records.js';
import { sweepScenarios } from './sweeps.js';
import { transactionScenarios } from './transaction.js';

export function holdfastScenarios(api: HoldfastApi): Readonly<Record<string, ScenarioAt>> {
  return {
    ...fileScenarios(api),
    ...jsonScenarios(api),
    ...previousScenarios(api),
    ...inPlaceScenarios(api),
    ...recordsScenarios(api),
    ...recordRepairScenarios(api),
    ...logFileScenarios(api),
    ...directoryScenarios(api),
    ...partsScenarios(api),
    ...orphanScenarios(api),
    ...transactionScenarios(api),
    ...lostNameScenarios(api),
    ...machineScenarios(api),
    ...Object.fromEntries([
      ...sweepScenarios(api),
      ...lostLockScenarios(api),
      ...interferenceScenarios(api),
      ...failedRenameScenarios(api),
    ]),
  };
}
