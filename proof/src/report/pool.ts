/**
 * Runs the tasks of a report in processes side by side, so that one core does not wait for another.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ReportRow } from './row.js';
import type { ReportTask } from './task.js';

const childProgram = fileURLToPath(new URL('task-child.js', import.meta.url));

type Answer = { readonly rows: readonly ReportRow[] } | { readonly error: string };

/** Runs all tasks, and tells of each when it is done, or why it could not be. */
export async function runTasks(
  tasks: readonly ReportTask[],
  onDone: (task: ReportTask, rows: readonly ReportRow[]) => void,
  onFailed: (task: ReportTask, reason: string) => void,
): Promise<void> {
  const waiting = tasks.values();
  const worker = async (): Promise<void> => {
    const child = fork(childProgram);
    const ended = once(child, 'exit').then(([status]) => {
      throw new Error(`a process of the report ended with ${String(status)}`);
    });
    ended.catch(() => undefined);
    try {
      for (const task of waiting) {
        const answer = await answerOf(child, ended, task);
        if ('rows' in answer) onDone(task, answer.rows);
        else onFailed(task, answer.error);
      }
    } finally {
      child.kill();
    }
  };
  const count = Math.min(availableParallelism(), tasks.length);
  await Promise.all(Array.from({ length: count }, worker));
}

function answerOf(child: ChildProcess, ended: Promise<never>, task: ReportTask): Promise<Answer> {
  child.send(task);
  return Promise.race([once(child, 'message').then(([answer]) => answer as Answer), ended]);
}
