/** Runs one engine on one scenario, within a budget. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exploreErrors } from '../errors/error-engine.js';
import { explore } from '../explore/explore.js';
import { exploreRaces } from '../explore/races.js';
import type { ScenarioAt } from '../explore/scenario.js';
import type { Violation } from '../explore/violation.js';
import { kindOf } from '../explore/violation.js';
import { exploreKills } from '../kill/kill-engine.js';
import type { Budget } from './budget.js';
import type { ReportRow } from './row.js';

export const engineNames = ['model', 'error', 'race', 'kill'] as const;
export type ReportEngine = (typeof engineNames)[number];

/** The root of every scenario on the model. */
export const MODEL_ROOT = '/d';

type Counts = Pick<ReportRow, 'states' | 'cases' | 'violations'>;

/** The row of one scenario under one engine; `undefined` when the budget leaves the engine out. */
export async function runEngine(
  engine: ReportEngine,
  name: string,
  scenarioAt: ScenarioAt,
  budget: Budget,
  scenarioModule: string,
): Promise<ReportRow | undefined> {
  const begunMs = Date.now();
  if (engine === 'kill' && budget.killMoments.length === 0) return undefined;
  const counts = await runners[engine](name, scenarioAt, budget, scenarioModule);
  return {
    operation: name,
    engine,
    filesystem: engine === 'kill' ? 'this machine' : 'model',
    seeds: engine === 'model' ? budget.seeds : [],
    seconds: (Date.now() - begunMs) / 1000,
    ...counts,
  };
}

type Runner = (
  name: string,
  scenarioAt: ScenarioAt,
  budget: Budget,
  scenarioModule: string,
) => Promise<Counts>;

const runners: Readonly<Record<ReportEngine, Runner>> = {
  async model(_, scenarioAt, budget) {
    const { exhaustiveUpTo, randomPerStep, recoveryDepth } = budget;
    const violations: Violation[] = [];
    let states = 0;
    for (const seed of budget.seeds) {
      const options = { seed, exhaustiveUpTo, randomPerStep, recoveryDepth };
      const result = await explore(scenarioAt(MODEL_ROOT), options);
      // Another seed meets many of the same states; only the first seed's are surely distinct.
      states = Math.max(states, result.states);
      violations.push(...result.violations);
    }
    return { states, cases: budget.seeds.length, violations: oneOfEachKind(violations) };
  },
  async error(_, scenarioAt, budget) {
    const options = { include: budget.faultCase };
    const { states, cases, violations } = await exploreErrors(scenarioAt(MODEL_ROOT), options);
    return { states, cases, violations };
  },
  async race(_, scenarioAt, budget) {
    const { cases, violations } = await exploreRaces(scenarioAt(MODEL_ROOT), {
      seeds: budget.races,
    });
    return { states: 0, cases, violations };
  },
  async kill(name, _, budget, scenarioModule) {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-crash-'));
    try {
      const options = { module: scenarioModule, scenario: name, directory };
      const result = await exploreKills({ ...options, moments: budget.killMoments });
      return { states: 0, cases: result.cases, violations: result.violations };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

function oneOfEachKind(violations: readonly Violation[]): readonly Violation[] {
  const kinds = new Map<string, Violation>();
  for (const violation of violations) {
    if (!kinds.has(kindOf(violation.message))) kinds.set(kindOf(violation.message), violation);
  }
  return [...kinds.values()];
}
