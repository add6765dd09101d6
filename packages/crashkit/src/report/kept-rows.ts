/**
 * Rows of tasks that are done, a line of JSON each, so that a long run may be ended and gone on with, or be made in pieces.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { ReportRow } from './row.js';
import type { ReportTask } from './task.js';

export class KeptRows {
  readonly #path: string | undefined;
  readonly #rows = new Map<string, readonly ReportRow[]>();

  /** @param path - a file of an earlier run, if there was one; without a path nothing is kept */
  constructor(path: string | undefined) {
    this.#path = path;
    if (path === undefined || !existsSync(path)) return;
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      if (line === '') continue;
      const { task, rows } = JSON.parse(line) as { task: string; rows: readonly ReportRow[] };
      this.#rows.set(task, rows);
    }
  }

  /** The rows of a task, if it is done. */
  of(task: ReportTask): readonly ReportRow[] | undefined {
    return this.#rows.get(JSON.stringify(task));
  }

  keep(task: ReportTask, rows: readonly ReportRow[]): void {
    const key = JSON.stringify(task);
    this.#rows.set(key, rows);
    if (this.#path !== undefined) {
      appendFileSync(this.#path, `${JSON.stringify({ task: key, rows })}\n`);
    }
  }
}
