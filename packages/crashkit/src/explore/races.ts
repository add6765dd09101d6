/**
 * The race engine: the program's processes and calls interleave in many orders, each given by a
 * seed. Nothing crashes; what must hold is what the program's own processes see in the end.
 */
import { ModelDisk } from '../model/disk.js';
import { treeOf } from '../model/tree.js';
import { Random, withSeededRandomness } from '../random.js';
import { messageOf } from './message.js';
import { imageAfterSetup, wander, worldOn } from './record.js';
import type { Scenario } from './scenario.js';
import { kindOf, type Violation } from './violation.js';

/** What was found in other orders of events. */
export interface RaceExploration {
  readonly scenario: string;
  readonly cases: number;
  readonly violations: readonly Violation[];
}

/** Runs a scenario in as many orders as there are seeds. */
export async function exploreRaces(
  scenario: Scenario,
  options: { readonly seeds: number },
): Promise<RaceExploration> {
  const violations = new Map<string, Violation>();
  for (let seed = 1; seed <= options.seeds; seed += 1) {
    const violation = await withSeededRandomness(seed, () => race(scenario, seed));
    if (violation && !violations.has(kindOf(violation.message))) {
      violations.set(kindOf(violation.message), violation);
    }
  }
  return { scenario: scenario.name, cases: options.seeds, violations: [...violations.values()] };
}

async function race(scenario: Scenario, seed: number): Promise<Violation | undefined> {
  const random = new Random(seed);
  const turn = (): Promise<void> => wander(random, 12);
  const disk = new ModelDisk(await imageAfterSetup(scenario), { turn, onNfs: scenario.onNfs });
  const message = await messageOf(async () => {
    await scenario.run(worldOn(disk));
    await scenario.check(disk.process(), acknowledgedOn(disk));
  });
  if (message === undefined) return undefined;
  return {
    engine: 'race',
    scenario: scenario.name,
    seed,
    message,
    trace: disk.operations.map(({ text, process }) => ({ text, fate: `process ${process}` })),
    acknowledged: acknowledgedOn(disk),
    tree: treeOf(disk.live),
  };
}

function acknowledgedOn(disk: ModelDisk): string[] {
  return disk.operations.flatMap(({ acknowledges }) => acknowledges ?? []);
}
