/** The scenarios on Holdfast as it is installed here; the kill engine's children load this. */
import * as holdfast from 'holdfast';
import type { ScenarioAt } from '../explore/scenario.js';
import { holdfastScenarios } from './index.js';

export const scenarios: Readonly<Record<string, ScenarioAt>> = holdfastScenarios(holdfast);
