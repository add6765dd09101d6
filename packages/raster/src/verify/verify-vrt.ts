/**
 * Finds what is wrong with a mosaic that should still be as it was written: a missing, cut,
 * changed, swapped or foreign tile, and a damaged index. Nothing is changed.
 *
 * A mosaic of ours says what it should be: the index ends with its own checksum and names the
 * generation of its tiles, and the manifest beside the tiles has the size and checksum of each. A
 * mosaic by others says only where its tiles are and how large; `deep` then decodes every pixel,
 * which finds what does not decode.
 */
import { basename, dirname, join, resolve } from 'node:path';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { checkOptions, withDefaults } from 'holdfast/options';
import { errnoOf, freshenWay, nodeFileSystem, type Fs } from 'holdfast/os';
import { indexBehind } from '../mosaic-place.js';
import { openInside } from '../read/inside.js';
import { isAddress } from '../remote/address.js';
import { indexLimits, openVrt, type Mosaic, type OpenVrtOptions } from '../read/open-vrt.js';
import { UnsupportedFeature } from '../read/parse-vrt.js';
import { inOrder } from '../read/read-ahead.js';
import { readIndex } from '../read/read-index.js';
import { defaultLimits } from '../source/block-limits.js';
import { ByteBudget } from '../source/byte-budget.js';
import { readGeoTiff } from '../source/geotiff/from-geotiff.js';
import { digestFile, type FileDigest, readOwnText } from '../write/file-digest.js';
import {
  generationOf,
  manifestName,
  parseManifest,
  type Manifest,
  type ManifestTile,
  MOST_MANIFEST_BYTES,
} from '../write/manifest.js';
import { checkIndexDigest } from '../vrt/index-digest.js';
import { filesIn, type IndexedFile } from '../vrt/vrt-text.js';
import {
  companionSuffixes,
  isCompanionOf,
  isKeptWhole,
  keptIndexName,
} from '../write/index-with-tiles.js';
import { findLostIndex } from '../write/lost-index.js';
import { firstTilesPath, listTilesDirectories, namesOf } from '../write/tiles-directory.js';
import { differenceOf } from './same-mosaic.js';
import { judgeShape, MAX_TILE_BYTES, problem, type Shape, shapesOf, tooLarge } from './shape.js';

/** What can be wrong. */
export type ProblemKind =
  /**
   * The index names older tiles than the last finished write gave it: another program put it back.
   */
  | 'lost index'
  | 'damaged index'
  /** Nothing is known to be wrong: the index asks for something that is not supported here. */
  | 'not checked'
  | 'damaged manifest'
  | 'other generation'
  | 'missing'
  | 'truncated'
  | 'too long'
  | 'changed'
  | 'swapped'
  | 'foreign'
  | 'wrong shape'
  | 'undecodable';

/** One thing that is wrong, and where. */
export interface Problem {
  readonly kind: ProblemKind;
  readonly path: string;
  /** A sentence for a person. */
  readonly message: string;
}

/** Something that is in order and worth knowing. */
export interface VerifyNote {
  /**
   * `companion`: a file of another program that is read with the mosaic. `rewritten`: the index was
   * written anew by another program, with the same tiles in the same places.
   */
  readonly kind: 'companion' | 'rewritten';
  readonly path: string;
  readonly message: string;
}

/** How thoroughly a mosaic is checked. */
export interface VerifyOptions extends Pick<
  OpenVrtOptions,
  | 'outside'
  | 'maxIndexBytes'
  | 'maxBands'
  | 'maxSources'
  | 'maxBlockBytes'
  | 'fs'
  | 'store'
  | 'allowHttp'
> {
  /**
   * Decodes every tile as well; in a bucket, and at an address where a checksum is known, reads every
   * tile and compares that. `false` by default.
   */
  readonly deep?: boolean | undefined;
  /**
   * The most bytes that are read of one tile, and that `deep` decodes of it; 64 GiB by default. A
   * larger one is told as `not checked`.
   */
  readonly maxTileBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told after each tile; must not throw. */
  readonly onProgress?:
    ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** What was checked, and what was found. */
export interface VerifyReport {
  readonly path: string;
  /** True when nothing is wrong, as far as was looked. */
  readonly ok: boolean;
  /** How much the mosaic says about itself: `checksums` for ours, `shapes` for those of others. */
  readonly evidence: 'checksums' | 'shapes';
  readonly generation: string | undefined;
  readonly tiles: number;
  readonly problems: readonly Problem[];
  readonly notes: readonly VerifyNote[];
}

/** A check under way: how it is made, and what it has found. */
interface Check {
  readonly fs: Fs;
  readonly options: VerifyOptions;
  readonly problems: Problem[];
  readonly notes: VerifyNote[];
}

/** Tiles that are looked at side by side, so that each thread has something to decode. */
const TILES_AT_ONCE = 8;
/** Bytes of tiles that `deep` decodes side by side; a larger one alone. */
const MOST_DECODED_BYTES = 32 * 1024 * 1024;

/**
 * Checks a mosaic. What is wrong is in the report; only what keeps it from looking at all is an
 * error.
 *
 * At `https://…` nothing can be listed: what lies beside the tiles is not known there, and without
 * `deep` only what each file says of its size and shape.
 *
 * @param path - of the index; or its address, `https://host/dem.vrt`, or that of one that
 *   `writeTiledVrt` has written, `s3://bucket/dem.vrt`
 * @throws HoldfastError NOT_FOUND without an index; PATH_ESCAPES; ABORTED; IO; in a bucket
 *   STORE_FAILED, and CORRUPT_DOCUMENT for an index that `writeTiledVrt` has not written there; at an
 *   address what `openVrt` throws
 */
export async function verifyVrt(path: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  checkOptions('verifyVrt', options, optionNames);
  if (isAddress(path) && path.startsWith('s3:')) {
    const { verifyInBucket } = await import('./verify-bucket.js');
    return verifyInBucket(path, options);
  }
  if (isAddress(path)) return (await import('./verify-remote.js')).verifyRemote(path, options);
  const fs = options.fs ?? nodeFileSystem;
  const check: Check = { fs, options, problems: [], notes: [] };
  const { problems } = check;
  await freshenWay(fs, dirname(path)).catch((cause: unknown) => {
    throw ioFailure(path, cause);
  });
  const index = await indexBehind(fs, path);
  const digest = await checkIndexDigest(fs, index, options.signal);
  const lost = await lostIndexOf(fs, index, digest);
  if (lost) problems.push(lost);
  else if (digest === 'damaged')
    problems.push(problem('damaged index', index, 'its text is not what was written'));
  await findCompanions(check, index);
  const mosaic = await openIfWhole(check, index);
  if (!mosaic) return report(check, { path: index, tiles: 0 });
  try {
    const generation = mosaic.document.metadata.get('HOLDFAST')?.['GENERATION'];
    if (generation !== undefined && digest === 'unknown' && !lost)
      await judgeRewritten(check, mosaic);
    const files = filesIn(mosaic.document.metadata);
    if (files && digest === 'unknown') judgeRewrittenList(check, mosaic, files);
    const listed = files && manifestsOf(mosaic, files);
    const manifests = generation === undefined ? listed : await readManifests(check, mosaic);
    if (manifests && manifests !== listed) checkGeneration(generation, manifests, problems);
    await checkTiles(check, mosaic, manifests);
    await checkOthers(check, mosaic, manifests);
    return report(check, { path: index, generation, manifests, tiles: mosaic.tilePaths.length });
  } finally {
    await mosaic.close();
  }
}

const optionNames = [
  'maxIndexBytes',
  'maxBands',
  'maxSources',
  'maxBlockBytes',
  'maxTileBytes',
  'deep',
  'outside',
  'signal',
  'onProgress',
  'fs',
  'store',
  'allowHttp',
] as const;

/** An index that `recoverVrt` would bring back. */
async function lostIndexOf(
  fs: Fs,
  path: string,
  digest: Awaited<ReturnType<typeof checkIndexDigest>>,
): Promise<Problem | undefined> {
  if (!/\.vrt$/iu.test(path)) return undefined;
  const directories = await listTilesDirectories(fs, firstTilesPath(path));
  const lost = await findLostIndex(fs, path, directories);
  if (!lost) return undefined;
  const { named, tilesPath } = lost;
  const back = 'holdfast raster recover brings back what the last finished write left';
  if (named && named.tilesName !== basename(tilesPath)) {
    const why = `it names ${named.tilesName}, and the last finished write gave it ${basename(tilesPath)}`;
    return problem('lost index', path, `another program put an older one back: ${why}; ${back}`);
  }
  const why = digest === 'damaged' ? 'its text is not what was written' : 'it was cut';
  return problem('damaged index', path, `${why}; ${back}`);
}

async function findCompanions({ fs, notes }: Check, path: string): Promise<void> {
  for (const suffix of companionSuffixes) {
    const companion = `${path}${suffix}`;
    if (await fs.exists(companion)) notes.push(companionNote(companion));
  }
}

function companionNote(path: string): VerifyNote {
  return { kind: 'companion', path, message: 'another program made it, and GDAL reads it too' };
}

/**
 * The index of a mosaic of ours without its checksum: another program wrote it anew, or it was cut.
 */
async function judgeRewritten(
  { fs, options, problems, notes }: Check,
  mosaic: Mosaic,
): Promise<void> {
  const { path, document } = mosaic;
  const { maxIndexBytes, maxBands, maxSources } = options;
  const tilesName = document.metadata.get('HOLDFAST')?.['TILES'] ?? '';
  const keptPath = join(dirname(path), tilesName, keptIndexName);
  const isKept = await isKeptWhole(fs, dirname(keptPath));
  const other = isKept
    ? differenceOf(
        document,
        await readIndex(keptPath, {
          fs,
          ...withDefaults({ maxIndexBytes, maxBands, maxSources }, indexLimits),
        }),
      )
    : 'its last line, the checksum, is gone: it was cut, or another program rewrote it';
  if (other !== undefined) problems.push(problem('damaged index', path, other));
  else
    notes.push({
      kind: 'rewritten',
      path,
      message: 'another program wrote it anew, with the same tiles in the same places',
    });
}

/**
 * The index of files that were there before it, without its checksum: another program wrote it
 * anew, or it was cut.
 */
function judgeRewrittenList(
  { problems, notes }: Check,
  { path, tilePaths, document }: Mosaic,
  files: readonly IndexedFile[],
): void {
  const named = new Set(tilePaths);
  const beside = new Set(Object.values(document.metadata.get('HOLDFAST') ?? {}));
  const gone = files.find(
    (file) => !beside.has(file.path) && !named.has(resolve(dirname(path), file.path)),
  );
  const message = 'another program wrote it anew, with the same tiles';
  if (gone) problems.push(problem('damaged index', path, `it does not name ${gone.path} any more`));
  else notes.push({ kind: 'rewritten', path, message });
}

/** What an index says of the files that it names, by their folders. */
function manifestsOf({ path }: Mosaic, files: readonly IndexedFile[]): Manifests {
  const byFolder = new Map<string, ManifestTile[]>();
  for (const { path: name, sizeBytes, sha256 = '' } of files) {
    const file = resolve(dirname(path), name);
    const tiles = byFolder.get(dirname(file)) ?? [];
    byFolder.set(dirname(file), tiles);
    tiles.push({ name: basename(file), sizeBytes, sha256 });
  }
  return new Map(
    [...byFolder].map(([folder, tiles]) => {
      const manifest = known({ generation: '', tiles });
      const hasChecksums = tiles.some(({ sha256 }) => sha256 !== '');
      // Where there is nothing to hold them against, no file is read for its checksum.
      return [
        folder,
        hasChecksums ? manifest : { ...manifest, sizes: new Set(), bySha256: new Map() },
      ];
    }),
  );
}

/** A manifest, and its tiles by what they are looked for by. */
interface KnownTiles extends Manifest {
  readonly byName: ReadonlyMap<string, ManifestTile>;
  readonly bySha256: ReadonlyMap<string, ManifestTile>;
  readonly sizes: ReadonlySet<number>;
}

function known(manifest: Manifest): KnownTiles {
  const { tiles } = manifest;
  return {
    ...manifest,
    byName: new Map(tiles.map((tile) => [tile.name, tile])),
    bySha256: new Map(tiles.map((tile) => [tile.sha256, tile])),
    sizes: new Set(tiles.map(({ sizeBytes }) => sizeBytes)),
  };
}

/** The manifest of each folder that holds tiles, by the folder. */
type Manifests = ReadonlyMap<string, KnownTiles>;

function report(
  { problems, notes }: Check,
  {
    manifests,
    generation,
    ...rest
  }: Pick<VerifyReport, 'path' | 'tiles'> & {
    readonly generation?: string | undefined;
    readonly manifests?: Manifests | undefined;
  },
): VerifyReport {
  const listed = [...(manifests?.values() ?? [])].flatMap((manifest) => manifest.tiles);
  const evidence = listed.some(({ sha256 }) => sha256 !== '') ? 'checksums' : 'shapes';
  return { ...rest, ok: problems.length === 0, evidence, generation, problems, notes };
}

async function openIfWhole(
  { fs, options, problems }: Check,
  path: string,
): Promise<Mosaic | undefined> {
  try {
    const { outside, maxIndexBytes, maxBands, maxSources, maxBlockBytes, signal } = options;
    const limits = { maxIndexBytes, maxBands, maxSources, maxBlockBytes };
    return await openVrt(path, { fs, outside, ...limits, signal });
  } catch (error) {
    if (!isHoldfastError(error, 'CORRUPT_DOCUMENT')) throw error;
    if (error.cause instanceof UnsupportedFeature)
      problems.push(problem('not checked', path, error.cause.message));
    else if (problems.length === 0) problems.push(problem('damaged index', path, error.message));
    return undefined;
  }
}

async function readManifests(check: Check, mosaic: Mosaic): Promise<Manifests> {
  const manifests = new Map<string, KnownTiles>();
  for (const folder of new Set(mosaic.tilePaths.map((tile) => dirname(tile)))) {
    const path = join(folder, manifestName);
    const manifest = await readManifest(check, path);
    if (!manifest) continue;
    manifests.set(folder, known(manifest));
    await findForeign(check, folder, manifest);
    await checkKeptIndex(check, folder);
  }
  return manifests;
}

async function readManifest({ fs, problems }: Check, path: string): Promise<Manifest | undefined> {
  try {
    const own = await readOwnText(fs, path, MOST_MANIFEST_BYTES);
    const manifest = own && parseManifest(own.text);
    if (manifest && generationOf(manifest.tiles) === manifest.generation) return manifest;
    problems.push(
      own
        ? problem('damaged manifest', path, 'its text is not what was written')
        : problem('missing', path, 'the manifest of the tiles is gone'),
    );
  } catch (error) {
    if (isHoldfastError(error, 'CORRUPT_DOCUMENT')) {
      problems.push(problem('damaged manifest', path, error.message));
      return undefined;
    }
    if (isHoldfastError(error, 'NAME_TAKEN')) {
      problems.push(problem('foreign', path, error.message));
      return undefined;
    }
    throw ioFailure(path, error);
  }
  return undefined;
}

function checkGeneration(
  generation: string | undefined,
  manifests: Manifests,
  problems: Problem[],
): void {
  for (const [folder, manifest] of manifests) {
    if (manifest.generation === generation) continue;
    problems.push(
      problem(
        'other generation',
        folder,
        `the index wants ${generation}, these tiles are ${manifest.generation}`,
      ),
    );
  }
}

async function findForeign(
  { fs, problems, notes }: Check,
  folder: string,
  manifest: Manifest,
): Promise<void> {
  const isOurs = namesOf(manifest);
  for (const { name } of await fs.readDirectory(folder)) {
    if (isOurs(name)) continue;
    const path = join(folder, name);
    if (isCompanionOf(name, isOurs)) notes.push(companionNote(path));
    else problems.push(problem('foreign', path, 'the manifest does not list it'));
  }
}

/** Mosaics of earlier versions have none. */
async function checkKeptIndex({ fs, problems }: Check, folder: string): Promise<void> {
  const path = join(folder, keptIndexName);
  if (!(await fs.exists(path)) || (await isKeptWhole(fs, folder))) return;
  problems.push(
    problem('changed', path, 'the index that lies with the tiles is not what was written'),
  );
}

async function checkTiles(
  check: Check,
  mosaic: Mosaic,
  manifests: Manifests | undefined,
): Promise<void> {
  const { options, problems } = check;
  const shapes = shapesOf(mosaic);
  const total = mosaic.tilePaths.length;
  const blocks = new ByteBudget(options.maxBlockBytes ?? defaultLimits.maxBlockBytes);
  const budget = { tiles: new ByteBudget(MOST_DECODED_BYTES), blocks };
  const checkTile = async (tilePath: string): Promise<Problem | undefined> => {
    throwIfAborted(options.signal, mosaic.path);
    const manifest = manifests?.get(dirname(tilePath));
    const said = { indexPath: mosaic.path, shape: shapes.get(tilePath), budget };
    return (
      (manifest && (await checkBytes(check, tilePath, manifest))) ??
      (await checkShape(check, tilePath, said))
    );
  };
  let done = 0;
  await inOrder(mosaic.tilePaths, TILES_AT_ONCE, checkTile, async (_, found) => {
    if (found) problems.push(found);
    done += 1;
    options.onProgress?.({ done, total });
  });
}

/** The files of a manifest that the index does not name among its tiles: overviews. */
async function checkOthers(
  check: Check,
  mosaic: Mosaic,
  manifests: Manifests | undefined,
): Promise<void> {
  const tilePaths = new Set(mosaic.tilePaths);
  for (const [folder, manifest] of manifests ?? []) {
    for (const { name } of manifest.tiles) {
      throwIfAborted(check.options.signal, mosaic.path);
      const path = join(folder, name);
      const found = tilePaths.has(path) ? undefined : await checkBytes(check, path, manifest);
      if (found) check.problems.push(found);
    }
  }
}

/** Compares a tile with its entry in the manifest: one of a size that no tile has is not read. */
async function checkBytes(
  { fs, options: { maxTileBytes = MAX_TILE_BYTES, signal } }: Check,
  path: string,
  manifest: KnownTiles,
): Promise<Problem | undefined> {
  const entry = manifest.byName.get(basename(path));
  if (!entry)
    return problem('foreign', path, 'the index names it, and the manifest does not list it');
  try {
    const isWorthReading = (sizeBytes: number): boolean =>
      manifest.sizes.has(sizeBytes) && sizeBytes <= maxTileBytes;
    const digest = await digestFile(fs, path, { isWorthReading, owner: 'anyone', signal });
    if (digest.sizeBytes > maxTileBytes && digest.sizeBytes === entry.sizeBytes)
      return tooLarge(path, digest.sizeBytes, maxTileBytes);
    const isSame = digest.sizeBytes === entry.sizeBytes && digest.sha256 === entry.sha256;
    return isSame ? undefined : wrongBytes(path, digest, entry, manifest);
  } catch (error) {
    throwIfAborted(signal, path);
    if (errnoOf(error) === 'ENOENT') return problem('missing', path, 'the tile is gone');
    if (isHoldfastError(error, 'NAME_TAKEN')) return problem('foreign', path, error.message);
    throw ioFailure(path, error);
  }
}

function wrongBytes(
  path: string,
  { sizeBytes, sha256 }: FileDigest,
  entry: ManifestTile,
  manifest: KnownTiles,
): Problem {
  const other = manifest.bySha256.get(sha256);
  if (other) return problem('swapped', path, `it holds what ${other.name} should hold`);
  if (sizeBytes < entry.sizeBytes) {
    return problem('truncated', path, `it has ${sizeBytes} of ${entry.sizeBytes} bytes`);
  }
  if (sizeBytes > entry.sizeBytes) {
    return problem('too long', path, `it has ${sizeBytes} bytes, ${entry.sizeBytes} were written`);
  }
  return problem('changed', path, 'it has the right size and other content');
}

/** What a tile is judged by, and what limits how many are decoded at one time. */
interface SaidOfTile {
  readonly indexPath: string;
  readonly shape: Shape | undefined;
  readonly budget: { readonly tiles: ByteBudget; readonly blocks: ByteBudget };
}

/**
 * Errors that say what lies in the place of a tile: a symlink, FIFO or device, or something
 * outside.
 */
const notATile: readonly string[] = ['NAME_TAKEN', 'UNSUPPORTED_TARGET', 'PATH_ESCAPES'];

async function checkShape(
  { fs, options }: Check,
  path: string,
  { indexPath, shape, budget }: SaidOfTile,
): Promise<Problem | undefined> {
  try {
    const { outside = 'refuse', maxBands, maxBlockBytes } = options;
    const open = () => openInside(fs, indexPath, path, outside);
    const limits = { maxBands, maxBlockBytes, budget: budget.blocks };
    const tile = await readGeoTiff(path, { fs, ...limits }, open);
    try {
      return await judgeShape(path, tile, { shape, budget: budget.tiles, options });
    } finally {
      await tile.close();
    }
  } catch (error) {
    if (isHoldfastError(error, 'NOT_FOUND')) return problem('missing', path, 'the tile is gone');
    if (isHoldfastError(error, 'CORRUPT_DOCUMENT'))
      return problem('undecodable', path, error.message);
    if (isHoldfastError(error) && notATile.includes(error.code))
      return problem('foreign', path, error.message);
    throw error;
  }
}

function ioFailure(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('IO', {
    message: 'The file cannot be read.',
    step: 'verify',
    path,
    cause,
  });
}

function throwIfAborted(signal: AbortSignal | undefined, path: string): void {
  if (!signal?.aborted) return;
  throw new HoldfastError('ABORTED', {
    message: 'Verifying was cancelled.',
    step: 'verify',
    path,
    cause: signal.reason,
  });
}
