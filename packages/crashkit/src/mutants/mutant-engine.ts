/**
 * Tests the proof: each mutant of the core must break a promise that the scenarios see. One that nothing notices is either
 * a call that is not needed or a hole in the proof, and both are worth knowing.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutantsOf, type Mutant } from './mutators.js';

export interface MutantResult {
  readonly name: string;
  readonly kind: string;
  /** Which scenario and engine saw it, and what they saw; `undefined` for a survivor. */
  readonly killedBy: string | undefined;
}

export interface MutantOptions {
  /** The package to mutate: a folder with `package.json` and `dist`. */
  readonly package: string;
  /** Where its dependencies are. */
  readonly nodeModules: string;
  /** Only mutants whose name contains this. */
  readonly include?: string;
  /** How many processes run at a time. */
  readonly concurrency?: number;
  readonly onResult?: (result: MutantResult) => void;
}

const childProgram = fileURLToPath(new URL('mutant-child.js', import.meta.url));
/** A mutant that takes longer than this hangs, which is noticed too. */
const TIMEOUT_MS = 600_000;

/** Every mutant of a package. */
export function listMutants(options: Pick<MutantOptions, 'package' | 'include'>): Mutant[] {
  const dist = join(options.package, 'dist');
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  );
  return files
    .toSorted()
    .flatMap((file) => mutantsOf(file, readFileSync(join(dist, file), 'utf8')))
    .filter(({ name }) => name.includes(options.include ?? ''));
}

/** Runs the scenarios against each mutant. */
export async function testMutants(options: MutantOptions): Promise<MutantResult[]> {
  const baseline = await runOn(options, undefined, []);
  const unfit = baseline.find(({ kind }) => kind === 'hangs' || kind === 'crashes');
  if (unfit) throw new Error(`the scenarios do not run on the core as it is: ${unfit.text}`);
  const known = baseline.flatMap(({ kind }) => kind);
  const waiting = listMutants(options);
  const results: MutantResult[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [seen] = await runOn(options, next, known);
      const result = { name: next.name, kind: next.kind, killedBy: seen?.text };
      options.onResult?.(result);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency ?? 2 }, worker));
  return results.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** What one run of the scenarios saw. */
interface Seen {
  /** The kind of the violation, to be told from those that the core shows without a mutation. */
  readonly kind: string;
  readonly text: string;
}

async function runOn(
  options: MutantOptions,
  mutant: Mutant | undefined,
  known: readonly string[],
): Promise<Seen[]> {
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-mutant-'));
  try {
    cpSync(join(options.package, 'package.json'), join(copy, 'package.json'));
    cpSync(join(options.package, 'dist'), join(copy, 'dist'), { recursive: true });
    symlinkSync(options.nodeModules, join(copy, 'node_modules'));
    if (mutant) writeFileSync(join(copy, 'dist', mutant.file), mutant.source);
    return await runChild(join(copy, 'dist', 'index.js'), known, mutant === undefined);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function runChild(entry: string, known: readonly string[], all: boolean): Promise<Seen[]> {
  const args = [childProgram, entry, all ? 'all' : 'first'];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(JSON.stringify(known));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (signal) resolve([{ kind: 'hangs', text: 'hangs' }]);
      else if (status === 0) resolve(JSON.parse(stdout) as Seen[]);
      else
        resolve([{ kind: 'crashes', text: `crashes: ${stderr.split('\n').find(Boolean) ?? ''}` }]);
    });
  });
}
