/** One scenario under one engine, as the mutants are tried on it: enough to notice, and no more. */
import {
  explore,
  exploreErrors,
  exploreRaces,
  type FaultCase,
  type Scenario,
  type Violation,
} from '@holdfast/crashkit';

export type MutantEngine = 'race' | 'model' | 'error';

export interface ScenarioRun {
  readonly engine: MutantEngine;
  readonly scenario: string;
}

/** A function of a source file, as the names of mutants have it: `stage/ownership`, `claim`. */
export interface Place {
  readonly file: string;
  readonly function: string;
}

/** Some runs; those of every scenario that comes to a place; `every`. */
export type Runs = readonly ScenarioRun[] | Place | 'every';

const engines: Readonly<
  Record<MutantEngine, (scenario: Scenario) => Promise<{ violations: readonly Violation[] }>>
> = {
  race: (scenario) => exploreRaces(scenario, { seeds: scenario.engines?.length === 1 ? 1 : 60 }),
  model: (scenario) =>
    explore(scenario, {
      exhaustiveUpTo: 8,
      randomPerStep: 48,
      recoveryDepth: 1,
      stopAtFirst: true,
    }),
  error: (scenario) =>
    exploreErrors(scenario, {
      include: isOneOfMany,
      limits: { exhaustiveUpTo: 6, randomPerStep: 8 },
      stopAtFirst: true,
    }),
};

function isOneOfMany({ fault, lasting }: FaultCase): boolean {
  return fault === 'short count' || (fault === 'EIO' && !lasting);
}

/** Every engine that may notice something with a scenario, the quickest first. */
export function mutantEnginesOf(scenario: Scenario): readonly MutantEngine[] {
  const all = ['race', 'model', 'error'] as const;
  return all.filter((engine) => (scenario.engines ?? all).includes(engine));
}

/**
 * What the run noticed, as a line of text. A scenario that cannot even run without a crash shows
 * that.
 */
export async function noticed(
  engine: MutantEngine,
  scenario: Scenario,
): Promise<string | undefined> {
  try {
    const [violation] = (await engines[engine](scenario)).violations;
    return violation?.message.split('\n').join(' ');
  } catch (error) {
    return `fails without any crash: ${String(error)}`;
  }
}
