/** One test of a package, run on a copy of it. */
import { join } from 'node:path';
import { runProgram } from './run-program.js';

export interface TestRun {
  /** The source of the tests, relative to the package: `test/lock/lock.test.ts`. */
  readonly test: string;
  /** The name of the one test. */
  readonly name: string;
}

/** A test that failed, and what it said. */
export interface FailedTest {
  readonly run: TestRun;
  readonly text: string;
}

/** The modules of the packages, as in all tests, and not their bundles. */
const flags = ['--conditions=holdfast-modules', '--test-reporter=tap', '--test-force-exit'];

/**
 * Runs tests on a copy of their package.
 *
 * @param names - only the tests of these names; all of the file by default
 * @returns the first one that failed; `undefined` when all passed, and when they came to no end
 *   although no name was given
 */
export async function firstFailed(
  folder: string,
  test: string,
  names: readonly string[] | undefined,
  timeoutMs: number,
): Promise<FailedTest | undefined> {
  const patterns = (names ?? []).map((name) => `--test-name-pattern=^${escaped(name)}$`);
  const file = join(folder, test.replace(/^test\//, 'dist-test/').replace(/\.ts$/, '.js'));
  const { stdout, hangs } = await runProgram([...flags, ...patterns, file], '', timeoutMs);
  const failed = /^not ok \d+ - (.*)$/m.exec(stdout)?.[1]?.replaceAll(/\\([\\#])/g, '$1');
  if (failed !== undefined) return { run: { test, name: failed }, text: failureIn(stdout) };
  const [name] = names ?? [];
  return hangs && name !== undefined ? { run: { test, name }, text: 'hangs' } : undefined;
}

function failureIn(tap: string): string {
  const [, text = 'fails'] = /^ {2}error: (?:\|-\n\s*)?(.*)$/m.exec(tap) ?? [];
  return text.replace(/^['"]|['"]$/g, '');
}

function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
