/**
 * Proves Holdfast: every scenario under every engine, within a budget. Prints what it found and, when it ran all, writes
 * docs/crash-report.md. Exits 1 when a promise was broken.
 *
 *   npm run crash -- [--budget quick|ci|release] [--scenario PART] [--engine model|error|kill] [--show N]
 */
import { parseArgs } from 'node:util';
import { printViolation } from '../explore/violation.js';
import { scenarios } from '../scenarios/holdfast.js';
import { budgets } from './budget.js';
import { engineNames, runEngine, type ReportEngine } from './engines.js';
import { tableOf, type ReportRow } from './row.js';

const { values } = parseArgs({
  options: {
    budget: { type: 'string', default: 'quick' },
    scenario: { type: 'string', default: '' },
    engine: { type: 'string', multiple: true, default: [...engineNames] },
    show: { type: 'string', default: '3' },
  },
});

const budget = budgets[values.budget as keyof typeof budgets] ?? fail(`no budget ${values.budget}`);
const engines = values.engine.map(engineNamed);
const scenarioModule = new URL('../scenarios/holdfast.js', import.meta.url).href;

const rows: ReportRow[] = [];
for (const [name, scenarioAt] of Object.entries(scenarios)) {
  if (!name.includes(values.scenario)) continue;
  for (const engine of engines) {
    const row = await runEngine(engine, name, scenarioAt, budget, scenarioModule);
    if (row) rows.push(announce(row));
  }
}
if (rows.length === 0) fail('nothing matches, so nothing was explored');
console.log(`\n${tableOf(rows)}`);
if (rows.some(({ violations }) => violations.length > 0)) process.exitCode = 1;

/** Says at once what a row found. */
function announce(row: ReportRow): ReportRow {
  for (const violation of row.violations.slice(0, Number(values.show))) {
    console.log(`\n${printViolation(violation)}`);
  }
  const { operation, engine, states, cases, violations, seconds } = row;
  console.error(
    `${engine}  ${operation}: ${states} states, ${cases} cases, ${violations.length} violations, ${seconds.toFixed(1)} s`,
  );
  return row;
}

function engineNamed(name: string): ReportEngine {
  const found = engineNames.find((engine) => engine === name);
  return found ?? fail(`no engine ${name}: one of ${engineNames.join(', ')}`);
}

function fail(message: string): never {
  console.error(`crash: ${message}`);
  process.exit(2);
}
