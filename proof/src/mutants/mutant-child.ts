/**
 * Runs scenarios on a copy of a package until one of them notices something. Prints a line of JSON
 * for each run that begins, and then what was noticed. SCENARIOS is the URL of a module whose
 * `scenariosOf` makes them for the copy.
 *
 *   node mutant-child.js ENTRY SCENARIOS   < JSON of the runs to make
 */
import { readFileSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { exploreRaces, type Scenario, type ScenarioAt } from '@holdfast/crashkit';
import { Reach } from './reach.js';
import {
  mutantEnginesOf,
  noticed,
  type MutantEngine,
  type Place,
  type Runs,
  type ScenarioRun,
} from './scenario-run.js';

interface MutableModule {
  /** @param synchronous - the address of the synchronous calls of the same copy */
  readonly scenariosOf: (api: unknown, synchronous: string) => Readonly<Record<string, ScenarioAt>>;
}

const [entry = '', module = ''] = process.argv.slice(2);
const { scenariosOf } = (await import(module)) as MutableModule;
const synchronous = new URL('twins/sync.js', pathToFileURL(entry)).href;
const scenarios = scenariosOf(await import(entry), synchronous);
const given = JSON.parse(readFileSync(0, 'utf8')) as Runs;

await tell(await runsOf(given));
process.exit(0);

async function tell(runs: readonly ScenarioRun[]): Promise<void> {
  for (const run of runs) {
    say({ run });
    refuseOtherEngine(run);
    const text = await noticed(run.engine, scenarioOf(run));
    if (text !== undefined) return say({ run, text });
  }
}

/** What a scenario does not promise to an engine notices nothing, though it may fail there. */
function refuseOtherEngine(run: ScenarioRun): void {
  if (mutantEnginesOf(scenarioOf(run)).includes(run.engine)) return;
  throw new Error(`the scenario '${run.scenario}' does not run under '${run.engine}'`);
}

/** At once, so that it is said also when the run then hangs or ends the process. */
function say(line: { readonly run: ScenarioRun; readonly text?: string }): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

async function runsOf(runs: Runs): Promise<readonly ScenarioRun[]> {
  if (runs === 'every') return runsWith(Object.keys(scenarios), ['race', 'model', 'error']);
  return 'file' in runs ? runsThatReach(runs) : runs;
}

/** Where no scenario comes without a fault, those that use the file may with one. */
async function runsThatReach(place: Place): Promise<readonly ScenarioRun[]> {
  const reach = await Reach.begin();
  const [calling, using]: [string[], string[]] = [[], []];
  for (const scenario of Object.keys(scenarios)) {
    const once = () => exploreRaces(scenarioOf({ scenario }), { seeds: 1 });
    const { isCalled, isFileUsed } = await reach.of(place, once);
    if (isCalled) calling.push(scenario);
    else if (isFileUsed) using.push(scenario);
  }
  reach.end();
  const instants = calling.filter((scenario) => isInstant(scenarioOf({ scenario })));
  return [
    ...runsWith(instants, ['race']),
    ...runsWith(calling, ['model', 'race', 'error']).filter(
      (run) => !instants.includes(run.scenario),
    ),
    ...(calling.length === 0 ? runsWith(using, ['error']) : []),
  ];
}

/** What happens in it happens at a given instant, so that it is run but once. */
function isInstant(scenario: Scenario): boolean {
  const engines = mutantEnginesOf(scenario);
  return engines.length === 1 && engines[0] === 'race';
}

/** One engine on all scenarios after the other. */
function runsWith(
  names: readonly string[],
  engines: readonly MutantEngine[],
): readonly ScenarioRun[] {
  return engines.flatMap((engine) =>
    names
      .map((scenario) => ({ engine, scenario }))
      .filter((run) => mutantEnginesOf(scenarioOf(run)).includes(engine)),
  );
}

function scenarioOf({ scenario }: Pick<ScenarioRun, 'scenario'>): Scenario {
  const scenarioAt: ScenarioAt | undefined = scenarios[scenario];
  if (!scenarioAt) throw new Error(`there is no scenario '${scenario}'`);
  return scenarioAt('/d');
}
