/**
 * What is done of a report, rows of a task or all mutants, a line of JSON each, so that a long run
 * may be ended and gone on with, or be made in pieces.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { MutantResult } from '../mutants/mutant-engine.js';
import type { ReportRow } from './row.js';
import type { ReportTask } from './task.js';

type Line =
  | { readonly commit: string }
  | { readonly task: string; readonly rows: readonly ReportRow[] }
  | { readonly mutants: readonly MutantResult[] };

export class KeptRows {
  #mutants: readonly MutantResult[] | undefined;
  readonly #path: string | undefined;
  readonly #commits = new Set<string>();
  readonly #rows = new Map<string, readonly ReportRow[]>();

  /** @param path - a file of an earlier run, if there was one; without a path nothing is kept */
  constructor(path: string | undefined) {
    this.#path = path;
    for (const line of linesOf(path)) {
      if ('commit' in line) this.#commits.add(line.commit);
      else if ('mutants' in line) this.#mutants = line.mutants;
      else this.#rows.set(line.task, line.rows);
    }
  }

  /** Notes what is explored from here on. */
  begin(commit: string): void {
    this.#commits.add(commit);
    this.#append({ commit });
  }

  /** What was explored: one commit, or several where a run was gone on with after a change. */
  get commits(): readonly string[] {
    return [...this.#commits];
  }

  /** The rows of a task, if it is done. */
  of(task: ReportTask): readonly ReportRow[] | undefined {
    return this.#rows.get(JSON.stringify(task));
  }

  keep(task: ReportTask, rows: readonly ReportRow[]): void {
    const key = JSON.stringify(task);
    this.#rows.set(key, rows);
    this.#append({ task: key, rows });
  }

  /** What became of the mutants, if they are done. */
  get mutants(): readonly MutantResult[] | undefined {
    return this.#mutants;
  }

  keepMutants(mutants: readonly MutantResult[]): void {
    this.#mutants = mutants;
    this.#append({ mutants });
  }

  #append(line: Line): void {
    if (this.#path !== undefined) appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }
}

function linesOf(path: string | undefined): Line[] {
  if (path === undefined || !existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Line);
}
