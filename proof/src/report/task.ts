/**
 * A piece of the report that one process works out: a scenario under an engine, or a part of the
 * generated ones.
 */
import type { ScenarioModule } from '@holdfast/crashkit';
import { budgets, type BudgetName, type FamilyName } from './budget.js';
import { runEngine, type ReportEngine } from './engines.js';
import { runGenerated } from './generated.js';
import type { ReportRow } from './row.js';

export type ReportTask = { readonly budget: BudgetName } & (
  | {
      readonly kind: 'scenario';
      readonly engine: ReportEngine;
      readonly filesystem: string;
      readonly name: string;
      /** Its path in the repository. */
      readonly module: string;
    }
  | {
      readonly kind: 'generated';
      readonly family: FamilyName;
      /** Only scenarios whose name contains this. */
      readonly part: string;
      /** Which of how many equal parts. */
      readonly shard: number;
      readonly shards: number;
    }
);

export const repository: URL = new URL('../../../', import.meta.url);

export function moduleUrl(path: string): string {
  return new URL(path, repository).href;
}

export async function runTask(task: ReportTask): Promise<readonly ReportRow[]> {
  const budget = budgets[task.budget];
  if (task.kind === 'generated') {
    const row = await runGenerated(task.family, budget, task.part, task);
    return row ? [row] : [];
  }
  const module = moduleUrl(task.module);
  const { scenarios } = (await import(module)) as ScenarioModule;
  const scenarioAt = scenarios[task.name];
  if (!scenarioAt) throw new Error(`${task.module} has no scenario '${task.name}'`);
  return [await runEngine({ ...task, module }, scenarioAt, budget)];
}
