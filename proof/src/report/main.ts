/** Proves Holdfast, and says what it found: see the help in arguments.ts. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { printViolation } from '@holdfast/crashkit';
import { textOf } from '../mutants/evidence.js';
import type { MutantResult } from '../mutants/mutant-engine.js';
import {
  mutable,
  mutantsOfPackage,
  mutantsWithoutEvidence,
  runMutants,
} from '../mutants/packages.js';
import { ArgumentError, help, parseArguments, type ReportArguments } from './arguments.js';
import { budgets, familyNames } from './budget.js';
import { crashReport } from './crash-report.js';
import { joinShards } from './generated.js';
import { keepReport, whyNotKept } from './kept-report.js';
import { KeptRows } from './kept-rows.js';
import { runTasks } from './pool.js';
import { tableOf, type ReportRow } from './row.js';
import { measureSpeed } from './speed.js';
import { repository, type ReportTask } from './task.js';
import { allTasks, inRunOrder } from './tasks.js';

const documents = fileURLToPath(new URL('docs', repository));

try {
  const args = parseArguments(process.argv.slice(2));
  if (args.asksForHelp) console.log(help);
  else process.exitCode = (await prove(args)) ? 0 : 1;
} catch (error) {
  if (!(error instanceof ArgumentError)) throw error;
  console.error(`crash: ${error.message} (--help says more)`);
  process.exitCode = 2;
}

/** Whether every promise held and every mutant was noticed. */
async function prove(args: ReportArguments): Promise<boolean> {
  const begunMs = Date.now();
  const refusal = args.writes ? whyNotKept(documents, args.budget) : undefined;
  if (refusal !== undefined) throw new ArgumentError(refusal);
  const tasks = await allTasks(args);
  const kept = new KeptRows(args.rowsPath);
  if (!args.reportsOnly) await runOpen(args, tasks, kept);
  const rows = rowsOf(tasks, kept);
  const mutants = await mutantsOf(args, kept);
  if (rows.length === 0 && mutants.length === 0) {
    throw new ArgumentError('nothing matches, so nothing was explored');
  }
  const survivors = mutants.filter(({ killedBy }) => killedBy === undefined);
  console.log(`\n${tableOf(rows)}\n`);
  console.log(`${mutants.length - survivors.length} of ${mutants.length} mutants killed`);
  console.log(`${args.budget} budget, ${((Date.now() - begunMs) / 1000).toFixed(0)} s`);
  const missingCount = tasks.filter((task) => kept.of(task) === undefined).length;
  if (args.writes) {
    const speed = await measureSpeed();
    const { budget } = args;
    const { commits } = kept;
    const report = crashReport({ budget, commits, missingCount, rows, mutants, speed });
    keepReport(documents, budget, report);
  }
  const violations = rows.flatMap((row) => row.violations);
  return missingCount + survivors.length + violations.length === 0;
}

async function runOpen(
  args: ReportArguments,
  tasks: readonly ReportTask[],
  kept: KeptRows,
): Promise<void> {
  const open = tasks.filter((task) => kept.of(task) === undefined);
  kept.begin(commitNow());
  await runTasks(
    inRunOrder(open),
    (task, rows) => {
      kept.keep(task, rows);
      for (const row of rows) announce(row, args.show);
    },
    (task, reason) => console.error(`FAILED ${JSON.stringify(task)}: ${reason}`),
  );
}

/** Says at once what a row found. */
function announce(row: ReportRow, show: number): void {
  for (const violation of row.violations.slice(0, show)) {
    console.log(`\n${printViolation(violation)}`);
  }
  const { operation, engine, filesystem, states, cases, violations, seconds } = row;
  console.error(
    `${engine} on ${filesystem}  ${operation}: ${states} states, ${cases} cases, ` +
      `${violations.length} violations, ${seconds.toFixed(1)} s`,
  );
}

function rowsOf(tasks: readonly ReportTask[], kept: KeptRows): readonly ReportRow[] {
  const those = (wanted: (task: ReportTask) => boolean): readonly ReportRow[] =>
    tasks.filter(wanted).flatMap((task) => kept.of(task) ?? []);
  return [
    ...those(({ kind }) => kind === 'scenario'),
    ...familyNames.flatMap((family) =>
      joinShards(those((task) => task.kind === 'generated' && task.family === family)),
    ),
  ];
}

async function mutantsOf(
  { budget, engines, part, reportsOnly }: ReportArguments,
  kept: KeptRows,
): Promise<readonly MutantResult[]> {
  const { mutants: which } = budgets[budget];
  if (!engines.includes('mutants') || which === 'none') return [];
  if (kept.mutants && part === '') return kept.mutants;
  if (reportsOnly) return [];
  const results: MutantResult[] = [];
  const onResult = (result: MutantResult): void => console.error(mutantLine(result));
  for (const mutated of mutable) {
    const unknown = which === 'some' ? mutantsWithoutEvidence(mutated) : [];
    for (const name of unknown) console.error(`NOT TRIED ${name}: nothing is known to notice it`);
    const known = mutantsOfPackage(mutated).filter(({ name }) => !unknown.includes(name));
    const wanted = new Set(
      known.filter((_, at) => which === 'all' || at % 4 === 0).map(({ name }) => name),
    );
    const isWanted = (name: string): boolean => wanted.has(name);
    const search = which === 'all' ? 'everything' : 'nothing';
    const options = { only: part, onResult, isWanted, search } as const;
    results.push(...(await runMutants(mutated, options)));
    if (unknown.length > 0) {
      console.log(
        `${unknown.length} mutants of ${mutated.package} NOT TRIED: npm run mutants searches`,
      );
    }
  }
  if (part === '') kept.keepMutants(results);
  return results;
}

/** What the evidence does not know is named: `npm run mutants -- --write` keeps it. */
function mutantLine({ name, killedBy, isExpected }: MutantResult): string {
  if (!killedBy) return `SURVIVES  ${name}`;
  return `killed    ${name}${isExpected ? '' : `, not by what the evidence says: ${textOf(killedBy.run)}`}`;
}

/** What is explored: a commit, and whether anything was changed since. */
function commitNow(): string {
  const cwd = fileURLToPath(repository);
  const args = ['describe', '--always', '--dirty', '--abbrev=10', '--exclude=*'];
  const { status, stdout } = spawnSync('git', args, { cwd, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : 'unknown';
}
