/** Runs one engine on one scenario, within a budget. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exploreErrors } from '../errors/error-engine.js';
import { explore } from '../explore/explore.js';
import { exploreRaces } from '../explore/races.js';
import type { ScenarioAt } from '../explore/scenario.js';
import type { Violation } from '../explore/violation.js';
import { kindOf } from '../explore/violation.js';
import { exploreKills } from '../kill/kill-engine.js';
import { explorePower, type PowerFilesystem } from '../power/power-engine.js';
import type { Budget } from './budget.js';
import { onMounted, type MountedKind } from './mounted.js';
import type { ReportRow } from './row.js';

export const engineNames = ['model', 'error', 'race', 'kill', 'power'] as const;
export type ReportEngine = (typeof engineNames)[number];

/** The root of every scenario on the model. */
export const MODEL_ROOT = '/d';

type Counts = Pick<ReportRow, 'states' | 'cases' | 'violations'>;

/** What one scenario showed under one engine: a row for each filesystem; none when the budget leaves the engine out. */
export async function runEngine(
  engine: ReportEngine,
  name: string,
  scenarioAt: ScenarioAt,
  budget: Budget,
  scenarioModule: string,
): Promise<ReportRow[]> {
  const rows: ReportRow[] = [];
  const { engines = engineNames } = scenarioAt(MODEL_ROOT);
  if (!engines.includes(engine)) return rows;
  for (const filesystem of filesystemsOf(engine, budget)) {
    const begunMs = Date.now();
    const task = { name, scenarioAt, budget, scenarioModule, filesystem };
    const counts = await runners[engine](task);
    const seeds = engine === 'model' ? budget.seeds : [];
    const seconds = (Date.now() - begunMs) / 1000;
    rows.push({ operation: name, engine, filesystem, seeds, seconds, ...counts });
  }
  return rows;
}

function filesystemsOf(engine: ReportEngine, budget: Budget): readonly string[] {
  if (engine === 'power') return budget.powerSubsets > 0 ? ['ext4', 'xfs', 'btrfs'] : [];
  if (engine !== 'kill') return ['model'];
  if (budget.killMoments.length === 0) return [];
  return [...(budget.killsOnMounts ? mountable : []), 'here'];
}

const mountable: readonly MountedKind[] = ['ext4', 'xfs', 'btrfs', 'tmpfs'];

interface Task {
  readonly name: string;
  readonly scenarioAt: ScenarioAt;
  readonly budget: Budget;
  readonly scenarioModule: string;
  readonly filesystem: string;
}

type Runner = (task: Task) => Promise<Counts>;

const runners: Readonly<Record<ReportEngine, Runner>> = {
  async model({ scenarioAt, budget }) {
    const { exhaustiveUpTo, randomPerStep, recoveryDepth } = budget;
    const violations: Violation[] = [];
    let states = 0;
    for (const seed of budget.seeds) {
      const options = { seed, exhaustiveUpTo, randomPerStep, recoveryDepth };
      const result = await explore(scenarioAt(MODEL_ROOT), options);
      // Another seed meets many of the same states; only the first seed's are surely distinct.
      states = Math.max(states, result.states);
      violations.push(...result.violations);
    }
    return { states, cases: budget.seeds.length, violations: oneOfEachKind(violations) };
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
  async kill({ name, budget, scenarioModule: module, filesystem }) {
    return inDirectoryOn(filesystem, async (directory) => {
      const options = { module, scenario: name, directory, moments: budget.killMoments };
      const { cases, violations } = await exploreKills(options);
      return { states: 0, cases, violations };
    });
  },
  async power({ name, budget, scenarioModule: module, filesystem }) {
    const kind = filesystem as PowerFilesystem;
    const options = { module, scenario: name, filesystem: kind, subsets: budget.powerSubsets };
    const runs = [await explorePower(options)];
    for (const failingWrite of budget.failingWrites) {
      runs.push(await explorePower({ ...options, failingWrite }));
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
