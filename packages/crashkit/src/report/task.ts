/** A piece of the report that one process works out: a scenario under an engine, or a part of the sequences. */
import type { ScenarioModule } from '../kill/load-scenario.js';
import { budgets, type BudgetName } from './budget.js';
import { runEngine, type ReportEngine } from './engines.js';
import type { ReportRow } from './row.js';
import { runSequences } from './sequences.js';

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
      readonly kind: 'sequences';
      /** Only sequences whose name contains this. */
      readonly part: string;
      /** Which of how many equal parts. */
      readonly shard: number;
      readonly shards: number;
    }
);

export const repository: URL = new URL('../../../../', import.meta.url);

export function moduleUrl(path: string): string {
  return new URL(path, repository).href;
}

export async function runTask(task: ReportTask): Promise<readonly ReportRow[]> {
  const budget = budgets[task.budget];
  if (task.kind === 'sequences') {
    const row = await runSequences(budget, task.part, task);
    return row ? [row] : [];
  }
  const module = moduleUrl(task.module);
  const { scenarios } = (await import(module)) as ScenarioModule;
  const scenarioAt = scenarios[task.name];
  if (!scenarioAt) throw new Error(`${task.module} has no scenario '${task.name}'`);
  return [await runEngine({ ...task, module }, scenarioAt, budget)];
}
