/**
 * One level as the next one reads it: blocks that were just made are taken as they were made; those
 * that had to be let go, since too much was kept, and those of a lossy compression, which readers
 * see otherwise, are read from the spool again.
 */
import { compressions } from '../codec/compressions.js';
import type { EncoderPool } from '../encode/encoder-pool.js';
import { dataTypes, imageBands, type Pixels, type RasterArray, type Window } from '../model.js';
import { type Block, BlockReader } from '../source/block-reader.js';
import type { EncodedBlocks } from '../source/geotiff/decode-block.js';
import { type Cell, cellsTouching, columnCount, rowCount } from '../source/grid.js';
import { emptyPixels, laidOut } from '../source/lay-out.js';
import { joinMask } from '../source/mask.js';
import { singleBlock } from '../tiff/block-encoder.js';
import { maskFormat, type TileFormat } from '../tiff/tile-format.js';
import type { CogLevel, CogPlan } from './cog-plan.js';
import type { BlockPlaces, Spool } from './spool.js';

/** A block that is being made, or was. */
interface MadeBlock {
  /** Its samples, where they are kept. */
  readonly samples: Promise<Pixels | undefined>;
  /** When it is in the spool. */
  readonly spooled: Promise<void>;
}

interface KeptBlock extends MadeBlock {
  isSpooled: boolean;
}

/** Rows of blocks that are kept for windows which share pixels. */
const KEPT_ROWS = 3;

export class LevelPicture {
  readonly #plan: CogPlan;
  readonly #level: CogLevel;
  readonly #spool: Spool;
  readonly #pool: EncoderPool;
  readonly #reader: BlockReader;
  /** By their number, the oldest first. */
  readonly #made = new Map<number, KeptBlock>();
  readonly #mostMade: number;
  /** Whether each block is part of one window alone: then its memory is used again. */
  readonly #isReadOnce: boolean;
  readonly #loaded = new Map<number, ArrayBufferLike>();

  /** @param keptBytes - samples that are kept at most, twice */
  constructor(
    plan: CogPlan,
    { level, next }: { readonly level: CogLevel; readonly next: CogLevel },
    { spool, pool, keptBytes }: { spool: Spool; pool: EncoderPool; keptBytes: number },
  ) {
    this.#plan = plan;
    this.#level = level;
    this.#spool = spool;
    this.#pool = pool;
    this.#isReadOnce = next.isExact;
    const { info, interleave } = plan.source;
    const { widthPx, heightPx, grid } = level;
    const blockBytes = plan.blockSizePx ** 2 * info.bands.length * dataTypes[info.dataType].bytes;
    this.#mostMade = Math.max(1, Math.floor(keptBytes / blockBytes));
    this.#reader = new BlockReader({
      info: { ...info, widthPx, heightPx },
      interleave,
      blocks: grid,
      load: (cell) => this.#load(cell),
      keptBytes: Math.min(keptBytes, KEPT_ROWS * columnCount(grid) * blockBytes),
      windowsOverlap: !next.isExact,
    });
  }

  /** A block that is being made from now on. */
  add(index: number, made: MadeBlock): void {
    const kept = { ...made, isSpooled: false };
    this.#made.set(index, kept);
    // Who waits for it hears of its failure.
    made.samples.catch(() => undefined);
    made.spooled.then(
      () => (kept.isSpooled = true),
      () => undefined,
    );
    for (const [oldest, { isSpooled }] of this.#made) {
      if (this.#made.size <= this.#mostMade || !isSpooled) return;
      this.#made.delete(oldest);
    }
  }

  /** Samples of a window, whose blocks are all there or being made. */
  async read(window: Window): Promise<Pixels> {
    const pixels = await this.#reader.read(window, undefined, this.#pool.takeBuffer);
    if (this.#isReadOnce) this.#giveBack(window, pixels);
    return pixels;
  }

  /** Nobody else looks at the blocks of a window. */
  #giveBack(window: Window, { data }: Pixels): void {
    for (const cell of cellsTouching(this.#level.grid, window)) {
      const index = this.#indexOf(cell);
      const buffer = this.#loaded.get(index);
      if (buffer && buffer !== data.buffer) this.#pool.giveBuffer(buffer);
      this.#loaded.delete(index);
    }
  }

  #indexOf({ row, column }: Pick<Cell, 'row' | 'column'>): number {
    return row * columnCount(this.#level.grid) + column;
  }

  async #load(cell: Cell): Promise<Block> {
    const block = await this.#loadBlock(cell);
    if (this.#isReadOnce) this.#loaded.set(this.#indexOf(cell), block.data.buffer);
    return block;
  }

  async #loadBlock({ row, column, window }: Cell): Promise<Block> {
    const index = this.#indexOf({ row, column });
    const made = this.#made.get(index);
    const samples = await made?.samples;
    // One that others look at too they wait for, until it is in the spool.
    if (made?.isSpooled || this.#isReadOnce) this.#made.delete(index);
    if (samples) return { data: samples.data, window };
    await made?.spooled;
    return this.#spooled(index, window);
  }

  async #spooled(index: number, { xPx, yPx }: Window): Promise<Block> {
    const { source, blockSizePx, format } = this.#plan;
    const { image, mask } = this.#spool;
    const window = { xPx, yPx, widthPx: blockSizePx, heightPx: blockSizePx };
    const samples = await this.#decoded(format, image, { index, bits: undefined });
    if (!samples) {
      const { info, interleave } = source;
      return { data: emptyPixels({ ...info, ...window }, interleave).data, window };
    }
    const bandCount = imageBands(source.info).length;
    const read = { data: samples, ...window, bandCount, interleave: format.interleave };
    const pixels = laidOut(read, source.interleave);
    const validity = mask && (await this.#decoded(maskFormat(format), mask, { index, bits: 1 }));
    return { data: validity ? joinMask(pixels, validity, []).data : pixels.data, window };
  }

  /** The samples of a block, all planes; `undefined` for one that was left out. */
  async #decoded(
    format: TileFormat,
    places: BlockPlaces,
    { index, bits }: { readonly index: number; readonly bits: 1 | undefined },
  ): Promise<RasterArray | undefined> {
    const { blockSizePx } = this.#plan;
    const { planes } = singleBlock(format, blockSizePx);
    const { grid } = this.#level;
    const blockCount = rowCount(grid) * columnCount(grid);
    const encoded: Uint8Array[] = [];
    for (let plane = 0; plane < planes; plane += 1) {
      const block = await this.#spool.block(places, plane * blockCount + index);
      if (!block) return undefined;
      encoded.push(block);
    }
    const bytes =
      format.compression.name === 'none'
        ? new Uint8Array(Buffer.concat(encoded)).buffer
        : await this.#pool.decode(encodedBlocks(format, { blockSizePx, bits }, encoded));
    return new dataTypes[format.dataType].array(bytes);
  }
}

function encodedBlocks(
  { compression: { name, predictor }, dataType, bandCount, interleave }: TileFormat,
  { blockSizePx, bits }: { readonly blockSizePx: number; readonly bits: 1 | undefined },
  encoded: readonly Uint8Array[],
): EncodedBlocks {
  const { samplesPerPixel, planes } = singleBlock({ bandCount, interleave }, blockSizePx);
  const { bytes } = dataTypes[dataType];
  const planeBytes = blockSizePx ** 2 * samplesPerPixel * bytes;
  let startByte = 0;
  const blocks = encoded.map((block, index) => {
    const start = startByte;
    startByte += block.length;
    const place = { startByte: start, sizeBytes: block.length, targetByte: index * planeBytes };
    return { index, ...place, heightPx: blockSizePx };
  });
  return {
    encoded: new Uint8Array(Buffer.concat(encoded)),
    blocks,
    widthPx: blockSizePx,
    mostHeightPx: blockSizePx,
    encoding: {
      compression: compressions[name].tag,
      predictor: predictor === 'auto' ? 1 : predictor,
      littleEndian: true,
      bitsPerSample: bits ?? bytes * 8,
      dataType,
      bandsTogether: samplesPerPixel,
      planes,
      lowestBitFirst: false,
      isUncompressed: false,
      isYCbCr: false,
      jpegTables: undefined,
      lercParameters: [],
    },
    sizeBytes: planes * planeBytes,
  };
}
