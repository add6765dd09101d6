/**
 * Tests the proof: each mutant of a package must break a promise that the scenarios see. One that nothing notices is either
 * a call that is not needed or a hole in the proof, and both are worth knowing.
 *
 * The evidence (evidence.ts) names for each mutant the scenario and engine that must notice it, so that a mutant takes a
 * second; where it names none, or the wrong one, every scenario is tried.
 */
import { spawn } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MutantRun } from './mutant-run.js';
import { mutantsOf, type Mutant } from './mutators.js';

export interface MutantResult {
  readonly name: string;
  readonly kind: string;
  /** What noticed it; `undefined` for a survivor. */
  readonly killedBy: Noticed | undefined;
  /** Whether that is what the evidence says. */
  readonly isExpected: boolean;
}

export interface Noticed extends MutantRun {
  /** The broken promise. */
  readonly text: string;
}

export type Evidence = Readonly<Record<string, MutantRun>>;

export interface MutantOptions {
  /** The package to mutate: a folder with `package.json` and `dist`. */
  readonly package: string;
  /** Which of its compiled files to take things out of. */
  readonly files: RegExp;
  /** The URL of the module whose `scenariosOf` makes the scenarios for a copy of it. */
  readonly scenarios: string;
  /** Where its dependencies are. */
  readonly nodeModules: string;
  /** For each mutant by its name, what notices it. */
  readonly evidence: Evidence;
  /** Only mutants whose name contains this. */
  readonly include?: string;
  /** How many processes run at a time; 2 by default. */
  readonly concurrency?: number;
  readonly onResult?: (result: MutantResult) => void;
}

const childProgram = fileURLToPath(new URL('mutant-child.js', import.meta.url));
/** A mutant that takes longer than this for its one run hangs, which is noticed too. */
const RUN_TIMEOUT_MS = 60_000;
const SEARCH_TIMEOUT_MS = 900_000;

/** Every mutant of a package. */
export function listMutants(
  options: Pick<MutantOptions, 'package' | 'files' | 'include'>,
): Mutant[] {
  const dist = join(options.package, 'dist');
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.js') && options.files.test(file),
  );
  return files
    .toSorted()
    .flatMap((file) => mutantsOf(file, readFileSync(join(dist, file), 'utf8')))
    .filter(({ name }) => name.includes(options.include ?? ''));
}

/** Tries each mutant. The package as it is must pass every run that is taken for evidence. */
export async function testMutants(options: MutantOptions): Promise<MutantResult[]> {
  const mutants = listMutants(options);
  await checkUnmutated(options, mutants);
  const waiting = [...mutants];
  const results: MutantResult[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const result = await testMutant(options, next);
      options.onResult?.(result);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency ?? 2 }, worker));
  return results.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function checkUnmutated(options: MutantOptions, mutants: readonly Mutant[]): Promise<void> {
  const runs = new Map<string, MutantRun>();
  for (const { name } of mutants) {
    const run = options.evidence[name];
    if (run) runs.set(`${run.engine} ${run.scenario}`, run);
  }
  if (runs.size === 0) return;
  const [seen] = await runOn(options, undefined, [...runs.values()]);
  if (!seen) return;
  throw new Error(`the package as it is fails ${seen.scenario} (${seen.engine}): ${seen.text}`);
}

async function testMutant(options: MutantOptions, mutant: Mutant): Promise<MutantResult> {
  const { name, kind } = mutant;
  const expected = options.evidence[name];
  const [asExpected] = expected ? await runOn(options, mutant, [expected]) : [];
  const killedBy = asExpected ?? (await runOn(options, mutant, []))[0];
  return { name, kind, killedBy, isExpected: asExpected !== undefined };
}

/** Makes the runs, or every run that there is, on a copy of the package. */
async function runOn(
  options: MutantOptions,
  mutant: Mutant | undefined,
  runs: readonly MutantRun[],
): Promise<Noticed[]> {
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-mutant-'));
  try {
    cpSync(join(options.package, 'package.json'), join(copy, 'package.json'));
    cpSync(join(options.package, 'dist'), join(copy, 'dist'), { recursive: true });
    symlinkSync(options.nodeModules, join(copy, 'node_modules'));
    if (mutant) writeFileSync(join(copy, 'dist', mutant.file), mutant.source);
    return await runChild(options.scenarios, join(copy, 'dist', 'index.js'), runs);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function runChild(
  scenarios: string,
  entry: string,
  runs: readonly MutantRun[],
): Promise<Noticed[]> {
  const args = [childProgram, entry, scenarios, 'first'];
  const child = spawn(process.execPath, args, { stdio: 'pipe' });
  const [first = { engine: 'model', scenario: 'some scenario' } satisfies MutantRun] = runs;
  const timeoutMs = runs.length === 1 ? RUN_TIMEOUT_MS : SEARCH_TIMEOUT_MS;
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(JSON.stringify(runs));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (signal) resolve([{ ...first, text: 'hangs' }]);
      else if (status === 0) resolve(JSON.parse(stdout) as Noticed[]);
      else resolve([{ ...first, text: `crashes: ${stderr.split('\n').find(Boolean) ?? ''}` }]);
    });
  });
}
