/**
 * What runs in a process of its own for each job: a part of a mosaic, or its commit.
 *
 * BullMQ tells such a process nothing when its worker dies, and lets it spin for ever once its job
 * is done: it tries to say so on a channel that is closed, fails, and tries to say that. So the
 * process looks after itself.
 */
import { joinMosaic, type RasterSource, type WrittenMosaic } from '@holdfast/raster';
import { type Job, UnrecoverableError } from 'bullmq';
import { isHoldfastError, type JsonValue, mayTryPartAgain, type WrittenPart } from 'holdfast';
import { messageOf } from 'holdfast/errors';
import { checkOptions } from 'holdfast/options';
import type { MosaicJobData } from './mosaic-jobs.js';

/** How a process works on the jobs of mosaics. */
export interface MosaicProcessorOptions {
  /**
   * Opens the source of a session, whose note it is told (`beginMosaic`); it is closed after each
   * job.
   */
  readonly source: (note: JsonValue) => Promise<RasterSource>;
  /** Threads that encode, one a processor by default; 0 encodes on the thread of the process. */
  readonly threads?: number | undefined;
}

/**
 * The function that a processor's file, which `mosaicWorker` names, exports as its default.
 *
 * A job whose error cannot pass fails for good, at its first attempt, with the code of the error
 * before its message; one whose error may pass is tried again. A job whose worker has died is ended,
 * and with it the process that it runs in (which a worker has forked): what it has not finished is
 * removed, and BullMQ gives the job to another worker.
 */
export function mosaicProcessor(
  options: MosaicProcessorOptions,
): (
  job: Pick<Job<MosaicJobData>, 'data'>,
  token?: string,
  signal?: AbortSignal,
) => Promise<WrittenPart | WrittenMosaic> {
  checkOptions('mosaicProcessor', options, ['source', 'threads']);
  return ({ data }, _token, signal) =>
    whileParentLives(signal, async (ended) => {
      try {
        return await work(data, options, ended);
      } catch (error) {
        throw asBullSees(error);
      }
    });
}

/**
 * Works until the process that has forked this one goes, and then ends this one. In a thread, or in
 * a process that nobody has forked, it just works.
 */
async function whileParentLives<T>(
  given: AbortSignal | undefined,
  job: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (!process.send) return job(given);
  const orphaned = new AbortController();
  const end = (): void => orphaned.abort();
  if (process.connected) process.once('disconnect', end);
  else end();
  try {
    return await job(given ? AbortSignal.any([given, orphaned.signal]) : orphaned.signal);
  } finally {
    process.off('disconnect', end);
    // Nobody is there to be told how it went, and BullMQ would try to for ever.
    if (!process.connected) process.exit(1);
  }
}

async function work(
  { path, id, part }: MosaicJobData,
  { source, threads }: MosaicProcessorOptions,
  signal: AbortSignal | undefined,
): Promise<WrittenPart | WrittenMosaic> {
  let opened: RasterSource | undefined;
  const open = async (note: JsonValue): Promise<RasterSource> => (opened = await source(note));
  try {
    const session = await joinMosaic(path, id, open, { threads });
    return await (part === undefined
      ? session.commit({ signal })
      : session.writePart(part, { signal }));
  } finally {
    await opened?.close?.();
  }
}

function asBullSees(error: unknown): unknown {
  const text = isHoldfastError(error) ? `${error.code}: ${error.message}` : messageOf(error);
  if (mayTryPartAgain(error)) return new Error(text, { cause: error });
  const further = isHoldfastError(error, 'PARTS_MISSING') ? ' retryMosaic runs them again.' : '';
  return new UnrecoverableError(text + further);
}
