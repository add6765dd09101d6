import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { crashReport } from '#src/report/crash-report.js';
import { keepReport, reportPath, whyNotKept } from '#src/report/kept-report.js';
import type { BudgetName } from '#src/report/budget.js';

function reportOf(budget: BudgetName): string {
  const speed = { madePerSecond: 1, checkedPerSecond: 1 };
  return crashReport({ budget, commits: ['0'], missingCount: 0, rows: [], mutants: [], speed });
}

test('the report of a smaller budget is not put over that of a larger one', (t) => {
  const documents = temporaryDirectory(t);
  assert.equal(whyNotKept(documents, 'quick'), undefined);
  keepReport(documents, 'ci', reportOf('ci'));
  assert.match(whyNotKept(documents, 'quick') ?? '', /of the ci budget, and a quick one says less/);
  assert.equal(whyNotKept(documents, 'ci'), undefined);
});

test('a release has a report of its own', (t) => {
  const documents = temporaryDirectory(t);
  keepReport(documents, 'release', reportOf('release'));
  assert.equal(whyNotKept(documents, 'quick'), undefined);
  assert.match(readFileSync(reportPath(documents, 'release'), 'utf8'), /--budget release/);
});
