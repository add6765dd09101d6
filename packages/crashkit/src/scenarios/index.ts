/** Every scenario that proves Holdfast, by name. */
import type { ScenarioAt } from '../explore/scenario.js';
import type { HoldfastApi } from './api.js';
import { directoryScenarios } from './directory.js';
import { fileScenarios } from './file.js';

export function holdfastScenarios(api: HoldfastApi): Readonly<Record<string, ScenarioAt>> {
  return { ...fileScenarios(api), ...directoryScenarios(api) };
}
