/** Tries the mutants, and keeps what notices each. */
import { parseArgs } from 'node:util';
import { readEvidence, textOf, writeEvidence, type Evidence, type Notice } from './evidence.js';
import type { MutantResult } from './mutant-engine.js';
import { SYNCHRONOUS_FORM, mutable, mutantsOfPackage, runMutants, runTwins } from './packages.js';

const help = `npm run mutants -- [options]

Takes what keeps data safe out of the packages, one thing at a time, and sees that a scenario or a test notices. What the
evidence does not know is searched for among all scenarios and tests.

  --only TEXT   only mutants whose name contains this
  --open        only mutants that nothing is known to notice
  --try TEXT    search first in the tests whose path contains this
  --near        search only in scenarios that call the function, and in tests of its folder
  --synchronous only mutants of the core that scenarios notice, in its synchronous form and by the same scenarios there
  --jobs N      how many processes run at a time; 2 by default
  --write       keep what was found in proof/evidence.json
  --list        only print the names
  --help        print this

Exit status: 0 every mutant was noticed, 1 not so, 2 wrong usage.`;

try {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      try: { type: 'string' },
      near: { type: 'boolean', default: false },
      jobs: { type: 'string', default: '2' },
      write: { type: 'boolean', default: false },
      open: { type: 'boolean', default: false },
      synchronous: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) console.log(help);
  else if (values.list) list(values.only);
  else if (values.synchronous) process.exitCode = await tryTwins(values);
  else process.exitCode = await tryAll(values);
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`mutants: ${error.message} (--help says more)`);
  process.exitCode = 2;
}

function list(only: string): void {
  const names = mutable.flatMap(mutantsOfPackage).map(({ name }) => name);
  console.log(names.filter((name) => name.includes(only)).join('\n'));
}

async function tryTwins({
  only,
  try: tryFirst,
  write: keeps,
  near,
  jobs,
}: Wishes): Promise<number> {
  const known = readEvidence();
  const own: Record<string, Notice> = { ...known[SYNCHRONOUS_FORM] };
  const onResult = (result: MutantResult): void => {
    announce(result);
    if (!keeps || !result.killedBy || result.isExpected) return;
    own[result.name] = result.killedBy.run;
    writeEvidence({ ...known, [SYNCHRONOUS_FORM]: own });
  };
  const search = near ? 'near' : 'nothing';
  const concurrency = Number(jobs);
  return verdictOn(await runTwins({ only, tryFirst, search, concurrency, onResult }));
}

/** What both ways to try have in common. */
interface Wishes {
  readonly only: string;
  readonly try?: string | undefined;
  readonly write: boolean;
  readonly near: boolean;
  readonly jobs: string;
}

async function tryAll({
  only,
  try: tryFirst,
  write: keeps,
  open: isOpen,
  near,
  jobs,
}: Wishes & { readonly open: boolean }): Promise<number> {
  const known = readEvidence();
  const evidence: Record<string, Evidence> = { ...known };
  const results: MutantResult[] = [];
  for (const part of mutable) {
    const names = new Set(mutantsOfPackage(part).map(({ name }) => name));
    const onResult = (result: MutantResult): void => {
      announce(result);
      // At once, since a search is long and may be ended.
      evidence[part.package] = updated(evidence[part.package] ?? {}, [result], names);
      if (keeps) writeEvidence(evidence);
    };
    const isWanted = (name: string): boolean => !isOpen || !known[part.package]?.[name];
    const concurrency = Number(jobs);
    const search = near ? 'near' : 'everything';
    const options = {
      only,
      tryFirst,
      evidence: known,
      search,
      concurrency,
      onResult,
      isWanted,
    } as const;
    const found = await runMutants(part, options);
    evidence[part.package] = updated(evidence[part.package] ?? {}, [], names);
    if (keeps) writeEvidence(evidence);
    results.push(...found);
  }
  return verdictOn(results);
}

/** The exit status. */
function verdictOn(results: readonly MutantResult[]): number {
  const survivors = results.filter(({ killedBy }) => !killedBy);
  for (const { name } of survivors) console.log(`SURVIVES  ${name}`);
  console.log(`${results.length - survivors.length} of ${results.length} mutants noticed`);
  return survivors.length === 0 && results.length > 0 ? 0 : 1;
}

/** What was known of mutants that still are, and what was found now. */
function updated(
  known: Evidence,
  found: readonly MutantResult[],
  names: ReadonlySet<string>,
): Evidence {
  const entries = new Map(Object.entries(known).filter(([name]) => names.has(name)));
  for (const { name, killedBy } of found) {
    if (killedBy) entries.set(name, killedBy.run);
    else entries.delete(name);
  }
  return Object.fromEntries([...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function announce({ name, killedBy, isExpected }: MutantResult): void {
  const verdict = killedBy ? (isExpected ? 'noticed ' : 'found   ') : 'SURVIVES';
  console.error(`${verdict}  ${name}${killedBy && !isExpected ? `: ${textOf(killedBy.run)}` : ''}`);
}
