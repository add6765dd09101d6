/**
 * Writes a mosaic to a bucket. Nothing there can be changed but whole objects, one at a time, so it
 * goes as a directory there does:
 *
 * 1. refuse early what would be refused at the end, and claim a generation: a name that nobody has
 *    used
 * 2. make tiles, overviews and the text of the index in a scratch directory of this machine, and
 *    send each file below that name while others are made; a tile is removed here when it is there,
 *    unless overviews are yet to be made of it
 * 3. look that all are there
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
import { systemLibrary } from '../codec/system-library.js';
import { type Fs, type FsFile, openOwn, readAll, readPieces, removeTree } from 'holdfast/os';
import type { EncoderPool } from '../encode/encoder-pool.js';
import { bucketPlaceOf, type BucketPlace } from '../remote/bucket-index.js';
import { type BucketStage, loadStores } from '../remote/stores.js';
import type { Grid } from '../source/grid.js';
import type { RasterSource } from '../source/raster-source.js';
import { toldOf } from '../source/told.js';
import {
  type FilledStage,
  fillStage,
  tileError,
  type TileFailure,
  type TileStore,
} from './fill-stage.js';
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
  const scratch = newScratch();
  const name = basename(place.indexUrl);
  const plan = planMosaic(join(scratch, name), source, { ...given, durability: 'atomic' }, grid);
  await preparePool(plan, pool);
  const stores = await loadStores('writeTiledVrt', place.indexUrl);
  const published = await stores.publishDirectory(
    place.tilesUrl,
    (stage) => inScratch(plan.fs, scratch, () => fillBucket(plan, place, stage, { pool })),
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
  return writtenAs(place, published, source);
}

/** A name in the directory for temporary files that nobody has. */
export function newScratch(): string {
  return join(tmpdir(), `holdfast-mosaic-${randomBytes(10).toString('hex')}`);
}

/** A mosaic that was published. */
interface PublishedMosaic {
  readonly value: FilledStage;
  readonly generation: string;
  /** Files that an earlier write had sent. */
  readonly resumed: readonly string[];
}

/** What is told of a mosaic that was published. */
export function writtenAs(
  place: BucketPlace,
  published: PublishedMosaic,
  source: RasterSource,
): WrittenMosaic {
  const { tiles, generation, tileCount, averagedClasses, resumedTileCount, ...made } =
    published.value;
  const tilesPath = `${place.tilesUrl}/generations/${published.generation}`;
  const pathOf = (fileName: string | undefined) => fileName && `${tilesPath}/${fileName}`;
  return {
    path: place.indexUrl,
    tilesPath,
    tileCount,
    sizeBytes: tiles.reduce((sum, tile) => sum + tile.sizeBytes, 0),
    generation,
    resumedTileCount: resumedTileCount + published.resumed.filter(isTile).length,
    lostIndexOf: undefined,
    retiredCompanions: [],
    averagedClasses,
    stacPath: pathOf(made.stacName),
    stacItemsPath: pathOf(made.stacItemsName),
    gtiPath: pathOf(made.gtiName),
    notCarried: [...toldOf(source), ...made.notCarried],
  };
}

function refuseOfFiles({ durability }: WriteOptions, url: string): void {
  if (durability === undefined) return;
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

/** Works in a directory that is removed in the end. */
export async function inScratch<T>(fs: Fs, scratch: string, work: () => Promise<T>): Promise<T> {
  await fs.mkdir(scratch, PRIVATE_MODE);
  try {
    return await work();
  } finally {
    await removeTree(fs, await fs.realpath(scratch));
  }
}

/** What makes the tiles. */
interface TileMaker {
  readonly pool: EncoderPool;
  /** Those that were made elsewhere. */
  readonly made?: TileStore | undefined;
}

/** Step 2. */
export async function fillBucket(
  plan: MosaicPlan,
  { tilesUrl, tilesName }: BucketPlace,
  bucket: BucketStage,
  { pool, made: given }: TileMaker,
): Promise<FilledStage> {
  const named = { ...plan, tilesName: `${tilesName}${bucket.url.slice(tilesUrl.length)}` };
  return inScratchTree(named, bucket.signal, tilesUrl, async (stage, failures) => {
    const sent = new Set<string>();
    const toBucket = senderOf(plan.fs, stage, bucket);
    const send: Send = async (file, keep) => {
      sent.add(file.name);
      await toBucket(file, keep);
    };
    // Overviews that the tiles give no parts of are made of their files.
    const keep = plan.pyramid?.hasParts === false;
    const made = given ?? sending(send, keep);
    const filled = await fillStage(named, stage, { pool, failures, made });
    // What encodes is not needed any more, and its memory is.
    await pool.close();
    for (const file of filled.tiles) if (!sent.has(file.name)) await send(file, false);
    bucket.setIndex(await textOf(plan.fs, stage.at(keptIndexName)));
    return filled;
  });
}

/** Lets `fill` make files in the scratch directory, below the name of the tiles. */
export async function inScratchTree<T>(
  plan: MosaicPlan,
  signal: AbortSignal,
  tilesUrl: string,
  fill: (stage: Stage, failures: TileFailure[]) => Promise<T>,
): Promise<T> {
  const { fs, tilesPath } = plan;
  const failures: TileFailure[] = [];
  const work = (stage: Stage): Promise<T> => fill(stage, failures);
  try {
    const how = { fs, signal, durability: 'atomic', concurrency: SENT_AT_ONCE } as const;
    return (await publishDirectory(tilesPath, work, how)).value;
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

const SENT_AT_ONCE = 8;

/** A file that is made, to be sent. */
interface MadeFile {
  readonly name: string;
  readonly sha256: string;
}

/** Begins to send a file, which is removed on this machine when it is there, if not to be kept. */
type Send = (file: MadeFile, keep: boolean) => Promise<void>;

/** Sends files of a stage of this machine, which waits for all of them. */
export function senderOf(fs: Fs, stage: Stage, bucket: BucketStage): Send {
  return async ({ name, sha256 }, keep) =>
    stage.spawn(() => sendFile(fs, stage.at(name), { name, sha256, keep }, bucket));
}

/** All tiles are to be made, and go when they are. */
function sending(send: Send, keep: boolean): TileStore {
  return {
    take: async () => undefined,
    // Waits until it has begun: no more tiles are made than can be sent.
    add: async (_, tile) => tile && send(tile, keep),
    close: async () => undefined,
  };
}

/** A file of up to so many bytes is held whole. */
const SHORT_BYTES = 8 * 2 ** 20;

async function sendFile(
  fs: Fs,
  path: string,
  { name, sha256, keep }: MadeFile & { readonly keep: boolean },
  bucket: BucketStage,
): Promise<void> {
  const { handle, stat } = await openOwn(fs, path, { access: 'read' });
  try {
    const isShort = stat.sizeBytes <= SHORT_BYTES;
    const data = isShort ? await readAll(handle, stat.sizeBytes) : piecesOf(handle, stat.sizeBytes);
    await bucket.write(name, data, { contentType: typeOf(name), sha256 });
  } finally {
    await handle.close();
  }
  if (!keep) await fs.unlink(path);
}

async function* piecesOf(handle: FsFile, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for await (const piece of readPieces(handle, sizeBytes)) yield piece.slice();
}

async function textOf(fs: Fs, path: string): Promise<string> {
  const { handle } = await openOwn(fs, path, { access: 'read' });
  try {
    return new TextDecoder().decode(await readAll(handle));
  } finally {
    await handle.close();
  }
}
