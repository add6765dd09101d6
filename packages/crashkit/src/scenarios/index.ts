/** Every scenario that proves Holdfast, by name. */
import type { ScenarioAt } from '../explore/scenario.js';
import type { HoldfastApi } from './api.js';
import { directoryScenarios } from './directory.js';
import { fileScenarios } from './file.js';
import { interferenceScenarios } from './interference.js';
import { jsonScenarios } from './json.js';
import { lostLockScenarios } from './lost-locks.js';
import { orphanScenarios } from './orphans.js';
import { recordRepairScenarios } from './record-repairs.js';
import { recordsScenarios } from './records.js';
import { sweepScenarios } from './sweeps.js';
import { transactionScenarios } from './transaction.js';

export function holdfastScenarios(api: HoldfastApi): Readonly<Record<string, ScenarioAt>> {
  return {
    ...fileScenarios(api),
    ...jsonScenarios(api),
    ...recordsScenarios(api),
    ...recordRepairScenarios(api),
    ...directoryScenarios(api),
    ...orphanScenarios(api),
    ...transactionScenarios(api),
    ...Object.fromEntries([
      ...sweepScenarios(api),
      ...lostLockScenarios(api),
      ...interferenceScenarios(api),
    ]),
  };
}
