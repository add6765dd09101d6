/** Gathers the samples of blocks out of those of a picture, again and again in the same memory. */
import { predictRowOf, wordsOf, wordsPerSample } from '../codec/predictor.js';
import { type DataType, dataTypes, type Pixels } from '../model.js';
import { type Block, type BlockGrid, gatherBlock, isWholeBlock } from './block-grid.js';

/** A picture that is cut into blocks. */
interface Gathered {
  readonly pixels: Pixels;
  readonly grid: BlockGrid;
  readonly predictor: 1 | 2 | 3;
}

/** For one thread, and samples of one type. */
export class BlockGatherer {
  readonly #bytes: 1 | 2 | 4 | 8;
  #block = new Uint8Array(0);
  #row = new Uint8Array(0);

  constructor(dataType: DataType) {
    this.#bytes = dataTypes[dataType].bytes;
  }

  /**
   * A block's samples, ready for the codec: where they lie, if nothing has to be done to them. Good
   * until the next call.
   */
  gather({ grid, pixels, predictor }: Gathered, block: Block): Uint8Array {
    const { data } = pixels;
    if (predictor === 1 && isWholeBlock(grid, pixels))
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const bytes = this.#bytes;
    const rowBytes = grid.blockWidthPx * grid.samplesPerPixel * bytes;
    const blockBytes = rowBytes * grid.blockHeightPx;
    if (this.#block.length < blockBytes) this.#block = new Uint8Array(blockBytes);
    if (this.#row.length < rowBytes) this.#row = new Uint8Array(rowBytes);
    const target = this.#block.subarray(0, blockBytes);
    const gathering = {
      grid,
      pixels,
      source: wordsOf(data, bytes),
      wordsPerSample: wordsPerSample(bytes),
      scratch: wordsOf(this.#row.subarray(0, rowBytes), bytes),
      predictRow: predictRowOf(predictor, bytes),
    };
    gatherBlock(gathering, block, wordsOf(target, bytes));
    return target;
  }
}
