import { Worker, type WorkerOptions } from 'bullmq';
import { invalidArgument } from 'holdfast/options';
import { ATTEMPTS, QUEUE_NAME, type MosaicJobData, type MosaicQueue } from './mosaic-jobs.js';

/** How a worker is started; BullMQ's own options too. */
export interface MosaicWorkerOptions
  extends MosaicQueue, Omit<WorkerOptions, 'connection' | 'prefix' | 'maxStalledCount'> {
  /**
   * The file whose default export is what `mosaicProcessor` gives: a URL of it, or its path. By
   * default one that opens the GeoTIFF whose path the note of the session is.
   */
  readonly processor?: string | URL | undefined;
  /**
   * How often a part may lose its worker, by a kill or a power cut, which is no attempt in the eyes
   * of BullMQ: the same as the `attempts` of the flow. 5 by default.
   */
  readonly attempts?: number | undefined;
}

/**
 * Starts to work on the jobs of mosaics; BullMQ's own worker, to be closed by the caller.
 *
 * Each job runs in a process of its own (or a thread, with `useWorkerThreads`), one for each job at
 * once (`concurrency`): in that of the worker, a part that keeps the event loop busy for longer
 * than `lockDuration` would be given to a second worker. Should that happen all the same, both make
 * the same bytes and one of them counts.
 *
 * @throws HoldfastError INVALID_ARGUMENT; what BullMQ throws
 */
export function mosaicWorker(options: MosaicWorkerOptions): Worker<MosaicJobData> {
  const {
    queueName = QUEUE_NAME,
    processor = new URL('./geotiff-processor.js', import.meta.url),
    attempts = ATTEMPTS,
    prefix,
    ...own
  } = options;
  if (!(typeof processor === 'string' || processor instanceof URL)) {
    throw invalidArgument(
      'mosaicWorker',
      'processor is the file of a processor: a function would run on the event loop that tells Redis that its worker lives',
    );
  }
  if (!(Number.isSafeInteger(attempts) && attempts >= 1)) {
    throw invalidArgument(
      'mosaicWorker',
      `attempts is a whole number of at least 1, not ${attempts}`,
    );
  }
  return new Worker<MosaicJobData>(queueName, processor, {
    ...own,
    ...(prefix && { prefix }),
    maxStalledCount: attempts,
  });
}
