/**
 * The kill engine: a real process on a real filesystem, killed before, inside and after each call
 * that changes something. What it wrote survives it in the page cache, so this finds torn
 * protocols, and not missing syncs; the model and the power engine find those.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeFileSystem, type Fs } from 'holdfast/os';
import type { Call } from '../explore/intercept.js';
import { messageOf } from '../explore/message.js';
import { prepare } from '../explore/record.js';
import type { TraceLine, Violation } from '../explore/violation.js';
import { readTree } from '../model/tree.js';
import {
  countingFs,
  killMoments,
  killPoints,
  type KillMoment,
  type KillPoint,
} from './kill-point.js';
import { loadScenario } from './load-scenario.js';
import { wasKilled } from './was-killed.js';

/** Which scenario, where, and at which calls. */
export interface KillOptions {
  /** The module whose `scenarios` has the scenario, as a URL. */
  readonly module: string;
  readonly scenario: string;
  /** An existing directory on the filesystem to work on. */
  readonly directory: string;
  readonly moments?: readonly KillMoment[] | undefined;
  /** At how many points to kill, spread over the whole run; at all by default. */
  readonly most?: number | undefined;
}

/** What was found when the process was killed. */
export interface KillExploration {
  readonly scenario: string;
  /** How many processes were killed. */
  readonly cases: number;
  readonly violations: readonly Violation[];
}

/** Kills a program at each of its steps, and checks what is left each time. */
export async function exploreKills(options: KillOptions): Promise<KillExploration> {
  const steps = await stepsOf(options);
  const points = spread(killPoints(steps, options.moments ?? killMoments), options.most);
  const runs: KilledRun[] = [];
  for (const point of points) {
    runs.push(await inOwnRoot(options, (root) => killOnce(options, root, point, steps)));
  }
  const cases = runs.filter(({ isKilled }) => isKilled).length;
  if (cases * 2 < runs.length) {
    throw new Error(`${options.scenario}: only ${cases} of ${runs.length} runs reached their step`);
  }
  const violations = runs.flatMap(({ violation }) => violation ?? []);
  return { scenario: options.scenario, cases, violations };
}

interface KilledRun {
  /**
   * False when the program came to its end first: processes side by side do not take as many steps
   * every time.
   */
  readonly isKilled: boolean;
  readonly violation: Violation | undefined;
}

/** So many of the items as are asked for, the same distance apart. */
export function spread<T>(items: readonly T[], most: number = Infinity): readonly T[] {
  if (items.length <= most) return items;
  return Array.from(
    { length: most },
    (_, index) => items[Math.floor(((index + 0.5) * items.length) / most)] as T,
  );
}

/** The steps of a run that nobody kills. */
async function stepsOf(options: KillOptions): Promise<readonly Call[]> {
  return inOwnRoot(options, async (root) => {
    const steps: Call[] = [];
    const scenario = await loadScenario(options.module, options.scenario, root);
    const watched = (): Fs => countingFs(freshFs(), (call) => steps.push(call));
    await prepare(freshFs(), scenario);
    await scenario.run({ fs: watched(), newProcess: watched, acknowledge: () => undefined });
    return steps;
  });
}

async function killOnce(
  options: KillOptions,
  root: string,
  point: KillPoint,
  steps: readonly Call[],
): Promise<KilledRun> {
  const scenario = await loadScenario(options.module, options.scenario, root);
  await prepare(freshFs(), scenario);
  const args = [options.module, options.scenario, root, String(point.step), point.moment];
  const ended = await runChild(process.execPath, [childProgram, ...args]);
  const { acknowledged, stderr } = ended;
  const isKilled = wasKilled(ended);
  const message =
    isKilled || ended.status === 0
      ? await messageOf(async () => {
          await scenario.recover?.(freshFs());
          await scenario.check(freshFs(), acknowledged);
        })
      : `the program was to be killed ${point.moment} step ${point.step}, and failed: ${stderr}`;
  if (message === undefined) return { isKilled, violation: undefined };
  const trace = traceUntil(steps, point);
  const tree = readTree(root);
  const violation: Violation = {
    engine: 'kill',
    scenario: options.scenario,
    seed: 0,
    message,
    trace,
    acknowledged,
    tree,
  };
  return { isKilled, violation };
}

export const childProgram: string = fileURLToPath(new URL('kill-child.js', import.meta.url));

interface ChildResult {
  readonly acknowledged: readonly string[];
  readonly signal: NodeJS.Signals | null;
  readonly status: number | null;
  readonly stderr: string;
}

/**
 * Runs a program to its end, and collects the acknowledgements that it writes to standard output.
 */
export async function runChild(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ChildResult> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      resolve({ acknowledged: acknowledgementsIn(stdout), signal, status, stderr });
    });
  });
}

function acknowledgementsIn(stdout: string): string[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('ACK '))
    .map((line) => line.slice('ACK '.length));
}

/**
 * A filesystem that no call has been made on, so that nothing is remembered of an earlier one, as
 * in a new process.
 */
export function freshFs(): Fs {
  return { ...nodeFileSystem };
}

async function inOwnRoot<T>(options: KillOptions, work: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(`${options.directory}/kill-`);
  try {
    return await work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function traceUntil(steps: readonly Call[], { step, moment }: KillPoint): TraceLine[] {
  return steps.slice(0, step + 1).map(({ name, path }, index) => ({
    text: `${name} ${path}`,
    fate: index === step ? `KILLED ${moment}` : 'done',
  }));
}
