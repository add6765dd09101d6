/** How much to explore: while one works, in CI, and before a release. */
import {
  type FaultCase,
  type KillMoment,
  killMoments,
  type SubsetLimits,
} from '@holdfast/crashkit';

/** The families of generated scenarios. */
export const familyNames = ['sequences', 'side-by-side', 'wide'] as const;
export type FamilyName = (typeof familyNames)[number];

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
  /** How many of a scenario's points to kill at. */
  readonly kills: number;
  /** How many points to have strace kill at, in the scenarios that it cross-checks. */
  readonly straceKills: number;
  /** At how many of them on each filesystem as well, mounted for it; root only. */
  readonly killsOnMounts: number;
  /** Which scenarios the power engine runs. Root only. */
  readonly power: RegExp | undefined;
  /**
   * Which scenarios of the synchronous calls, whose protocols are those of the others: some of each
   * kind but before a release.
   */
  readonly synchronous: RegExp;
  /** How many random subsets of what is in flight make an image at each flush and mark. */
  readonly powerSubsets: number;
  /** How often it runs each scenario: no two runs write in the same order. */
  readonly powerRuns: number;
  /** Writes of the device to fail, each in a run of its own. */
  readonly failingWrites: readonly number[];
  readonly generated: Readonly<Record<FamilyName, GeneratedBudget>>;
  /**
   * Which mutants: `some` are every fourth of those whose evidence is kept, which take some seconds
   * each (`npm run mutants` tries every one); with `all`, what notices others is searched for.
   */
  readonly mutants: 'none' | 'some' | 'all';
}

/** How much of a family of generated scenarios. */
export interface GeneratedBudget extends SubsetLimits {
  /** How many of them to explore. */
  readonly most: number;
  /** Each is explored once with each: in an order of its own, where calls run side by side. */
  readonly seeds: readonly number[];
}

export type BudgetName = 'quick' | 'nightly' | 'ci' | 'release';

const inTurn: readonly FaultCase['fault'][] = [
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
  'EROFS',
  'EACCES',
  'EINTR',
];

const someOfEach =
  /first, then over|a group|: alone|(?<!Directory: )two processes|a torn tail|by copies|with hard links|updateToml|publishDirectory: (first|replace twice)|two files, twice/;

const ci: Budget = {
  seeds: [1],
  exhaustiveUpTo: 8,
  randomPerStep: 48,
  recoveryDepth: 2,
  // At every call an I/O error, once and lasting, and two of the other errors in turn; a release
  // tries them all.
  faultCase: ({ call, fault, lasting }) =>
    fault === 'EIO' ||
    fault === 'short count' ||
    (!lasting && (call + inTurn.indexOf(fault)) % 3 === 0),
  faultLimits: { exhaustiveUpTo: 2, randomPerStep: 1 },
  races: 40,
  killMoments,
  kills: 8,
  straceKills: 6,
  killsOnMounts: 0,
  power:
    /^(?!sync ).*(?:first, then over|a group|replace twice|every kind|appendRecords: alone|writeTiledVrt: first)/,
  synchronous: someOfEach,
  powerSubsets: 8,
  powerRuns: 1,
  failingWrites: [2],
  generated: {
    sequences: { most: Infinity, seeds: [1], exhaustiveUpTo: 4, randomPerStep: 4 },
    'side-by-side': { most: 90, seeds: [1], exhaustiveUpTo: 6, randomPerStep: 8 },
    wide: { most: Infinity, seeds: [1], exhaustiveUpTo: 8, randomPerStep: 500 },
  },
  mutants: 'some',
};

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
    killsOnMounts: 0,
    power: undefined,
    synchronous: someOfEach,
    powerSubsets: 0,
    powerRuns: 0,
    failingWrites: [],
    generated: {
      sequences: { most: 30, seeds: [1], exhaustiveUpTo: 6, randomPerStep: 16 },
      'side-by-side': { most: 10, seeds: [1], exhaustiveUpTo: 6, randomPerStep: 16 },
      wide: { most: Infinity, seeds: [1], exhaustiveUpTo: 6, randomPerStep: 50 },
    },
    mutants: 'none',
  },
  // Every scenario of the synchronous calls, with the engines that need nothing but Node and strace.
  nightly: { ...ci, synchronous: /./, power: undefined, mutants: 'none' },
  ci,
  release: {
    seeds: [1, 2],
    exhaustiveUpTo: 14,
    randomPerStep: 1000,
    recoveryDepth: 2,
    faultCase: () => true,
    faultLimits: { exhaustiveUpTo: 2, randomPerStep: 1 },
    races: 200,
    killMoments,
    kills: Infinity,
    straceKills: 24,
    killsOnMounts: 8,
    power: /./,
    synchronous: /./,
    powerSubsets: 24,
    powerRuns: 1,
    failingWrites: [2],
    generated: {
      sequences: { most: Infinity, seeds: [1], exhaustiveUpTo: 12, randomPerStep: 300 },
      'side-by-side': {
        most: Infinity,
        seeds: [1, 2, 3, 4],
        exhaustiveUpTo: 11,
        randomPerStep: 400,
      },
      // So many pages are pending at once, and every subset of them is made.
      wide: { most: Infinity, seeds: [1], exhaustiveUpTo: 21, randomPerStep: 1000 },
    },
    mutants: 'all',
  },
};
