/**
 * The `auto` predictor: tries those that fit on a sample of a tile's rows, and takes the one that
 * compresses best.
 */
import type { Codec } from '../codec/codec.js';
import { predictRowOf, wordsOf, wordsPerSample } from '../codec/predictor.js';
import { dataTypes, type Pixels } from '../model.js';
import { gatherBlock, type BlockGrid } from './block-grid.js';
import type { TileFormat } from './tile-format.js';

/** Rows are sampled in this many runs, spread over the tile, of this many rows each. */
const RUNS = 4;
const RUN_ROWS = 4;

/**
 * The predictor for a tile: the format's own, or for `auto` the best on a sample of its rows; 1 if
 * none is better.
 */
export function choosePredictor(
  format: TileFormat,
  codec: Codec,
  grid: BlockGrid,
  pixels: Pixels,
): 1 | 2 | 3 {
  if (format.compression.predictor !== 'auto') return format.compression.predictor;
  const floats = dataTypes[format.dataType].sampleFormat === 3;
  const candidates = floats ? ([1, 2, 3] as const) : ([1, 2] as const);
  const sizes = candidates.map((predictor) =>
    sampleSize(codec, { grid, pixels }, format, predictor),
  );
  return candidates[sizes.indexOf(Math.min(...sizes))] ?? 1;
}

/** The compressed size of the sampled rows with a predictor. */
function sampleSize(
  codec: Codec,
  { grid, pixels }: { readonly grid: BlockGrid; readonly pixels: Pixels },
  format: TileFormat,
  predictor: 1 | 2 | 3,
): number {
  const { bytes } = dataTypes[format.dataType];
  const widthPx = Math.min(grid.blockWidthPx, pixels.widthPx);
  const heightPx = Math.min(RUNS * RUN_ROWS, pixels.heightPx);
  const rowWords = widthPx * grid.samplesPerPixel * wordsPerSample(bytes);
  const sample = new Uint8Array(rowWords * Math.min(bytes, 4) * heightPx);
  const gathering = {
    grid: { ...grid, blockWidthPx: widthPx, blockHeightPx: 1 },
    pixels,
    source: wordsOf(pixels.data, bytes),
    wordsPerSample: wordsPerSample(bytes),
    scratch: wordsOf(new Uint8Array(sample.length / heightPx), bytes),
    predictRow: predictRowOf(predictor, bytes),
  };
  const words = wordsOf(sample, bytes);
  for (let row = 0; row < heightPx; row += 1) {
    const block = { xPx: 0, yPx: sampledRow(row, pixels.heightPx), plane: 0 };
    gatherBlock(gathering, block, words.subarray(row * rowWords, (row + 1) * rowWords));
  }
  const shape = { widthPx, heightPx, samplesPerPixel: grid.samplesPerPixel };
  return codec.compress(sample, new Uint8Array(codec.boundBytes(sample.length)), shape);
}

/** The place in the tile of a sampled row. */
function sampledRow(row: number, heightPx: number): number {
  if (heightPx <= RUNS * RUN_ROWS) return row;
  const run = Math.floor(row / RUN_ROWS);
  return Math.floor((run * (heightPx - RUN_ROWS)) / (RUNS - 1)) + (row % RUN_ROWS);
}
