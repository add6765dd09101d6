/**
 * Scenarios of a plain form: calls one after another, each of which takes what a reader sees from
 * one state to the next.
 *
 * What the states are nobody writes down: a clean run shows them. After a crash a reader must see
 * the state after the last acknowledged call, or the one after the call that was under way. A call
 * that failed must have told the truth about what is on disk. After the next run nothing may lie
 * there that no clean run leaves.
 */
import type { Fs } from 'holdfast/os';
import { prepare } from './record.js';
import type { EngineName, Scenario } from './scenario.js';
import { ModelDisk } from '../model/disk.js';
import { allowedAfter, attempt } from './attempt.js';

/** One call of a scenario. */
export interface Step {
  readonly label: string;
  /** Makes the call. */
  readonly call: (fs: Fs) => Promise<unknown>;
}

/** A scenario of steps. */
export interface StepScenario {
  readonly name: string;
  readonly root: string;
  /** The only engines that it is for; all by default. */
  readonly engines?: readonly EngineName[] | undefined;
  /** Makes what is there before, durable. */
  readonly setup?: ((fs: Fs) => Promise<void>) | undefined;
  readonly steps: readonly Step[];
  /** Brings a crashed disk to order, where the operation needs it. */
  readonly recover?: ((fs: Fs) => Promise<void>) | undefined;
  /** What a reader sees, as text. Throws when he sees something broken. */
  readonly observe: (fs: Fs) => Promise<string>;
  /**
   * What the next start of the program does; orphans must be gone after it. Throws when it cannot.
   */
  readonly nextRun: (fs: Fs) => Promise<void>;
  /** Paths of which no clean run leaves the very name, but may leave one like it. */
  readonly mayStay?: ((path: string) => boolean) | undefined;
}

/** What clean runs show. */
interface CleanRun {
  /** What a reader sees before the first step and after each. */
  readonly observed: readonly string[];
  /** Every name below the root that is there after some step, or after the next run. */
  readonly names: readonly string[];
}

/** A scenario of calls that follow one another, each acknowledged when it returns. */
export function scenarioOfSteps(plan: StepScenario): Scenario {
  let clean: Promise<CleanRun> | undefined;
  const cleanRun = (): Promise<CleanRun> => (clean ??= runClean(plan));
  return {
    name: plan.name,
    root: plan.root,
    ...(plan.engines && { engines: plan.engines }),
    ...(plan.setup && { setup: plan.setup }),
    ...(plan.recover && { recover: plan.recover }),
    async run(world) {
      await cleanRun();
      for (const { label, call } of plan.steps) {
        if (!(await attempt(world, label, () => call(world.fs)))) return;
      }
    },
    async check(fs, acknowledged) {
      const expected = await cleanRun();
      checkSeen(await plan.observe(fs), expected.observed, plan.steps, acknowledged);
      await plan.nextRun(fs);
      await checkNamesBelow(fs, plan.root, expected.names, plan.mayStay);
    },
  };
}

/**
 * The first call that is not known to have succeeded is the one under way, or the one that failed.
 */
function checkSeen(
  seen: string,
  states: readonly string[],
  steps: readonly Step[],
  acknowledged: readonly string[],
): void {
  const current = steps.findIndex(({ label }) => !acknowledged.includes(`${label}: done`));
  const allowed =
    current < 0
      ? [states.at(-1)]
      : allowedAfter(
          acknowledged,
          (steps[current] as Step).label,
          states[current],
          states[current + 1],
        );
  if (allowed.includes(seen)) return;
  const because = acknowledged.at(-1) ?? 'nothing was acknowledged';
  const wanted = [...new Set(allowed)].join('\n  or ');
  throw new Error(`after "${because}" a reader sees\n     ${seen}\n  not ${wanted}`);
}

/** Runs each number of steps on a disk of its own, and the next run after it. */
async function runClean(plan: StepScenario): Promise<CleanRun> {
  const observed: string[] = [];
  const paths = new Set<string>();
  for (let count = 0; count <= plan.steps.length; count += 1) {
    const disk = new ModelDisk(undefined, { unrecorded: true });
    await prepare(disk.process(), plan);
    const fs = disk.process();
    for (const { call } of plan.steps.slice(0, count)) await call(fs);
    observed.push(await plan.observe(disk.process()));
    for (const path of await pathsBelow(fs, plan.root)) paths.add(path);
    await plan.nextRun(disk.process());
    for (const path of await pathsBelow(fs, plan.root)) paths.add(path);
  }
  return { observed, names: [...paths].map((path) => path.slice(plan.root.length + 1)) };
}

/**
 * Throws when anything but these names (relative to the root) and what `mayStay` allows is there.
 */
export async function checkNamesBelow(
  fs: Fs,
  root: string,
  names: readonly string[],
  mayStay: (path: string) => boolean = () => false,
): Promise<void> {
  const expected = new Set(names.map((name) => `${root}/${name}`));
  const left = (await pathsBelow(fs, root)).filter((path) => !expected.has(path) && !mayStay(path));
  if (left.length > 0) throw new Error(`left over after the next run: ${left.join(', ')}`);
}

/** Every path below a directory. */
export async function pathsBelow(fs: Fs, directory: string): Promise<string[]> {
  const entries = await fs.readDirectory(directory);
  const nested = await Promise.all(
    entries.map(async ({ name, kind }) => {
      const path = `${directory === '/' ? '' : directory}/${name}`;
      return kind === 'directory' ? [path, ...(await pathsBelow(fs, path))] : [path];
    }),
  );
  return nested.flat();
}
