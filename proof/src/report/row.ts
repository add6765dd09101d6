/** One line of the crash report. */
import type { Violation } from '@holdfast/crashkit';

export interface ReportRow {
  readonly operation: string;
  readonly engine: string;
  readonly filesystem: string;
  /** Distinct states that a crash may leave, each checked. */
  readonly states: number;
  /** Runs of the program: with a fault, or to be killed. */
  readonly cases: number;
  readonly seeds: readonly number[];
  readonly violations: readonly Violation[];
  readonly seconds: number;
}

/** The rows as a Markdown table. */
export function tableOf(rows: readonly ReportRow[]): string {
  const head = ['operation', 'engine', 'filesystem', 'states', 'cases', 'seeds', 'violations'];
  const cells = rows.map((row) => [
    row.operation,
    row.engine,
    row.filesystem,
    count(row.states),
    count(row.cases),
    row.seeds.join(' ') || '–',
    String(row.violations.length),
  ]);
  return markdownTable(head, cells);
}

/** A Markdown table with its columns aligned, as the formatter would have it. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((title, column) =>
    Math.max(3, ...[title, ...rows.map((row) => row[column] ?? '')].map((cell) => cell.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export function count(value: number): string {
  return value === 0 ? '–' : value.toLocaleString('en-US');
}
