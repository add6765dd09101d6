/** How many states the model engine makes in a second of one core, and how many it checks. */
import * as holdfast from 'holdfast';
import { type Exploration, explore, type ExploreOptions, type Scenario } from '@holdfast/crashkit';
import { holdfastScenarios } from '../scenarios/index.js';
import { MODEL_ROOT } from './engines.js';

export interface Speed {
  /** States made and told from each other, equal ones included. */
  readonly madePerSecond: number;
  /**
   * Distinct states made, recovered and checked; the check makes the next run of the program as
   * well.
   */
  readonly checkedPerSecond: number;
}

const measured = [
  'replaceFile: two processes',
  'publishDirectory: replace twice',
  'transaction: three processes, one root',
];
const limits = { exhaustiveUpTo: 10, randomPerStep: 400 };

export async function measureSpeed(): Promise<Speed> {
  const scenarios = measured.map((name) => scenarioNamed(name));
  const unchecked = scenarios.map(({ name, root, setup, run }) => {
    const check = async (): Promise<void> => undefined;
    return { name, root, run, check, ...(setup && { setup }) };
  });
  return {
    madePerSecond: await perSecond(unchecked, {}, ({ candidates }) => candidates),
    checkedPerSecond: await perSecond(scenarios, { recoveryDepth: 1 }, ({ states }) => states),
  };
}

function scenarioNamed(name: string): Scenario {
  const scenarioAt = holdfastScenarios(holdfast)[name];
  if (!scenarioAt) throw new Error(`there is no scenario '${name}' to measure`);
  return scenarioAt(MODEL_ROOT);
}

async function perSecond(
  scenarios: readonly Scenario[],
  options: ExploreOptions,
  pick: (exploration: Exploration) => number,
): Promise<number> {
  const begun = process.cpuUsage();
  let count = 0;
  for (const scenario of scenarios)
    count += pick(await explore(scenario, { ...limits, ...options }));
  const { user, system } = process.cpuUsage(begun);
  return (count * 1e6) / (user + system);
}
