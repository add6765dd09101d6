/**
 * Writes a raster as one file, a Cloud Optimized GeoTIFF:
 *
 * 1. check everything that can be refused; resolve the path, and look at what is there
 * 2. make the blocks of all levels in one pass over the source, each level in a scratch file beside
 *    the target that has no name: in the file the smallest overview comes first, and how long that
 *    is is known last
 * 3. stage the file beside the target, of its header and the scratch files one after another; sync
 *    it and rename it (the core's replaceFile, or its transaction where files beside the target
 *    spoke of what it replaces, or a STAC item goes with it): the commit point
 *
 * Invariant: the path names the old file, or nothing, or the new one whole. A crash before the
 * rename leaves at most an orphan beside it, which the next write sweeps.
 */
import { setMaxListeners } from 'node:events';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { messageOf } from 'holdfast/errors';
import { HoldfastError, isHoldfastError, replaceFile, transaction } from 'holdfast';
import { invalidArgument } from 'holdfast/options';
import { codeOfFailure, followSymlinks, type Fs, resolvedOnce } from 'holdfast/os';
import { openCodec } from '../codec/open-codec.js';
import { crsNotCarried } from '../crs/crs.js';
import type { MadeBlock } from '../encode/block-task.js';
import { type EncoderPool, openEncoderPool } from '../encode/encoder-pool.js';
import {
  dataTypes,
  imageBands,
  type NotCarried,
  type Pixels,
  type RasterInfo,
  type Window,
} from '../model.js';
import { isMean } from '../overview/pyramid.js';
import { columnCount, rowCount } from '../source/grid.js';
import { splitMask } from '../source/mask.js';
import type { RasterSource } from '../source/raster-source.js';
import type { MadeItem } from '../stac/item.js';
import { ITEM_ENDING } from '../stac/item-names.js';
import type { WantedItem } from '../stac/stac-options.js';
import {
  type BandStatistics,
  joinStatistics,
  noStatistics,
} from '../statistics/band-statistics.js';
import { ValueTally } from '../statistics/few-values.js';
import { singleBlock } from '../tiff/block-encoder.js';
import { choosePredictor } from '../tiff/choose-predictor.js';
import { isEmptyTile } from '../tiff/empty-tile.js';
import { tiffVariants } from '../tiff/tags.js';
import { untilEnded } from '../write/until-ended.js';
import { type BlockPlace, blockOrder } from './block-order.js';
import { carriedFields, leftOut } from './carried-fields.js';
import { type CogContent, cogHeader, inFileOrder } from './cog-header.js';
import { checkName, type CogLevel, type CogOptions, type CogPlan, planCog } from './cog-plan.js';
import { LevelPicture } from './level-picture.js';
import { Spool } from './spool.js';

/** What was written. */
export interface WrittenCog {
  /** With symlinks resolved. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly blockSizePx: number;
  /** The factors of the overviews, ascending. */
  readonly overviews: readonly number[];
  /**
   * Blocks of all images, masks left out of account; fewer than their grids have where empty ones
   * were left out.
   */
  readonly blockCount: number;
  readonly isBigTiff: boolean;
  /**
   * Names of files beside the old one that spoke of its pixels (`.ovr`, `.aux.xml`, `.msk`) and
   * went with it.
   */
  readonly removedCompanions: readonly string[];
  /**
   * What the source says and the file does not; what decides where it lies, or which pixels are
   * valid, was refused instead.
   */
  readonly notCarried: readonly NotCarried[];
  /**
   * Bands, from 1, of integers of so few values that they look like classes, whose overviews are
   * means all the same: these mean nothing, and `resampling` is better `mode` or `nearest`.
   */
  readonly averagedClasses: readonly number[];
  /** The STAC item, if there is one. */
  readonly stacPath: string | undefined;
}

/**
 * Writes a Cloud Optimized GeoTIFF whole or not at all: one file with overviews inside, in the
 * order that readers over a network like.
 *
 * After success the file is in place and durable, and nothing else is left. After an error of
 * outcome `unchanged` the path is as it was, and the same call can be made again. The same samples
 * and options give the same bytes. In memory are the blocks under way, some rows of blocks (at most
 * 256 MiB of samples), and 12 bytes a block; on disk, beside the file, its compressed blocks once
 * more while it is written.
 *
 * Not promised: that the source is read only once per pixel. With predictor `auto` one block more
 * is read first.
 *
 * At `s3://bucket/SOMETHING.tif` it is one object, which `replaceObject` of `@holdfast/objectstore`
 * puts in place whole; the compressed blocks lie in the temporary directory until then. `stac` and
 * `durability` are refused there.
 *
 * @param path - the file, `SOMETHING.tif`; its directory must exist
 * @throws HoldfastError ALREADY_EXISTS for a file, or one beside it (`.ovr`, `.aux.xml`, `.msk`)
 *   that readers would take for its own; INVALID_ARGUMENT, also for a file over 4 GiB with
 *   `bigTiff: 'never'`, and for `s3://` without the package; UPDATER_FAILED when the source fails;
 *   ABORTED; NO_SPACE; and what replaceFile and transaction throw, or `replaceObject`
 */
export async function writeCog(
  path: string,
  source: RasterSource,
  options: CogOptions = {},
): Promise<WrittenCog> {
  if (/^s3:\/\//iu.test(path)) return writeToBucket(path, source, options);
  const plan = planCog(path, source, options);
  const pool = openEncoderPool(options);
  try {
    return await writePlannedCog(plan, pool);
  } finally {
    await pool.close();
  }
}

/**
 * The same as one object of a bucket: its scratch files lie in the temporary directory, and step 3
 * is what `@holdfast/objectstore` does to replace an object.
 */
async function writeToBucket(
  address: string,
  source: RasterSource,
  given: CogOptions,
): Promise<WrittenCog> {
  const { openBucketFile } = await import('./bucket-file.js');
  const { url, options, check, send } = await openBucketFile(address, given, COMPANIONS);
  const plan = planCog(url, source, options);
  const pool = openEncoderPool(options);
  try {
    pool.start(plan.blockCount);
    await check();
    return await withBlocks(plan, pool, await plan.fs.realpath(tmpdir()), async (made) => {
      pool.close().catch(() => undefined);
      await send(made.bytes);
      return written(plan, made, { path: url, removed: [], item: undefined });
    });
  } finally {
    await pool.close();
  }
}

/** The same of what has been planned, by a pool that whoever opened it closes. */
export async function writePlannedCog(plan: CogPlan, pool: EncoderPool): Promise<WrittenCog> {
  pool.start(plan.blockCount);
  const place = await placeOf(plan);
  return withBlocks(plan, pool, place.directory, async (made) => {
    // The threads end while the file is put together; whoever opened the pool waits for them.
    pool.close().catch(() => undefined);
    return publish(plan, place, made);
  });
}

/** All blocks of a file, and what the file is of them. */
export interface MadeFile {
  readonly filler: Pick<LevelFiller, 'blockCount' | 'averagedClasses'>;
  /** The file; to be read once. */
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
  readonly isBigTiff: boolean;
}

/**
 * Step 2, by a pool that has not made tiles of another format since; the blocks are there until
 * what is done with them has settled.
 *
 * @param directory - where the scratch files are
 */
export async function withBlocks<Result>(
  plan: CogPlan,
  pool: EncoderPool,
  directory: string,
  use: (made: MadeFile) => Promise<Result>,
): Promise<Result> {
  const predictor = await predictorOf(plan);
  await pool.prepare({
    format: plan.format,
    options: {
      writeOut: false,
      skipEmpty: plan.skipEmpty,
      statistics: plan.statistics ? 'values' : 'none',
      pyramid: undefined,
    },
    blocks: { blockSizePx: plan.blockSizePx, predictor, method: plan.method },
  });
  const spools: Spool[] = [];
  try {
    const filler = new LevelFiller(plan, pool, { spools, predictor });
    await filler.fill(directory);
    const content = filler.content();
    const { header, ...facts } = headerOf(content);
    return await use({ filler, bytes: wholeFile(header, content), ...facts });
  } finally {
    for (const spool of spools) await spool.close();
  }
}

/** Where the file goes. */
interface Place {
  readonly path: string;
  readonly directory: string;
  /** Files beside it that readers take for its own. */
  readonly companions: readonly string[];
}

const COMPANIONS = ['.ovr', '.aux.xml', '.msk', ITEM_ENDING] as const;

/** Step 1. */
async function placeOf({ fs, path: given, ifExists }: CogPlan): Promise<Place> {
  const { path, directory, existing } = await followSymlinks(fs, given);
  checkName(path);
  if (existing && ifExists === 'fail')
    throw new HoldfastError('ALREADY_EXISTS', {
      message:
        "There is a file of this name. Replace it (ifExists: 'replace'), or write to another name.",
      step: 'check',
      path,
    });
  const companions = await companionsOf(fs, path);
  const [stray] = companions;
  if (stray !== undefined && ifExists === 'fail')
    throw new HoldfastError('ALREADY_EXISTS', {
      message:
        "Readers would take this file for a part of the new one, and it speaks of other pixels. Remove it, or let it be removed (ifExists: 'replace').",
      step: 'check',
      path: stray,
    });
  return { path, directory, companions };
}

async function companionsOf(fs: Fs, path: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of COMPANIONS.map((ending) => `${path}${ending}`)) {
    try {
      if (await fs.exists(name)) found.push(name);
    } catch (cause) {
      const message = 'What lies beside the file could not be looked at. Nothing was written.';
      throw new HoldfastError(codeOfFailure(cause), { message, step: 'check', path: name, cause });
    }
  }
  return found;
}

/**
 * The predictor of all blocks: for `auto` the best one for a block with data, of the middle if that
 * has some.
 */
async function predictorOf(plan: CogPlan): Promise<1 | 2 | 3> {
  const { format, source, blockSizePx, signal } = plan;
  const { predictor } = format.compression;
  if (predictor !== 'auto') return predictor;
  const codec = openCodec(format.compression, format.dataType);
  try {
    let chosen: 1 | 2 | 3 = 1;
    for (const part of [1 / 2, 1 / 4, 3 / 4]) {
      const window = windowAt(source, blockSizePx, part);
      const read = await readSource(plan, window, signal ?? new AbortController().signal);
      const pixels = format.hasMask ? splitMask(read).image : read;
      chosen = choosePredictor(format, codec, singleBlock(format, blockSizePx), pixels);
      if (!isEmptyTile(pixels.data, format.nodata)) break;
    }
    return chosen;
  } finally {
    codec.close();
  }
}

function windowAt({ info }: RasterSource, blockSizePx: number, part: number): Window {
  const start = (lengthPx: number): number =>
    Math.floor((lengthPx * part) / blockSizePx) * blockSizePx;
  const [xPx, yPx] = [start(info.widthPx - 1), start(info.heightPx - 1)];
  return {
    xPx,
    yPx,
    widthPx: Math.min(blockSizePx, info.widthPx - xPx),
    heightPx: Math.min(blockSizePx, info.heightPx - yPx),
  };
}

/** Step 2. */
class LevelFiller {
  readonly #plan: CogPlan;
  readonly #pool: EncoderPool;
  readonly #predictor: 1 | 2 | 3;
  /** One a level; whoever gave the list closes them. */
  readonly #spools: Spool[];
  readonly #pictures: LevelPicture[] = [];
  /** The block before, of each level: blocks are added to their spool in order. */
  readonly #last: Promise<void>[] = [];
  readonly #values = new ValueTally();
  readonly #statistics: BandStatistics[];
  readonly #failed = new AbortController();
  #written = { blocks: 0, left: 0, sampleBytes: 0, fileBytes: 0 };

  constructor(
    plan: CogPlan,
    pool: EncoderPool,
    { spools, predictor }: { readonly spools: Spool[]; readonly predictor: 1 | 2 | 3 },
  ) {
    this.#plan = plan;
    this.#pool = pool;
    this.#spools = spools;
    this.#predictor = predictor;
    this.#statistics = imageBands(plan.source.info).map(() => noStatistics);
  }

  /** Blocks that are not left out. */
  get blockCount(): number {
    return this.#written.blocks - this.#written.left;
  }

  get averagedClasses(): readonly number[] {
    const { method, levels, source, format } = this.#plan;
    if (levels.length === 1 || !isMean(method)) return [];
    const { bands, nodata } = source.info;
    return this.#values
      .bandsOfClasses(nodata)
      .filter((band) => band <= format.bandCount && bands[band - 1]?.colour !== 'Alpha');
  }

  /** All blocks of all levels; the first error ends it when what runs has settled. */
  async fill(directory: string): Promise<void> {
    const { levels, concurrency } = this.#plan;
    await this.#open(directory);
    const { signal } = this.#failed;
    const stops = this.#plan.signal ? [signal, this.#plan.signal] : [signal];
    const stop = AbortSignal.any(stops);
    // Each read under way listens, and its source may too.
    setMaxListeners(0, stop);
    const todo = blockOrder(levels);
    let first: { readonly error: unknown } | undefined;
    const work = async (): Promise<void> => {
      for (const place of todo) {
        if (stop.aborted) return;
        try {
          await this.#begin(place, stop);
        } catch (error) {
          first ??= { error };
          this.#failed.abort(error);
          return;
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency ?? this.#pool.capacity + 1 }, work));
    if (this.#plan.signal?.aborted)
      throw new HoldfastError('ABORTED', {
        message: 'The write was ended by its signal. Nothing of it is left.',
        step: 'write',
        path: this.#plan.path,
        cause: this.#plan.signal.reason,
      });
    if (first) throw first.error;
  }

  /** What the file is made of now. */
  content(): CogContent {
    const { source, statistics: wanted } = this.#plan;
    const { widthPx, heightPx, georeferencing } = source.info;
    // Blocks that were left out as empty count too, as pixels that are not valid.
    const pixels = widthPx * heightPx;
    const statistics = wanted ? this.#statistics.map((found) => ({ ...found, pixels })) : undefined;
    return {
      plan: this.#plan,
      predictor: this.#predictor,
      spools: this.#spools,
      carried: carriedFields(source.info, statistics),
      transform: georeferencing.transform,
    };
  }

  async #open(directory: string): Promise<void> {
    const { fs, levels, format } = this.#plan;
    const within = resolvedOnce(fs, directory);
    for (const [index, level] of levels.entries()) {
      const blockCount = rowCount(level.grid) * columnCount(level.grid);
      const planes = format.interleave === 'band' ? format.bandCount : 1;
      const shape = { blockCount, planes, hasMask: format.hasMask };
      const spool = await Spool.open(within, directory, shape).catch((error: unknown) => {
        throw this.#writeError(error);
      });
      this.#spools.push(spool);
      this.#last.push(Promise.resolve());
      const next = levels[index + 1];
      if (!next) continue;
      const known = {
        ...format,
        compression: { ...format.compression, predictor: this.#predictor },
      };
      const plan = { ...this.#plan, format: known };
      const keptBytes = this.#plan.keptBytes / 2 ** (index + 1);
      const kept = { spool, pool: this.#pool, keptBytes };
      this.#pictures.push(new LevelPicture(plan, { level, next }, kept));
    }
  }

  /**
   * Begins with a block, and tells the level above of it at once; resolves when it is in the spool.
   */
  #begin(place: BlockPlace, signal: AbortSignal): Promise<void> {
    const { level, index } = place;
    const making = this.#make(place, signal);
    const spooled = this.#add(place, making, this.#last[level] as Promise<void>);
    this.#last[level] = spooled;
    spooled.catch(() => undefined);
    const samples = making.then((made) => made.samples);
    samples.catch(() => undefined);
    this.#pictures[level]?.add(index, { samples, spooled });
    return spooled;
  }

  async #make({ level, cell }: BlockPlace, signal: AbortSignal): Promise<MadeBlock> {
    const plan = this.#plan;
    const { reduction, widthPx, heightPx } = plan.levels[level] as CogLevel;
    // What a lossy compression makes of them is what the next level shows.
    const isKept = level < this.#pictures.length && !isLossy(plan);
    if (!reduction) {
      const samples = await readSource(plan, cell.window, signal, this.#pool.takeBuffer);
      signal.throwIfAborted();
      return this.#encode({ samples, reduced: undefined, isKept });
    }
    const below = plan.levels[level - 1] as CogLevel;
    const samples = await (this.#pictures[level - 1] as LevelPicture).read(
      reduction.needs(cell.window),
    );
    const [from, to] = [below, { widthPx, heightPx }].map((size) => ({
      widthPx: size.widthPx,
      heightPx: size.heightPx,
    })) as [Window, Window];
    return this.#encode({ samples, reduced: { from, to, window: cell.window }, isKept });
  }

  async #encode(task: Parameters<EncoderPool['makeBlock']>[0]): Promise<MadeBlock> {
    try {
      return await this.#pool.makeBlock(task);
    } catch (error) {
      throw this.#writeError(error);
    }
  }

  async #add(
    { level, cell, index }: BlockPlace,
    making: Promise<MadeBlock>,
    before: Promise<void>,
  ): Promise<void> {
    const { encoded, statistics, fewValues } = await making;
    await before;
    try {
      if (encoded) await (this.#spools[level] as Spool).add(index, encoded);
    } catch (error) {
      throw this.#writeError(error);
    }
    if (level === 0) this.#values.add(fewValues);
    for (const [band, found] of (statistics ?? []).entries())
      if (band in this.#statistics)
        this.#statistics[band] = joinStatistics(this.#statistics[band] as BandStatistics, found);
    this.#tell(level === 0 ? cell.window : undefined, encoded?.bytes.length);
  }

  #tell(window: Window | undefined, fileBytes: number | undefined): void {
    const { source, onProgress, blockCount } = this.#plan;
    const { bands, dataType } = source.info;
    const { blocks, left, ...bytes } = this.#written;
    const samples = (window?.widthPx ?? 0) * (window?.heightPx ?? 0) * bands.length;
    this.#written = {
      blocks: blocks + 1,
      left: left + (fileBytes === undefined ? 1 : 0),
      sampleBytes: bytes.sampleBytes + samples * dataTypes[dataType].bytes,
      fileBytes: bytes.fileBytes + (fileBytes ?? 0),
    };
    const { sampleBytes, fileBytes: sizeBytes } = this.#written;
    onProgress?.({
      tilesDone: blocks + 1,
      tileCount: blockCount,
      sampleBytes,
      fileBytes: sizeBytes,
    });
  }

  #writeError(cause: unknown): HoldfastError {
    if (isHoldfastError(cause)) return cause;
    return new HoldfastError(codeOfFailure(cause), {
      message: `The blocks of the file could not be made: ${messageOf(cause)}. Nothing of it is left.`,
      step: 'write',
      path: this.#plan.path,
      cause,
    });
  }
}

function isLossy({ format: { compression } }: CogPlan): boolean {
  return compression.name === 'lerc' && compression.maxZError > 0;
}

/** A window of the source, whose own errors say that it was read. */
async function readSource(
  { source, path }: CogPlan,
  window: Window,
  signal: AbortSignal,
  takeBuffer?: (sizeBytes: number) => ArrayBuffer,
): Promise<Pixels> {
  try {
    return await untilEnded(source.read(window, signal, takeBuffer), signal);
  } catch (cause) {
    if (signal.aborted || isHoldfastError(cause)) throw cause;
    const { xPx, yPx, widthPx, heightPx } = window;
    throw new HoldfastError('UPDATER_FAILED', {
      message: `The source failed where the pixels ${xPx},${yPx} ${widthPx}x${heightPx} were read: ${messageOf(cause)}. Nothing was written.`,
      step: 'read',
      path,
      cause,
    });
  }
}

/** Step 3. */
async function publish(
  plan: CogPlan,
  { path, directory, companions }: Place,
  made: MadeFile,
): Promise<WrittenCog> {
  const { fs, signal, durability, ifExists, source } = plan;
  const data = made.bytes;
  const item = plan.item && (await makeItem(source.info, plan.item, basename(path)));
  const stacPath = item && `${path}${ITEM_ENDING}`;
  const removed = companions.filter((companion) => companion !== stacPath);
  if (!item && companions.length === 0)
    await replaceFile(path, data, { fs, signal, durability, ifExists });
  else
    await transaction(
      directory,
      async (all) => {
        await all.replaceFile(path, data, { ifExists });
        if (item) await all.replaceFile(`${path}${ITEM_ENDING}`, item.bytes, { ifExists });
        for (const companion of removed) await all.remove(companion);
      },
      { fs, signal },
    );
  return written(plan, made, { path, removed, item });
}

/** What is told of a file that is in place. */
function written(
  { source, levels, blockSizePx }: CogPlan,
  { filler, sizeBytes, isBigTiff }: MadeFile,
  about: {
    readonly path: string;
    readonly removed: readonly string[];
    readonly item: MadeItem | undefined;
  },
): WrittenCog {
  const { path, removed, item } = about;
  return {
    path,
    sizeBytes,
    blockSizePx,
    overviews: levels.slice(1).map(({ factor }) => factor),
    blockCount: filler.blockCount,
    isBigTiff,
    removedCompanions: removed.map((companion) => basename(companion)),
    stacPath: item && `${path}${ITEM_ENDING}`,
    notCarried: [
      ...(source.notCarried ?? crsNotCarried(source.info.georeferencing.crs)),
      ...leftOut(source.info),
      ...(item?.notCarried ?? []),
    ],
    averagedClasses: filler.averagedClasses,
  };
}

async function makeItem(info: RasterInfo, wanted: WantedItem, name: string): Promise<MadeItem> {
  const { COG_TYPE, hrefOf, itemOf } = await import('../stac/item.js');
  return itemOf(info, wanted, { href: hrefOf(name), type: COG_TYPE, title: name });
}

/** Classic TIFF where the file fits into it, whose exact size is known now. */
function headerOf(content: CogContent): ReturnType<typeof cogHeader> & {
  readonly isBigTiff: boolean;
} {
  const { classic, big } = tiffVariants;
  const { bigTiff } = content.plan.format;
  const small = bigTiff === 'always' ? undefined : cogHeader(classic, content);
  if (small && small.sizeBytes <= classic.maxOffsetBytes) return { ...small, isBigTiff: false };
  if (bigTiff !== 'never') return { ...cogHeader(big, content), isBigTiff: true };
  throw invalidArgument(
    'writeCog',
    `the file would have ${small?.sizeBytes} bytes, and classic TIFF ends at 4 GiB: leave out bigTiff: 'never', or compress more`,
    content.plan.path,
  );
}

async function* wholeFile(header: Uint8Array, { spools }: CogContent): AsyncGenerator<Uint8Array> {
  yield header;
  for (const spool of inFileOrder(spools)) yield* spool.pieces();
}
