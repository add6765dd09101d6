/**
 * What notices each mutant, kept in `proof/evidence.json` so that it need not be found again.
 * `npm run mutants -- --write` makes the file; nobody edits it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { ScenarioRun } from './scenario-run.js';
import type { TestRun } from './test-run.js';

/** What is run to notice a mutant. */
export type Notice = ScenarioRun | TestRun;

/** For each mutant of a package by its name, what notices it. */
export type Evidence = Readonly<Record<string, Notice>>;

/** The file of the evidence; by package, as the repository has it: `packages/holdfast`. */
const file = new URL('../../evidence.json', import.meta.url);

export function readEvidence(): Readonly<Record<string, Evidence>> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, Evidence>;
}

export function writeEvidence(evidence: Readonly<Record<string, Evidence>>): void {
  writeFileSync(file, `${JSON.stringify(evidence, undefined, 2)}\n`);
}

/** A scenario under an engine, or a test, as one text. */
export function textOf(notice: Notice): string {
  return 'test' in notice
    ? `${notice.test}: ${notice.name}`
    : `${notice.scenario} (${notice.engine})`;
}
