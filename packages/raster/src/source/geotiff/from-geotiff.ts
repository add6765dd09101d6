/**
 * A GeoTIFF as a source. Blocks are read and decoded one by one when a window needs them, so a file
 * of any size is read in bounded memory.
 */
import { HoldfastError, isHoldfastError } from 'holdfast';
import { checkOptions, invalidArgument } from 'holdfast/options';
import {
  type Fs,
  type FsFile,
  isMachines,
  nodeFileSystem,
  openGiven,
  readFully,
} from 'holdfast/os';
import type { NotCarried, RasterInfo, Window } from '../../model.js';
import { isAddress } from '../../remote/address.js';
import type { ReadableStore } from '../../remote/store-ranges.js';
import { coordinateEpoch, crsNotCarried } from '../../crs/crs.js';
import { type BlockLimits, limitsOf } from '../block-limits.js';
import { BlockReader } from '../block-reader.js';
import { ByteBudget } from '../byte-budget.js';
import { joinMask, VALID } from '../mask.js';
import { regularGrid } from '../grid.js';
import type { RasterSource } from '../raster-source.js';
import { isOfFilesystem, type ReadableFile } from '../readable-file.js';
import { isStatistic } from '../../statistics/gdal-statistics.js';
import type { BlockEncoding } from './decode-block.js';
import { descriptionOf, georeferencingOf, heightsOf } from './describe.js';
import { nodataOf } from './nodata-text.js';
import { readSidecars, type Sidecars, withSidecars } from './sidecars.js';
import { checkColours } from './check-colours.js';
import { checkCompressionTag } from './check-compression.js';
import { blockLoader, placesOf } from './block-places.js';
import { rawSamplesOf } from './raw-strips.js';
import { isRemote, notATiff, otherKindOf } from './corrupt.js';
import { firstImage, type Images, imagesOf } from './images.js';
import { checkBlockBytes, type ImageShape, imageShapeOf } from './image-shape.js';
import type { Tags } from './image-tags.js';

/** A source on an open file. */
export interface OpenedGeoTiff extends RasterSource {
  /** The file in which the mask lies that is the last band, if there is one. */
  readonly maskPath?: string | undefined;
  /** The blocks of the file: its tiles, or strips of its whole width. */
  readonly storedBlock: Pick<Window, 'widthPx' | 'heightPx'>;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/** How a GeoTIFF is read. */
export interface GeoTiffOptions extends BlockLimits {
  /** Decoded blocks to keep for windows still to come, in bytes; 256 MiB at most by default. */
  readonly cacheBytes?: number | undefined;
  /** An overview inside the file in place of its raster, from 0, which is the largest. */
  readonly overview?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
  /** For an address `s3://bucket/key`, as `openVrt` has it. */
  readonly store?: ReadableStore | undefined;
  /** Whether an address may be of `http:`; false by default. */
  readonly allowHttp?: boolean | undefined;
}

const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;
const optionNames = [
  ...(['cacheBytes', 'overview', 'fs', 'maxBlockBytes', 'maxBands'] as const),
  ...(['store', 'allowHttp'] as const),
];

/**
 * Opens a GeoTIFF; call `close` on the source when done. The first image of the file is the raster.
 *
 * It may also be at an address, `https://host/dem.tif` or `s3://bucket/dem.tif`: blocks are then read
 * by requests for ranges of the version that was opened, and one that has been replaced since is
 * TARGET_CHANGED. Of what lies beside it `.aux.xml` and `.msk` are looked for there. The fingerprint is
 * that version.
 *
 * @param path - of the file; or its address, whose part from `?` on is for the request alone
 * @throws HoldfastError NOT_FOUND; UNSUPPORTED_TARGET for a directory, FIFO or device;
 * CORRUPT_DOCUMENT for a file that is no TIFF, ends early, contradicts itself or is over a limit;
 * INVALID_ARGUMENT for samples that no data type holds, a compression that is not known here, and
 * what would decide where the raster lies or which pixels are valid and cannot be carried. What
 * else is not carried is in `notCarried`. Of an address: STORE_FAILED when it may not be read or
 * nothing answers; TARGET_CHANGED; UNSUPPORTED_TARGET for a server that gives no ranges or no version
 */
export async function fromGeoTiff(
  path: string,
  options: GeoTiffOptions = {},
): Promise<OpenedGeoTiff> {
  checkOptions('fromGeoTiff', options, optionNames);
  if (isAddress(path))
    return (await import('../../remote/remote-geotiff.js')).openRemoteGeoTiff(path, options);
  const { fs = nodeFileSystem } = options;
  const open = async () => (await openGiven(fs, path)).handle;
  return readGeoTiff(path, options, open, () => readSidecars(fs, path));
}

/** How a file is read for the inside of the package. */
interface OwnGeoTiffOptions extends GeoTiffOptions {
  /** As `BlockReader` has it. */
  readonly windowsOverlap?: 'parts' | undefined;
  /** What is decoded at one time of several files; `maxBlockBytes` of this one alone by default. */
  readonly budget?: ByteBudget | undefined;
}

/**
 * The same of a file that somebody else opens, with what lies beside it if that is to be read; else
 * its samples without a mask.
 */
export async function readGeoTiff(
  path: string,
  options: OwnGeoTiffOptions,
  open: () => Promise<ReadableFile>,
  beside?: () => Promise<Sidecars>,
): Promise<OpenedGeoTiff> {
  const { fs = nodeFileSystem } = options;
  const file = await openFile(path, open);
  return closedOnError(file, path, async () => {
    const images = await choose(file, path, options, beside !== undefined);
    const settings = { ...settingsOf(options), sidecars: await beside?.() };
    const whole = await sourceOf(file, path, images, settings);
    const masked = await withMask(whole, { file, path, images, settings, options, fs });
    const { raw, ...source } = masked;
    if (!isOfFilesystem(file)) return source;
    const fingerprint = () => fingerprintOf(fs, file);
    // Other threads have no filesystem but the machine's own.
    return { ...source, fingerprint, raw: isMachines(fs) ? raw : undefined };
  });
}

/** The mask inside a file, of its raster or the overview; `undefined` where it has none. */
export async function readOwnMask(
  path: string,
  options: GeoTiffOptions,
  open: () => Promise<ReadableFile>,
): Promise<OpenedGeoTiff | undefined> {
  const file = await openFile(path, open);
  return closedOnError(file, path, async () => {
    const mask = await maskIn(await imagesOf(file), options.overview);
    if (mask) return maskSource(file, path, mask, settingsOf(options));
    await file.close();
    return undefined;
  });
}

function settingsOf(options: OwnGeoTiffOptions): ReadSettings {
  const { cacheBytes = DEFAULT_CACHE_BYTES, windowsOverlap, budget } = options;
  const limits = limitsOf('fromGeoTiff', options);
  return { ...limits, cacheBytes, windowsOverlap, budget, sidecars: undefined };
}

async function closedOnError<T>(
  file: ReadableFile,
  path: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await file.close();
    throw isHoldfastError(error) ? error : notATiff(path, error);
  }
}

async function openFile(path: string, open: () => Promise<ReadableFile>): Promise<ReadableFile> {
  try {
    return await open();
  } catch (error) {
    if (isHoldfastError(error)) throw error;
    throw new HoldfastError('NOT_FOUND', {
      message: isRemote(path)
        ? 'This is no path of a file: download it first, or make a file of it with gdal_translate.'
        : 'The GeoTIFF could not be opened; check the path.',
      step: 'open',
      path,
      cause: error,
    });
  }
}

/** Which file it is and when it last changed: whoever changes samples in place moves its time. */
async function fingerprintOf(fs: Fs, file: FsFile): Promise<string> {
  const { sizeBytes } = await file.stat();
  return JSON.stringify([await fs.realpath(file.path), sizeBytes, await file.modifiedMs()]);
}

/** What is read of a file: an image, and the one that says what it shows. */
interface ChosenImages {
  readonly samples: Tags;
  readonly raster: Tags;
  /** What lies in the file besides; known when it was looked for. */
  readonly all: Images | undefined;
}

async function choose(
  file: ReadableFile,
  path: string,
  { overview }: GeoTiffOptions,
  isWhole: boolean,
): Promise<ChosenImages> {
  try {
    const all = isWhole || overview !== undefined ? await imagesOf(file) : undefined;
    const raster = all?.raster ?? (await firstImage(file));
    const samples = overview === undefined ? raster : all?.overviews[overview];
    if (samples) return { samples, raster, all };
    throw new Error(`it has no overview ${overview}, but ${all?.overviews.length ?? 0} of them`);
  } catch (error) {
    const head = new Uint8Array(64);
    const count = await readFully(file, head, 0).catch(() => 0);
    const other = otherKindOf(head.subarray(0, count));
    throw notATiff(path, other === undefined ? error : new Error(other, { cause: error }));
  }
}

function alone(image: Tags | undefined): ChosenImages {
  if (!image) throw new Error('its overview has no mask');
  return { samples: image, raster: image, all: undefined };
}

/** The mask of the raster, or that of an overview, which has its size. */
async function maskIn(
  { mask, overviews, overviewMasks }: Images,
  overview: number | undefined,
): Promise<Tags | undefined> {
  if (overview === undefined) return mask;
  const sizeOf = async (image: Tags | undefined) => [
    await image?.number('imageWidth'),
    await image?.number('imageLength'),
  ];
  const size = await sizeOf(overviews[overview]);
  for (const each of overviewMasks) if (String(await sizeOf(each)) === String(size)) return each;
  return undefined;
}

/** What a source is opened with. */
interface Opening {
  readonly file: ReadableFile;
  readonly path: string;
  readonly images: ChosenImages;
  readonly settings: ReadSettings;
  readonly options: GeoTiffOptions;
  readonly fs: Fs;
}

/** A mask inside the file, as GDAL gives it: of single bits too, 255 where pixels are valid. */
async function maskSource(
  file: ReadableFile,
  path: string,
  image: Tags | undefined,
  settings: ReadSettings,
): Promise<OpenedGeoTiff> {
  const mask = await sourceOf(file, path, alone(image), { ...settings, sidecars: undefined });
  if (((await image?.number('bitsPerSample')) ?? 1) > 1) return mask;
  return {
    ...mask,
    raw: undefined,
    read: async (window, signal) => {
      const pixels = await mask.read(window, signal);
      return {
        ...pixels,
        data: Uint8Array.from(pixels.data as Uint8Array, (value) => (value === 0 ? 0 : VALID)),
      };
    },
  };
}

/** With the mask that lies in the file, or beside it, as a last band. */
async function withMask(source: OpenedGeoTiff, opening: Opening): Promise<OpenedGeoTiff> {
  const { file, path, images, settings, options, fs } = opening;
  const { sidecars } = settings;
  if (!sidecars || !images.all) return source;
  const { overview } = options;
  const beside = images.all.mask ? undefined : sidecars.mask;
  if (!images.all.mask && !beside) return source;
  const maskPath = beside ? `${path}.msk` : path;
  const mask = beside
    ? await readGeoTiff(maskPath, { fs, overview }, () => beside.open())
    : await maskSource(file, path, await maskIn(images.all, overview), settings);
  const { widthPx, heightPx, bands } = mask.info;
  const { info } = source;
  if (widthPx !== info.widthPx || heightPx !== info.heightPx || bands.length !== 1) {
    if (beside) await mask.close();
    throw invalidArgument(
      'fromGeoTiff',
      `the mask has ${widthPx}x${heightPx} pixels in ${bands.length} bands, and the raster ${info.widthPx}x${info.heightPx}: make it a band with gdal_translate -b mask`,
      maskPath,
    );
  }
  const notCarried = [...(source.notCarried ?? [])];
  return {
    ...source,
    info: { ...info, bands: [...info.bands, { isMask: true }] },
    notCarried,
    maskPath,
    raw: undefined,
    read: async (window, signal) => {
      const [image, valid] = await Promise.all([
        source.read(window, signal),
        mask.read(window, signal),
      ]);
      return joinMask(image, valid.data, notCarried);
    },
    close: async () => {
      if (beside) await mask.close();
      await source.close();
    },
  };
}

interface ReadSettings {
  readonly budget: ByteBudget | undefined;
  readonly windowsOverlap: 'parts' | undefined;
  readonly maxBlockBytes: number;
  readonly maxBands: number;
  readonly cacheBytes: number;
  readonly sidecars: Sidecars | undefined;
}

async function sourceOf(
  file: ReadableFile,
  path: string,
  { samples: tags, raster, all }: ChosenImages,
  { cacheBytes, windowsOverlap, budget, sidecars, ...limits }: ReadSettings,
): Promise<OpenedGeoTiff> {
  checkCompressionTag((await tags.number('compression')) ?? 1, path);
  await checkColours(tags, path);
  const shape = await imageShapeOf(tags, path, limits);
  const encoding = await encodingOf(tags, shape);
  checkPredictor(encoding);
  const places = await placesOf(file, tags, shape, encoding);
  checkBlockBytes(shape, places.heightPx, limits.maxBlockBytes);
  const notCarried: NotCarried[] = [];
  if (sidecars && all) tellOthers(all, sidecars, notCarried);
  const whole = tags === raster ? shape : await imageShapeOf(raster, path, limits);
  const own = await infoOf(raster, whole, path, notCarried);
  const known = sidecars ? await withSidecars(own, sidecars, path, notCarried) : own;
  notCarried.push(...crsNotCarried(known.georeferencing.crs ?? known.gcps?.crs));
  if (coordinateEpoch(known.gcps?.crs) !== undefined) {
    const why = 'a VRT has no place for that of control points';
    notCarried.push({ what: 'the epoch of the coordinates', where: 'GeoKey 5120', why });
  }
  const info = tags === raster ? known : reducedInfo(known, shape, notCarried);
  const interleave = places.planes > 1 ? 'band' : 'pixel';
  const { widthPx, heightPx } = info;
  const rowsTogether = places.heightPx * places.stripsTogether;
  const blocks = regularGrid(widthPx, heightPx, places.widthPx, rowsTogether);
  const reader = new BlockReader({
    info,
    interleave,
    blocks,
    load: blockLoader({ file, path, info, places, encoding }),
    keptBytes: cacheBytes,
    windowsOverlap,
    budget: budget ?? new ByteBudget(limits.maxBlockBytes),
  });
  return {
    info,
    notCarried,
    interleave,
    blocks,
    storedBlock: {
      widthPx: shape.blockWidthPx,
      heightPx: shape.tiled ? shape.blockHeightPx : Math.min(shape.blockHeightPx, heightPx),
    },
    tiling: 'tileSize',
    read: (window, signal, takeBuffer) => reader.read(window, signal, takeBuffer),
    raw: await rawSamplesOf(file, info, places, encoding),
    close: () => file.close(),
  };
}

async function infoOf(
  tags: Tags,
  { widthPx, heightPx, bandCount, dataType }: ImageShape,
  path: string,
  told: NotCarried[],
): Promise<RasterInfo> {
  const text = (await tags.text('gdalNodata')) ?? '';
  const nodata = nodataOf({ text, where: 'GDAL_NODATA (tag 42113)' }, dataType, path, told);
  const { unit, ...placed } = await georeferencingOf(tags);
  const { bands, ...description } = await descriptionOf(tags, bandCount, told);
  const heights = await heightsOf(tags, placed.georeferencing.crs, told);
  // As GDAL shows a table of the file: what is no data is transparent.
  const hasTable = (await tags.numbers('colorMap')).length > 0;
  return {
    widthPx,
    heightPx,
    dataType,
    ...description,
    bands: bands.map((band) => ({
      ...band,
      unit: band.unit ?? unit,
      scale: band.scale ?? heights?.scale,
      offset: band.offset ?? heights?.offset,
      palette: band.palette?.map(([red, green, blue, alpha], value) => [
        red,
        green,
        blue,
        hasTable && value === nodata ? 0 : alpha,
      ]),
    })),
    nodata,
    ...placed,
  };
}

/** Of what lies in the file besides the raster, its mask and its overviews. */
function tellOthers(
  { mask, others }: Images,
  { mask: maskFile }: Sidecars,
  told: NotCarried[],
): void {
  if (others > 0) {
    const why = 'a mosaic has one; gdal_translate GTIFF_DIR:2:INPUT.tif takes one of them out';
    told.push({ what: `${others} further images`, where: 'the file', why });
  }
  if (mask && maskFile)
    told.push({ what: 'a mask', where: maskFile.name, why: 'there is one inside the file' });
}

/** Of an overview: what is true of the raster, in its own pixels. */
function reducedInfo(
  info: RasterInfo,
  { widthPx, heightPx, bandCount, dataType }: ImageShape,
  told: NotCarried[],
): RasterInfo {
  if (bandCount !== info.bands.length || dataType !== info.dataType)
    throw new Error(`its overview has ${bandCount} bands of ${dataType}, unlike its raster`);
  const [across, down] = [info.widthPx / widthPx, info.heightPx / heightPx];
  const { transform } = info.georeferencing;
  const { RPC: rpc, ...domains } = info.domains ?? {};
  if (rpc !== undefined) {
    const why = 'they count in pixels of the raster, and not of its overview';
    told.push({ what: 'rational polynomial coefficients', where: 'the file', why });
  }
  return {
    ...info,
    widthPx,
    heightPx,
    bands: info.bands.map((band) => ({ ...band, metadata: withoutStatistics(band.metadata) })),
    domains,
    georeferencing: {
      ...info.georeferencing,
      transform: transform && [
        transform[0],
        transform[1] * across,
        transform[2] * down,
        transform[3],
        transform[4] * across,
        transform[5] * down,
      ],
    },
    gcps: info.gcps && {
      ...info.gcps,
      points: info.gcps.points.map((point) => ({
        ...point,
        pixel: point.pixel / across,
        line: point.line / down,
      })),
    },
  };
}

/** Those of the raster are not true of a smaller picture of it. */
function withoutStatistics(items: RasterInfo['metadata']): RasterInfo['metadata'] {
  if (!items) return undefined;
  return Object.fromEntries(Object.entries(items).filter(([key]) => !isStatistic(key)));
}

/** Packed samples have none (libtiff refuses them too). */
function checkPredictor({ predictor, bitsPerSample }: BlockEncoding): void {
  if (predictor === 1 || bitsPerSample % 8 === 0) return;
  throw new Error(`it has predictor ${predictor} for samples of ${bitsPerSample} bits`);
}

async function encodingOf(tags: Tags, shape: ImageShape): Promise<BlockEncoding> {
  const { bitsPerSample, dataType, bandsTogether, planes, compression } = shape;
  const isJpeg = compression === 7;
  return {
    compression,
    // JPEG, LERC and WebP have no predictor; where the field is there nevertheless, it means
    // nothing.
    predictor: [5, 8, 32773, 32946, 50000, 50004].includes(compression)
      ? ((await tags.number('predictor')) ?? 1)
      : 1,
    littleEndian: tags.littleEndian,
    bitsPerSample,
    dataType,
    bandsTogether,
    planes,
    lowestBitFirst: (await tags.number('fillOrder')) === 2,
    isUncompressed: compression === 1,
    isYCbCr: isJpeg && (await tags.number('photometricInterpretation')) === 6,
    jpegTables: tags.has('jpegTables') ? await tags.bytes('jpegTables') : undefined,
    lercParameters: await tags.numbers('lercParameters'),
  };
}
