/** Works out one task of the report after another, for the process that forked it. */
import { runTask, type ReportTask } from './task.js';

process.on('message', (task: ReportTask) => {
  runTask(task).then(
    (rows) => process.send?.({ rows }),
    (error: unknown) => {
      process.send?.({
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    },
  );
});

/** Nobody is left to answer to. */
process.on('disconnect', () => process.exit());
