/**
 * `@holdfast/crashkit`: explores every crash a program can suffer, and shows the shortest one that
 * loses data.
 */
export { exploreErrors, type ErrorExploration, type FaultCase } from './errors/error-engine.js';
export { allowedAfter, attempt, attemptAgainstOthers } from './explore/attempt.js';
export {
  explore,
  type Exploration,
  type ExploreOptions,
  type SeenStates,
} from './explore/explore.js';
export { interceptFs, type Call, type Hooks, type Interference } from './explore/intercept.js';
export { dieAtStep, observeFs, type FsStep, type StepObserver } from './explore/observe.js';
export { exploreRaces, type RaceExploration } from './explore/races.js';
export { prepare } from './explore/record.js';
export { replayViolation, saveViolation } from './explore/replay.js';
export type { Scenario, ScenarioAt, World } from './explore/scenario.js';
export {
  checkNamesBelow,
  pathsBelow,
  scenarioOfSteps,
  type Step,
  type StepScenario,
} from './explore/steps.js';
export type { SubsetLimits } from './explore/subsets.js';
export { kindOf, printViolation, type TraceLine, type Violation } from './explore/violation.js';
export { crashTest, type CrashTest, type CrashTestOptions } from './foreign/crash-test.js';
export { exploreKills, type KillExploration, type KillOptions } from './kill/kill-engine.js';
export { killMoments, type KillMoment } from './kill/kill-point.js';
export type { ScenarioModule } from './kill/load-scenario.js';
export { exploreStraceKills } from './kill/strace-kill.js';
export { wasKilled, type EndedProcess } from './kill/was-killed.js';
export { ModelDisk } from './model/disk.js';
export { writeTree, type TreeEntry } from './model/tree.js';
export {
  explorePower,
  type PowerExploration,
  type PowerFilesystem,
  type PowerOptions,
} from './power/power-engine.js';
export { Random } from './random.js';
