/** The crash report: what was explored, and what was found. */
import { count, markdownTable, tableOf, type ReportRow } from './row.js';
import { textOf } from '../mutants/evidence.js';
import type { MutantResult } from '../mutants/mutant-engine.js';
import type { Speed } from './speed.js';

export interface CrashReport {
  readonly budget: string;
  /** What was explored. */
  readonly commits: readonly string[];
  /** How many tasks of the budget were not done. */
  readonly missingCount: number;
  readonly rows: readonly ReportRow[];
  readonly mutants: readonly MutantResult[];
  readonly speed: Speed;
}

export function crashReport({
  budget,
  commits,
  missingCount,
  rows,
  mutants,
  speed,
}: CrashReport): string {
  const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
  const killed = mutants.filter(({ killedBy }) => killedBy !== undefined);
  const total = (pick: (row: ReportRow) => number): string =>
    count(rows.reduce((sum, row) => sum + pick(row), 0));
  const images = rows.filter(({ engine }) => engine === 'power');
  const violations = rows.reduce((sum, row) => sum + row.violations.length, 0);
  return `# Crash report

Written by \`npm run crash -- --budget ${budget} --write\` at commit ${commits.join(', then ')} (${seconds.toFixed(0)} seconds of work); do not edit.
[crash-testing.md](crash-testing.md) says what the engines do.
${missingCount > 0 ? `\nOf this budget ${missingCount} pieces were **not** run (a scenario on an engine and filesystem each): what is not in the tables was not seen.\n` : ''}
- Distinct states that a crash may leave, each checked: ${total((row) => (row.engine === 'power' ? 0 : row.states))}.
- Images of a real filesystem, cut by a power loss, mounted and checked: ${count(images.reduce((sum, row) => sum + row.states, 0))}.
- Runs of a program with a failing call, a kill or another order of events: ${total((row) => (['error', 'kill', 'strace', 'race'].includes(row.engine) ? row.cases : 0))}.
- Broken promises: ${violations}.
- Mutants that a scenario or a test noticed: ${mutants.length === 0 ? 'none was tried' : `${killed.length} of ${mutants.length}`}.
- States that the model engine makes and tells apart in a second of one core: ${perSecond(speed.madePerSecond)}; that it
  recovers and checks as well, each with the next run of the program: ${perSecond(speed.checkedPerSecond)}.

## Operations

${tableOf(rows)}
${mutants.length === 0 ? '' : mutantSection(mutants)}`;
}

/** Two digits say enough of a measurement. */
function perSecond(value: number): string {
  return count(Number(value.toPrecision(2)));
}

function mutantSection(mutants: readonly MutantResult[]): string {
  return `
## Mutants

Each is the core, or what writes a mosaic, with one thing taken out. What noticed it is named.

${mutantTable(mutants)}
`;
}

function mutantTable(mutants: readonly MutantResult[]): string {
  const rows = mutants.map(({ name, killedBy }) => [
    `\`${name.replaceAll('|', '\\|')}\``,
    killedBy ? textOf(killedBy.run) : 'nothing: it survives',
    inOneLine(killedBy?.text ?? ''),
  ]);
  return markdownTable(['taken out', 'noticed by', 'as'], rows);
}

/** A message whose names, numbers and bytes say little to a reader of a table. */
function inOneLine(text: string): string {
  const short = text
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .replace(/[<>*_`{}[\]\\]/g, ' ');
  return short.length > 100 ? `${short.slice(0, 100).trimEnd()}…` : short;
}
