/**
 * Proves Holdfast: every scenario under every engine, within a budget, and every mutant of the core. Prints what it found
 * and, when nothing was left out, writes docs/crash-report.md
 * (docs/crash-report-release.md for a release). Exits 1 when a promise was broken or a mutant survived.
 *
 *   npm run crash -- [--budget quick|ci|release] [--scenario PART] [--engine NAME ...] [--show N]
 *                    [--rows FILE] [--report-only]
 *
 * Engines: model, error, race, kill, strace, power (root only), sequences, side-by-side, mutants; each as far as the budget goes.
 * With `--rows` what is done is kept in a file, and not done again; with `--report-only` nothing else is.
 */
import { spawnSync } from 'node:child_process';
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
import { familyNames, joinShards, type FamilyName } from './generated.js';
import { KeptRows } from './kept-rows.js';
import { runMutants } from './mutants.js';
import { runTasks } from './pool.js';
import { tableOf, type ReportRow } from './row.js';
import { moduleUrl, repository, type ReportTask } from './task.js';

/** Holdfast's own, and those of the packages above it, which this one must not know. */
const modules = ['packages/crashkit/dist/scenarios/holdfast.js', 'test/dist/crash/tiled-vrt.js'];
const allEngines = [...engineNames, ...familyNames, 'mutants'] as const;
type AnyEngine = (typeof allEngines)[number];
const SHARDS = 16;
/** What takes long comes first, so that no process works alone in the end. */
const runOrder: readonly AnyEngine[] = ['power', 'side-by-side', 'error', 'sequences', 'kill'];

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

const commit = commitNow();
const tasks = await allTasks();
const kept = new KeptRows(values.rows, commit);
if (!values['report-only']) {
  if (kept.commit !== commit) fail(`${values.rows} has rows of commit ${kept.commit}`);
  const open = tasks.filter((task) => kept.of(task) === undefined);
  await runTasks(
    open.toSorted((a, b) => placeInRun(a) - placeInRun(b)),
    (task, rows) => {
      kept.keep(task, rows);
      for (const row of rows) announce(row);
    },
    (task, reason) => console.error(`FAILED ${JSON.stringify(task)}: ${reason}`),
  );
}
const missing = tasks.filter((task) => kept.of(task) === undefined);
const rows = [...rowsOf(({ kind }) => kind === 'scenario'), ...familyNames.flatMap(rowsOfFamily)];
const mutants = engines.includes('mutants') && budgets[budget].mutants ? await mutate() : [];
if (rows.length === 0 && mutants.length === 0) fail('nothing matches, so nothing was explored');
finish();

async function allTasks(): Promise<readonly ReportTask[]> {
  const ofScenarios = await Promise.all(modules.map(tasksOf));
  return [...familyNames.flatMap(tasksOfFamily), ...ofScenarios.flat()];
}

function tasksOfFamily(family: FamilyName): readonly ReportTask[] {
  if (!engines.includes(family)) return [];
  return Array.from({ length: SHARDS }, (_, shard) => ({
    kind: 'generated',
    family,
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
    .filter((engine) => isScenarioEngine(engine))
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

function placeInRun(task: ReportTask): number {
  const place = runOrder.indexOf(task.kind === 'generated' ? task.family : task.engine);
  return place < 0 ? runOrder.length : place;
}

function rowsOf(wanted: (task: ReportTask) => boolean): readonly ReportRow[] {
  return tasks.filter(wanted).flatMap((task) => kept.of(task) ?? []);
}

function rowsOfFamily(family: FamilyName): readonly ReportRow[] {
  return joinShards(rowsOf((task) => task.kind === 'generated' && task.family === family));
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
    const text = crashReport({
      budget,
      commit: kept.commit,
      rows,
      mutants,
      missingCount: missing.length,
    });
    const name = budget === 'release' ? 'crash-report-release' : 'crash-report';
    writeFileSync(new URL(`docs/${name}.md`, repository), text);
  }
  if (
    missing.length > 0 ||
    survivors.length > 0 ||
    rows.some(({ violations }) => violations.length > 0)
  ) {
    process.exitCode = 1;
  }
}

function isScenarioEngine(engine: AnyEngine): engine is ReportEngine {
  return engineNames.some((name) => name === engine);
}

function engineNamed(name: string): AnyEngine {
  const known = allEngines.find((engine) => engine === name);
  return known ?? fail(`no engine ${name}: one of ${allEngines.join(', ')}`);
}

/** What is explored: a commit, and whether anything was changed since. */
function commitNow(): string {
  const cwd = fileURLToPath(repository);
  const args = ['describe', '--always', '--dirty', '--abbrev=10', '--exclude=*'];
  const { status, stdout } = spawnSync('git', args, { cwd, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : 'unknown';
}

function fail(message: string): never {
  console.error(`crash: ${message}`);
  process.exit(2);
}
