/**
 * The STAC item of a mosaic, which lies among its tiles and is listed by their manifest: so it is
 * of the same commit, is checked with them and goes with them. Its data is the index; what it says
 * of it is of these tiles.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Stage } from 'holdfast';
import type { NotCarried } from '../model.js';
import { ITEM_ENDING } from '../stac/item-names.js';
import type { ManifestTile } from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';

/** Writes the item, if there is to be one. */
export async function writeItem(
  { indexPath, source, item }: MosaicPlan,
  stage: Stage,
): Promise<{
  readonly files: readonly ManifestTile[];
  readonly notCarried: readonly NotCarried[];
}> {
  if (!item) return { files: [], notCarried: [] };
  const { hrefOf, itemOf, VRT_TYPE } = await import('../stac/item.js');
  const indexName = basename(indexPath);
  const asset = { href: `../${hrefOf(indexName)}`, type: VRT_TYPE, title: indexName };
  const { bytes, notCarried } = await itemOf(source.info, item, asset);
  const name = `${indexName}${ITEM_ENDING}`;
  await stage.write(name, bytes, { overwrite: stage.resumed });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { files: [{ name, sizeBytes: bytes.length, sha256 }], notCarried };
}
