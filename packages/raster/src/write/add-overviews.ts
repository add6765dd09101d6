/**
 * Gives a mosaic that is there other overviews, in one commit, as a write that replaces it
 * (write-mosaic.ts), whose fourth step is another one: the tiles of the old index are linked into
 * the stage, each held against its checksum; overviews are made of them; the old index, with the
 * new overviews in it, is the new one.
 *
 * Invariant: as that of a write. The old tiles directory retires as after any replacement; its
 * tiles are the same files as those of the new one, where the filesystem has hard links, and take
 * no room of their own.
 */
import { basename, dirname, join } from 'node:path';
import { HoldfastError, isHoldfastError, type Stage } from 'holdfast';
import { messageOf } from 'holdfast/errors';
import { checkOptions, checkPath, invalidArgument } from 'holdfast/options';
import { codeOfFailure, errnoOf, type Fs, nodeFileSystem, openOwn, readPieces } from 'holdfast/os';
import { GTI_ENDING } from '../gti/gti.js';
import { openEncoderPool } from '../encode/encoder-pool.js';
import { fromVrt } from '../read/from-vrt.js';
import { openVrt } from '../read/open-vrt.js';
import type { Cell, Grid } from '../source/grid.js';
import type { RasterSource } from '../source/raster-source.js';
import { ITEM_ENDING, ITEMS_ENDING } from '../stac/item-names.js';
import { checkIndexDigest } from '../vrt/index-digest.js';
import { withOverviews } from '../vrt/with-overviews.js';
import { digestFile, readOwnText, readText } from './file-digest.js';
import type { FilledStage } from './fill-stage.js';
import { keptIndexName, tilesNamedBy } from './index-with-tiles.js';
import {
  generationOf,
  manifestBytes,
  manifestName,
  type ManifestTile,
  MOST_MANIFEST_BYTES,
  nameEnding,
  parseManifest,
} from './manifest.js';
import { type MosaicPlan, planMosaic, type WriteOptions } from './mosaic-plan.js';
import { indexedOverviews, writeOverviews } from './write-overviews.js';
import { type Filler, writeMosaic, type WrittenMosaic } from './write-mosaic.js';

/** How a mosaic gets other overviews. How these are stored need not be how the tiles are. */
export interface AddOverviewsOptions extends Pick<
  WriteOptions,
  | 'overviews'
  | 'resampling'
  | 'compression'
  | 'level'
  | 'predictor'
  | 'maxZError'
  | 'keepPrevious'
  | 'keepForMs'
  | 'threads'
  | 'signal'
  | 'timeoutMs'
  | 'durability'
  | 'fs'
> {
  /**
   * Factors, ascending, each a multiple of the one before, or `auto` (the default). An empty list
   * leaves none.
   */
  readonly overviews?: 'auto' | readonly number[] | undefined;
}

const CALL = 'addOverviews';
const optionNames = [
  'overviews',
  'resampling',
  'compression',
  'level',
  'predictor',
  'maxZError',
  'keepPrevious',
  'keepForMs',
  'threads',
  'signal',
  'timeoutMs',
  'durability',
  'fs',
] as const;

/**
 * Makes overviews for a mosaic of ours that is there, in place of those that it has; its tiles stay
 * as they are.
 *
 * After success the index names the overviews, durable; the tiles directory that it named retires
 * as after a replacement (`keepPrevious`, `keepForMs`). After an error of outcome `unchanged` the
 * mosaic is as it was, and readers never see it otherwise.
 *
 * @param path - the index of a mosaic that `writeTiledVrt` wrote
 * @throws HoldfastError NOT_FOUND; INVALID_ARGUMENT for an index of others; CORRUPT_DOCUMENT for an
 *   index, a manifest or a tile that is not as it was written; TARGET_CHANGED when it is replaced
 *   meanwhile; and what `writeTiledVrt` throws
 */
export async function addOverviews(
  path: string,
  options: AddOverviewsOptions = {},
): Promise<WrittenMosaic> {
  checkOptions(CALL, options, optionNames);
  const { fs = nodeFileSystem, overviews = 'auto' } = options;
  const { source, generation, names, grid } = await factsOf(fs, path).catch((cause: unknown) => {
    throw isHoldfastError(cause) ? cause : notRead(path, cause);
  });
  const wanted = { ...options, overviews, ifExists: 'replace', statistics: false } as const;
  const planned = planMosaic(path, source, wanted, grid);
  const plan: MosaicPlan = {
    ...planned,
    pyramid: planned.pyramid && { ...planned.pyramid, hasParts: false, tileFactors: [] },
    // One that was left out has no name, and is none that was written.
    tileName: ({ window: { xPx, yPx } }: Cell) => names.get(`${xPx},${yPx}`) ?? '',
  };
  const pool = openEncoderPool(options);
  try {
    return await writeMosaic(plan, pool, fillWithLinks(generation, [...names.values()]));
  } finally {
    await pool.close();
  }
}

function notRead(path: string, cause: unknown): HoldfastError {
  return new HoldfastError(codeOfFailure(cause), {
    message: `The mosaic could not be read: ${messageOf(cause)}.`,
    step: 'check',
    path,
    cause,
  });
}

/**
 * What is to be known of the mosaic beforehand. It is not kept open: nobody would retire its tiles
 * then.
 */
async function factsOf(
  fs: Fs,
  path: string,
): Promise<{
  readonly source: RasterSource;
  readonly generation: string;
  readonly names: ReadonlyMap<string, string>;
  readonly grid: Grid;
}> {
  checkPath('addOverviews', path);
  const mosaic = await openVrt(path, { fs });
  try {
    const generation = mosaic.document.metadata.get('HOLDFAST')?.['GENERATION'];
    if (generation === undefined)
      throw invalidArgument(
        CALL,
        'this is no mosaic of Holdfast: gdaladdo makes overviews for it (OUTPUT.vrt.ovr), or raster tile makes a mosaic of it',
        path,
      );
    const opened = await fromVrt(path, { fs });
    await opened.close();
    const source = { ...opened, raw: undefined, notCarried: [] };
    return { source, generation, names: tileNames(mosaic), grid: gridOf(mosaic) };
  } finally {
    await mosaic.close();
  }
}

type OpenMosaic = Awaited<ReturnType<typeof openVrt>>;

/** The names of tiles, by where they lie. */
function tileNames({ document }: OpenMosaic): ReadonlyMap<string, string> {
  const sources = document.bands[0]?.sources ?? [];
  return new Map(
    sources.map(({ filename, destination }) => [
      `${destination?.xPx ?? 0},${destination?.yPx ?? 0}`,
      basename(filename),
    ]),
  );
}

/** Its cells are the tiles that are there, and what lies between them. */
function gridOf({ document, info }: OpenMosaic): Grid {
  const [columns, rows] = [new Set([0, info.widthPx]), new Set([0, info.heightPx])];
  for (const { destination } of document.bands[0]?.sources ?? []) {
    if (!destination) continue;
    const { xPx, yPx, widthPx, heightPx } = destination;
    columns.add(xPx).add(xPx + widthPx);
    rows.add(yPx).add(yPx + heightPx);
  }
  const ascending = (edges: ReadonlySet<number>): number[] => [...edges].toSorted((a, b) => a - b);
  return { columnEdgesPx: ascending(columns), rowEdgesPx: ascending(rows) };
}

const besideEndings = [ITEM_ENDING, ITEMS_ENDING, GTI_ENDING] as const;

function fillWithLinks(wanted: string, names: readonly string[]): Filler {
  return async (plan, stage, { pool }): Promise<FilledStage> => {
    const old = await oldMosaic(plan, wanted);
    const tiles: ManifestTile[] = [];
    for (const name of names) {
      stage.signal.throwIfAborted();
      tiles.push(await linkTile(plan, stage, { name, ...old }));
    }
    const overviews = await writeOverviews({ plan, stage, pool }, undefined, new Set(names));
    // They say nothing of these overviews.
    const others: ManifestTile[] = [];
    for (const name of old.byName.keys())
      if (besideEndings.some((ending) => name.endsWith(ending)))
        others.push(await linkTile(plan, stage, { name, ...old }));
    const files = [...tiles, ...overviews, ...others];
    const generation = generationOf(files);
    await stage.write(manifestName, manifestBytes({ generation, tiles: files }));
    const tilesName = basename(plan.tilesPath);
    const facts = {
      oldTilesName: basename(old.tilesPath),
      tilesName,
      generation,
      overviews: indexedOverviews(plan, tilesName),
    };
    await stage.write(keptIndexName, withOverviews(old.text, facts));
    const told = { resumedTileCount: 0, tileCount: tiles.length, averagedClasses: [] };
    const [stacName, stacItemsName, gtiName] = besideEndings.map((ending) =>
      nameEnding({ generation, tiles: others }, ending),
    );
    const named = { stacName, stacItemsName, gtiName };
    return { generation, tiles: files, ...told, ...named, notCarried: [] };
  };
}

/** What is known of the mosaic, once its lock is held. */
interface OldMosaic {
  readonly text: string;
  readonly tilesPath: string;
  readonly byName: ReadonlyMap<string, ManifestTile>;
}

async function oldMosaic({ fs, indexPath }: MosaicPlan, wanted: string): Promise<OldMosaic> {
  const named = await tilesNamedBy(fs, indexPath);
  if (named?.generation !== wanted)
    throw new HoldfastError('TARGET_CHANGED', {
      message: 'The mosaic was replaced while its overviews were about to be made. Try again.',
      step: 'check',
      path: indexPath,
    });
  const tilesPath = join(dirname(indexPath), named.tilesName);
  const isWhole = (await checkIndexDigest(fs, indexPath)) === 'whole';
  const text = isWhole ? await readText(fs, indexPath) : undefined;
  if (text === undefined)
    throw damaged(indexPath, 'The index is not as it was written: another program has changed it');
  const path = join(tilesPath, manifestName);
  const manifest = parseManifest((await readOwnText(fs, path, MOST_MANIFEST_BYTES))?.text ?? '');
  if (manifest?.generation !== wanted || generationOf(manifest.tiles) !== wanted)
    throw damaged(path, 'The manifest of the tiles is not as it was written');
  return { text, tilesPath, byName: new Map(manifest.tiles.map((tile) => [tile.name, tile])) };
}

/** What link(2) says where a filesystem has no links, or not for this user. */
const HAS_NO_LINKS = ['ENOTSUP', 'ENOSYS', 'EPERM', 'EXDEV', 'EMLINK', 'EINVAL', 'EOPNOTSUPP'];

/**
 * Makes a tile part of the stage: by a link, or a copy where there are none. What was linked is
 * held against its checksum.
 */
async function linkTile(
  { fs, signal }: MosaicPlan,
  stage: Stage,
  { name, tilesPath, byName }: OldMosaic & { readonly name: string },
): Promise<ManifestTile> {
  const path = join(tilesPath, name);
  const entry = byName.get(name);
  if (!entry) throw damaged(path, 'The index names a tile that the manifest does not list');
  try {
    await fs.link(path, stage.at(name));
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (code === 'ENOENT') throw damaged(path, 'The tile is gone');
    if (!HAS_NO_LINKS.includes(code)) throw error;
    const { handle } = await openOwn(fs, path, { access: 'read' }, { owner: 'anyone' });
    try {
      await stage.write(name, readPieces(handle));
    } finally {
      await handle.close();
    }
  }
  const found = await digestFile(fs, stage.at(name), {
    isWorthReading: (sizeBytes) => sizeBytes === entry.sizeBytes,
    owner: 'anyone',
    signal,
  });
  if (found.sha256 !== entry.sha256) throw damaged(path, 'The tile is not as it was written');
  return entry;
}

function damaged(path: string, what: string): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: `${what}; raster verify says what is wrong. The mosaic is as it was.`,
    step: 'check',
    path,
  });
}
