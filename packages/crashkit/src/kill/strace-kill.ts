/**
 * The kill engine's counter-check: `strace` ends the process at the n-th system call of a name, so
 * nothing of ours decides where. strace counts per thread and per system call; with one thread in
 * libuv's pool and a first run that counts in the same way, each point is met exactly.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { messageOf } from '../explore/message.js';
import { prepare } from '../explore/record.js';
import type { Violation } from '../explore/violation.js';
import { parseStraceLog, descriptorOf, bytesOf } from '../foreign/strace-log.js';
import { readTree } from '../model/tree.js';
import {
  childProgram,
  freshFs,
  runChild,
  spread,
  type KillExploration,
  type KillOptions,
} from './kill-engine.js';
import { loadScenario } from './load-scenario.js';

/** System calls that change a tree or make it durable. */
const changingCalls = [
  'openat',
  'write',
  'pwrite64',
  'ftruncate',
  'fsync',
  'fdatasync',
  'syncfs',
  'flock',
  'rename',
  'renameat2',
  'unlink',
  'rmdir',
  'mkdir',
  'link',
  'symlink',
  'fchmod',
  'fchown',
];
/** The child kills itself nowhere. */
const NOWHERE = ['1000000', 'before'];
const ONE_POOL_THREAD = { UV_THREADPOOL_SIZE: '1' };

interface StracePoint {
  readonly call: string;
  /** Counted from 1, over the calls of this name on its thread. */
  readonly when: number;
}

/**
 * Has strace kill the scenario's process at each call that touches the tree, and checks what is
 * left.
 */
export async function exploreStraceKills(
  options: Omit<KillOptions, 'moments'>,
): Promise<KillExploration> {
  const points = spread(await pointsOf(options), options.most);
  const violations: Violation[] = [];
  let cases = 0;
  for (const point of points) {
    const result = await inRoot(options, (root) => killAt(options, root, point));
    if (result === 'missed') continue;
    cases += 1;
    if (result) violations.push(result);
  }
  return { scenario: options.scenario, cases, violations };
}

async function pointsOf(options: Omit<KillOptions, 'moments'>): Promise<StracePoint[]> {
  return inRoot(options, async (root) => {
    const log = `${root}.strace`;
    const flags = ['-f', '-y', '-xx', '-qq', '-s', '4096', '-o', log];
    const trace = ['-e', `trace=${changingCalls.join(',')}`];
    try {
      await runStraced(options, root, [...flags, ...trace]);
      return pointsIn(readFileSync(log, 'latin1'), root);
    } finally {
      rmSync(log, { force: true });
    }
  });
}

function pointsIn(log: string, root: string): StracePoint[] {
  const counts = new Map<string, number>();
  const points = new Map<string, StracePoint>();
  for (const event of parseStraceLog(log)) {
    if (event.kind === 'begin') continue;
    const key = `${event.tid} ${event.name}`;
    const when = (counts.get(key) ?? 0) + 1;
    counts.set(key, when);
    const touches = event.args.some((arg) =>
      [descriptorOf(arg).path, bytesOf(arg).toString()].some((path) => path.startsWith(root)),
    );
    if (touches) points.set(`${event.name} ${when}`, { call: event.name, when });
  }
  return [...points.values()];
}

async function killAt(
  options: Omit<KillOptions, 'moments'>,
  root: string,
  { call, when }: StracePoint,
): Promise<Violation | 'missed' | undefined> {
  const inject = `inject=${call}:signal=KILL:when=${when}`;
  const flags = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject];
  const { acknowledged, signal, status } = await runStraced(options, root, flags);
  // strace ends itself by the signal that ended its child.
  if (signal !== 'SIGKILL' && status !== 137) return 'missed';
  const scenario = await loadScenario(options.module, options.scenario, root);
  const message = await messageOf(async () => {
    await scenario.recover?.(freshFs());
    await scenario.check(freshFs(), acknowledged);
  });
  if (message === undefined) return undefined;
  const trace = [{ text: `${call} number ${when} of its thread`, fate: 'KILLED by strace' }];
  const name = options.scenario;
  return {
    engine: 'kill',
    scenario: name,
    seed: 0,
    message,
    trace,
    acknowledged,
    tree: readTree(root),
  };
}

async function runStraced(
  options: Omit<KillOptions, 'moments'>,
  root: string,
  flags: readonly string[],
) {
  const scenario = await loadScenario(options.module, options.scenario, root);
  await prepare(freshFs(), scenario);
  const child = [childProgram, options.module, options.scenario, root, ...NOWHERE];
  return runChild('strace', [...flags, '--', process.execPath, ...child], ONE_POOL_THREAD);
}

async function inRoot<T>(
  options: Omit<KillOptions, 'moments'>,
  work: (root: string) => Promise<T>,
): Promise<T> {
  const root = mkdtempSync(`${options.directory}/strace-kill-`);
  try {
    return await work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
