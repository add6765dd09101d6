/** Runs one engine on one scenario, within a budget. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  explore,
  exploreErrors,
  exploreKills,
  explorePower,
  exploreRaces,
  exploreStraceKills,
  kindOf,
  type PowerExploration,
  type PowerFilesystem,
  type ScenarioAt,
  type SeenStates,
  type Violation,
} from '@holdfast/crashkit';
import { SYNCHRONOUS } from '../scenarios/api.js';
import type { Budget } from './budget.js';
import { onMounted, type MountedKind } from './mounted.js';
import type { ReportRow } from './row.js';

export const engineNames = ['model', 'error', 'race', 'kill', 'strace', 'power'] as const;
export type ReportEngine = (typeof engineNames)[number];

/** The root of every scenario on the model. */
export const MODEL_ROOT = '/d';

type Counts = Pick<ReportRow, 'states' | 'cases' | 'violations'>;

/**
 * Where an engine is to run a scenario: nowhere when the budget, or the scenario itself, leaves it
 * out.
 */
export function filesystemsFor(
  engine: ReportEngine,
  name: string,
  scenarioAt: ScenarioAt,
  budget: Budget,
): readonly string[] {
  if (name.startsWith(SYNCHRONOUS) && !budget.synchronous.test(name)) return [];
  const { engines = engineNames } = scenarioAt(MODEL_ROOT);
  const kind = engine === 'strace' ? 'kill' : engine;
  return engines.includes(kind) ? filesystemsOf(engine, name, budget) : [];
}

/** What one scenario showed under one engine on one filesystem. */
export async function runEngine(
  task: Pick<Task, 'name' | 'module' | 'filesystem'> & { readonly engine: ReportEngine },
  scenarioAt: ScenarioAt,
  budget: Budget,
): Promise<ReportRow> {
  const { engine, name, module, filesystem } = task;
  const begunMs = Date.now();
  const counts = await runners[engine]({ name, module, filesystem, scenarioAt, budget });
  const seeds = engine === 'model' ? budget.seeds : [];
  const seconds = (Date.now() - begunMs) / 1000;
  return { operation: name, engine, filesystem, seeds, seconds, ...counts };
}

function filesystemsOf(engine: ReportEngine, name: string, budget: Budget): readonly string[] {
  if (engine === 'power') return budget.power?.test(name) ? ['ext4', 'xfs', 'btrfs'] : [];
  if (engine === 'strace') return budget.straceKills > 0 && crossChecked.test(name) ? ['here'] : [];
  if (engine !== 'kill') return ['model'];
  if (budget.killMoments.length === 0) return [];
  return [...(budget.killsOnMounts > 0 ? mountable : []), 'here'];
}

/** One scenario of each kind of call. */
const crossChecked =
  /^(replaceFile: first|updateJson: alone|publishDirectory: replace|transaction: every|appendRecords: alone|writeTiledVrt: over)/;

const mountable: readonly MountedKind[] = ['ext4', 'xfs', 'btrfs', 'tmpfs'];

/** What a failed write leaves shows in what is flushed, more than in what is in flight. */
const SUBSETS_AFTER_FAILURE = 4;

interface Task {
  readonly name: string;
  readonly scenarioAt: ScenarioAt;
  readonly budget: Budget;
  readonly module: string;
  readonly filesystem: string;
}

type Runner = (task: Task) => Promise<Counts>;

const runners: Readonly<Record<ReportEngine, Runner>> = {
  async model({ scenarioAt, budget }) {
    const { exhaustiveUpTo, randomPerStep, recoveryDepth } = budget;
    const violations: Violation[] = [];
    const seen: SeenStates = new Map();
    for (const seed of budget.seeds) {
      const options = { seed, exhaustiveUpTo, randomPerStep, recoveryDepth, seen };
      violations.push(...(await explore(scenarioAt(MODEL_ROOT), options)).violations);
    }
    const cases = budget.seeds.length;
    return { states: seen.size, cases, violations: oneOfEachKind(violations) };
  },
  async error({ scenarioAt, budget }) {
    const options = { include: budget.faultCase, limits: budget.faultLimits };
    const { states, cases, violations } = await exploreErrors(scenarioAt(MODEL_ROOT), options);
    return { states, cases, violations };
  },
  async race({ scenarioAt, budget }) {
    const scenario = scenarioAt(MODEL_ROOT);
    // What is made to happen at a given instant happens in every order.
    const seeds = scenario.engines?.length === 1 ? 1 : budget.races;
    const { cases, violations } = await exploreRaces(scenario, { seeds });
    return { states: 0, cases, violations };
  },
  async kill({ name, budget, module, filesystem }) {
    return inDirectoryOn(filesystem, async (directory) => {
      const options = {
        module,
        scenario: name,
        directory,
        moments: budget.killMoments,
        most: filesystem === 'here' ? budget.kills : budget.killsOnMounts,
      };
      const { cases, violations } = await exploreKills(options);
      return { states: 0, cases, violations };
    });
  },
  async strace({ name, budget, module, filesystem }) {
    return inDirectoryOn(filesystem, async (directory) => {
      const options = { module, scenario: name, directory, most: budget.straceKills };
      const { cases, violations } = await exploreStraceKills(options);
      return { states: 0, cases, violations };
    });
  },
  async power({ name, budget, module, filesystem }) {
    const kind = filesystem as PowerFilesystem;
    const options = { module, scenario: name, filesystem: kind, subsets: budget.powerSubsets };
    const runs: PowerExploration[] = [];
    for (let seed = 1; seed <= budget.powerRuns; seed += 1) {
      runs.push(await explorePower({ ...options, seed }));
    }
    for (const failingWrite of budget.failingWrites) {
      const subsets = Math.min(budget.powerSubsets, SUBSETS_AFTER_FAILURE);
      runs.push(await explorePower({ ...options, subsets, failingWrite }));
    }
    const states = runs.reduce((sum, { images }) => sum + images, 0);
    return { states, cases: runs.length, violations: runs.flatMap(({ violations }) => violations) };
  },
};

async function inDirectoryOn<T>(
  filesystem: string,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  if (filesystem !== 'here') return onMounted(filesystem as MountedKind, work);
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-crash-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function oneOfEachKind(violations: readonly Violation[]): readonly Violation[] {
  const kinds = new Map<string, Violation>();
  for (const violation of violations) {
    if (!kinds.has(kindOf(violation.message))) kinds.set(kindOf(violation.message), violation);
  }
  return [...kinds.values()];
}
