/**
 * Runs scenarios on a copy of a package, and prints as JSON what they noticed: all of it, or the first thing. SCENARIOS is
 * the URL of a module whose `scenariosOf` makes them for the copy.
 *
 *   node mutant-child.js ENTRY SCENARIOS all|first   < JSON array of the runs to make; when it is empty, every one there is
 */
import { readFileSync } from 'node:fs';
import type { ScenarioAt } from '../explore/scenario.js';
import { mutantEnginesOf, noticed, type MutantRun } from './mutant-run.js';

interface MutableModule {
  readonly scenariosOf: (api: unknown) => Readonly<Record<string, ScenarioAt>>;
}

const [entry = '', module = '', mode = 'first'] = process.argv.slice(2);
const { scenariosOf } = (await import(module)) as MutableModule;
const scenarios = scenariosOf(await import(entry));
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
