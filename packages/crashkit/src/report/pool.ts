/** Runs the tasks of a report in processes side by side, so that one core does not wait for another. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ReportRow } from './row.js';
import type { ReportTask } from './task.js';

const childProgram = fileURLToPath(new URL('task-child.js', import.meta.url));

type Answer = { readonly rows: readonly ReportRow[] } | { readonly error: string };

/** Runs all tasks, and tells of each when it is done. */
export async function runTasks(
  tasks: readonly ReportTask[],
  onDone: (task: ReportTask, rows: readonly ReportRow[]) => void,
): Promise<void> {
  const waiting = tasks.values();
  const worker = async (): Promise<void> => {
    const child = fork(childProgram);
    const ended = once(child, 'exit').then(([status]) => {
      throw new Error(`a process of the report ended with ${String(status)}`);
    });
    ended.catch(() => undefined);
    try {
      for (const task of waiting) onDone(task, await rowsOf(child, ended, task));
    } finally {
      child.kill();
    }
  };
  const count = Math.min(availableParallelism(), tasks.length);
  await Promise.all(Array.from({ length: count }, worker));
}

async function rowsOf(
  child: ChildProcess,
  ended: Promise<never>,
  task: ReportTask,
): Promise<readonly ReportRow[]> {
  child.send(task);
  const answered = once(child, 'message').then(([answer]) => answer as Answer);
  const answer = await Promise.race([answered, ended]);
  if ('rows' in answer) return answer.rows;
  throw new Error(`${JSON.stringify(task)}: ${answer.error}`);
}
