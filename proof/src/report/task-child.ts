/** Works out one task of the report after another, for the process that forked it. */
import type { Answer } from './pool.js';
import { runTask, type ReportTask } from './task.js';

process.on('message', (task: ReportTask) => {
  const answer = (said: Omit<Answer, 'rssBytes'>): void => {
    process.send?.({ ...said, rssBytes: process.memoryUsage.rss() });
  };
  runTask(task).then(
    (rows) => answer({ rows }),
    (error: unknown) =>
      answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});

/** Nobody is left to answer to. */
process.on('disconnect', () => process.exit());
