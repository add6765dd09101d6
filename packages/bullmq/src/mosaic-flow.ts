/**
 * Brings a session to a queue, once or as often as it takes: a flow whose children are the parts
 * and whose parent is the commit. What is done, the session's directory tells, never the queue.
 */
import { resolve } from 'node:path';
import { FlowProducer, Queue, type FlowJob } from 'bullmq';
import { joinParts } from 'holdfast';
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  ATTEMPTS,
  commitJobId,
  partJobId,
  QUEUE_NAME,
  type MosaicJobData,
  type MosaicOfFlow,
  type MosaicQueue,
} from './mosaic-jobs.js';

/** Where a flow is added, and how often its jobs are tried. */
export interface MosaicFlowOptions extends MosaicQueue {
  /**
   * How often a part, and the commit, are tried that fail with what may pass; 5 by default. Give
   * `mosaicWorker` the same.
   */
  readonly attempts?: number | undefined;
  /**
   * How long to wait before the second attempt, in milliseconds; twice as long before each further
   * one. 1000 by default.
   */
  readonly backoffMs?: number | undefined;
}

const optionNames = ['connection', 'queueName', 'prefix', 'attempts', 'backoffMs'] as const;

/**
 * Adds a job for each part of a session and one for the commit, which runs once all of them are
 * done; its id, whose result is what the commit gives.
 *
 * Called again it adds what the queue has lost, and nothing twice: after a Redis that forgot
 * everything, call it again. Jobs that failed for good it leaves: see `retryMosaic`. After a
 * failure no job is added.
 *
 * @param mosaic - what `beginMosaic` gave, and its path
 * @throws HoldfastError INVALID_ARGUMENT; what BullMQ throws
 */
export async function addMosaicFlow(
  mosaic: MosaicOfFlow,
  options: MosaicFlowOptions,
): Promise<string> {
  check('addMosaicFlow', options);
  await addFlow(
    mosaic,
    Array.from({ length: mosaic.partCount }, (_, part) => part),
    options,
  );
  return commitJobId(mosaic.id);
}

/**
 * Runs again what of a session is not done, whatever the queue says of it: parts that failed for
 * good, parts that the commit found missing or damaged, jobs that were lost; and after them the
 * commit, which BullMQ would leave failed. Jobs that wait or run stay as they are.
 *
 * @returns the parts that are run again, or have not come to their end; of a session that was
 *   committed none
 * @throws HoldfastError SESSION_GONE; INVALID_ARGUMENT; what BullMQ throws, with a part of the jobs
 *   gone: call it again
 */
export async function retryMosaic(
  mosaic: MosaicOfFlow,
  options: MosaicFlowOptions,
): Promise<readonly number[]> {
  check('retryMosaic', options);
  const { id, path } = mosaic;
  const { state, done } = await (await joinParts(path, id)).progress();
  if (state === 'committed') return [];
  const isDone = new Set(done);
  const parts = Array.from({ length: mosaic.partCount }, (_, part) => part).filter(
    (part) => !isDone.has(part),
  );
  const { connection, prefix, queueName = QUEUE_NAME } = options;
  const queue = new Queue<MosaicJobData>(queueName, { connection, ...(prefix && { prefix }) });
  try {
    // The commit first: without its last part it would run at once.
    await removeIf(queue, commitJobId(id), (job) => job !== 'active');
    const isEnded = (job: string): boolean => job === 'failed' || job === 'completed';
    await Promise.all(parts.map((part) => removeIf(queue, partJobId(id, part), isEnded)));
  } finally {
    await queue.close();
  }
  await addFlow(mosaic, parts, options);
  return parts;
}

async function removeIf(
  queue: Queue,
  jobId: string,
  test: (state: string) => boolean,
): Promise<void> {
  const job = await queue.getJob(jobId);
  if (job && test(await job.getState())) await job.remove({ removeChildren: false });
}

function check(call: string, options: MosaicFlowOptions): void {
  checkOptions(call, options, optionNames);
  const { attempts = ATTEMPTS, backoffMs = 0 } = options;
  if (!(Number.isSafeInteger(attempts) && attempts >= 1))
    throw invalidArgument(call, `attempts is a whole number of at least 1, not ${attempts}`);
  if (!(Number.isSafeInteger(backoffMs) && backoffMs >= 0))
    throw invalidArgument(call, `backoffMs is a whole number of at least 0, not ${backoffMs}`);
}

async function addFlow(
  { path, id }: MosaicOfFlow,
  parts: readonly number[],
  {
    connection,
    prefix,
    queueName = QUEUE_NAME,
    attempts = ATTEMPTS,
    backoffMs = 1000,
  }: MosaicFlowOptions,
): Promise<void> {
  const data: MosaicJobData = { path: resolve(path), id };
  const opts = { attempts, backoff: { type: 'exponential', delay: backoffMs } };
  const flow: FlowJob = {
    name: 'commit',
    queueName,
    data,
    opts: { ...opts, jobId: commitJobId(id) },
    children: parts.map((part) => ({
      name: 'part',
      queueName,
      data: { ...data, part },
      // Without it the commit waits for ever for a part that failed for good, and nobody is told.
      opts: { ...opts, jobId: partJobId(id, part), failParentOnFailure: true },
    })),
  };
  const producer = new FlowProducer({ connection, ...(prefix && { prefix }) });
  try {
    await producer.add(flow);
  } finally {
    await producer.close();
  }
}
