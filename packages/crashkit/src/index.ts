/** `@holdfast/crashkit`: explores every crash a program can suffer, and shows the shortest one that loses data. */
export { exploreErrors, type ErrorExploration, type FaultCase } from './errors/error-engine.js';
export { explore, type Exploration, type ExploreOptions } from './explore/explore.js';
export { interceptFs, type Call, type Hooks, type Interference } from './explore/intercept.js';
export type { Scenario, ScenarioAt, World } from './explore/scenario.js';
export { replayViolation, saveViolation } from './explore/replay.js';
export {
  explorePower,
  type PowerExploration,
  type PowerFilesystem,
  type PowerOptions,
} from './power/power-engine.js';
export { printViolation, type TraceLine, type Violation } from './explore/violation.js';
export { crashTest, type CrashTest, type CrashTestOptions } from './foreign/crash-test.js';
export { exploreKills, type KillExploration, type KillOptions } from './kill/kill-engine.js';
export { exploreStraceKills } from './kill/strace-kill.js';
export { ModelDisk } from './model/disk.js';
export { writeTree, type TreeEntry } from './model/tree.js';
export { scenarioOfSteps, type Step, type StepScenario } from './scenarios/steps.js';
