/**
 * What is done with one block, on whichever thread: make it of a larger picture, look at it, encode
 * it.
 */
import type { Pixels } from '../model.js';
import { Reduction } from '../overview/downsample.js';
import { isMean } from '../overview/pyramid.js';
import { validityOf } from '../source/mask.js';
import { tileStatistics } from '../statistics/band-statistics.js';
import { fewValuesOf } from '../statistics/few-values.js';
import { BlockEncoder } from '../tiff/block-encoder.js';
import { isEmptyTile } from '../tiff/empty-tile.js';
import type { TileFormat } from '../tiff/tile-format.js';
import type { BlockOptions, BlockTask, MadeBlock, ReducedPart } from './block-task.js';
import type { TileTaskOptions } from './tile-task.js';

/** Makes blocks of one format, on one thread. */
export class BlockMaker {
  readonly #format: TileFormat;
  readonly #options: TileTaskOptions;
  readonly #blocks: BlockOptions;
  #encoder: BlockEncoder | undefined;

  constructor(format: TileFormat, options: TileTaskOptions, blocks: BlockOptions) {
    this.#format = format;
    this.#options = options;
    this.#blocks = blocks;
  }

  /** A library that is missing is the error of a block. */
  make({ samples: given, reduced, isKept }: BlockTask): MadeBlock {
    const { hasMask, nodata } = this.#format;
    const { method, blockSizePx, predictor } = this.#blocks;
    const { skipEmpty, statistics: wanted } = this.#options;
    const marked = hasMask ? { ...given, hasMask: true } : given;
    const samples = reduced ? this.#reduced(marked, reduced) : marked;
    const validity = validityOf(samples);
    const isEmpty =
      skipEmpty &&
      (validity ? validity.every((value) => value === 0) : isEmptyTile(samples.data, nodata));
    this.#encoder ??= new BlockEncoder({ format: this.#format, blockSizePx, predictor });
    const isWhole = reduced === undefined;
    return {
      encoded: isEmpty ? undefined : this.#encoder.encode(samples),
      samples: isKept ? samples : undefined,
      statistics:
        isWhole && wanted !== 'none'
          ? tileStatistics({ ...samples, validity }, nodata, wanted)
          : undefined,
      fewValues: isWhole && method && isMean(method) ? fewValuesOf(samples) : undefined,
    };
  }

  /** Frees the codec. */
  close(): void {
    this.#encoder?.close();
    this.#encoder = undefined;
  }

  #reduced(samples: Pixels, { from, to, window }: ReducedPart): Pixels {
    const { method } = this.#blocks;
    if (!method) throw new Error('a smaller picture is made by some method');
    const { nodata } = this.#format;
    return new Reduction({ from, to, method, nodata }).make(samples, window);
  }
}
