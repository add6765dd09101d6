/** `@holdfast/crashkit`: explores every crash a program can suffer, and shows the shortest one that loses data. */
export { explore, type Exploration, type ExploreOptions } from './explore/explore.js';
export type { Scenario, ScenarioAt, World } from './explore/scenario.js';
export { printViolation, type TraceLine, type Violation } from './explore/violation.js';
export { ModelDisk } from './model/disk.js';
export type { TreeEntry } from './model/tree.js';
