/**
 * Writes an index over GeoTIFFs that are there already:
 *
 * 1. check the options; find the files; look at each, some side by side: what it holds, its size
 *    and checksum
 * 2. compare: all must be alike and lie on one grid, without overlaps and holes unless these are
 *    allowed. Every difference is told, and nothing is left out without a word
 * 3. lock `<index>.lock`; refuse what is in the way; companions of an old index get another name
 * 4. put the index in place (the core's replaceFile): the commit point. Where a STAC item or a GTI
 *    goes with it, or those of the old index go, that is one transaction, and 3 is done within it
 *
 * Invariant: the index that exists is whole, the old one or the new one. The tiles are never
 * changed. Sizes and checksums, also of what goes with the index, stand in the index itself, so
 * that no second file can be of another time without being noticed.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import {
  type Durability,
  HoldfastError,
  isHoldfastError,
  replaceFile,
  transaction,
  withLock,
} from 'holdfast';
import { checkOptions, checkWords, invalidArgument } from 'holdfast/options';
import { codeOfFailure, type Fs, nodeFileSystem } from 'holdfast/os';
import { srsText } from '../crs/crs.js';
import {
  hasMask,
  type NotCarried,
  type RasterInfo,
  type Transform,
  type Window,
} from '../model.js';
import { lockedPlaceOf, type MosaicPlace, placeOf } from '../mosaic-place.js';
import { inOrder } from '../read/read-ahead.js';
import {
  commonWords,
  differencesOf,
  placingTransform,
  wholeOf,
  windowOn,
} from '../source/alike.js';
import type { StacOptions } from '../stac/stac-options.js';
import { type IndexedFile, type IndexedTile, vrtBytes, type VrtIndex } from '../vrt/vrt-text.js';
import { restoreCompanions, retireCompanions, tilesNamedBy } from '../write/index-with-tiles.js';
import { arrangementOf } from './arrangement.js';
import { bytesOf, makeBeside, ownBeside, wantsBeside } from './beside.js';
import { findTiles } from './find-tiles.js';
import { lookAtTile, type SeenTile, type UnreadableTile } from './look-at-tile.js';
import { Neighbours } from './neighbours.js';

/** How an index over tiles is made. */
export interface IndexTilesOptions {
  /**
   * Takes all TIFFs below directories among the paths; `false` by default, which refuses
   * directories.
   */
  readonly recursive?: boolean | undefined;
  /**
   * Allows pixels that no tile has. They need a nodata value or a mask, which marks them; `false`
   * by default.
   */
  readonly allowHoles?: boolean | undefined;
  /** Allows tiles that share pixels: the later one counts; `false` by default. */
  readonly allowOverlaps?: boolean | undefined;
  /** Leaves out files that cannot be read, and tells which; `false` by default. */
  readonly skipUnreadable?: boolean | undefined;
  /**
   * Reads each tile for its checksum, by which `verifyVrt` finds what has changed; `true` by
   * default. Else it knows the sizes alone.
   */
  readonly checksums?: boolean | undefined;
  /**
   * `fail` (the default) refuses an index that exists; `replace` replaces it, whatever program
   * wrote it, but for that of a mosaic.
   */
  readonly ifExists?: 'fail' | 'replace' | undefined;
  /** Ends the call; nothing of it is left then. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each tile; must not throw. */
  readonly onProgress?:
    ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  /**
   * Writes a STAC item of the whole beside the index, as `<index>.stac.json`, in the same commit:
   * both are there or neither; with `tiles` an item of each tile too. `true` where the tiles say when they were taken, all the same;
   * `false` by default.
   */
  readonly stac?: boolean | StacOptions | undefined;
  /**
   * Writes GDAL's tile index as well (GTI, read from 3.9 on), for very many tiles:
   * `<name>.gti.gpkg` beside the index, in the same commit. Needs the package sql.js; refused for
   * tiles that share pixels, of which GDAL shows others. `false` by default.
   */
  readonly gti?: boolean | undefined;
  /**
   * How long to wait for another writer of the same index, in milliseconds; without end by default.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * `durable` (the default): survives power loss once acknowledged. `atomic`: whole or not at all,
   * and nothing is synced.
   */
  readonly durability?: Durability | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** What was written. */
export interface WrittenIndex {
  /** With symlinks resolved. */
  readonly path: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly tileCount: number;
  /** Bytes of all tiles. */
  readonly sizeBytes: number;
  /** Files that could not be read and were left out, and why. */
  readonly skipped: readonly { readonly path: string; readonly why: string }[];
  /** Pixels that no tile has. */
  readonly holes: readonly Window[];
  /** Pairs of tiles that share pixels. */
  readonly overlapCount: number;
  /**
   * Names of files beside the old index that spoke of its pixels; `.replaced` is part of their
   * names now.
   */
  readonly retiredCompanions: readonly string[];
  /** The STAC item, if there is one. */
  readonly stacPath: string | undefined;
  /** The STAC items of the tiles, in one file, if there are some. */
  readonly stacItemsPath: string | undefined;
  /** GDAL's tile index, if there is one. */
  readonly gtiPath: string | undefined;
  /** Names of what the old index had beside it (`stac`, `gti`) and this one has not. */
  readonly removed: readonly string[];
  /** What the tiles say and the index, or its item, does not. */
  readonly notCarried: readonly NotCarried[];
}

const CALL = 'indexTiles';
const optionNames = [
  'recursive',
  'allowHoles',
  'allowOverlaps',
  'skipUnreadable',
  'checksums',
  'ifExists',
  'stac',
  'gti',
  'signal',
  'onProgress',
  'timeoutMs',
  'durability',
  'fs',
] as const;
/** Tiles that are looked at side by side. */
const TILES_AT_ONCE = 16;
/** Differences that a message names; all are in `others`. */
const MOST_NAMED = 20;

/**
 * Writes a VRT index over GeoTIFFs that exist, which must lie on one grid and be alike in type,
 * bands, nodata, CRS, units, colours and masks, without overlaps and holes.
 *
 * After success the index is in place and durable; its lock file stays. It names the tiles by paths
 * relative to itself, with their sizes and checksums, which `verifyVrt` holds them against. After
 * an error of outcome `unchanged` what was there is as it was. The tiles themselves are never
 * written to. With `stac` or `gti`, and where the old index has such files, all that is written or
 * removed is one `transaction`, which is always durable.
 *
 * Not promised: that the tiles stay as they were while they are looked at, and later; that a reader
 * without the lock sees index, item and GTI change at one instant.
 *
 * @param path - the index, `SOMETHING.vrt`; its directory must exist
 * @param tiles - paths of GeoTIFFs; with `recursive` of directories too. Where tiles overlap, later
 *   ones count
 * @throws HoldfastError INVALID_ARGUMENT for tiles that make no index, each difference in the
 *   message (up to 20) and in `others`; ALREADY_EXISTS; NOT_FOUND; ABORTED; LOCK_TIMEOUT; IO;
 *   UNSUPPORTED_PLATFORM for `gti` without sql.js; TARGET_CHANGED when another writer has changed
 *   what goes with the old index meanwhile; and what replaceFile and transaction throw
 */
export async function indexTiles(
  path: string,
  tiles: readonly string[],
  options: IndexTilesOptions = {},
): Promise<WrittenIndex> {
  checkOptions(CALL, options, optionNames);
  checkWords(CALL, '', options, { ifExists: ['fail', 'replace'] });
  checkName(path);
  const { fs = nodeFileSystem, signal, timeoutMs } = options;
  const before = await placeOf(fs, path);
  await refuseInTheWay(fs, before.indexPath, options);
  const names = await findTiles(fs, tiles, options.recursive ?? false);
  const seen = await lookAtAll(fs, names, path, options);
  const old = await ownBeside(before.fs, before.indexPath);
  if (wantsBeside(options) || old.length > 0)
    return publishTogether(before, plan(before.indexPath, seen, options), old, options);
  return withLock(
    path,
    async (lock) => {
      const place = await lockedPlaceOf(fs, lock);
      await refuseInTheWay(place.fs, place.indexPath, options);
      checkSame(place.indexPath, await ownBeside(place.fs, place.indexPath), old);
      return publish(place, plan(place.indexPath, seen, options), options);
    },
    { fs, signal, timeoutMs },
  );
}

function checkName(path: string): void {
  const name = basename(path);
  if (/^.+\.vrt$/isu.test(name)) return;
  throw invalidArgument(CALL, `the index must be named SOMETHING.vrt, not '${name}'`, path);
}

async function refuseInTheWay(
  fs: Fs,
  path: string,
  { ifExists = 'fail' }: IndexTilesOptions,
): Promise<void> {
  checkName(path);
  try {
    if (!(await fs.exists(path))) return;
    const named = ifExists === 'replace' ? await tilesNamedBy(fs, path) : undefined;
    if (ifExists === 'replace' && !named) return;
    throw new HoldfastError('ALREADY_EXISTS', {
      message: named
        ? `This is the index of a mosaic, whose tiles are in ${named.tilesName}. Write to another name, or move the mosaic away.`
        : "There is an index of this name. Replace it (ifExists: 'replace'), or write to another name.",
      step: 'check',
      path,
    });
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    const message = 'What is at the path could not be looked at. Nothing was written.';
    throw new HoldfastError(codeOfFailure(cause), { message, step: 'check', path, cause });
  }
}

/** Step 1: each file, in the order given. */
async function lookAtAll(
  fs: Fs,
  names: readonly string[],
  path: string,
  options: IndexTilesOptions,
): Promise<readonly (SeenTile | UnreadableTile)[]> {
  const { signal = new AbortController().signal, checksums = true, onProgress } = options;
  const found: (SeenTile | UnreadableTile)[] = [];
  const how = { takesChecksums: checksums, neighbours: new Neighbours(fs), signal };
  const look = async (name: string) => lookAtTile(fs, name, how);
  try {
    await inOrder(names, TILES_AT_ONCE, look, async (_, tile) => {
      found.push(tile);
      onProgress?.({ done: found.length, total: names.length });
    });
    return found;
  } catch (cause) {
    if (!signal.aborted) throw cause;
    const message = 'Indexing was cancelled. Nothing was written.';
    throw new HoldfastError('ABORTED', { message, step: 'look at tiles', path, cause });
  }
}

/** What is to be written, and told. */
type IndexPlan = Omit<WrittenIndex, 'path' | 'retiredCompanions' | NameBeside> & {
  readonly index: VrtIndex;
};
type NameBeside = 'stacPath' | 'stacItemsPath' | 'gtiPath' | 'removed';

/** Step 2. */
function plan(
  indexPath: string,
  found: readonly (SeenTile | UnreadableTile)[],
  options: IndexTilesOptions,
): IndexPlan {
  const { allowHoles, allowOverlaps, skipUnreadable } = options;
  const problems: Problem[] = [];
  const unreadable = found.filter((tile): tile is UnreadableTile => 'why' in tile);
  if (!skipUnreadable)
    for (const { name, why, error } of unreadable) problems.push({ name, why, error });
  const tiles = found.filter((tile): tile is SeenTile => !('why' in tile));
  problems.push(...twice(tiles));
  const [first] = tiles;
  const base = first && placingTransform(first.info);
  if (!first || !base) {
    if (first) problems.push({ name: first.name, why: 'no transform says where it lies' });
    else if (problems.length === 0) problems.push({ name: indexPath, why: 'there is no tile' });
    throw refusal(indexPath, problems, found.length);
  }
  const placed: { readonly tile: SeenTile; readonly window: Window }[] = [];
  for (const tile of tiles) {
    const window = windowOfTile(first, base, tile, problems);
    if (window) placed.push({ tile, window });
  }
  if (problems.length > 0) throw refusal(indexPath, problems, found.length);
  const { info, windows } = wholeOf(
    first.info,
    base,
    placed.map(({ window }) => window),
  );
  const { overlaps, holes } = arrangementOf(windows, info);
  const nameOf = (index: number): string => (tiles[index] as SeenTile).name;
  if (!allowOverlaps)
    for (const [one, other] of overlaps)
      problems.push({
        name: nameOf(other),
        why: `it shares pixels with ${nameOf(one)} (allowOverlaps, --allow-overlaps: the later one counts)`,
      });
  const isMarked = info.nodata !== undefined || hasMask(info);
  for (const hole of allowHoles && isMarked ? [] : holes)
    problems.push({
      name: indexPath,
      why: `no tile has the pixels ${wordsOf(hole)}${allowHoles ? ', and no nodata value would mark them' : ' (allowHoles, --allow-holes)'}`,
    });
  if (problems.length > 0) throw refusal(indexPath, problems, found.length);
  const told: NotCarried[] = tiles.flatMap(({ name, notCarried }) =>
    notCarried.map((each) => ({ ...each, where: `${name}: ${each.where}` })),
  );
  const common = commonWords(
    tiles.map((tile) => tile.info),
    told,
  );
  return {
    index: indexOf(indexPath, { ...info, ...common }, tiles, windows),
    widthPx: info.widthPx,
    heightPx: info.heightPx,
    tileCount: tiles.length,
    sizeBytes: tiles.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    skipped: unreadable.map(({ name, why }) => ({ path: name, why })),
    holes,
    overlapCount: overlaps.length,
    notCarried: told,
  };
}

/** Why there is no index, by the file that it is due to. */
interface Problem {
  readonly name: string;
  readonly why: string;
  readonly error?: unknown;
}

function* twice(tiles: readonly SeenTile[]): Generator<Problem> {
  const names = new Map<string, string>();
  for (const { name, path } of tiles) {
    const before = names.get(path);
    if (before !== undefined) yield { name, why: `it is the same file as ${before}` };
    else names.set(path, name);
  }
}

function windowOfTile(
  first: SeenTile,
  base: Transform,
  tile: SeenTile,
  problems: Problem[],
): Window | undefined {
  for (const difference of differencesOf(first.info, tile.info))
    problems.push({ name: tile.name, why: `it differs from ${first.name} in ${difference}` });
  const transform = placingTransform(tile.info);
  const window = transform && windowOn(base, tile.info, transform);
  if (!transform) problems.push({ name: tile.name, why: 'no transform says where it lies' });
  else if (!window)
    problems.push({
      name: tile.name,
      why: `it does not lie on the grid of ${first.name}: its pixels have another size, or lie between those`,
    });
  return window;
}

function refusal(path: string, problems: readonly Problem[], count: number): HoldfastError {
  const lines = problems.slice(0, MOST_NAMED).map(({ name, why }) => `  ${name}: ${why}`);
  const more = problems.length - lines.length;
  const end = more > 0 ? `\n  and ${more} more` : '';
  return new HoldfastError('INVALID_ARGUMENT', {
    message: `These ${count} files make no index. Nothing was written.\n${lines.join('\n')}${end}`,
    step: 'compare tiles',
    path,
    cause: problems.find(({ error }) => error !== undefined)?.error,
    others: problems.map(({ name, why }) => invalidArgument(CALL, why, name)),
  });
}

function wordsOf({ xPx, yPx, widthPx, heightPx }: Window): string {
  return `${xPx},${yPx} ${widthPx}x${heightPx}`;
}

function indexOf(
  indexPath: string,
  info: RasterInfo,
  tiles: readonly SeenTile[],
  windows: readonly Window[],
): VrtIndex {
  const paths = tiles.map(({ path }) => relativePath(indexPath, path));
  const indexed: IndexedTile[] = tiles.map(({ blockWidthPx, blockHeightPx }, index) => ({
    path: paths[index] as string,
    window: windows[index] as Window,
    blockWidthPx,
    blockHeightPx,
  }));
  const files: IndexedFile[] = tiles.map(({ sizeBytes, sha256 }, index) => ({
    path: paths[index] as string,
    sizeBytes,
    sha256,
  }));
  const { crs } = info.georeferencing;
  return { info, srs: crs && srsText(crs), tiles: indexed, files };
}

function relativePath(indexPath: string, path: string): string {
  const found = relative(dirname(indexPath), path);
  if (!isAbsolute(found)) return found.split(sep).join('/');
  const why = 'it lies on another drive than the index, which no relative path leads to';
  throw invalidArgument(CALL, why, path);
}

/** Steps 3 and 4. */
async function publish(
  { fs, indexPath }: { readonly fs: Fs; readonly indexPath: string },
  { index, ...told }: IndexPlan,
  { ifExists = 'fail', durability, signal }: IndexTilesOptions,
): Promise<WrittenIndex> {
  const retiredCompanions = await retired(fs, indexPath);
  try {
    await replaceFile(indexPath, vrtBytes(index), { fs, ifExists, durability, signal });
  } catch (error) {
    await restoreAfter(error, fs, indexPath);
    throw error;
  }
  const none = { stacPath: undefined, stacItemsPath: undefined, gtiPath: undefined, removed: [] };
  return { path: indexPath, ...told, ...none, retiredCompanions };
}

async function retired(fs: Fs, path: string): Promise<readonly string[]> {
  try {
    return await retireCompanions(fs, path, undefined);
  } catch (cause) {
    const message = 'Files beside the old index, which speak of its pixels, could not be renamed.';
    throw new HoldfastError(codeOfFailure(cause), { message, step: 'check', path, cause });
  }
}

async function restoreAfter(error: unknown, fs: Fs, indexPath: string): Promise<void> {
  if (isHoldfastError(error) && error.outcome === 'unchanged')
    await restoreCompanions(fs, indexPath, undefined).catch(() => undefined);
}

/** Steps 3 and 4 where files go with the index, or go with the old one. */
async function publishTogether(
  { fs, indexPath }: MosaicPlace,
  { index, notCarried, ...told }: IndexPlan,
  old: readonly string[],
  options: IndexTilesOptions,
): Promise<WrittenIndex> {
  const { ifExists = 'fail', checksums = true, signal, timeoutMs } = options;
  const made = await makeBeside({ index, indexPath, overlapCount: told.overlapCount }, options);
  const { stacPath, stacItemsPath, gtiPath } = made;
  const removed = old.filter((name) => !made.files.some((file) => file.name === name));
  const files = made.files.map(({ name, bytes }) => entryOf(name, bytes, checksums));
  const whole = { ...index, beside: made.beside, files: [...(index.files ?? []), ...files] };
  const text = await bytesOf(vrtBytes(whole));
  const directory = dirname(indexPath);
  let retiredCompanions: readonly string[] = [];
  // Under all locks, which a transaction takes when it knows all its paths.
  const update = async (): Promise<Uint8Array> => {
    await refuseInTheWay(fs, indexPath, options);
    checkSame(indexPath, await ownBeside(fs, indexPath), old);
    retiredCompanions = await retired(fs, indexPath);
    return text;
  };
  try {
    await transaction(
      directory,
      async (all) => {
        for (const { name, bytes } of made.files)
          await all.replaceFile(join(directory, name), bytes, { ifExists });
        for (const name of removed) await all.remove(join(directory, name));
        await all.updateFile(indexPath, update);
      },
      { fs: options.fs, signal, timeoutMs },
    );
  } catch (error) {
    await restoreAfter(error, fs, indexPath);
    throw error;
  }
  const found = { ...told, notCarried: [...notCarried, ...made.notCarried] };
  const paths = { path: indexPath, stacPath, stacItemsPath, gtiPath };
  return { ...paths, ...found, removed, retiredCompanions };
}

function entryOf(path: string, bytes: Uint8Array, checksums: boolean): IndexedFile {
  const sha256 = checksums ? createHash('sha256').update(bytes).digest('hex') : undefined;
  return { path, sizeBytes: bytes.length, sha256 };
}

/** Only then is known what of the old index goes with it. */
function checkSame(path: string, found: readonly string[], old: readonly string[]): void {
  if (found.join('/') === old.join('/')) return;
  throw new HoldfastError('TARGET_CHANGED', {
    message: 'Another writer has changed what goes with the index meanwhile. Try again.',
    step: 'lock',
    path,
  });
}
