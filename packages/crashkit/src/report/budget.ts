/** How much to explore: while one works, in CI, and before a release. */
import type { FaultCase } from '../errors/error-engine.js';
import type { SubsetLimits } from '../explore/subsets.js';
import type { KillMoment } from '../kill/kill-point.js';

export interface Budget {
  /** Each scenario is explored once with each. */
  readonly seeds: readonly number[];
  readonly exhaustiveUpTo: number;
  readonly randomPerStep: number;
  /** How often a crash hits the recovery from the crash before. */
  readonly recoveryDepth: number;
  /** Which of the error engine's cases to run. */
  readonly faultCase: (faultCase: FaultCase) => boolean;
  /** How much is explored of what a power loss leaves after each of them. */
  readonly faultLimits: SubsetLimits;
  /** In how many orders processes and calls interleave. */
  readonly races: number;
  readonly killMoments: readonly KillMoment[];
  /** How many of a scenario's points to kill at, on each filesystem. */
  readonly kills: number;
  /** How many points to have strace kill at, in the scenarios that it cross-checks. */
  readonly straceKills: number;
  /** Whether to kill on each filesystem, mounted for it; root only. */
  readonly killsOnMounts: boolean;
  /** Which scenarios the power engine runs. Root only. */
  readonly power: RegExp | undefined;
  /** How many random subsets of what is in flight make an image at each flush and mark. */
  readonly powerSubsets: number;
  /** How often it runs each scenario: no two runs write in the same order. */
  readonly powerRuns: number;
  /** Writes of the device to fail, each in a run of its own. */
  readonly failingWrites: readonly number[];
  /** How many of the generated sequences of calls to explore. */
  readonly sequences: number;
  readonly sequenceLimits: SubsetLimits;
  readonly mutants: boolean;
}

const often: readonly string[] = ['EIO', 'ENOSPC', 'short count'];

export type BudgetName = 'quick' | 'ci' | 'release';

export const budgets: Readonly<Record<BudgetName, Budget>> = {
  quick: {
    seeds: [1],
    exhaustiveUpTo: 6,
    randomPerStep: 16,
    recoveryDepth: 1,
    faultCase: ({ fault, lasting }) => !lasting && ['EIO', 'short count'].includes(fault),
    faultLimits: { exhaustiveUpTo: 2, randomPerStep: 1 },
    races: 20,
    killMoments: [],
    kills: 0,
    straceKills: 0,
    killsOnMounts: false,
    power: undefined,
    powerSubsets: 0,
    powerRuns: 0,
    failingWrites: [],
    sequences: 30,
    sequenceLimits: { exhaustiveUpTo: 6, randomPerStep: 16 },
    mutants: false,
  },
  ci: {
    seeds: [1],
    exhaustiveUpTo: 8,
    randomPerStep: 48,
    recoveryDepth: 2,
    faultCase: ({ fault }) => often.includes(fault),
    faultLimits: { exhaustiveUpTo: 2, randomPerStep: 1 },
    races: 60,
    killMoments: ['before', 'inside'],
    kills: 16,
    straceKills: 6,
    killsOnMounts: false,
    power: /first, then over|a group|replace twice|every kind|appendRecords: alone|overwrite twice/,
    powerSubsets: 1,
    powerRuns: 1,
    failingWrites: [2],
    sequences: Infinity,
    sequenceLimits: { exhaustiveUpTo: 4, randomPerStep: 4 },
    mutants: true,
  },
  release: {
    seeds: [1, 2],
    exhaustiveUpTo: 14,
    randomPerStep: 3000,
    recoveryDepth: 2,
    faultCase: () => true,
    faultLimits: { exhaustiveUpTo: 6, randomPerStep: 8 },
    races: 1000,
    killMoments: ['before', 'inside', 'after'],
    kills: Infinity,
    straceKills: Infinity,
    killsOnMounts: true,
    power: /./,
    powerSubsets: 64,
    powerRuns: 2,
    failingWrites: [1, 2, 3, 5, 8, 13],
    sequences: Infinity,
    sequenceLimits: { exhaustiveUpTo: 12, randomPerStep: 300 },
    mutants: true,
  },
};
