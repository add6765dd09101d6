/**
 * Reads a tile that was written into a stage, through the stage itself: nothing that took its name
 * meanwhile is followed.
 */
import { join } from 'node:path';
import type { Stage } from 'holdfast';
import { type Fs, openOwn } from 'holdfast/os';
import { type OpenedGeoTiff, readGeoTiff } from '../source/geotiff/from-geotiff.js';
import type { Sidecars } from '../source/geotiff/sidecars.js';

/** Nothing of ours lies beside a tile. */
const noSidecars: Sidecars = {
  aux: undefined,
  world: undefined,
  rpc: undefined,
  mask: undefined,
  unread: { placing: [], telling: [] },
};

/**
 * Opens a tile of ours; call `close` when done.
 *
 * @param overview - one inside the file in place of its raster, from 0
 * @throws HoldfastError NAME_TAKEN for a symlink, FIFO or device of its name, and for the file of
 *   another user
 */
export async function openStagedTile(
  fs: Fs,
  stage: Stage,
  name: string,
  overview?: number,
): Promise<OpenedGeoTiff> {
  const open = async () => (await openOwn(fs, stage.at(name), { access: 'read' })).handle;
  return readGeoTiff(join(stage.path, name), { fs, overview }, open, async () => noSidecars);
}
