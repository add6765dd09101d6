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

/** What became of a task. */
export type Outcome = { readonly rows: readonly ReportRow[] } | { readonly error: string };

/** What a process says of a task, and how large it is now. */
export type Answer = Outcome & { readonly rssBytes: number };

/**
 * A process larger than this takes no other task. What a scenario kills stays where it was: the
 * thread of a synchronous call, and the disk that it was about to write to.
 */
const LARGEST_BYTES = 2 ** 30;

/** Runs all tasks, and tells of each when it is done, or why it could not be. */
export async function runTasks(
  tasks: readonly ReportTask[],
  onDone: (task: ReportTask, rows: readonly ReportRow[]) => void,
  onFailed: (task: ReportTask, reason: string) => void,
): Promise<void> {
  const waiting = tasks.values();
  const worker = async (): Promise<void> => {
    let child: Child | undefined;
    try {
      for (const task of waiting) {
        child ??= startChild();
        const answer = await answerOf(child, task);
        if ('rows' in answer) onDone(task, answer.rows);
        else onFailed(task, answer.error);
        if (answer.rssBytes <= LARGEST_BYTES) continue;
        child.process.kill();
        child = undefined;
      }
    } finally {
      child?.process.kill();
    }
  };
  const count = Math.min(availableParallelism(), tasks.length);
  await Promise.all(Array.from({ length: count }, worker));
}

interface Child {
  readonly process: ChildProcess;
  /** Rejects when it ends. */
  readonly ended: Promise<never>;
}

function startChild(): Child {
  const child = fork(childProgram);
  const ended = once(child, 'exit').then(([status]) => {
    throw new Error(`a process of the report ended with ${String(status)}`);
  });
  ended.catch(() => undefined);
  return { process: child, ended };
}

function answerOf({ process: child, ended }: Child, task: ReportTask): Promise<Answer> {
  child.send(task);
  return Promise.race([once(child, 'message').then(([answer]) => answer as Answer), ended]);
}
