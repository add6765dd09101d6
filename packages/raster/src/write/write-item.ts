/**
 * The STAC item of a mosaic, and the items of its tiles, which lie among these and are listed by
 * their manifest: so they are of the same commit, are checked with them and go with them. Its data
 * is the index; what it says of it is of these tiles.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Stage } from 'holdfast';
import type { NotCarried } from '../model.js';
import { ITEM_ENDING, ITEMS_ENDING } from '../stac/item-names.js';
import type { CataloguedTile } from '../stac/tile-items.js';
import type { ManifestTile } from './manifest.js';
import type { MosaicPlan } from './mosaic-plan.js';

/** Writes the item, if there is to be one, and with `tiles` those of the tiles. */
export async function writeItem(
  { indexPath, tilesName = '', source, item }: MosaicPlan,
  stage: Stage,
  tiles: Iterable<CataloguedTile>,
): Promise<{
  readonly files: readonly ManifestTile[];
  readonly notCarried: readonly NotCarried[];
}> {
  if (!item) return { files: [], notCarried: [] };
  const { hrefOf, itemOf, VRT_TYPE } = await import('../stac/item.js');
  const indexName = basename(indexPath);
  // The index lies in the folder that its names of tiles begin in.
  const up = '../'.repeat(tilesName.split('/').length);
  const asset = { href: `${up}${hrefOf(indexName)}`, type: VRT_TYPE, title: indexName };
  const { bytes, notCarried } = await itemOf(source.info, item, asset);
  const name = `${indexName}${ITEM_ENDING}`;
  await stage.write(name, bytes, { overwrite: stage.resumed });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const files = [{ name, sizeBytes: bytes.length, sha256 }];
  if (!item.tiles) return { files, notCarried };
  const { tileItems } = await import('../stac/tile-items.js');
  const told = [...notCarried];
  const itemsName = `${indexName}${ITEMS_ENDING}`;
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of tileItems(source.info, item, { tiles, told })) {
      hash.update(piece);
      sizeBytes += piece.length;
      yield piece;
    }
  };
  await stage.write(itemsName, pieces(), { overwrite: stage.resumed });
  return {
    files: [...files, { name: itemsName, sizeBytes, sha256: hash.digest('hex') }],
    notCarried: told,
  };
}
