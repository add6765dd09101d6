/** The arguments of the crash report, and the help that explains them. */
import { parseArgs } from 'node:util';
import { budgets, familyNames, type BudgetName, type FamilyName } from './budget.js';
import { engineNames, type ReportEngine } from './engines.js';

const anyEngine: readonly AnyEngine[] = [...engineNames, ...familyNames, 'mutants'];

export const help: string = `npm run crash -- [options]

Proves Holdfast: every scenario under every engine, within a budget, and every mutant. Prints what it found.

  --budget NAME     ${Object.keys(budgets).join(', ')} (default: quick)
  --scenario PART   only scenarios whose name contains this; of the mutants those whose name does
  --engine NAME     only this engine; may be given several times:
                    ${anyEngine.join(', ')}
  --show N          how many violations of a scenario to print (default: 3)
  --rows FILE       keep what is done in a file, and do not do it again
  --report-only     do nothing but report what is in the file
  --write           write docs/crash-report.md (docs/crash-report-release.md for a release); not when something is left
                    out, and not over the report of a larger budget
  --help            print this

Quick needs nothing but Node. ci and release need root, strace, and Debian's libnbd-bin, fuse3, xfsprogs and btrfs-progs.

  npm run crash
  npm run crash -- --scenario updateJson --engine error --show 10
  npm run crash -- --budget ci --write
  npm run crash -- --budget release --rows release.rows --write

Exit status: 0 every promise held and every mutant was noticed, 1 not so, 2 wrong usage.`;

export type AnyEngine = ReportEngine | FamilyName | 'mutants';

export interface ReportArguments {
  readonly budget: BudgetName;
  readonly engines: readonly AnyEngine[];
  /** What the names of scenarios must contain. */
  readonly part: string;
  readonly show: number;
  readonly rowsPath: string | undefined;
  readonly reportsOnly: boolean;
  /** Whether the report is kept among the documents. */
  readonly writes: boolean;
  readonly asksForHelp: boolean;
}

/** @throws ArgumentError for what is no argument of the report */
export function parseArguments(args: readonly string[]): ReportArguments {
  const values = parsed(args);
  const isWhole = values.engine === undefined && values.scenario === undefined;
  if (values.write && !isWhole) {
    throw new ArgumentError(
      '--write is for a report that leaves nothing out: no --scenario, no --engine',
    );
  }
  return {
    budget: oneOf(Object.keys(budgets) as BudgetName[], 'budget', values.budget),
    engines: values.engine?.map((name) => oneOf(anyEngine, 'engine', name)) ?? anyEngine,
    part: values.scenario ?? '',
    show: wholeNumber('show', values.show),
    rowsPath: values.rows,
    reportsOnly: values['report-only'],
    writes: values.write,
    asksForHelp: values.help,
  };
}

/** What the caller got wrong. */
export class ArgumentError extends Error {}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        budget: { type: 'string', default: 'quick' },
        scenario: { type: 'string' },
        engine: { type: 'string', multiple: true },
        show: { type: 'string', default: '3' },
        rows: { type: 'string' },
        'report-only': { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new ArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function oneOf<T extends string>(known: readonly T[], option: string, name: string): T {
  const found = known.find((each) => each === name);
  if (found !== undefined) return found;
  throw new ArgumentError(`--${option} takes one of ${known.join(', ')}, not '${name}'`);
}

function wholeNumber(option: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new ArgumentError(`--${option} takes a whole number, not '${text}'`);
}
