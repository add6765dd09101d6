/**
 * Which of the pending changes to keep: all subsets where few are pending; beyond that none, all,
 * every prefix (what a kill leaves), each one dropped, each one alone, and random ones.
 */
import type { Random } from '../random.js';

/** How many of the states are made where there are too many for all. */
export interface SubsetLimits {
  /** Up to so many pending changes, every subset is made. */
  readonly exhaustiveUpTo: number;
  /** Beyond that: how many random subsets, and at most how many of each other kind. */
  readonly randomPerStep: number;
}

/** Yields subsets as arrays of 0 and 1. The array is one and the same: copy it to keep it. */
export function* subsets(
  count: number,
  limits: SubsetLimits,
  random: Random,
): Generator<Uint8Array> {
  const kept = new Uint8Array(count);
  if (count <= limits.exhaustiveUpTo) yield* allSubsets(kept);
  else yield* someSubsets(kept, limits.randomPerStep, random);
}

function* allSubsets(kept: Uint8Array): Generator<Uint8Array> {
  for (let bits = 0; bits < 2 ** kept.length; bits += 1) {
    for (let index = 0; index < kept.length; index += 1) kept[index] = (bits >> index) & 1;
    yield kept;
  }
}

function* someSubsets(kept: Uint8Array, limit: number, random: Random): Generator<Uint8Array> {
  yield kept.fill(1);
  for (const index of sample(kept.length, limit, random)) {
    yield kept.fill(0).fill(1, 0, index);
    kept.fill(1)[index] = 0;
    yield kept;
    kept.fill(0)[index] = 1;
    yield kept;
  }
  for (let made = 0; made < limit; made += 1) {
    const likelihood = [0.5, 0.1, 0.9][made % 3] as number;
    for (let index = 0; index < kept.length; index += 1) {
      kept[index] = random.next() < likelihood ? 1 : 0;
    }
    yield kept;
  }
}

/** All numbers below `count`, or `limit` of them, always with the first and the last few. */
function sample(count: number, limit: number, random: Random): readonly number[] {
  if (count <= limit) return Array.from({ length: count }, (_, index) => index);
  const edge = Math.floor(limit / 4);
  const chosen = new Set(Array.from({ length: edge }, (_, index) => index));
  for (let index = count - edge; index < count; index += 1) chosen.add(index);
  while (chosen.size < limit) chosen.add(random.below(count));
  return [...chosen].toSorted((a, b) => a - b);
}
