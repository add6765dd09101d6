/**
 * Mosaics in a bucket whose tiles are made by many: sessions of parts there (`@holdfast/objectstore`),
 * as mosaic-parts.ts has them on a filesystem.
 *
 * A part makes its tiles in a scratch directory of its machine, and sends them. The commit fetches the
 * tiles of all parts into one, against their checksums, makes the overviews of the mosaic and the
 * index there, and publishes as write-to-bucket.ts does.
 */
import { basename, join } from 'node:path';
import { HoldfastError, type JsonValue, type Stage } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { KeptPool } from '../encode/kept-pool.js';
import { bucketPlaceOf, type BucketPlace } from '../remote/bucket-index.js';
import {
  type BucketAccess,
  type BucketPartFile,
  type BucketPartRecord,
  type BucketParts,
  type BucketSession,
  loadStores,
  type Stores,
} from '../remote/stores.js';
import type { RasterSource } from '../source/raster-source.js';
import type { TileStore } from './fill-stage.js';
import type { MosaicPlan } from './mosaic-plan.js';
import {
  type AbandonMosaicOptions,
  asJson,
  asWritten,
  type BeginMosaicOptions,
  type BegunMosaic,
  type JoinMosaicOptions,
  mosaicJobIn,
  mosaicJobOf,
  type MosaicPartsOptions,
  type MosaicSession,
  type MosaicSource,
  planOf,
  refuseOther,
  withPool,
  writeTilesOf,
} from './mosaic-parts.js';
import { type FinishedTile, tileFromJson } from './resume-record.js';
import { preparePool } from './write-mosaic.js';
import {
  fillBucket,
  inScratch,
  inScratchTree,
  newScratch,
  senderOf,
  writtenAs,
} from './write-to-bucket.js';

/** Where the session of a mosaic lies, and what reaches it. */
interface Reached {
  readonly place: BucketPlace;
  readonly stores: Stores;
  readonly access: BucketAccess;
}

async function reach(
  call: string,
  address: string,
  { store, allowHttp = false, timeoutMs, signal }: AbandonMosaicOptions,
): Promise<Reached> {
  const place = bucketPlaceOf(call, address);
  const stores = await loadStores(call, place.indexUrl);
  const { index } = place;
  const access = { store: store ?? stores.s3Store({ allowHttp }), index, timeoutMs, signal };
  return { place, stores, access };
}

/** `beginMosaic` for an address. */
export async function beginInBucket(
  address: string,
  source: RasterSource,
  options: BeginMosaicOptions,
): Promise<BegunMosaic> {
  const { partCount, note = null, timeoutMs, signal, fs, store, allowHttp, ...given } = options;
  const how = { store, allowHttp, timeoutMs, signal };
  const { place, stores, access } = await reach('beginMosaic', address, how);
  const plan = planIn(place, newScratch(), { source, given, how: { fs } });
  const { ifExists, keepForMs, keepPrevious } = given;
  const begun = await stores.beginParts(place.tilesUrl, {
    ...access,
    partCount,
    job: await mosaicJobOf(plan, given, note),
    ifExists,
    keepForMs,
    keepPrevious,
  });
  return { ...begun, tileCount: plan.tileCount };
}

/** The session of an address, whatever is made in it. */
export async function sessionInBucket(
  call: string,
  address: string,
  id: string,
  options: Pick<JoinMosaicOptions, 'store' | 'allowHttp'>,
): Promise<BucketSession> {
  const { store, allowHttp } = options;
  const { place, stores, access } = await reach(call, address, { store, allowHttp });
  return stores.joinParts(place.tilesUrl, id, access);
}

/** `abandonMosaic` for an address. */
export async function abandonInBucket(
  address: string,
  id: string,
  options: AbandonMosaicOptions,
): Promise<boolean> {
  const { place, stores, access } = await reach('abandonMosaic', address, options);
  return stores.abandonParts(place.tilesUrl, id, access);
}

/** `joinMosaic` for an address. */
export async function joinInBucket(
  address: string,
  id: string,
  source: MosaicSource,
  options: JoinMosaicOptions,
): Promise<MosaicSession> {
  const { fs, threads, concurrency } = options;
  const place = bucketPlaceOf('joinMosaic', address);
  const session = await sessionInBucket('joinMosaic', address, id, options);
  const job = mosaicJobIn(session, place.indexUrl);
  const opened = typeof source === 'function' ? await source(job.note) : source;
  const about = { source: opened, given: job.given, how: { fs, threads, concurrency } };
  const { partCount } = session;
  const planned = planIn(place, newScratch(), about);
  await refuseOther({ ...planned, indexPath: place.indexUrl }, job);
  const encoders = new KeptPool({ threads, fs }, (pool) => preparePool(planned, pool));
  const inNewScratch = <T>(work: (plan: MosaicPlan) => Promise<T>): Promise<T> => {
    const scratch = newScratch();
    const plan = planIn(place, scratch, about);
    return inScratch(plan.fs, scratch, () => work(plan));
  };
  return {
    id,
    partCount,
    writePart: (part, { signal, onProgress } = {}) =>
      session.writePart(
        part,
        (stage) =>
          inNewScratch((plan) => {
            const { tilesUrl } = place;
            const of = { encoders, part, partCount, onProgress, digests: new Map() };
            return inScratchTree(plan, stage.signal, tilesUrl, async (scratch) => {
              const made = await writeTilesOf({ ...plan, tilesPath: tilesUrl }, scratch, of);
              const send = senderOf(plan.fs, scratch, stage);
              for (const tile of tilesOf(made)) await send(tile, false);
              return made;
            });
          }),
        { signal },
      ),
    progress: () => session.progress(),
    commit: (given = {}) => {
      const { signal, verify, timeoutMs } = given;
      const fill = (stage: Parameters<typeof fillBucket>[2], parts: BucketParts) =>
        inNewScratch((plan) =>
          withPool(plan, { threads, fs }, (pool) =>
            fillBucket(plan, place, stage, { pool, made: new FetchedTiles(place, parts) }),
          ),
        );
      const result = (filled: Parameters<typeof writtenAs>[1]) =>
        asJson(writtenAs(place, filled, opened));
      return session
        .commitWith({ fill, result }, { signal, verify, timeoutMs })
        .then((written) => asWritten(written));
    },
  };
}

interface About {
  readonly source: RasterSource;
  readonly given: MosaicPartsOptions;
  readonly how: JoinMosaicOptions;
}

function planIn(place: BucketPlace, scratch: string, { source, given, how }: About): MosaicPlan {
  const { fs = nodeFileSystem, threads, concurrency } = how;
  const path = join(scratch, basename(place.indexUrl));
  return planOf(path, source, given, { fs, threads, concurrency });
}

function tilesOf(value: JsonValue): readonly FinishedTile[] {
  const { tiles } = value as unknown as { readonly tiles: readonly FinishedTile[] };
  return tiles.map(tileFromJson);
}

/** The tiles of all parts, each of which is fetched when it is asked for. */
class FetchedTiles implements TileStore {
  readonly #parts: BucketParts;
  readonly #tiles = new Map<
    string,
    {
      readonly tile: FinishedTile;
      readonly record: BucketPartRecord;
      readonly file: BucketPartFile;
    }
  >();

  constructor({ indexUrl }: BucketPlace, parts: BucketParts) {
    this.#parts = parts;
    for (const record of parts.records) {
      const files = new Map(record.files.map((file) => [file.path, file]));
      for (const tile of tilesOf(record.value)) {
        const file = files.get(tile.name);
        if (file?.sha256 !== tile.sha256) throw notAsWritten(indexUrl, tile.name);
        this.#tiles.set(tile.name, { tile, record, file });
      }
    }
  }

  async take(name: string, stage: Stage): Promise<{ readonly tile: FinishedTile | undefined }> {
    const found = this.#tiles.get(name);
    if (!found) return { tile: undefined };
    const { tile, record, file } = found;
    await stage.write(name, this.#parts.read(record as never, file as never));
    return { tile };
  }

  async add(): Promise<void> {}

  async close(): Promise<void> {}
}

function notAsWritten(path: string, name: string): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: `The record of a part speaks of a tile '${name}' that its files are not. Abandon the session and begin again.`,
    step: 'commit',
    path,
  });
}
