/** What a pool and its worker threads say to each other. */
import type { RawSamples } from '../source/raw-samples.js';
import type { TileFormat } from '../tiff/tile-format.js';
import type { CarriedError } from './carried-error.js';
import type { TileTask, TileTaskOptions, WrittenTile } from './tile-task.js';

/** What the tiles of a pool have in common: the first message to a worker. */
export interface PoolSetup {
  readonly format: TileFormat;
  readonly options: TileTaskOptions;
  /** Where the samples lie of tasks that do not bring any, if they are raw. */
  readonly raw?: RawSamples | undefined;
}

/** A tile to write. */
export interface TileOrder {
  readonly id: number;
  readonly task: TileTask;
}

/**
 * Then to a worker: a tile whose samples are given, or some that lie side by side and whose raw samples are to be read
 * together; or that there will be no more.
 */
export type Order = readonly TileOrder[] | 'close';

/** From a worker, some at a time: of one tile. The task's buffer comes back with it, to be used again. */
export interface Reply {
  readonly id: number;
  readonly written: WrittenTile | undefined;
  readonly error: CarriedError | undefined;
  readonly buffer: ArrayBuffer | undefined;
}
