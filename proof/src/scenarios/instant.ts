/**
 * Scenarios in which something happens at a given instant, and not by chance: what another program
 * does there, or the filesystem itself. Nothing crashes, so the race engine runs them, once.
 */
import { setImmediate } from 'node:timers/promises';
import { HoldfastError, isHoldfastError } from 'holdfast';
import type { Fs } from 'holdfast/os';
import type { Scenario, ScenarioAt } from '@holdfast/crashkit';
import { seeFile } from './reading.js';

export type NamedScenario = readonly [name: string, scenarioAt: ScenarioAt];

export function atAnInstant(
  name: string,
  rest: (root: string) => Pick<Scenario, 'setup' | 'run' | 'check'>,
): NamedScenario {
  return [name, (root) => ({ name, root, engines: ['race'], ...rest(root) })];
}

/** Throws unless the call fails with this code. */
export async function mustFail(call: Promise<unknown>, code: string): Promise<void> {
  const result = await call.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
  if (isHoldfastError(result) && [result, result.cause].some((each) => hasCode(each, code))) return;
  throw new Error(`the call must fail with ${code}: ${describe(result)}`);
}

function hasCode(error: unknown, code: string): boolean {
  return isHoldfastError(error) && error.code === code;
}

function describe(result: unknown): string {
  return result instanceof HoldfastError ? result.code : String(result);
}

export async function mustHold(fs: Fs, path: string, part: string): Promise<void> {
  const seen = await seeFile(fs, path);
  if (!seen.includes(part)) throw new Error(`${path} holds ${seen}, not ${part}`);
}

/** Lets others go on for a while, also those that load a module first, and needs no clock. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await setImmediate();
}

/** A promise, and what fulfils it. */
export function deferred(): [Promise<void>, () => void] {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return [promise, resolve];
}
