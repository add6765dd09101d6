/**
 * How one tile file is cut into TIFF blocks, and how a block's samples are gathered out of a
 * tile's.
 */
import type { Interleave, Pixels } from '../model.js';
import type { PredictRow, Row, Words } from '../codec/predictor.js';

/** TIFF 6.0, page 67: widths and heights of blocks are multiples of 16. */
export const BLOCK_MULTIPLE_PX = 16;
const MOST_BLOCK_PX = 512;

/** What a tile's format says of its blocks. */
interface BlockLayout {
  readonly bandCount: number;
  readonly interleave: Interleave;
  /** Width and height; by default as large as the tile allows, up to 512. */
  readonly blockSizePx: number | undefined;
}

/** The blocks of one tile file. */
export interface BlockGrid {
  readonly blockWidthPx: number;
  readonly blockHeightPx: number;
  readonly columns: number;
  readonly rows: number;
  /** With band interleave every band has its own planes of blocks; else there is one plane. */
  readonly planes: number;
  readonly samplesPerPixel: number;
}

/** One block: its place in the grid, in the order in which TIFF numbers blocks. */
export interface Block {
  readonly xPx: number;
  readonly yPx: number;
  readonly plane: number;
}

/** The grid for a tile of this size. Blocks never reach further past its edges than they must. */
export function blockGrid(format: BlockLayout, widthPx: number, heightPx: number): BlockGrid {
  const blockWidthPx = blockLength(widthPx, format.blockSizePx);
  const blockHeightPx = blockLength(heightPx, format.blockSizePx);
  return {
    blockWidthPx,
    blockHeightPx,
    columns: Math.ceil(widthPx / blockWidthPx),
    rows: Math.ceil(heightPx / blockHeightPx),
    planes: format.interleave === 'band' ? format.bandCount : 1,
    samplesPerPixel: format.interleave === 'band' ? 1 : format.bandCount,
  };
}

function blockLength(lengthPx: number, blockSizePx: number | undefined): number {
  const whole = roundUp(lengthPx);
  if (blockSizePx !== undefined) return Math.min(blockSizePx, whole);
  return roundUp(lengthPx / Math.ceil(lengthPx / MOST_BLOCK_PX));
}

function roundUp(lengthPx: number): number {
  return Math.ceil(lengthPx / BLOCK_MULTIPLE_PX) * BLOCK_MULTIPLE_PX;
}

/**
 * The blocks in the order of TileOffsets (TIFF 6.0, page 68): left to right, top to bottom, plane
 * after plane.
 */
export function blocksOf(grid: BlockGrid): readonly Block[] {
  const blocks: Block[] = [];
  for (let plane = 0; plane < grid.planes; plane += 1) {
    for (let row = 0; row < grid.rows; row += 1) {
      for (let column = 0; column < grid.columns; column += 1) {
        blocks.push({ xPx: column * grid.blockWidthPx, yPx: row * grid.blockHeightPx, plane });
      }
    }
  }
  return blocks;
}

/**
 * Whether a tile's samples, as they lie, are those of its only block: then nothing needs to be
 * gathered.
 */
export function isWholeBlock(grid: BlockGrid, pixels: Pixels): boolean {
  const single = grid.columns * grid.rows * grid.planes === 1;
  const sameOrder = pixels.bandCount === 1 || pixels.interleave === 'pixel';
  return (
    single &&
    sameOrder &&
    grid.blockWidthPx === pixels.widthPx &&
    grid.blockHeightPx === pixels.heightPx
  );
}

/** What blocks are gathered from. */
interface Gathering {
  readonly grid: BlockGrid;
  readonly pixels: Pixels;
  /** The tile's samples as words. */
  readonly source: Words;
  readonly wordsPerSample: number;
  /** Room for one row of a block, as words. */
  readonly scratch: Words;
  readonly predictRow: PredictRow;
}

/**
 * Fills `target` with a block's samples, each row with its predictor applied. What lies past the
 * edges of the tile is filled with the last column and the last row: readers cut it off, and it
 * compresses to nearly nothing.
 */
export function gatherBlock(gathering: Gathering, block: Block, target: Words): void {
  const { grid, pixels, wordsPerSample, predictRow } = gathering;
  const samplesPerRow = grid.blockWidthPx * grid.samplesPerPixel;
  const wordsPerRow = samplesPerRow * wordsPerSample;
  const rowsInside = Math.min(grid.blockHeightPx, pixels.heightPx - block.yPx);
  for (let y = 0; y < rowsInside; y += 1) {
    const to = { words: target, start: y * wordsPerRow };
    predictRow(gatherRow(gathering, block, y), to, samplesPerRow, grid.samplesPerPixel);
  }
  for (let y = rowsInside; y < grid.blockHeightPx; y += 1) {
    target.copyWithin(y * wordsPerRow, (y - 1) * wordsPerRow, y * wordsPerRow);
  }
}

/**
 * One row of a block: where it lies already, if it lies there whole and in order, else gathered
 * into `scratch`.
 */
function gatherRow(
  { grid, pixels, source, wordsPerSample, scratch }: Gathering,
  block: Block,
  y: number,
): Row {
  const { widthPx, heightPx, bandCount } = pixels;
  const insidePx = Math.min(grid.blockWidthPx, widthPx - block.xPx);
  const pixel = (block.yPx + y) * widthPx + block.xPx;
  const bandMajor = pixels.interleave === 'band';
  const bandStride = bandMajor ? widthPx * heightPx : 1;
  const pixelStride = bandMajor ? 1 : bandCount;
  const { samplesPerPixel } = grid;
  const first = pixel * pixelStride + block.plane * bandStride;
  const inOrder = pixelStride === samplesPerPixel && (samplesPerPixel === 1 || !bandMajor);
  if (inOrder && insidePx === grid.blockWidthPx) {
    return { words: source, start: first * wordsPerSample };
  }
  if (inOrder) {
    const from = first * wordsPerSample;
    const length = insidePx * samplesPerPixel * wordsPerSample;
    scratch.set(source.subarray(from, from + length));
  } else {
    for (let band = 0; band < samplesPerPixel; band += 1) {
      const from = first + band * bandStride;
      for (let x = 0; x < insidePx; x += 1) {
        const at = (from + x * pixelStride) * wordsPerSample;
        const to = (x * samplesPerPixel + band) * wordsPerSample;
        for (let word = 0; word < wordsPerSample; word += 1)
          scratch[to + word] = source[at + word]!;
      }
    }
  }
  const wordsPerPixel = samplesPerPixel * wordsPerSample;
  for (let x = insidePx; x < grid.blockWidthPx; x += 1) {
    scratch.copyWithin(x * wordsPerPixel, (x - 1) * wordsPerPixel, x * wordsPerPixel);
  }
  return { words: scratch, start: 0 };
}
