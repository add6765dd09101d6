/**
 * Runs scenarios on a copy of the core, and prints as JSON what they noticed: all of it, or the first thing.
 *
 *   node mutant-child.js ENTRY all|first   < JSON array of the runs to make; when it is empty, every one there is
 */
import { readFileSync } from 'node:fs';
import type { ScenarioAt } from '../explore/scenario.js';
import type { HoldfastApi } from '../scenarios/api.js';
import { holdfastScenarios } from '../scenarios/index.js';
import { mutantEnginesOf, noticed, type MutantRun } from './mutant-run.js';

const [entry = '', mode = 'first'] = process.argv.slice(2);
const scenarios = holdfastScenarios((await import(entry)) as HoldfastApi);
const given = JSON.parse(readFileSync(0, 'utf8')) as MutantRun[];

const seen: (MutantRun & { readonly text: string })[] = [];
for (const run of given.length > 0 ? given : everyRun()) {
  const text = await noticed(run.engine, scenarioOf(run));
  if (text !== undefined) seen.push({ ...run, text });
  if (text !== undefined && mode === 'first') break;
}
process.stdout.write(JSON.stringify(seen), () => process.exit(0));

/** The quickest engine on all scenarios first. */
function everyRun(): readonly MutantRun[] {
  const names = Object.keys(scenarios);
  return (['race', 'model', 'error'] as const).flatMap((engine) =>
    names
      .map((scenario) => ({ engine, scenario }))
      .filter((run) => mutantEnginesOf(scenarioOf(run)).includes(engine)),
  );
}

function scenarioOf({ scenario }: MutantRun) {
  const scenarioAt: ScenarioAt | undefined = scenarios[scenario];
  if (!scenarioAt) throw new Error(`there is no scenario '${scenario}'`);
  return scenarioAt('/d');
}
