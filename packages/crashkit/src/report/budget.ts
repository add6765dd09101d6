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
  /** Whether to kill on each filesystem, mounted for it; root only. */
  readonly killsOnMounts: boolean;
  /** How many random subsets of what is in flight make an image at each flush; 0 for no power engine. Root only. */
  readonly powerSubsets: number;
  /** Writes of the device to fail, each in a run of its own. */
  readonly failingWrites: readonly number[];
  /** How many of the generated sequences of calls to explore. */
  readonly sequences: number;
  readonly mutants: boolean;
}

export const budgets: Readonly<Record<'quick' | 'ci' | 'release', Budget>> = {
  quick: {
    seeds: [1],
    exhaustiveUpTo: 6,
    randomPerStep: 16,
    recoveryDepth: 1,
    faultCase: ({ fault, lasting }) => !lasting && ['EIO', 'short count'].includes(fault),
    faultLimits: { exhaustiveUpTo: 2, randomPerStep: 1 },
    races: 20,
    killMoments: [],
    killsOnMounts: false,
    powerSubsets: 0,
    failingWrites: [],
    sequences: 30,
    mutants: false,
  },
  ci: {
    seeds: [1],
    exhaustiveUpTo: 8,
    randomPerStep: 48,
    recoveryDepth: 2,
    faultCase: ({ fault, lasting }) =>
      ['EIO', 'short count'].includes(fault) || (fault === 'ENOSPC' && lasting),
    faultLimits: { exhaustiveUpTo: 2, randomPerStep: 2 },
    races: 60,
    killMoments: ['before', 'inside'],
    killsOnMounts: false,
    powerSubsets: 0,
    failingWrites: [],
    sequences: 150,
    mutants: true,
  },
  release: {
    seeds: [1, 2, 3, 4, 5, 6, 7, 8],
    exhaustiveUpTo: 12,
    randomPerStep: 400,
    recoveryDepth: 2,
    faultCase: () => true,
    faultLimits: { exhaustiveUpTo: 6, randomPerStep: 8 },
    races: 1000,
    killMoments: ['before', 'inside', 'after'],
    killsOnMounts: true,
    powerSubsets: 64,
    failingWrites: [1, 2, 3, 5, 8, 13],
    sequences: Infinity,
    mutants: true,
  },
};
