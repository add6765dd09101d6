/**
 * The index of a mosaic once more, for very many tiles: GDAL's tile index (GTI), a GeoPackage that
 * lies among the tiles and is listed by their manifest, so that it is of the same commit, is
 * checked with them and goes with them.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Stage } from 'holdfast';
import { GTI_ENDING, gtiBytes } from '../gti/gti.js';
import type { CataloguedTile } from '../stac/tile-items.js';
import type { ManifestTile } from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';

/** Writes it, if there is to be one. */
export async function writeGti(
  plan: MosaicPlan,
  stage: Stage,
  tiles: Iterable<CataloguedTile>,
): Promise<readonly ManifestTile[]> {
  if (!plan.gti) return [];
  const { source, srs, pyramid, indexPath } = plan;
  const bytes = await gtiBytes({
    info: source.info,
    srs,
    // Those inside of tiles alone: the names of others count from where a program was started.
    overviewFactors: pyramid?.tileFactors ?? [],
    tiles,
  });
  const name = `${basename(indexPath).slice(0, -'.vrt'.length)}${GTI_ENDING}`;
  await stage.write(name, bytes, { overwrite: stage.resumed });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return [{ name, sizeBytes: bytes.length, sha256 }];
}
