/**
 * Writes a mosaic to a bucket. Nothing there can be changed but whole objects, one at a time, so it
 * goes as a directory there does:
 *
 * 1. refuse early what would be refused at the end, and claim a generation: a name that nobody has
 *    used
 * 2. make tiles, overviews and the text of the index in a scratch directory of this machine
 * 3. send the files side by side below that name, and look that all are there
 * 4. replace the index on the condition that it is still the one that was read: the commit point
 * 5. remove the scratch directory; sweep generations that are old enough
 *
 * A writer that dies before 4 leaves the mosaic that was there, objects that a later sweep removes,
 * and its scratch directory. With `resume` the next one of the same job makes the files again, and
 * sends those that are not there yet: each object says the checksum of its bytes.
 */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { publishDirectory, type Stage } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { type Fs, openOwn, readAll, readPieces, removeTree } from 'holdfast/os';
import { systemLibrary } from '../codec/system-library.js';
import type { EncoderPool } from '../encode/encoder-pool.js';
import { bucketPlaceOf, type BucketPlace } from '../remote/bucket-index.js';
import { type BucketStage, loadStores } from '../remote/stores.js';
import type { Grid } from '../source/grid.js';
import type { RasterSource } from '../source/raster-source.js';
import { toldOf } from '../source/told.js';
import { type FilledStage, fillStage, tileError, type TileFailure } from './fill-stage.js';
import { keptIndexName } from './index-with-tiles.js';
import { jobOf } from './job.js';
import { type MosaicPlan, planMosaic, type WriteOptions } from './mosaic-plan.js';
import { preparePool, type WrittenMosaic } from './write-mosaic.js';
import { overviewsName } from './write-overviews.js';

/** What a write to a bucket is asked for. */
interface BucketWrite {
  readonly address: string;
  readonly source: RasterSource;
  readonly options: WriteOptions;
  readonly grid: Grid;
}

/** @throws HoldfastError as `writeTiledVrt` does */
export async function writeToBucket(
  { address, source, options, grid }: BucketWrite,
  pool: EncoderPool,
): Promise<WrittenMosaic> {
  const { store, allowHttp = false, ...given } = options;
  const place = bucketPlaceOf('writeTiledVrt', address);
  refuseOfFiles(options, place.indexUrl);
  const { keepForMs, keepPrevious, ifExists, timeoutMs, signal } = given;
  const scratch = join(tmpdir(), `holdfast-mosaic-${randomBytes(10).toString('hex')}`);
  const name = basename(place.indexUrl);
  const plan = planMosaic(join(scratch, name), source, { ...given, durability: 'atomic' }, grid);
  await preparePool(plan, pool);
  const stores = await loadStores('writeTiledVrt', place.indexUrl);
  const published = await stores.publishDirectory(
    place.tilesUrl,
    (stage) => inScratch(plan.fs, scratch, () => fill(plan, place, stage, pool)),
    {
      store: store ?? stores.s3Store({ allowHttp }),
      index: place.index,
      keepForMs,
      keepPrevious,
      ifExists,
      timeoutMs,
      signal,
      resume: plan.resume ? await jobText(plan) : undefined,
    },
  );
  const { tiles, generation, tileCount, averagedClasses, ...made } = published.value;
  const tilesPath = `${place.tilesUrl}/generations/${published.generation}`;
  const pathOf = (fileName: string | undefined) => fileName && `${tilesPath}/${fileName}`;
  return {
    path: place.indexUrl,
    tilesPath,
    tileCount,
    sizeBytes: tiles.reduce((sum, tile) => sum + tile.sizeBytes, 0),
    generation,
    resumedTileCount: published.resumed.filter(isTile).length,
    lostIndexOf: undefined,
    retiredCompanions: [],
    averagedClasses,
    stacPath: pathOf(made.stacName),
    stacItemsPath: pathOf(made.stacItemsName),
    gtiPath: pathOf(made.gtiName),
    notCarried: [...toldOf(source), ...made.notCarried],
  };
}

function refuseOfFiles(options: WriteOptions, url: string): void {
  if (options.durability === undefined) return;
  throw invalidArgument('writeTiledVrt', 'durability is for mosaics on disk, not for s3://', url);
}

/** What decides about the bytes of the files. */
async function jobText(plan: MosaicPlan): Promise<string> {
  const job = await jobOf(plan);
  // Another machine may have another library, which makes other bytes of the same samples.
  return JSON.stringify({ ...job, libdeflate: systemLibrary('libdeflate') !== undefined });
}

function isTile(name: string): boolean {
  return name.endsWith('.tif') && name !== overviewsName;
}

const PRIVATE_MODE = 0o700;

async function inScratch<T>(fs: Fs, scratch: string, work: () => Promise<T>): Promise<T> {
  await fs.mkdir(scratch, PRIVATE_MODE);
  try {
    return await work();
  } finally {
    await removeTree(fs, await fs.realpath(scratch));
  }
}

/** Steps 2 and 3. */
async function fill(
  plan: MosaicPlan,
  { tilesUrl, tilesName }: BucketPlace,
  stage: BucketStage,
  pool: EncoderPool,
): Promise<FilledStage> {
  const named = { ...plan, tilesName: `${tilesName}${stage.url.slice(tilesUrl.length)}` };
  const made = await makeTiles(named, stage, pool, tilesUrl);
  // What encodes is not needed any more, and its memory is.
  await pool.close();
  const { fs, tilesPath } = plan;
  for (const { name, sha256 } of made.tiles)
    await stage.spawn(() => {
      const content = contentOf(fs, join(tilesPath, name));
      return stage.write(name, content, { contentType: typeOf(name), sha256 });
    });
  stage.setIndex(await textOf(fs, join(tilesPath, keptIndexName)));
  return made;
}

async function makeTiles(
  plan: MosaicPlan,
  { signal }: BucketStage,
  pool: EncoderPool,
  tilesUrl: string,
): Promise<FilledStage> {
  const { fs, tilesPath } = plan;
  const failures: TileFailure[] = [];
  const work = (stage: Stage) => fillStage(plan, stage, { pool, failures });
  try {
    return (await publishDirectory(tilesPath, work, { fs, signal, durability: 'atomic' })).value;
  } catch (error) {
    // It names the tile where it would have gone.
    const failed = { ...plan, tilesPath: tilesUrl };
    throw (signal.aborted ? undefined : tileError(failed, failures)) ?? error;
  }
}

/** Media types by the ends of names. */
const types = {
  '.tif': 'image/tiff',
  '.vrt': 'application/xml',
  '.json': 'application/geo+json',
  '.gpkg': 'application/geopackage+sqlite3',
} as const;

function typeOf(name: string): string {
  const [, type] = Object.entries(types).find(([ending]) => name.endsWith(ending)) ?? [];
  return type ?? 'application/octet-stream';
}

async function* contentOf(fs: Fs, path: string): AsyncGenerator<Uint8Array> {
  const { handle, stat } = await openOwn(fs, path, { access: 'read' });
  try {
    for await (const piece of readPieces(handle, stat.sizeBytes)) yield piece.slice();
  } finally {
    await handle.close();
  }
}

async function textOf(fs: Fs, path: string): Promise<string> {
  const { handle } = await openOwn(fs, path, { access: 'read' });
  try {
    return new TextDecoder().decode(await readAll(handle));
  } finally {
    await handle.close();
  }
}
