/**
 * Proves Holdfast: every scenario under every engine, within a budget, and every mutant of the core. Prints what it found
 * and, when nothing was left out, writes docs/crash-report.md. Exits 1 when a promise was broken or a mutant survived.
 *
 *   npm run crash -- [--budget quick|ci|release] [--scenario PART] [--engine NAME ...] [--show N]
 *                    [--rows FILE] [--report-only]
 *
 * Engines: model, error, race, kill, strace, power (root only), sequences, mutants; each as far as the budget goes.
 * With `--rows` what is done is kept in a file, and not done again; with `--report-only` nothing else is.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ScenarioAt } from '../explore/scenario.js';
import { printViolation } from '../explore/violation.js';
import type { ScenarioModule } from '../kill/load-scenario.js';
import type { MutantResult } from '../mutants/mutant-engine.js';
import { budgets, type BudgetName } from './budget.js';
import { engineNames, filesystemsFor, type ReportEngine } from './engines.js';
import { crashReport } from './crash-report.js';
import { KeptRows } from './kept-rows.js';
import { runMutants } from './mutants.js';
import { runTasks } from './pool.js';
import { tableOf, type ReportRow } from './row.js';
import { joinShards } from './sequences.js';
import { moduleUrl, repository, type ReportTask } from './task.js';

/** Holdfast's own, and those of the packages above it, which this one must not know. */
const modules = ['packages/crashkit/dist/scenarios/holdfast.js', 'test/dist/crash/tiled-vrt.js'];
const allEngines = [...engineNames, 'sequences', 'mutants'] as const;
const SHARDS = 8;

const { values } = parseArgs({
  options: {
    budget: { type: 'string', default: 'quick' },
    scenario: { type: 'string' },
    engine: { type: 'string', multiple: true },
    show: { type: 'string', default: '3' },
    rows: { type: 'string' },
    'report-only': { type: 'boolean', default: false },
  },
});

const budgetName = (Object.keys(budgets) as BudgetName[]).find((name) => name === values.budget);
const budget = budgetName ?? fail(`no budget ${values.budget}`);
const part = values.scenario ?? '';
const engines = (values.engine ?? allEngines).map(engineNamed);
const runsAll = values.engine === undefined && values.scenario === undefined;
const begunMs = Date.now();

const tasks = await allTasks();
const kept = new KeptRows(values.rows);
if (!values['report-only']) {
  const open = tasks.filter((task) => kept.of(task) === undefined);
  await runTasks(
    open,
    (task, rows) => {
      kept.keep(task, rows);
      for (const row of rows) announce(row);
    },
    (task, reason) => console.error(`FAILED ${JSON.stringify(task)}: ${reason}`),
  );
}
const missing = tasks.filter((task) => kept.of(task) === undefined);
const found = tasks.flatMap((task) => kept.of(task) ?? []);
const shards = found.filter(({ operation }) => operation.startsWith('sequences'));
const rows = found.filter((row) => !shards.includes(row));
if (shards.length > 0) rows.push(joinShards(shards));
const mutants = engines.includes('mutants') && budgets[budget].mutants ? await mutate() : [];
if (rows.length === 0 && mutants.length === 0) fail('nothing matches, so nothing was explored');
finish();

/** The longest first, so that no process works alone in the end. */
async function allTasks(): Promise<readonly ReportTask[]> {
  const ofScenarios = await Promise.all(modules.map(tasksOf));
  return [...sequenceTasks(), ...ofScenarios.flat()];
}

function sequenceTasks(): readonly ReportTask[] {
  if (!engines.includes('sequences')) return [];
  return Array.from({ length: SHARDS }, (_, shard) => ({
    kind: 'sequences',
    budget,
    part,
    shard,
    shards: SHARDS,
  }));
}

async function tasksOf(module: string): Promise<readonly ReportTask[]> {
  const { scenarios } = (await import(moduleUrl(module))) as ScenarioModule;
  return Object.keys(scenarios)
    .filter((name) => name.includes(part))
    .flatMap((name) => tasksFor(module, name, scenarios[name] as ScenarioAt));
}

function tasksFor(module: string, name: string, scenarioAt: ScenarioAt): readonly ReportTask[] {
  return engines
    .filter((engine) => engine !== 'sequences' && engine !== 'mutants')
    .flatMap((engine) =>
      filesystemsFor(engine, name, scenarioAt, budgets[budget]).map((filesystem) => ({
        kind: 'scenario',
        budget,
        engine,
        filesystem,
        name,
        module,
      })),
    );
}

async function mutate(): Promise<readonly MutantResult[]> {
  if (kept.mutants && part === '') return kept.mutants;
  if (values['report-only']) return [];
  const results = await runMutants(fileURLToPath(repository), part, (result) => {
    console.error(mutantLine(result));
  });
  if (part === '') kept.keepMutants(results);
  return results;
}

/** What is not in the evidence yet is printed as a line of it. */
function mutantLine({ name, killedBy, isExpected }: MutantResult): string {
  if (!killedBy) return `SURVIVES  ${name}`;
  if (isExpected) return `killed    ${name}`;
  const { engine, scenario } = killedBy;
  return `killed    ${JSON.stringify(name)}: ${JSON.stringify({ engine, scenario })},`;
}

/** Says at once what a row found. */
function announce(row: ReportRow): void {
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
  console.log(`${budget} budget, ${seconds.toFixed(0)} s`);
  if (runsAll) {
    const text = crashReport({ budget, rows, mutants, missingCount: missing.length });
    writeFileSync(new URL('docs/crash-report.md', repository), text);
  }
  if (
    missing.length > 0 ||
    survivors.length > 0 ||
    rows.some(({ violations }) => violations.length > 0)
  ) {
    process.exitCode = 1;
  }
}

function engineNamed(name: string): ReportEngine | 'sequences' | 'mutants' {
  const known = allEngines.find((engine) => engine === name);
  return known ?? fail(`no engine ${name}: one of ${allEngines.join(', ')}`);
}

function fail(message: string): never {
  console.error(`crash: ${message}`);
  process.exit(2);
}
