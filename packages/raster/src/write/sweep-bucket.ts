/**
 * Removes from a bucket the tiles of a mosaic that its index does not name: of earlier indexes, and
 * of writers that have died. It is the sweep of the directories of `@holdfast/objectstore`, with
 * its fence against writers that live.
 */
import { bucketPlaceOf } from '../remote/bucket-index.js';
import { loadStores } from '../remote/stores.js';
import type { RecoverVrtOptions, VrtLeftover } from './recover-vrt.js';

/** @throws HoldfastError as `recoverVrt` does */
export async function sweepBucket(
  address: string,
  { store, allowHttp = false, dryRun, keepForMs, keepPrevious, ...given }: RecoverVrtOptions,
): Promise<readonly VrtLeftover[]> {
  const { indexUrl: mosaic, tilesUrl, index } = bucketPlaceOf('recoverVrt', address);
  const stores = await loadStores('recoverVrt', mosaic);
  const { timeoutMs, signal } = given;
  const access = { store: store ?? stores.s3Store({ allowHttp }), index, timeoutMs, signal };
  const swept = await stores.sweepDirectory(tilesUrl, {
    ...access,
    keepForMs,
    keepPrevious,
    dryRun,
  });
  const leftovers = (generations: readonly string[], action: VrtLeftover['action']) =>
    generations.map((generation): VrtLeftover => {
      const path = `${tilesUrl}/generations/${generation}`;
      return { mosaic, path, kind: 'tiles', finishedTileCount: 0, action };
    });
  return [...leftovers(swept.removed, 'removed'), ...leftovers(swept.kept, 'kept')];
}
