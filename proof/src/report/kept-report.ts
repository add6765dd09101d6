/** The report among the documents: `docs/crash-report.md`, and one of its own for a release. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { budgets, type BudgetName } from './budget.js';

/** Where the report of a budget is kept. */
export function reportPath(documents: string, budget: BudgetName): string {
  return `${documents}/${budget === 'release' ? 'crash-report-release' : 'crash-report'}.md`;
}

/** Why a report of this budget must not be kept, if so: the one that is there says more. */
export function whyNotKept(documents: string, budget: BudgetName): string | undefined {
  const path = reportPath(documents, budget);
  const there = existsSync(path) ? budgetOf(readFileSync(path, 'utf8')) : undefined;
  const names = Object.keys(budgets);
  if (there === undefined || names.indexOf(there) <= names.indexOf(budget)) return undefined;
  return `${path} is the report of the ${there} budget, and a ${budget} one says less`;
}

export function keepReport(documents: string, budget: BudgetName, text: string): void {
  writeFileSync(reportPath(documents, budget), text);
}

/** The budget that a report names. */
function budgetOf(report: string): BudgetName | undefined {
  const named = /npm run crash -- --budget (\w+)/.exec(report)?.[1];
  return named !== undefined && named in budgets ? (named as BudgetName) : undefined;
}
