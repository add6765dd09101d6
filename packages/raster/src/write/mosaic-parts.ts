/**
 * One mosaic, its tiles made by any number of processes and machines, its commit made once: a
 * session of parts (the core's beginParts), each of which is a range of the grid's tiles in their
 * order.
 *
 * 1. begin: everything that can be refused is; the session keeps the options, and digests of what
 *    the tiles are to be made of
 * 2. a part: the source must be the one that was meant; its tiles are written into a stage of their
 *    own, and their sizes, checksums and statistics go into the record of the part
 * 3. commit: a write of the mosaic as any other (write-mosaic.ts), under the lock of the index,
 *    whose tiles are all there: each gets a second name in the stage. Overviews of the mosaic,
 *    manifest and index are made then
 *
 * The same samples and options give the same bytes as one process makes.
 */
import { basename, dirname, join } from 'node:path';
import {
  abandonParts,
  beginParts,
  type CommittedParts,
  HoldfastError,
  isHoldfastError,
  joinParts,
  type JsonValue,
  type PartRecord,
  type PartsProgress,
  type PartsSession,
  type Stage,
  type WrittenPart,
} from 'holdfast';
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  closeQuietly,
  errnoOf,
  type Fs,
  type FsDirectory,
  nodeFileSystem,
  openOwn,
  readPieces,
} from 'holdfast/os';
import { GTI_ENDING } from '../gti/gti.js';
import {
  type EncoderPool,
  type EncoderPoolOptions,
  openEncoderPool,
} from '../encode/encoder-pool.js';
import { KeptPool } from '../encode/kept-pool.js';
import { lockedPlaceOf } from '../mosaic-place.js';
import { isAddress } from '../remote/address.js';
import { type Cell, cells, columnCount, rowCount } from '../source/grid.js';
import type { RasterSource } from '../source/raster-source.js';
import { ITEM_ENDING, ITEMS_ENDING } from '../stac/item-names.js';
import { readOwnText } from './file-digest.js';
import { fillPart, isIndexOf, type MadeTiles, tileError, type TileFailure } from './fill-stage.js';
import { tilesNamedBy } from './index-with-tiles.js';
import { differences, jobOf, type Job } from './job.js';
import {
  type Manifest,
  manifestName,
  MOST_MANIFEST_BYTES,
  nameEnding,
  parseManifest,
} from './manifest.js';
import { type MosaicPlan, planAt, planMosaic, type WriteOptions } from './mosaic-plan.js';
import { MosaicStatistics } from './mosaic-statistics.js';
import { type FinishedTile, tileAsJson, tileFromJson } from './resume-record.js';
import { preparePool, writeLocked, type WrittenMosaic } from './write-mosaic.js';
import { toldOf } from '../source/told.js';

/** What decides about the bytes of a mosaic, and how it takes its place: for all who write it. */
export type MosaicPartsOptions = Omit<
  WriteOptions,
  'resume' | 'threads' | 'concurrency' | 'signal' | 'onProgress' | 'durability' | 'timeoutMs' | 'fs'
>;

/** How a mosaic is begun that is made in parts. */
export interface BeginMosaicOptions extends MosaicPartsOptions {
  /**
   * How many parts there are, numbered from 0. Each is a range of tiles; more parts than tiles
   * leave some empty.
   */
  readonly partCount: number;
  /**
   * Anything that those who join are to know, as JSON: where the source lies, for one. Another note
   * is another job.
   */
  readonly note?: JsonValue | undefined;
  /**
   * How long to wait for the lock of the index, in milliseconds; 0 tries once; without it the wait
   * has no end.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait for the lock. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** A session to join. */
export interface BegunMosaic {
  readonly id: string;
  readonly partCount: number;
  readonly tileCount: number;
  /** `begun` by this call; or one of the same job, that is `open` or was `committed`. */
  readonly state: 'begun' | 'open' | 'committed';
}

/** How a process works on a session; changes no byte. */
export interface JoinMosaicOptions {
  /** Threads that encode, one a processor by default; 0 encodes on the calling thread. */
  readonly threads?: number | undefined;
  /** Tiles read, encoded or written at once; by default what keeps the threads busy. */
  readonly concurrency?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
  /** For `s3://bucket/dem.vrt`: the store, as `writeTiledVrt` takes it. */
  readonly store?: WriteOptions['store'];
  /** For `s3://bucket/dem.vrt`: whether the endpoint of the environment may be `http:`. */
  readonly allowHttp?: boolean | undefined;
}

/** How a part, or the commit, may be ended and followed. */
export interface MosaicCallOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each tile of a part; must not throw. */
  readonly onProgress?: WriteOptions['onProgress'] | undefined;
}

/** A session of a mosaic that this process has joined. */
export interface MosaicSession {
  readonly id: string;
  readonly partCount: number;
  /**
   * Writes the tiles of one part. After success they are done and durable, whoever made them: a
   * part that is done is not made again. After a failure nothing of this call is left, and it can
   * be made again.
   *
   * @param part - from 0 on
   * @throws HoldfastError SESSION_GONE; PART_DIFFERS when another attempt made other bytes; those
   *   of writeTiledVrt for tiles
   */
  writePart(part: number, options?: MosaicCallOptions): Promise<WrittenPart>;
  /** How far the session has come, by a look at its directory. */
  progress(): Promise<PartsProgress>;
  /**
   * Reads the tiles of all parts again, makes the overviews of the mosaic and puts its index in
   * place. Anybody may call it, and again after a commit that died or was done: then the answer is
   * that of the first.
   *
   * @param options - `verify`: what is read again of the tiles, every byte (`checksum`, the
   *   default) or the `size`
   * @throws HoldfastError PARTS_MISSING for parts that can be written again; SESSION_GONE; those of
   *   writeTiledVrt
   */
  commit(
    options?: MosaicCallOptions & {
      readonly verify?: 'checksum' | 'size' | undefined;
      readonly timeoutMs?: number | undefined;
    },
  ): Promise<WrittenMosaic>;
}

/** What is known of a tile, by its part. */
export type TileState = 'done' | 'begun' | 'missing';

/** How far a mosaic has come. */
export interface MosaicProgress extends PartsProgress {
  readonly rowCount: number;
  readonly columnCount: number;
  /** Of each tile, row by row, whether its part is done, begun, or neither. */
  readonly tiles: readonly TileState[];
}

/** The source, or what opens it when it is told the note of the session. */
export type MosaicSource = RasterSource | ((note: JsonValue) => Promise<RasterSource>);

/** What the job of such a session says. */
interface MosaicJob extends Job {
  readonly made: 'mosaic';
  readonly given: MosaicPartsOptions;
  readonly note: JsonValue;
  readonly rowCount: number;
  readonly columnCount: number;
}

/**
 * Begins to write a mosaic in parts: one session of it, which any number of processes and machines
 * join by its id. Called again for the same source with the same options it gives the same session,
 * also one that was committed, unless the mosaic is to be replaced.
 *
 * @param path - the index, `SOMETHING.vrt`, whose directory must exist; or `s3://bucket/SOMETHING.vrt`
 * @param source - must have a fingerprint that is the same on each machine: of a GeoTIFF its path,
 *   size and time
 * @throws HoldfastError ALREADY_EXISTS for an index, and for a session of another job;
 *   INVALID_ARGUMENT; LOCK_TIMEOUT; ABORTED; NO_SPACE; IO
 */
export async function beginMosaic(
  path: string,
  source: RasterSource,
  options: BeginMosaicOptions,
): Promise<BegunMosaic> {
  const { partCount, note = null, timeoutMs, signal, fs = nodeFileSystem, ...given } = options;
  if (isInBucket(path)) return (await inBuckets()).beginInBucket(path, source, options);
  const plan = planOf(path, source, given, { fs });
  const begun = await beginParts(path, {
    partCount,
    job: await mosaicJobOf(plan, given, note),
    ifExists: given.ifExists ?? 'fail',
    timeoutMs,
    signal,
    fs,
  });
  return { ...begun, tileCount: plan.tileCount };
}

/** What a session says of the mosaic. */
export async function mosaicJobOf(
  plan: MosaicPlan,
  given: MosaicPartsOptions,
  note: JsonValue,
): Promise<JsonValue> {
  const shape = { rowCount: rowCount(plan.grid), columnCount: columnCount(plan.grid) };
  return asJson({ made: 'mosaic', given, note, ...shape, ...(await jobOf(plan)) });
}

function isInBucket(path: string): boolean {
  return isAddress(path) && path.startsWith('s3:');
}

function inBuckets(): Promise<typeof import('./mosaic-parts-in-bucket.js')> {
  return import('./mosaic-parts-in-bucket.js');
}

/**
 * Joins the session of a mosaic, on any machine that has its directory and its source.
 *
 * @param path - the index, as `beginMosaic` was given it
 * @param id - what `beginMosaic` gave
 * @param source - the same source; closed by whoever opened it
 * @throws HoldfastError SESSION_GONE; ALREADY_EXISTS when source or version are not those of the
 *   session; INVALID_ARGUMENT
 */
export async function joinMosaic(
  path: string,
  id: string,
  source: MosaicSource,
  options: JoinMosaicOptions = {},
): Promise<MosaicSession> {
  checkOptions('joinMosaic', options, ['threads', 'concurrency', 'fs', 'store', 'allowHttp']);
  if (isInBucket(path)) return (await inBuckets()).joinInBucket(path, id, source, options);
  const { fs = nodeFileSystem, threads, concurrency } = options;
  const session = await joinParts(path, id, { fs });
  const job = mosaicJobIn(session, path);
  const opened = typeof source === 'function' ? await source(job.note) : source;
  const plan = planOf(path, opened, job.given, { fs, threads, concurrency });
  await refuseOther(plan, job);
  const { partCount } = session;
  const encoders = new KeptPool({ threads, fs }, (pool) => preparePool(plan, pool));
  return {
    id,
    partCount,
    writePart: (part, { signal, onProgress } = {}) => {
      // Of the bytes that were encoded, by the threads that write them.
      const digests = new Map<string, FinishedTile>();
      const fill = (stage: Stage) =>
        writeTilesOf(plan, stage, { encoders, part, partCount, onProgress, digests });
      return encoders.during(() => session.writePart(part, fill, { signal, digests }));
    },
    progress: () => session.progress(),
    commit: ({ signal, verify, timeoutMs } = {}) =>
      withPool(plan, { threads, fs }, async (pool) => {
        const commit = (parts: CommittedParts) => publish({ ...plan, signal }, parts, pool);
        return asWritten(await session.commitWith(commit, { signal, verify, timeoutMs }));
      }),
  };
}

/**
 * How far the session of a mosaic has come, by a look at its directory alone: needs no source.
 *
 * @param path - the index, as `beginMosaic` was given it
 * @param id - what `beginMosaic` gave
 * @throws HoldfastError SESSION_GONE; UNSUPPORTED_TARGET for the session of a directory;
 *   INVALID_ARGUMENT
 */
export async function mosaicProgress(
  path: string,
  id: string,
  options: Pick<JoinMosaicOptions, 'fs' | 'store' | 'allowHttp'> = {},
): Promise<MosaicProgress> {
  checkOptions('mosaicProgress', options, ['fs', 'store', 'allowHttp']);
  const session = isInBucket(path)
    ? await (await inBuckets()).sessionInBucket('mosaicProgress', path, id, options)
    : await joinParts(path, id, { fs: options.fs });
  const grid = mosaicJobIn(session, path);
  const progress = await session.progress();
  const tiles = Array<TileState>(grid.rowCount * grid.columnCount).fill('missing');
  for (const state of ['done', 'begun'] as const) {
    for (const part of progress[state])
      tiles.fill(state, ...tilesOf(part, session.partCount, tiles.length));
  }
  return { ...progress, rowCount: grid.rowCount, columnCount: grid.columnCount, tiles };
}

/** How the session of a mosaic is abandoned. */
export type AbandonMosaicOptions = NonNullable<Parameters<typeof abandonParts>[2]> &
  Pick<JoinMosaicOptions, 'store' | 'allowHttp'>;

/**
 * Ends the session of a mosaic and removes what its parts have made; whether there was one. A
 * mosaic that is there stays.
 *
 * @throws HoldfastError those of abandonParts
 */
export async function abandonMosaic(
  path: string,
  id: string,
  options: AbandonMosaicOptions = {},
): Promise<boolean> {
  const { store: _store, allowHttp: _allowHttp, ...given } = options;
  if (isInBucket(path)) return (await inBuckets()).abandonInBucket(path, id, options);
  return abandonParts(path, id, given);
}

/** What whoever joins says for himself, or what has no meaning there. */
const notInParts: readonly string[] = [
  'resume',
  'threads',
  'concurrency',
  'onProgress',
  'durability',
];

export function planOf(
  path: string,
  source: RasterSource,
  given: MosaicPartsOptions,
  how: JoinMosaicOptions,
): MosaicPlan {
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && notInParts.includes(name))
      throw invalidArgument('beginMosaic', `${name} is nothing for a mosaic that is made in parts`);
  }
  if (!source.fingerprint) {
    throw invalidArgument(
      'beginMosaic',
      'whoever writes a part must have the same source: give the source a fingerprint, a text that changes with its samples.',
    );
  }
  return planMosaic(path, source, { ...given, ...how });
}

export function asJson(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}

export function mosaicJobIn(
  { job, id }: Pick<PartsSession, 'job' | 'id'>,
  path: string,
): MosaicJob {
  if (typeof job === 'object' && job !== null && 'made' in job && job['made'] === 'mosaic')
    return job as unknown as MosaicJob;
  throw new HoldfastError('UNSUPPORTED_TARGET', {
    message: `Session ${id} is of a directory that is made in parts, not of a mosaic.`,
    step: 'join',
    path,
  });
}

export async function refuseOther(plan: MosaicPlan, job: MosaicJob): Promise<void> {
  const different = differences(await jobOf(plan), job);
  if (different === '') return;
  throw new HoldfastError('ALREADY_EXISTS', {
    message: `The session is of another job (other: ${different}). Give the source that it was begun for, at the same path and unchanged, to the same version; or abandon it and begin again.`,
    step: 'join',
    path: plan.indexPath,
  });
}

/** A pool of its own for what a commit has to encode; its threads end with the work. */
export async function withPool<T>(
  plan: MosaicPlan,
  options: EncoderPoolOptions,
  work: (pool: EncoderPool) => Promise<T>,
): Promise<T> {
  const pool = openEncoderPool(options);
  try {
    await preparePool(plan, pool);
    return await work(pool);
  } finally {
    await pool.close();
  }
}

interface PartOfMosaic {
  readonly encoders: KeptPool;
  readonly part: number;
  readonly partCount: number;
  readonly onProgress: MosaicCallOptions['onProgress'];
  /** Gets those of all tiles. */
  readonly digests: Map<string, FinishedTile>;
}

/** The tiles of a part, as its record keeps them. */
export async function writeTilesOf(
  plan: MosaicPlan,
  stage: Stage,
  { encoders, part, partCount, onProgress, digests }: PartOfMosaic,
): Promise<JsonValue> {
  const failures: TileFailure[] = [];
  const range = [...cellsOf(plan, part, partCount)];
  const { signal } = stage;
  const ofPart = { ...plan, tileCount: range.length, signal, onProgress };
  try {
    const pool = await encoders.open(range.length);
    const tiles = await fillPart(ofPart, stage, { pool, failures, range });
    for (const tile of tiles) digests.set(tile.name, tile);
    return asJson({ tiles: tiles.map(tileAsJson) });
  } catch (error) {
    throw (
      (signal.aborted && failures.length === 0 ? undefined : tileError(plan, failures)) ?? error
    );
  }
}

function* cellsOf(plan: MosaicPlan, part: number, partCount: number): Generator<Cell> {
  const [from, to] = tilesOf(part, partCount, plan.tileCount);
  let index = 0;
  for (const cell of cells(plan.grid)) {
    if (index >= to) return;
    if (index >= from) yield cell;
    index += 1;
  }
}

/** The tiles of a part: from the first one to that before the last number. */
function tilesOf(part: number, partCount: number, tileCount: number): [from: number, to: number] {
  const first = (each: number): number => Math.floor((each * tileCount) / partCount);
  return [first(part), first(part + 1)];
}

async function publish(
  given: MosaicPlan,
  parts: CommittedParts,
  pool: EncoderPool,
): Promise<JsonValue> {
  const place = await lockedPlaceOf(given.fs, parts.lock);
  const plan = planAt(given, place);
  const made = await TilesOfParts.of(plan, parts);
  const written = (await findWritten(plan, made)) ?? (await writeLocked(plan, pool, { made }));
  return asJson(written);
}

export function asWritten(value: JsonValue): WrittenMosaic {
  return {
    lostIndexOf: undefined,
    stacPath: undefined,
    stacItemsPath: undefined,
    gtiPath: undefined,
    ...(value as object),
  } as WrittenMosaic;
}

/**
 * The mosaic, if a commit that died had put its index in place: the index is the one that these
 * tiles get.
 */
async function findWritten(
  plan: MosaicPlan,
  made: TilesOfParts,
): Promise<WrittenMosaic | undefined> {
  const { fs, indexPath, source } = plan;
  const named = await tilesNamedBy(fs, indexPath);
  if (!named || basename(named.tilesName) !== named.tilesName) return undefined;
  const tilesPath = join(dirname(indexPath), named.tilesName);
  const text = await readOwnText(fs, join(tilesPath, manifestName), MOST_MANIFEST_BYTES);
  const manifest = text && parseManifest(text.text);
  if (!manifest || manifest.generation !== named.generation) return undefined;
  const byName = new Map(manifest.tiles.map((tile) => [tile.name, tile]));
  const tiles = made.inOrder(plan);
  const isSame = tiles.every(({ name, sha256 }) => byName.get(name)?.sha256 === sha256);
  if (!isSame || !(await isIndexOf({ ...plan, tilesPath }, manifest, made.statistics)))
    return undefined;
  return {
    path: indexPath,
    tilesPath,
    tileCount: tiles.length,
    sizeBytes: manifest.tiles.reduce((sum, tile) => sum + tile.sizeBytes, 0),
    generation: manifest.generation,
    resumedTileCount: tiles.length,
    lostIndexOf: undefined,
    retiredCompanions: [],
    averagedClasses: [],
    stacPath: pathEnding(tilesPath, manifest, ITEM_ENDING),
    stacItemsPath: pathEnding(tilesPath, manifest, ITEMS_ENDING),
    gtiPath: pathEnding(tilesPath, manifest, GTI_ENDING),
    notCarried: toldOf(source),
  };
}

function pathEnding(tilesPath: string, manifest: Manifest, ending: string): string | undefined {
  const name = nameEnding(manifest, ending);
  return name === undefined ? undefined : join(tilesPath, name);
}

/** A tile, and the attempt in whose directory it lies. */
interface MadeTile extends FinishedTile {
  readonly attempt: string;
}

/**
 * The tiles of all parts, each of which gets a second name in the stage: its session loses nothing
 * before the end. Of a tile no more is held than the manifest says.
 */
class TilesOfParts implements MadeTiles {
  readonly statistics: MosaicStatistics;
  readonly #fs: Fs;
  readonly #parts: CommittedParts;
  readonly #tiles = new Map<string, MadeTile>();
  /** The attempt that was asked for last: tiles come in their order, and so do their attempts. */
  #open: OpenAttempt | undefined;

  private constructor(plan: MosaicPlan, parts: CommittedParts) {
    this.#fs = plan.fs;
    this.#parts = parts;
    this.statistics = new MosaicStatistics(plan);
  }

  static async of(plan: MosaicPlan, parts: CommittedParts): Promise<TilesOfParts> {
    const tiles = new TilesOfParts(plan, parts);
    for await (const record of parts.records()) tiles.#add(record);
    return tiles;
  }

  /** Parts come in the order of the grid, and so do the tiles of each. */
  #add({ attempt, value, entries }: PartRecord): void {
    const checksums = new Map(
      entries.map((entry) => [entry.path, entry.kind === 'file' ? entry.sha256 : undefined]),
    );
    const { tiles } = value as unknown as { readonly tiles: readonly FinishedTile[] };
    for (const tile of tiles) {
      const { name, sizeBytes, sha256 } = tile;
      if (checksums.get(name) !== sha256) throw notAsWritten(this.#parts.path, name);
      this.statistics.add(tileFromJson(tile));
      this.#tiles.set(name, { name, sizeBytes, sha256, statistics: undefined, attempt });
    }
  }

  inOrder(plan: MosaicPlan): readonly FinishedTile[] {
    return [...cells(plan.grid)].flatMap((cell) => this.#tiles.get(plan.tileName(cell)) ?? []);
  }

  async take(name: string, stage: Stage): Promise<{ readonly tile: FinishedTile | undefined }> {
    const tile = this.#tiles.get(name);
    if (!tile) return { tile: undefined };
    await this.#within(tile.attempt, async (attempt) => {
      try {
        await this.#fs.link(attempt.at(name), stage.at(name));
      } catch (error) {
        if (errnoOf(error) === 'EEXIST' || isHoldfastError(error)) throw error;
        await this.#copy(attempt.at(name), name, stage);
      }
    });
    return { tile };
  }

  /** Works in the directory of an attempt, which is open for as long as somebody does, or it is the last. */
  async #within(name: string, work: (attempt: FsDirectory) => Promise<void>): Promise<void> {
    const last = this.#open;
    const open = last?.name === name ? last : { name, directory: this.#parts.open(name), users: 1 };
    open.users += 1;
    this.#open = open;
    if (last && last !== open) await leave(last);
    try {
      await work(await open.directory);
    } finally {
      await leave(open);
    }
  }

  async #copy(from: string, name: string, stage: Stage): Promise<void> {
    const { handle } = await openOwn(this.#fs, from, { access: 'read' });
    try {
      await stage.write(name, readPieces(handle));
    } finally {
      await closeQuietly(handle);
    }
  }

  async add(): Promise<void> {}

  async close(): Promise<void> {
    const last = this.#open;
    this.#open = undefined;
    if (last) await leave(last);
  }
}

/** The directory of an attempt, and how many want it to be open. */
interface OpenAttempt {
  readonly name: string;
  readonly directory: Promise<FsDirectory>;
  users: number;
}

async function leave(attempt: OpenAttempt): Promise<void> {
  attempt.users -= 1;
  if (attempt.users > 0) return;
  const directory = await attempt.directory.catch(() => undefined);
  if (directory) await closeQuietly(directory);
}

function notAsWritten(path: string, name: string): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: `The record of a part speaks of a tile '${name}' that its files are not. Abandon the session and begin again.`,
    step: 'commit',
    path,
  });
}
