/**
 * No scenarios: those of crashkit run on a disk. What an object store does to its clients, the
 * tests of `packages/objectstore` do themselves, in every order (test/document/orders.test.ts).
 */
import type { ScenarioAt } from '@holdfast/crashkit';

/** The scenarios for a copy of the package. */
export function scenariosOf(): Readonly<Record<string, ScenarioAt>> {
  return {};
}

export const scenarios: Readonly<Record<string, ScenarioAt>> = scenariosOf();
