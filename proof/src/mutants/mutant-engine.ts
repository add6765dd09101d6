/**
 * Tests the proof: each mutant of a package must break a promise that a scenario or a test sees.
 * One that nothing notices is either a call that is not needed or a hole in the proof, and both are
 * worth knowing.
 *
 * The evidence (evidence.ts) names for each mutant what must notice it, so that a mutant takes a
 * second. Where it names nothing, or the wrong thing, what notices its neighbours is tried, then
 * every scenario and every test of the package.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textOf, type Evidence, type Notice } from './evidence.js';
import type { Mutant } from './mutant-list.js';
import { PackageCopy, type MutatedForm } from './package-copy.js';
import { runProgram } from './run-program.js';
import type { Runs, ScenarioRun } from './scenario-run.js';
import { firstFailed } from './test-run.js';

export interface MutantResult {
  readonly name: string;
  readonly kind: string;
  /** What noticed it; `undefined` for a survivor. */
  readonly killedBy: Noticed | undefined;
  /** Whether that is what the evidence says. */
  readonly isExpected: boolean;
}

export interface Noticed {
  readonly run: Notice;
  /** The broken promise. */
  readonly text: string;
}

export interface MutantOptions {
  /** The package to mutate: a folder with `package.json`, `dist` and `dist-test`. */
  readonly package: string;
  /** The URL of the module whose `scenariosOf` makes the scenarios for a copy of it. */
  readonly scenarios: string;
  /** The sources of its tests, relative to the package, in the order in which they are tried. */
  readonly tests: readonly string[];
  /** Where its dependencies are. */
  readonly nodeModules: string;
  /** For each mutant by its name, what notices it. */
  readonly evidence: Evidence;
  /**
   * What is tried before all else where the evidence does not help: tests whose path contains this.
   */
  readonly tryFirst?: string | undefined;
  /**
   * What is tried where the evidence does not help: what notices others of the file, the scenarios
   * that call the function, and tests of the same folder; by default everything after these.
   */
  readonly search?: 'nothing' | 'near' | 'everything';
  /** What a mutant is put into; both by default. */
  readonly form?: MutatedForm;
  /** How many processes run at a time; 2 by default. */
  readonly concurrency?: number;
  readonly onResult?: (result: MutantResult) => void;
}

const childProgram = fileURLToPath(new URL('mutant-child.js', import.meta.url));
/** A mutant that takes longer than this for its one run hangs, which is noticed too. */
const RUN_TIMEOUT_MS = 120_000;
/** One test takes a second; one that opens a FIFO without the flag for it waits for ever. */
const ONE_TEST_TIMEOUT_MS = 30_000;
const SEARCH_TIMEOUT_MS = 900_000;

/** Tries each mutant. The package as it is must pass every run that is taken for evidence. */
export async function testMutants(
  mutants: readonly Mutant[],
  options: MutantOptions,
): Promise<MutantResult[]> {
  const waiting = mutants.values();
  const results: MutantResult[] = [];
  const work = async (copy: PackageCopy): Promise<void> => {
    for (const mutant of waiting) {
      const trial = new Trial(copy, mutant, options);
      const result = await copy.with(mutant, () => trial.result());
      options.onResult?.(result);
      results.push(result);
    }
  };
  await withCopies(options, async (copies) => {
    await checkUnmutated(copies[0] as PackageCopy, mutants, options);
    await Promise.all(copies.map(work));
  });
  return results.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function withCopies(
  options: MutantOptions,
  work: (copies: readonly PackageCopy[]) => Promise<void>,
): Promise<void> {
  const copies = Array.from(
    { length: options.concurrency ?? 2 },
    () => new PackageCopy(options.package, options.nodeModules, options.form ?? 'both'),
  );
  try {
    await work(copies);
  } finally {
    for (const copy of copies) copy.remove();
  }
}

async function checkUnmutated(
  copy: PackageCopy,
  mutants: readonly Mutant[],
  options: MutantOptions,
): Promise<void> {
  const runs = uniqueRuns(mutants.flatMap(({ name }) => options.evidence[name] ?? []));
  const scenarios = runs.filter((run) => 'scenario' in run);
  const seen: Noticed[] = [];
  if (scenarios.length > 0)
    seen.push(...(await runScenarios(copy, scenarios, options, SEARCH_TIMEOUT_MS)));
  const tests = runs.filter((run) => 'test' in run);
  for (const test of new Set(tests.map((run) => run.test))) {
    const names = tests.filter((run) => run.test === test).map(({ name }) => name);
    const failed = await firstFailed(copy.folder, test, names, SEARCH_TIMEOUT_MS);
    if (failed) seen.push(failed);
  }
  const [first] = seen;
  if (!first) return;
  throw new Error(`the package as it is fails ${textOf(first.run)}: ${first.text}`);
}

/** One mutant, in a copy of its package. */
class Trial {
  readonly #copy: PackageCopy;
  readonly #mutant: Mutant;
  readonly #options: MutantOptions;

  constructor(copy: PackageCopy, mutant: Mutant, options: MutantOptions) {
    this.#copy = copy;
    this.#mutant = mutant;
    this.#options = options;
  }

  async result(): Promise<MutantResult> {
    const { name, kind } = this.#mutant;
    const { evidence, search = 'everything' } = this.#options;
    const expected = evidence[name];
    const asExpected = expected && (await this.#noticedBy([expected]));
    if (asExpected) return { name, kind, killedBy: asExpected, isExpected: true };
    const killedBy =
      (search === 'nothing' ? undefined : await this.#searchNear()) ??
      (search === 'everything' ? await this.#searchEverywhere() : undefined);
    return { name, kind, killedBy, isExpected: false };
  }

  /** What notices the others of the same file comes first. */
  async #searchNear(): Promise<Noticed | undefined> {
    const { tests, tryFirst } = this.#options;
    if (tryFirst !== undefined) {
      const wanted = tests.filter((test) => test.includes(tryFirst));
      const noticed = await this.#noticedByTests(wanted);
      if (noticed) return noticed;
    }
    return this.#inOrder(
      () => this.#noticedByTests(this.#testsFrom(0, 2)),
      async () =>
        (await this.#noticedBy(this.#neighbours())) ??
        (await this.#noticedByScenarios(this.#mutant)),
    );
  }

  async #searchEverywhere(): Promise<Noticed | undefined> {
    return this.#inOrder(
      () => this.#noticedByTests(this.#testsFrom(2)),
      () => this.#noticedByScenarios('every'),
    );
  }

  async #inOrder(
    inTests: () => Promise<Noticed | undefined>,
    inScenarios: () => Promise<Noticed | undefined>,
  ): Promise<Noticed | undefined> {
    const [first, then] =
      this.#mutant.noticedBy === 'test' ? [inTests, inScenarios] : [inScenarios, inTests];
    return (await first()) ?? (await then());
  }

  #neighbours(): readonly Notice[] {
    const entries = Object.entries(this.#options.evidence);
    const near = entries.filter(([name]) => name.startsWith(`${this.#mutant.file}: `));
    return uniqueRuns(near.map(([, run]) => run));
  }

  /**
   * The tests between two distances: 0 for those that import the file, 1 for those of its folder, 2
   * for others. Among them those that need no root come first.
   */
  #testsFrom(from: number, to = Infinity): readonly string[] {
    const { package: root, tests } = this.#options;
    const { file } = this.#mutant;
    const folder = `test/${file.slice(0, file.indexOf('/') + 1)}`;
    const distance = (test: string): number => {
      if (readFileSync(join(root, test), 'utf8').includes(`'#src/${file}.js'`)) return 0;
      return test.startsWith(folder) ? 1 : 2;
    };
    const isRoot = (test: string): number => (test.endsWith('.root.ts') ? 1 : 0);
    return tests
      .map((test) => ({ test, place: distance(test) }))
      .filter(({ place }) => place >= from && place < to)
      .toSorted((a, b) => a.place - b.place || isRoot(a.test) - isRoot(b.test))
      .map(({ test }) => test);
  }

  async #noticedBy(runs: readonly Notice[]): Promise<Noticed | undefined> {
    const scenarios = runs.filter((run) => 'scenario' in run);
    if (scenarios.length > 0) {
      const seen = await this.#noticedByScenarios(scenarios);
      if (seen) return seen;
    }
    for (const { test, name } of runs.filter((run) => 'test' in run)) {
      const failed = await firstFailed(this.#copy.folder, test, [name], ONE_TEST_TIMEOUT_MS);
      if (failed) return failed;
    }
    return undefined;
  }

  /** Many runs that come to no end in time hang only if the last of them does alone. */
  async #noticedByScenarios(runs: Runs): Promise<Noticed | undefined> {
    const timeoutMs = Array.isArray(runs) && runs.length === 1 ? RUN_TIMEOUT_MS : SEARCH_TIMEOUT_MS;
    const [seen] = await runScenarios(this.#copy, runs, this.#options, timeoutMs);
    if (!seen?.hangs || (Array.isArray(runs) && runs.length === 1)) return seen;
    return this.#noticedByScenarios([seen.run]);
  }

  /**
   * A test that fails by itself now and then notices nothing: it must pass without the mutant and
   * fail again with it.
   */
  async #noticedByTests(tests: readonly string[]): Promise<Noticed | undefined> {
    const { folder } = this.#copy;
    for (const test of tests) {
      const failed = await firstFailed(folder, test, undefined, RUN_TIMEOUT_MS);
      if (!failed) continue;
      const again = (): Promise<Noticed | undefined> =>
        firstFailed(folder, test, [failed.run.name], ONE_TEST_TIMEOUT_MS);
      const isItsOwn = await this.#copy.without(this.#mutant, again);
      const seen = isItsOwn ? undefined : await again();
      if (seen) return seen;
    }
    return undefined;
  }
}

interface NoticedScenario extends Noticed {
  readonly run: ScenarioRun;
  /** It was ended since its time was over. */
  readonly hangs: boolean;
}

/** Makes the runs, and gives the first thing that was noticed. */
async function runScenarios(
  { folder }: PackageCopy,
  runs: Runs,
  { scenarios }: MutantOptions,
  timeoutMs: number,
): Promise<readonly NoticedScenario[]> {
  const entry = join(folder, 'dist', 'index.js');
  const args = [childProgram, entry, scenarios];
  const { stdout, stderr, status, hangs } = await runProgram(args, JSON.stringify(runs), timeoutMs);
  const lines = stdout.split('\n').filter((line) => line !== '');
  const last = lines.map((line) => JSON.parse(line) as { run: ScenarioRun; text?: string }).at(-1);
  if (status === 0)
    return last?.text === undefined ? [] : [{ run: last.run, text: last.text, hangs }];
  const run = last?.run ?? (Array.isArray(runs) ? (runs[0] as ScenarioRun) : undefined);
  const crash = /^\w*Error\b.*$/m.exec(stderr)?.[0] ?? stderr.split('\n')[0] ?? '';
  if (!run) throw new Error(`no scenario could be run: ${crash}`);
  return [{ run, text: hangs ? 'hangs' : `crashes: ${crash}`, hangs }];
}

function uniqueRuns(runs: readonly Notice[]): readonly Notice[] {
  return [...new Map(runs.map((run) => [textOf(run), run])).values()];
}
