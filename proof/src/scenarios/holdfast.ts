/**
 * The scenarios on Holdfast as it is installed here, for the kill engine's children; and on a copy
 * of it, for the mutants'.
 */
import * as holdfast from 'holdfast';
import type { ScenarioAt } from '@holdfast/crashkit';
import type { HoldfastApi } from './api.js';
import { holdfastScenarios } from './index.js';

export function scenariosOf(api: HoldfastApi): Readonly<Record<string, ScenarioAt>> {
  return holdfastScenarios(api);
}

export const scenarios: Readonly<Record<string, ScenarioAt>> = scenariosOf(holdfast);
