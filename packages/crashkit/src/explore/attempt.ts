/** A call of a scenario, what it says of itself, and what a reader may then see. */
import { isHoldfastError } from 'holdfast';
import type { World } from './scenario.js';

const DONE = 'done';

/**
 * Makes a call and acknowledges how it ended: `label: done`, or where errors are injected the
 * outcome of its error. A call that fails although nothing was injected fails the scenario.
 *
 * @returns whether the call succeeded
 */
export async function attempt(
  world: World,
  label: string,
  call: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await call();
  } catch (error) {
    if (!world.injectsErrors) throw error;
    world.acknowledge(`${label}: ${outcomeOf(error)}`);
    return false;
  }
  world.acknowledge(`${label}: ${DONE}`);
  return true;
}

/**
 * As {@link attempt}, for a call that may lose to another one: then it changes nothing and says so.
 */
export async function attemptAgainstOthers(
  world: World,
  label: string,
  call: () => Promise<unknown>,
): Promise<void> {
  try {
    await call();
    world.acknowledge(`${label}: ${DONE}`);
  } catch (error) {
    const isLoss = isHoldfastError(error) && error.outcome === 'unchanged';
    if (!isLoss && !world.injectsErrors) throw error;
    world.acknowledge(`${label}: ${outcomeOf(error)}`);
  }
}

/**
 * What a reader may see of a call that takes `before` to `after`, by what was acknowledged of it.
 */
export function allowedAfter<T>(
  acknowledged: readonly string[],
  label: string,
  before: T,
  after: T,
): readonly T[] {
  const said = acknowledged.find((line) => line.startsWith(`${label}: `));
  const outcome = said?.slice(label.length + 2);
  if (outcome === DONE || outcome === 'committed') return [after];
  if (outcome === 'unchanged') return [before];
  if (outcome === undefined || outcome === 'unknown') return [before, after];
  throw new Error(said);
}

function outcomeOf(error: unknown): string {
  return isHoldfastError(error) ? error.outcome : `untyped error ${String(error)}`;
}
