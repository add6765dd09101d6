/** What runs in a process of its own for each job: a part of a mosaic, or its commit. */
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
 * before its message; one whose error may pass is tried again.
 */
export function mosaicProcessor(
  options: MosaicProcessorOptions,
): (
  job: Pick<Job<MosaicJobData>, 'data'>,
  token?: string,
  signal?: AbortSignal,
) => Promise<WrittenPart | WrittenMosaic> {
  checkOptions('mosaicProcessor', options, ['source', 'threads']);
  return async ({ data }, _token, signal) => {
    try {
      return await process(data, options, signal);
    } catch (error) {
      throw asBullSees(error);
    }
  };
}

async function process(
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
