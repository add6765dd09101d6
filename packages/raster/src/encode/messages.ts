/** What a pool and its worker threads say to each other. */
import type { EncodedBlocks } from '../source/geotiff/decode-block.js';
import type { RawSamples } from '../source/raw-samples.js';
import type { TileFormat } from '../tiff/tile-format.js';
import type { BlockOptions, BlockTask, MadeBlock } from './block-task.js';
import type { CarriedError } from './carried-error.js';
import type { TileTask, TileTaskOptions, WrittenTile } from './tile-task.js';

/** What the tiles of a pool have in common: told to a worker before the first of them. */
export interface PoolSetup {
  readonly format: TileFormat;
  readonly options: TileTaskOptions;
  /** Where the samples lie of tasks that do not bring any, if they are raw. */
  readonly raw?: RawSamples | undefined;
  /** Where images are written block by block. */
  readonly blocks?: BlockOptions | undefined;
}

/** A tile to write. */
export interface TileOrder {
  readonly id: number;
  readonly task: TileTask;
}

/** A block to make. */
export interface BlockOrder {
  readonly id: number;
  readonly block: BlockTask;
}

/** Blocks to decode. */
export interface BlocksOrder {
  readonly id: number;
  readonly blocks: EncodedBlocks;
  /** Memory for their samples. */
  readonly room: ArrayBuffer;
}

/**
 * To a worker: a tile whose samples are given, or some that lie side by side and whose raw samples
 * are to be read together; a block to make; blocks to decode; or that there will be no more.
 */
export type Order = readonly TileOrder[] | BlockOrder | BlocksOrder | 'close';

/**
 * What was done: a tile written, or left out; a block made; or the memory with the samples of
 * blocks.
 */
export type Done = WrittenTile | MadeBlock | ArrayBuffer | undefined;

/**
 * From a worker, some at a time: of one order. The memory that came with it goes back, to be used
 * again.
 */
export interface Reply {
  readonly id: number;
  readonly done: Done;
  readonly error: CarriedError | undefined;
  readonly buffer: ArrayBuffer | undefined;
}
