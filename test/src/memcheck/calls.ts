/** Native calls noted by record.ts, and made again by replay.c under valgrind. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const recorder = new URL('record.js', import.meta.url).href;
const source = fileURLToPath(new URL('../../src/memcheck/replay.c', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a Node program while its native calls are noted, and gives them. */
export async function callsOf(args: readonly string[], log: string): Promise<readonly string[]> {
  const { status, stdout, stderr } = await run(process.execPath, ['--import', recorder, ...args], {
    env: { ...process.env, HOLDFAST_RECORD: log },
  });
  if (status !== 0) throw new Error(`${args.join(' ')} failed\n${stdout}${stderr}`);
  return readFileSync(log, 'utf8').split('\n').filter(Boolean);
}

/** Compiles the program that makes them again. */
export function compileReplay(directory: string): string {
  const program = join(directory, 'replay');
  execFileSync('gcc', ['-g', '-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return program;
}

export interface Replayed {
  /** For each call with an error its place among the calls, from 1 on, and its name. */
  readonly faults: readonly string[];
  /** What memcheck says of them. */
  readonly said: string;
}

/**
 * Makes calls again. Errors of memcheck that belong to no call, and a call that ends the program,
 * are errors here.
 */
export async function replay(program: string, calls: readonly string[]): Promise<Replayed> {
  const options = ['--quiet', '--leak-check=no', '--redzone-size=4096', '--error-limit=no'];
  const { status, stdout, stderr } = await run('valgrind', [...options, program], {
    input: `${calls.join('\n')}\n`,
  });
  const faults = stdout.split('\n').filter(Boolean);
  if (status !== (faults.length > 0 ? 1 : 0) || (stderr !== '' && faults.length === 0))
    throw new Error(`the calls came to no end: status ${status}\n${stderr}`);
  return { faults, said: stderr };
}

function run(
  command: string,
  args: readonly string[],
  { env, input = '' }: { readonly env?: NodeJS.ProcessEnv; readonly input?: string },
): Promise<Ended> {
  const child = spawn(command, args, { env, stdio: 'pipe' });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined).end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
}
