/** Finds a scenario in a module, for a process that is told its name. */
import type { Scenario, ScenarioAt } from '../explore/scenario.js';

/** What a module of scenarios exports. */
export interface ScenarioModule {
  readonly scenarios: Readonly<Record<string, ScenarioAt>>;
}

export async function loadScenario(
  moduleUrl: string,
  name: string,
  root: string,
): Promise<Scenario> {
  const { scenarios } = (await import(moduleUrl)) as ScenarioModule;
  const scenarioAt = scenarios[name];
  if (!scenarioAt) throw new Error(`${moduleUrl} has no scenario '${name}'`);
  return scenarioAt(root);
}
