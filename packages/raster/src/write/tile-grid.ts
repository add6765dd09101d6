/** How a raster is cut into the tiles of a mosaic. */
import { invalidArgument } from 'holdfast/options';
import { type Grid, regularGrid } from '../source/grid.js';
import type { RasterSource } from '../source/raster-source.js';

const DEFAULT_TILE_PX = 512;

/**
 * The grid of a mosaic's tiles: the source's own blocks where each is to be read once, else
 * squares.
 *
 * @throws HoldfastError INVALID_ARGUMENT for a size that a tile cannot have
 */
export function tileGrid(call: string, source: RasterSource, size: number | undefined): Grid {
  const tileSizePx = checkTileSize(call, size);
  if (source.tiling === 'blocks') return source.blocks;
  const { widthPx, heightPx } = source.info;
  return regularGrid(widthPx, heightPx, tileSizePx, tileSizePx);
}

function checkTileSize(call: string, tileSizePx = DEFAULT_TILE_PX): number {
  const legal =
    Number.isInteger(tileSizePx) && tileSizePx >= 16 && tileSizePx <= 4096 && tileSizePx % 16 === 0;
  if (legal) return tileSizePx;
  throw invalidArgument(
    call,
    `tileSizePx is a multiple of 16 from 16 to 4096, not ${String(tileSizePx)}`,
  );
}
