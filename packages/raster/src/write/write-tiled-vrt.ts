/**
 * The call that writes a mosaic. Encoder threads are started first of all, and while they start the
 * writer is loaded (write-mosaic.ts): either takes longer than writing some dozens of tiles.
 */
import { openEncoderPool } from '../encode/encoder-pool.js';
import { isAddress } from '../remote/address.js';
import { columnCount, rowCount } from '../source/grid.js';
import type { RasterSource } from '../source/raster-source.js';
import type { WriteOptions } from './mosaic-plan.js';
import { tileGrid } from './tile-grid.js';
import type { WrittenMosaic } from './write-mosaic.js';

/**
 * Writes a mosaic whole or not at all.
 *
 * After success the index and all its tiles are in place and durable, and nothing else is left but
 * the lock file. After an error of outcome `unchanged` there is neither an index nor a tiles
 * directory nor a stage, and the same call can be made again; with `resume` what was finished is
 * kept for it. The same samples and options give the same bytes.
 *
 * A tile that fails ends the write: what runs is told by its signal and awaited. The error names
 * the first tile that failed; its `cause` is that tile's own error, and `others` are those of
 * further tiles.
 *
 * Not promised: that the source was read only once per pixel, except for the chunks of
 * `fromChunks`.
 *
 * @param path - the index, `SOMETHING.vrt`; its directory must exist
 * @throws HoldfastError ALREADY_EXISTS for an index, for a tiles directory that is not ours or in
 *   use, or with `resume` for the kept work of another job; INVALID_ARGUMENT; UPDATER_FAILED when
 *   the source fails; ABORTED; LOCK_TIMEOUT; NO_SPACE; and what publishDirectory and replaceFile
 *   throw
 */
export async function writeTiledVrt(
  path: string,
  source: RasterSource,
  options: WriteOptions = {},
): Promise<WrittenMosaic> {
  const grid = tileGrid('writeTiledVrt', source, options.tileSizePx);
  const pool = openEncoderPool(options);
  try {
    pool.start(rowCount(grid) * columnCount(grid));
    if (isAddress(path) && path.startsWith('s3:')) {
      const { writeToBucket } = await import('./write-to-bucket.js');
      return await writeToBucket({ address: path, source, options, grid }, pool);
    }
    const { planMosaic, writeMosaic } = await import('./write-mosaic.js');
    return await writeMosaic(planMosaic(path, source, options, grid), pool);
  } finally {
    await pool.close();
  }
}
