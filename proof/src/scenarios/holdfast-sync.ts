/**
 * The scenarios of Holdfast once more, with its synchronous calls in the place of those that have
 * one.
 */
import * as holdfast from 'holdfast';
import type { ScenarioAt } from '@holdfast/crashkit';
import { synchronousApi } from '../synchronous/on-thread.js';
import { SYNCHRONOUS, type HoldfastApi } from './api.js';
import { directoryScenarios } from './directory.js';
import { fileScenarios } from './file.js';
import { inPlaceScenarios } from './in-place.js';
import { jsonScenarios } from './json.js';
import { previousScenarios } from './previous.js';
import { recordsScenarios } from './records.js';
import { transactionScenarios } from './transaction.js';

/** @param module - the address of the module with the synchronous calls */
export function scenariosOf(
  api: HoldfastApi,
  module: string,
): Readonly<Record<string, ScenarioAt>> {
  const synchronous = synchronousApi(api, module);
  const all = Object.entries({
    ...fileScenarios(synchronous),
    ...jsonScenarios(synchronous),
    ...previousScenarios(synchronous),
    ...inPlaceScenarios(synchronous),
    ...recordsScenarios(synchronous),
    ...directoryScenarios(synchronous),
    ...transactionScenarios(synchronous),
  });
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
