/** How much to explore: while one works, in CI, and before a release. */
import type { FaultCase } from '../errors/error-engine.js';
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
  /** In how many orders processes and calls interleave. */
  readonly races: number;
  readonly killMoments: readonly KillMoment[];
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
    races: 20,
    killMoments: [],
    sequences: 30,
    mutants: false,
  },
  ci: {
    seeds: [1, 2],
    exhaustiveUpTo: 8,
    randomPerStep: 48,
    recoveryDepth: 2,
    faultCase: ({ fault, lasting }) => !lasting || ['EIO', 'ENOSPC', 'short count'].includes(fault),
    races: 100,
    killMoments: ['before', 'inside'],
    sequences: 200,
    mutants: true,
  },
  release: {
    seeds: [1, 2, 3, 4, 5, 6, 7, 8],
    exhaustiveUpTo: 12,
    randomPerStep: 400,
    recoveryDepth: 2,
    faultCase: () => true,
    races: 1000,
    killMoments: ['before', 'inside', 'after'],
    sequences: Infinity,
    mutants: true,
  },
};
