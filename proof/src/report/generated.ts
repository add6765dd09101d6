/** The generated scenarios, all of a family or a sample that the budget can bear, as one row. */
import * as holdfast from 'holdfast';
import {
  explore,
  Random,
  type ScenarioAt,
  type SeenStates,
  type Violation,
} from '@holdfast/crashkit';
import type { HoldfastApi } from '../scenarios/api.js';
import { sequenceScenarios } from '../scenarios/sequences.js';
import { sideBySideScenarios } from '../scenarios/side-by-side.js';
import { wideScenarios } from '../scenarios/wide.js';
import type { Budget, FamilyName } from './budget.js';
import { MODEL_ROOT, oneOfEachKind } from './engines.js';
import type { ReportRow } from './row.js';

interface Family {
  readonly operation: string;
  readonly scenarios: (api: HoldfastApi) => Record<string, ScenarioAt>;
}

const families: Readonly<Record<FamilyName, Family>> = {
  sequences: { operation: 'sequences of up to 3 calls', scenarios: sequenceScenarios },
  'side-by-side': { operation: '2, 3 and 4 calls side by side', scenarios: sideBySideScenarios },
  wide: { operation: 'calls that write much at once', scenarios: wideScenarios },
};

/** One of several equal parts of a family. */
export interface Shard {
  readonly shard: number;
  readonly shards: number;
}

/**
 * The shortest scenarios of a family, and those of the longer ones that the budget affords; of
 * these one part.
 */
export async function runGenerated(
  family: FamilyName,
  budget: Budget,
  part: string,
  { shard, shards }: Shard,
): Promise<ReportRow | undefined> {
  const begunMs = Date.now();
  const { operation, scenarios } = families[family];
  const { most, seeds, ...limits } = budget.generated[family];
  const all = Object.entries(scenarios(holdfast)).filter(([name]) => name.includes(part));
  const chosen = shardOf(sample(all, most), shard, shards);
  if (chosen.length === 0) return undefined;
  const violations: Violation[] = [];
  // What scenarios have in common is checked in each of them, and counted once.
  const states = new Set<number>();
  for (const [, scenarioAt] of chosen) {
    const seen: SeenStates = new Map();
    for (const seed of seeds) {
      const options = { ...limits, seed, recoveryDepth: budget.recoveryDepth, seen };
      violations.push(...(await explore(scenarioAt(MODEL_ROOT), options)).violations);
    }
    for (const state of seen.keys()) states.add(state);
  }
  return {
    operation: `${operation}, of ${all.length}`,
    engine: 'model',
    filesystem: 'model',
    states: states.size,
    cases: chosen.length,
    seeds,
    violations: oneOfEachKind(violations),
    seconds: (Date.now() - begunMs) / 1000,
  };
}

/** The parts of a family as one row; none where there are none. */
export function joinShards(rows: readonly ReportRow[]): readonly ReportRow[] {
  const [first] = rows;
  if (!first) return [];
  const total = (pick: (row: ReportRow) => number): number =>
    rows.reduce((sum, row) => sum + pick(row), 0);
  return [
    {
      ...first,
      states: total(({ states }) => states),
      cases: total(({ cases }) => cases),
      seconds: total(({ seconds }) => seconds),
      violations: oneOfEachKind(rows.flatMap(({ violations }) => violations)),
    },
  ];
}

/** Neighbours lie in one part, since they have the most in common. */
function shardOf<T>(all: readonly T[], shard: number, shards: number): readonly T[] {
  const at = (part: number): number => Math.floor((part * all.length) / shards);
  return all.slice(at(shard), at(shard + 1));
}

/** The first ones, which are the shortest, and then some of the others, the same every time. */
function sample<T>(all: readonly T[], limit: number): readonly T[] {
  if (all.length <= limit) return all;
  const random = new Random(1);
  const chosen = new Set(all.slice(0, Math.floor(limit / 3)));
  while (chosen.size < limit) chosen.add(all[random.below(all.length)] as T);
  return [...chosen];
}
