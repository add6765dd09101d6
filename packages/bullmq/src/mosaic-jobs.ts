/**
 * What the queue holds of a mosaic: a job for each part, which has the same id whoever adds it, and
 * one for the commit, which waits for them.
 */
import type { BegunMosaic } from '@holdfast/raster';
import type { ConnectionOptions } from 'bullmq';

/** Where the jobs lie: the same for those who add them and those who work. */
export interface MosaicQueue {
  /** As BullMQ takes it: `{ host, port }` of Redis, or a client that is yours to close. */
  readonly connection: ConnectionOptions;
  /** `holdfast` by default. */
  readonly queueName?: string | undefined;
  /** Before the names of BullMQ's keys; `bull` by default. */
  readonly prefix?: string | undefined;
}

/** A session of a mosaic: what `beginMosaic` gave, and for which path. */
export interface MosaicOfFlow extends Pick<BegunMosaic, 'id' | 'partCount'> {
  /** The index; absolute, or below the working directory of the caller. */
  readonly path: string;
}

/** What a job says. */
export interface MosaicJobData {
  /** The index, with an absolute path, which is that of all machines. */
  readonly path: string;
  /** The session. */
  readonly id: string;
  /** Which part; without it, the commit. */
  readonly part?: number | undefined;
}

export const QUEUE_NAME = 'holdfast';

/** How often a part is tried that fails, and how often it may lose its worker. */
export const ATTEMPTS = 5;

export function partJobId(id: string, part: number): string {
  return `${id}-part-${part}`;
}

export function commitJobId(id: string): string {
  return `${id}-commit`;
}
