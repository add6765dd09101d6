/** The generated sequences of calls, all or a sample that the budget can bear, as one row. */
import * as holdfast from 'holdfast';
import { explore } from '../explore/explore.js';
import type { Violation } from '../explore/violation.js';
import { Random } from '../random.js';
import { sequenceScenarios } from '../scenarios/sequences.js';
import type { Budget } from './budget.js';
import { MODEL_ROOT, oneOfEachKind } from './engines.js';
import type { ReportRow } from './row.js';

/** All sequences of one call, and a sample of the longer ones. */
export async function runSequences(budget: Budget, part: string): Promise<ReportRow | undefined> {
  const begunMs = Date.now();
  const all = Object.entries(sequenceScenarios(holdfast)).filter(([name]) => name.includes(part));
  const chosen = sample(all, budget.sequences);
  if (chosen.length === 0) return undefined;
  const violations: Violation[] = [];
  let states = 0;
  for (const [, scenarioAt] of chosen) {
    const { exhaustiveUpTo, randomPerStep, recoveryDepth } = budget;
    const options = { exhaustiveUpTo, randomPerStep, recoveryDepth };
    const result = await explore(scenarioAt(MODEL_ROOT), options);
    states += result.states;
    violations.push(...result.violations);
  }
  return {
    operation: `sequences of up to 3 calls (${chosen.length} of ${all.length})`,
    engine: 'model',
    filesystem: 'model',
    states,
    cases: chosen.length,
    seeds: [1],
    violations: oneOfEachKind(violations),
    seconds: (Date.now() - begunMs) / 1000,
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
