/** Works out one task of the report after another, for the process that forked it. */
import type { Answer, Outcome } from './pool.js';
import { runTask, type ReportTask } from './task.js';

process.on('message', (task: ReportTask) => {
  const answer = (outcome: Outcome): void => {
    process.send?.({ ...outcome, rssBytes: process.memoryUsage.rss() } satisfies Answer);
  };
  runTask(task).then(
    (rows) => answer({ rows }),
    (error: unknown) =>
      answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});

/** Nobody is left to answer to. */
process.on('disconnect', () => process.exit());
