/**
 * What goes with an index over files that were there: a STAC item of the whole and GDAL's tile
 * index, beside it. The index names them, with their sizes and checksums.
 */
import { basename } from 'node:path';
import { HoldfastError } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { codeOfFailure, type Fs } from 'holdfast/os';
import { GTI_ENDING, gtiBytes, wantsGti } from '../gti/gti.js';
import type { NotCarried, RasterInfo } from '../model.js';
import type { MadeItem } from '../stac/item.js';
import { ITEM_ENDING, ITEMS_ENDING } from '../stac/item-names.js';
import { type StacOptions, type WantedItem, wantedItem } from '../stac/stac-options.js';
import type { FilesBeside, VrtIndex } from '../vrt/vrt-text.js';
import { besideNamedBy } from '../write/index-with-tiles.js';

interface BesideOptions {
  readonly stac?: boolean | StacOptions | undefined;
  readonly gti?: boolean | undefined;
}

const CALL = 'indexTiles';

/** Whether something is to go with the index. */
export function wantsBeside({ stac = false, gti = false }: BesideOptions): boolean {
  return stac !== false || gti;
}

/** The names that such files of an index have. */
function namesOf(indexPath: string): Required<FilesBeside> {
  const name = basename(indexPath);
  const stem = name.slice(0, -'.vrt'.length);
  return {
    STAC: `${name}${ITEM_ENDING}`,
    ITEMS: `${name}${ITEMS_ENDING}`,
    GTI: `${stem}${GTI_ENDING}`,
  };
}

/** Names of what goes with the index that is there; a name that it could not have given is none. */
export async function ownBeside(fs: Fs, indexPath: string): Promise<readonly string[]> {
  const named = await besideNamedBy(fs, indexPath).catch((cause: unknown) => {
    const message = 'What goes with the old index could not be looked at. Nothing was written.';
    throw new HoldfastError(codeOfFailure(cause), {
      message,
      step: 'check',
      path: indexPath,
      cause,
    });
  });
  return Object.entries(namesOf(indexPath)).flatMap(([kind, name]) =>
    named[kind as keyof FilesBeside] === name ? [name] : [],
  );
}

interface MadeBeside {
  readonly beside: FilesBeside;
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly stacPath: string | undefined;
  readonly stacItemsPath: string | undefined;
  readonly gtiPath: string | undefined;
  readonly notCarried: readonly NotCarried[];
}

/**
 * Makes what is to go with an index.
 *
 * @throws HoldfastError INVALID_ARGUMENT; UNSUPPORTED_PLATFORM
 */
export async function makeBeside(
  about: { readonly index: VrtIndex; readonly indexPath: string; readonly overlapCount: number },
  options: BesideOptions,
): Promise<MadeBeside> {
  const { index, indexPath, overlapCount } = about;
  const { info } = index;
  const names = namesOf(indexPath);
  const [name, folder] = [basename(indexPath), indexPath.slice(0, -basename(indexPath).length)];
  const wanted = wantedItem(CALL, options.stac, { info, stem: name.slice(0, -'.vrt'.length) });
  const wantsOutlines = wantsGti(CALL, options.gti, { info, path: indexPath });
  if (wantsOutlines && overlapCount > 0)
    throw invalidArgument(
      CALL,
      'where tiles share pixels, GDAL shows by a GTI what it does not show by the index: leave out gti (--gti)',
      indexPath,
    );
  const files: Partial<Record<keyof FilesBeside, Uint8Array>> = {};
  const told: NotCarried[] = [];
  if (wanted) {
    const { bytes, notCarried } = await itemBeside(info, wanted, name);
    told.push(...notCarried);
    files.STAC = bytes;
  }
  if (wanted?.tiles) {
    const { tileItems } = await import('../stac/tile-items.js');
    files.ITEMS = await bytesOf(tileItems(info, wanted, { tiles: index.tiles, told }));
  }
  if (wantsOutlines)
    files.GTI = await gtiBytes({ info, srs: index.srs, overviewFactors: [], tiles: index.tiles });
  const kinds = Object.keys(files) as (keyof FilesBeside)[];
  const pathOf = (kind: keyof FilesBeside): string | undefined =>
    files[kind] && `${folder}${names[kind]}`;
  return {
    beside: Object.fromEntries(kinds.map((kind) => [kind, names[kind]])),
    files: kinds.map((kind) => ({ name: names[kind], bytes: files[kind] as Uint8Array })),
    stacPath: pathOf('STAC'),
    stacItemsPath: pathOf('ITEMS'),
    gtiPath: pathOf('GTI'),
    notCarried: told,
  };
}

/** All pieces as one. */
export async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function itemBeside(info: RasterInfo, wanted: WantedItem, name: string): Promise<MadeItem> {
  const { hrefOf, itemOf, VRT_TYPE } = await import('../stac/item.js');
  return itemOf(info, wanted, { href: hrefOf(name), type: VRT_TYPE, title: name });
}
