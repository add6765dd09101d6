/**
 * A log of jobs that many workers append to: a line each, none torn, none glued to another, on disk
 * when the call returns. Later records of a job stand for it; compacting keeps the last one of
 * each.
 *
 *   node job-log.js run ID [ID …]   a worker that does some jobs
 *   node job-log.js open            the jobs that were started and did not end
 *   node job-log.js compact         one line a job
 */
import { appendRecords, compactRecords, readRecords } from 'holdfast';

interface JobRecord {
  readonly job: string;
  readonly state: 'started' | 'done';
}

const path = 'jobs.jsonl';
const [command, ...ids] = process.argv.slice(2);

const say = (job: string, state: JobRecord['state']) => appendRecords(path, [{ job, state }]);

async function openJobs(): Promise<string[]> {
  const state = new Map<string, string>();
  for await (const record of readRecords<JobRecord>(path)) state.set(record.job, record.state);
  return [...state].filter(([, last]) => last === 'started').map(([job]) => job);
}

if (command === 'run') {
  for (const job of ids) {
    // Once this has returned, the log says so also after a power loss.
    await say(job, 'started');
    await say(job, 'done');
  }
} else if (command === 'open') {
  console.log(JSON.stringify(await openJobs()));
} else if (command === 'compact') {
  console.log(JSON.stringify(await compactRecords(path, { key: 'job' })));
} else {
  console.error('usage: job-log run ID… | open | compact');
  process.exitCode = 2;
}
