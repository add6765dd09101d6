/**
 * An item of each tile, all in one item collection (STAC API, "STAC ItemCollection"): one file,
 * however many tiles there are, that pystac and GDAL's STACIT read.
 */
import { basename } from 'node:path';
import type { NotCarried, RasterInfo, Window } from '../model.js';
import { movedTo } from '../source/moved-to.js';
import { hrefOf, itemAsJson, TILE_TYPE } from './item.js';
import type { WantedItem } from './stac-options.js';

/** A tile with its place in the raster. */
export interface CataloguedTile {
  /** From where the collection lies, with `/` between the parts. */
  readonly path: string;
  readonly window: Window;
}

const PIECE_CHARACTERS = 64 * 1024;

/**
 * The collection as UTF-8, in pieces, one item a line. The id of an item is that of the whole and
 * the name of its tile; where names come again, with a number.
 *
 * @param told - gets what the items do not say, once
 */
export async function* tileItems(
  info: RasterInfo,
  { id, time }: WantedItem,
  { tiles, told }: { readonly tiles: Iterable<CataloguedTile>; readonly told: NotCarried[] },
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const counts = new Map<string, number>();
  let piece = '{"type":"FeatureCollection","features":[';
  let separator = '\n';
  for (const { path, window } of tiles) {
    const title = basename(path);
    const name = title.replace(/\.[^.]*$/u, '');
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    const own = { id: `${id}-${name}${count === 1 ? '' : `-${count}`}`, time };
    const href = path.split('/').map(hrefOf).join('/');
    const tile = partOf(info, window);
    const { item, notCarried } = await itemAsJson(tile, own, { href, type: TILE_TYPE, title });
    for (const each of notCarried)
      if (!told.some(({ what }) => what === each.what))
        told.push({ ...each, where: 'the STAC items of tiles' });
    piece += separator + JSON.stringify(item);
    separator = ',\n';
    if (piece.length < PIECE_CHARACTERS) continue;
    yield encoder.encode(piece);
    piece = '';
  }
  yield encoder.encode(`${piece}\n]}\n`);
}

function partOf(info: RasterInfo, window: Window): RasterInfo {
  const { widthPx, heightPx } = window;
  const { georeferencing } = info;
  const transform = georeferencing.transform && movedTo(georeferencing.transform, window);
  return { ...info, widthPx, heightPx, georeferencing: { ...georeferencing, transform } };
}
