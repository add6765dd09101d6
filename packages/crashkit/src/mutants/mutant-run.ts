/** One scenario under one engine, as the mutants are tried on it: enough to notice, and no more. */
import { exploreErrors, type FaultCase } from '../errors/error-engine.js';
import { explore } from '../explore/explore.js';
import { exploreRaces } from '../explore/races.js';
import type { Scenario } from '../explore/scenario.js';
import type { Violation } from '../explore/violation.js';

export type MutantEngine = 'race' | 'model' | 'error';

export interface MutantRun {
  readonly engine: MutantEngine;
  readonly scenario: string;
}

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

/** What the run noticed, as a line of text. A scenario that cannot even run without a crash shows that. */
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
