/**
 * The scenarios of Holdfast once more, with its synchronous calls in the place of those that have
 * one.
 */
import * as holdfast from 'holdfast';
import type { ScenarioAt } from '@holdfast/crashkit';
import { synchronousApi } from '../synchronous/on-thread.js';
import { SYNCHRONOUS, type HoldfastApi } from './api.js';
import { holdfastScenarios } from './index.js';

/** @param module - the address of the module with the synchronous calls */
export function scenariosOf(
  api: HoldfastApi,
  module: string,
): Readonly<Record<string, ScenarioAt>> {
  const synchronous = synchronousApi(api, module);
  const all = Object.entries(holdfastScenarios(synchronous));
  return Object.fromEntries(
    all.map(([name, at]) => {
      const own = SYNCHRONOUS + name;
      return [own, (root: string) => ({ ...at(root), name: own })];
    }),
  );
}

export const scenarios: Readonly<Record<string, ScenarioAt>> = scenariosOf(
  holdfast,
  import.meta.resolve('holdfast/sync'),
);
