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

/** Then to a worker: a tile to write, or that there will be no more. */
export type Order = { readonly id: number; readonly task: TileTask } | 'close';

/** From a worker. The task's buffer comes back with it, to be used again. */
export interface Reply {
  readonly id: number;
  readonly written: WrittenTile | undefined;
  readonly error: CarriedError | undefined;
  readonly buffer: ArrayBuffer | undefined;
}
