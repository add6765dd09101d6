/** The generated sequences of calls, all or a sample that the budget can bear, as one row. */
import * as holdfast from 'holdfast';
import { explore } from '../explore/explore.js';
import type { Violation } from '../explore/violation.js';
import { Random } from '../random.js';
import { sequenceScenarios } from '../scenarios/sequences.js';
import type { Budget } from './budget.js';
import { MODEL_ROOT, oneOfEachKind } from './engines.js';
import type { ReportRow } from './row.js';

/** One of several equal parts of the sequences. */
export interface Shard {
  readonly shard: number;
  readonly shards: number;
}

/** All sequences of one call, and those of the longer ones that the budget affords; of these one part. */
export async function runSequences(
  budget: Budget,
  part: string,
  { shard, shards }: Shard,
): Promise<ReportRow | undefined> {
  const begunMs = Date.now();
  const all = Object.entries(sequenceScenarios(holdfast)).filter(([name]) => name.includes(part));
  const chosen = sample(all, budget.sequences).filter((_, index) => index % shards === shard);
  if (chosen.length === 0) return undefined;
  const violations: Violation[] = [];
  let states = 0;
  for (const [, scenarioAt] of chosen) {
    const { sequenceLimits, recoveryDepth } = budget;
    const options = { ...sequenceLimits, recoveryDepth };
    const result = await explore(scenarioAt(MODEL_ROOT), options);
    states += result.states;
    violations.push(...result.violations);
  }
  return {
    operation: `sequences of up to 3 calls, of ${all.length}`,
    engine: 'model',
    filesystem: 'model',
    states,
    cases: chosen.length,
    seeds: [1],
    violations: oneOfEachKind(violations),
    seconds: (Date.now() - begunMs) / 1000,
  };
}

/** The parts as one row. */
export function joinShards(rows: readonly ReportRow[]): ReportRow {
  const [first] = rows as readonly [ReportRow, ...ReportRow[]];
  const total = (pick: (row: ReportRow) => number): number =>
    rows.reduce((sum, row) => sum + pick(row), 0);
  return {
    ...first,
    states: total(({ states }) => states),
    cases: total(({ cases }) => cases),
    seconds: total(({ seconds }) => seconds),
    violations: oneOfEachKind(rows.flatMap(({ violations }) => violations)),
  };
}

/** The first ones, which are the shortest, and then some of the others, the same every time. */
function sample<T>(all: readonly T[], limit: number): readonly T[] {
  if (all.length <= limit) return all;
  const random = new Random(1);
  const chosen = new Set(all.slice(0, Math.floor(limit / 3)));
  while (chosen.size < limit) chosen.add(all[random.below(all.length)] as T);
  return [...chosen];
}
