/**
 * Proves Holdfast: every scenario under every engine, within a budget, and every mutant of the core. Prints what it found
 * and, when nothing was left out, writes docs/crash-report.md. Exits 1 when a promise was broken or a mutant survived.
 *
 *   npm run crash -- [--budget quick|ci|release] [--scenario PART] [--engine NAME ...] [--show N]
 *
 * Engines: model, error, race, kill, sequences, mutants, power (root only, and only when named or with `release`).
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { printViolation } from '../explore/violation.js';
import type { ScenarioModule } from '../kill/load-scenario.js';
import type { MutantResult } from '../mutants/mutant-engine.js';
import { budgets } from './budget.js';
import { engineNames, runEngine, type ReportEngine } from './engines.js';
import { crashReport } from './crash-report.js';
import { runMutants } from './mutants.js';
import { tableOf, type ReportRow } from './row.js';
import { runSequences } from './sequences.js';

const repository = new URL('../../../../', import.meta.url);
/** Holdfast's own, and those of the packages above it, which this one must not know. */
const modules = [
  new URL('packages/crashkit/dist/scenarios/holdfast.js', repository).href,
  new URL('test/dist/crash/tiled-vrt.js', repository).href,
];
const allEngines = [...engineNames, 'sequences', 'mutants'] as const;

const { values } = parseArgs({
  options: {
    budget: { type: 'string', default: 'quick' },
    scenario: { type: 'string' },
    engine: { type: 'string', multiple: true },
    show: { type: 'string', default: '3' },
  },
});

const budget = budgets[values.budget as keyof typeof budgets] ?? fail(`no budget ${values.budget}`);
const engines = (values.engine ?? allEngines).map(engineNamed);
const runsAll = values.engine === undefined && values.scenario === undefined;
const begunMs = Date.now();

const rows: ReportRow[] = [];
for (const module of modules) await exploreModule(module);
if (engines.includes('sequences')) announce(await runSequences(budget, values.scenario ?? ''));
const mutants = engines.includes('mutants') && budget.mutants ? await mutate() : [];
if (rows.length === 0 && mutants.length === 0) fail('nothing matches, so nothing was explored');
finish();

async function exploreModule(module: string): Promise<void> {
  const { scenarios } = (await import(module)) as ScenarioModule;
  for (const [name, scenarioAt] of Object.entries(scenarios)) {
    if (!name.includes(values.scenario ?? '')) continue;
    for (const engine of engines) {
      if (engine === 'sequences' || engine === 'mutants') continue;
      for (const row of await runEngine(engine, name, scenarioAt, budget, module)) announce(row);
    }
  }
}

async function mutate(): Promise<readonly MutantResult[]> {
  return runMutants(fileURLToPath(repository), values.scenario ?? '', (result) => {
    console.error(mutantLine(result));
  });
}

/** What is not in the evidence yet is printed as a line of it. */
function mutantLine({ name, killedBy, isExpected }: MutantResult): string {
  if (!killedBy) return `SURVIVES  ${name}`;
  if (isExpected) return `killed    ${name}`;
  const { engine, scenario } = killedBy;
  return `killed    ${JSON.stringify(name)}: ${JSON.stringify({ engine, scenario })},`;
}

/** Says at once what a row found. */
function announce(row: ReportRow | undefined): void {
  if (!row) return;
  rows.push(row);
  for (const violation of row.violations.slice(0, Number(values.show))) {
    console.log(`\n${printViolation(violation)}`);
  }
  const { operation, engine, filesystem, states, cases, violations, seconds } = row;
  console.error(
    `${engine} on ${filesystem}  ${operation}: ${states} states, ${cases} cases, ` +
      `${violations.length} violations, ${seconds.toFixed(1)} s`,
  );
}

function finish(): void {
  const survivors = mutants.filter(({ killedBy }) => killedBy === undefined);
  const seconds = (Date.now() - begunMs) / 1000;
  console.log(`\n${tableOf(rows)}\n`);
  console.log(`${mutants.length - survivors.length} of ${mutants.length} mutants killed`);
  console.log(`${values.budget} budget, ${seconds.toFixed(0)} s`);
  if (runsAll) {
    const text = crashReport({ budget: values.budget, seconds, rows, mutants });
    writeFileSync(new URL('docs/crash-report.md', repository), text);
  }
  if (survivors.length > 0 || rows.some(({ violations }) => violations.length > 0)) {
    process.exitCode = 1;
  }
}

function engineNamed(name: string): ReportEngine | 'sequences' | 'mutants' {
  const found = allEngines.find((engine) => engine === name);
  return found ?? fail(`no engine ${name}: one of ${allEngines.join(', ')}`);
}

function fail(message: string): never {
  console.error(`crash: ${message}`);
  process.exit(2);
}
