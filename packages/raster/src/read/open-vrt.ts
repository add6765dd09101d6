/**
 * Reads a mosaic back: ours, and any of GDAL's that is made of simple sources. The index is read
 * once, so everything read through one opened mosaic belongs to one generation of it.
 */
import { basename } from 'node:path';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { checkOptions, invalidArgument, withDefaults } from 'holdfast/options';
import { nodeFileSystem, type Fs, type FsFile } from 'holdfast/os';
import {
  dataTypeOf,
  dataTypes,
  type DataType,
  type Nodata,
  type NotCarried,
  type Pixels,
  type RasterArray,
  type RasterInfo,
  type Window,
} from '../model.js';
import { crsNotCarried, crsOfText } from '../crs/crs.js';
import { giveSamples } from '../encode/encoder-pool.js';
import { indexBehind } from '../mosaic-place.js';
import { roundingOf } from '../overview/rounding.js';
import { ByteBudget } from '../source/byte-budget.js';
import { fromGeoTiff, readGeoTiff } from '../source/geotiff/from-geotiff.js';
import { nodataOf } from '../source/geotiff/nodata-text.js';
import { INKS } from '../source/geotiff/describe.js';
import { readMask } from '../source/geotiff/read-mask.js';
import { checkWindow, type RasterSource, roomFor } from '../source/raster-source.js';
import { toldOf } from '../source/told.js';
import { fitsNodata } from '../tiff/nodata.js';
import { numberText } from '../vrt/vrt-text.js';
import { isAddress } from '../remote/address.js';
import type { RemoteFiles } from '../remote/remote-files.js';
import type { ReadableStore } from '../remote/store-ranges.js';
import { aborted } from './aborted.js';
import { documentOf } from './alone.js';
import { type Layer, Layers } from './layers.js';
import { localFiles, type MosaicFiles } from './mosaic-files.js';
import { OpenFiles } from './open-files.js';
import {
  copyPixels,
  partsOf,
  placeSource,
  type Placement,
  type PlacementPart,
  type View,
} from './place-source.js';
import { inOrder } from './read-ahead.js';
import { readInUse } from './tiles-in-use.js';
import type { PixelRectangle, VrtBand, VrtDocument, VrtSource } from './vrt-document.js';

/** How a mosaic is opened. */
export interface OpenVrtOptions {
  /**
   * Whether tiles outside the folder of the index may be read; `refuse` by default, since an index
   * is only text.
   */
  readonly outside?: 'refuse' | 'allow' | undefined;
  /** What a missing tile is: an `error` by default, or its pixels are nodata. */
  readonly missing?: 'error' | 'nodata' | undefined;
  /** The largest index that is read, in bytes; 256 MiB by default. */
  readonly maxIndexBytes?: number | undefined;
  /** The largest result of one read, in samples of all bands; 2^28 by default. */
  readonly maxSamples?: number | undefined;
  /** How many tiles stay open at once; 64 by default. */
  readonly maxOpenTiles?: number | undefined;
  /** The most bands of the index, and of a tile; 16,384 by default. */
  readonly maxBands?: number | undefined;
  /** The most sources of all bands of the index together; 500,000 by default. */
  readonly maxSources?: number | undefined;
  /** The largest decoded block of a tile, in bytes; 128 MiB by default. See `fromGeoTiff`. */
  readonly maxBlockBytes?: number | undefined;
  /**
   * For an address `s3://bucket/key`: the store, as `s3Store` and `sdkStore` of
   * `@holdfast/objectstore` give one; by default that of the environment, for which the package has
   * to be installed.
   */
  readonly store?: ReadableStore | undefined;
  /**
   * Whether an address may be of `http:`, by which everybody on the way reads and changes what is
   * sent; false by default.
   */
  readonly allowHttp?: boolean | undefined;
  /** Ends the opening. Each read has a signal of its own. */
  readonly signal?: AbortSignal | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

/** How a window is read. */
export interface ReadOptions {
  /**
   * One band, or several in the order wanted, numbered from 1; all by default. `mask`: the mask of
   * a mosaic that has one, as bytes, 0 where pixels are not valid.
   */
  readonly band?: number | readonly number[] | 'mask' | undefined;
  /**
   * Size of the result relative to the window, over 0; 1 by default. A result pixel takes the value
   * of the pixel under its centre: of the mosaic itself, or of the smallest of its overviews that
   * has no fewer pixels than the result.
   */
  readonly scale?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An opened mosaic. */
export interface Mosaic {
  /** Of the index; an address without what stands from `?` on. */
  readonly path: string;
  readonly info: RasterInfo;
  /** The index as it was when the mosaic was opened. */
  readonly document: VrtDocument;
  /** Whether a mask says which pixels are valid; it counts before nodata. */
  readonly hasMask: boolean;
  /** What the index or the GeoTIFF says that `writeTiledVrt` would not carry. */
  readonly notCarried: readonly NotCarried[];
  /** The tiles that the index names, each once, as absolute paths or addresses. */
  readonly tilePaths: readonly string[];
  /** The absolute path of a tile, by the name that the index has for it. */
  tilePathOf(filename: string): string;
  /**
   * Reads a window (the whole mosaic when missing); bands come one after another
   * (`interleave: 'band'`). Where no tile lies, pixels are nodata, or 0 when the band has none.
   *
   * @throws HoldfastError INVALID_ARGUMENT for a window outside the mosaic, a band it has not, or a
   *   result over the limit; NOT_FOUND for a missing tile; CORRUPT_DOCUMENT for a tile that is not
   *   what the index says; ABORTED
   */
  read(window?: Window, options?: ReadOptions): Promise<Pixels>;
  /** Lets go of the tiles; reads that are under way fail. */
  close(): Promise<void>;
  /** Closes the mosaic (`await using`). */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What is believed of an index. */
export const indexLimits: Readonly<Record<'maxIndexBytes' | 'maxBands' | 'maxSources', number>> = {
  maxIndexBytes: 256 * 1024 * 1024,
  maxBands: 16_384,
  maxSources: 500_000,
};

const defaults: Settings = {
  ...indexLimits,
  outside: 'refuse',
  missing: 'error',
  maxSamples: 2 ** 28,
  maxOpenTiles: 64,
  maxBlockBytes: 128 * 1024 * 1024,
  fs: nodeFileSystem,
};

/**
 * Decoded blocks that each open tile keeps; small, since neighbours in a mosaic are other tiles.
 */
const TILE_CACHE_BYTES = 4 * 1024 * 1024;
/** Tiles of one band that are read at one time, so that each thread has some to decode. */
const MOST_READ_AHEAD = 8;
/**
 * What is read at one time, all bands of a tile; a small picture of a large tile takes few of its
 * rows.
 */
const MOST_READ_BYTES = 64 * 1024 * 1024;

/**
 * Opens a mosaic for reading; a GeoTIFF, by a name that ends with `.tif` or `.tiff`, is a mosaic of
 * one. Nothing but the index is read yet; tiles are opened when a window needs them. The tiles of a
 * mosaic of ours stay until `close`, also when the mosaic is replaced meanwhile: what is read is
 * the one that was opened.
 *
 * A path may also be an address, `https://host/dem.vrt` or `s3://bucket/dem.vrt`, of which windows
 * are read by requests for ranges, some at once, each made again when no whole answer comes. Each
 * file is read in the version in which it was first opened; one that has been replaced since is an
 * error, and so is a tile that is gone. What lies beside files is not looked for there, but for
 * `.aux.xml` and `.msk`.
 *
 * @param path - of the index; or its address, whose part from `?` on is for the request alone
 * @throws HoldfastError NOT_FOUND without an index; CORRUPT_DOCUMENT for one that this reader does
 *   not understand or that is over a limit; PATH_ESCAPES for tiles outside its folder; ABORTED. Of
 *   an address: STORE_FAILED when it may not be read or nothing answers; TARGET_CHANGED;
 *   UNSUPPORTED_TARGET for a server that gives no ranges or no version; INVALID_ARGUMENT
 */
export async function openVrt(path: string, options: OpenVrtOptions = {}): Promise<Mosaic> {
  const names = Object.keys(defaults) as (keyof Settings)[];
  checkOptions('openVrt', options, [...names, 'signal', 'store', 'allowHttp']);
  const { signal, store, allowHttp = false, ...given } = options;
  const settings = withDefaults(given, defaults);
  if (isAddress(path)) return openRemote(path, { ...settings, signal, store, allowHttp });
  const isGeoTiff = GEOTIFF.test(path);
  const index = isGeoTiff ? path : await indexBehind(settings.fs, path);
  const { document, tilesInUse, told } = isGeoTiff
    ? await readAlone(path, settings)
    : { ...(await readInUse(index, { ...settings, signal })), told: undefined };
  try {
    const files = localFiles(index, settings);
    return new VrtMosaic(index, { document, told, files, tilesInUse }, settings);
  } catch (error) {
    await tilesInUse?.close();
    throw error;
  }
}

/** A GeoTIFF that stands for itself. */
async function readAlone(path: string, { fs, maxBands, maxBlockBytes }: Settings) {
  const source = await fromGeoTiff(path, { fs, maxBands, maxBlockBytes });
  await source.close();
  const { info, notCarried, maskPath } = source;
  const mask = maskPath === undefined ? undefined : basename(maskPath);
  const document = documentOf(basename(path), info, mask);
  return { document, tilesInUse: undefined, told: notCarried };
}

/** A mosaic, or a GeoTIFF that stands for itself, at an address. */
async function openRemote(
  address: string,
  settings: Settings & ConstructorParameters<typeof RemoteFiles>[2],
): Promise<Mosaic> {
  const files = new (await import('../remote/remote-files.js')).RemoteFiles(
    'openVrt',
    address,
    settings,
  );
  const { path } = files;
  try {
    if (!GEOTIFF.test(path)) {
      const document = await files.readIndex();
      return new VrtMosaic(path, { document, told: undefined, files }, settings);
    }
    const { maxBands, maxBlockBytes } = settings;
    const open = () => files.open(path);
    const beside = () => files.sidecars(path);
    const source = await readGeoTiff(path, { maxBands, maxBlockBytes }, open, beside);
    const document = documentOf(path, source.info, source.maskPath);
    return new VrtMosaic(path, { document, told: source.notCarried, files }, settings);
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** What the tiles of an opened mosaic are: something else when one of them has been changed. */
export function identitiesOf(mosaic: Mosaic): Promise<readonly unknown[]> {
  return VrtMosaic.identitiesOf(mosaic as VrtMosaic);
}

const GEOTIFF = /\.tiff?$/iu;

type Settings = {
  readonly [Name in Exclude<keyof OpenVrtOptions, 'signal' | 'store' | 'allowHttp'>]-?: NonNullable<
    OpenVrtOptions[Name]
  >;
};

/** What a mosaic is, and where its files are. */
interface Opened extends Pick<Mosaic, 'document'> {
  readonly told: Told;
  readonly files: MosaicFiles;
  readonly tilesInUse?: FsFile | undefined;
}

type OpenTile = Awaited<ReturnType<typeof readGeoTiff>>;

type Told = readonly NotCarried[] | undefined;

class VrtMosaic implements Mosaic {
  readonly path: string;
  readonly info: RasterInfo;
  readonly document: VrtDocument;
  readonly notCarried: readonly NotCarried[];
  readonly hasMask: boolean;
  readonly tilePaths: readonly string[];
  readonly #settings: Settings;
  readonly #tiles: OpenFiles<OpenTile>;
  readonly #layers: Layers;
  readonly #files: MosaicFiles;
  readonly #tilesInUse: FsFile | undefined;
  /** A GeoTIFF that is no tile of an index. */
  readonly #isAlone: boolean;

  constructor(path: string, { document, told, files, tilesInUse }: Opened, settings: Settings) {
    this.#files = files;
    this.#tilesInUse = tilesInUse;
    this.path = path;
    this.document = document;
    this.hasMask = document.mask !== undefined;
    this.#isAlone = told !== undefined;
    const marked: NotCarried[] = [];
    this.info = infoOf(document, path, marked);
    const notCarried = told ?? [...marked, ...unreadIn(document, this.info)];
    this.notCarried = toldOf({ info: this.info, notCarried });
    this.#settings = settings;
    this.#layers = new Layers(path, document, files);
    this.tilePaths = [...new Set(this.#layers.base.pathOf.values())];
    const budget = new ByteBudget(settings.maxBlockBytes);
    this.#tiles = new OpenFiles(
      (image) => openImage(image, files, settings, budget),
      (tile) => tile.close(),
      settings.maxOpenTiles,
    );
  }

  static async identitiesOf(mosaic: VrtMosaic): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    const look = (path: string) => mosaic.#files.identityOf(path);
    await inOrder(mosaic.tilePaths, MOST_READ_AHEAD, look, async (_, each) => {
      found.push(each);
    });
    return found;
  }

  tilePathOf(filename: string): string {
    return this.#layers.base.pathOf.get(filename) as string;
  }

  async read(window: Window = wholeOf(this.info), options: ReadOptions = {}): Promise<Pixels> {
    checkOptions('read', options, ['band', 'scale', 'signal']);
    checkWindow(this.info, window);
    const view = viewOf(window, options.scale ?? 1);
    const isMask = options.band === 'mask';
    const bands = this.#bandsOf(options.band);
    const pixels = view.widthPx * view.heightPx;
    if (pixels * bands.length > this.#settings.maxSamples) {
      throw invalidArgument(
        'read',
        `the result has ${pixels * bands.length} samples, over the limit of ${this.#settings.maxSamples}; read smaller windows, or raise maxSamples`,
        this.path,
      );
    }
    const ratio = Math.min(window.widthPx / view.widthPx, window.heightPx / view.heightPx);
    const layer = await this.#layers.forRatio(ratio);
    const type = isMask ? 'uint8' : this.info.dataType;
    const data = roomFor(type, pixels * bands.length);
    for (const [index, number] of bands.entries()) {
      const band = isMask ? layer.mask : layer.bands[number];
      const plane = data.subarray(index * pixels, (index + 1) * pixels);
      if (band) await this.#readBand(layer, band, view, { plane, signal: options.signal });
    }
    return {
      data,
      widthPx: view.widthPx,
      heightPx: view.heightPx,
      bandCount: bands.length,
      interleave: 'band',
    };
  }

  async close(): Promise<void> {
    await this.#files.close();
    await this.#tiles.closeAll();
    await this.#tilesInUse?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Bands by their number, from 0. */
  #bandsOf(wanted: ReadOptions['band']): readonly number[] {
    if (wanted === 'mask') {
      if (this.hasMask) return [0];
      throw invalidArgument('read', 'the mosaic has no mask', this.path);
    }
    const { bands } = this.document;
    if (wanted === undefined) return [...bands.keys()];
    return [wanted].flat().map((number) => {
      if (bands[number - 1]) return number - 1;
      throw invalidArgument(
        'read',
        `there is no band ${number}; bands are 1 to ${bands.length}`,
        this.path,
      );
    });
  }

  /** Later sources lie over earlier ones, as in GDAL. */
  async #readBand(
    layer: Layer,
    band: VrtBand,
    view: View,
    { plane, signal }: PlaneRead,
  ): Promise<void> {
    const { nodata } = band;
    if (nodata !== undefined) plane.fill(emptySample(nodata, plane) as never);
    const to = { plane, signal };
    const use = async (placed: PlacedSource, parts: readonly TilePart[]) => {
      for (const { place, read } of parts) {
        if (signal?.aborted) throw aborted(this.path, signal);
        const got = read ?? (await this.#readTile(placed, place.window, to));
        if (!got) return;
        const into = plane.subarray(place.firstRow * place.columns.length);
        copyPixels(got.samples, place, into, { nodata: placed.source.nodata, mask: got.mask });
        giveSamples(got.samples);
      }
    };
    const read = async (placed: PlacedSource) => this.#readAhead(placed, to);
    await inOrder(this.#placedSources(layer, band, view), MOST_READ_AHEAD, read, use);
  }

  *#placedSources(layer: Layer, band: VrtBand, view: View): Generator<PlacedSource> {
    for (const source of band.sources) {
      const rectangles = rectanglesOf(source, this.info);
      const placement = rectangles && placeSource(view, rectangles.source, rectangles.destination);
      const tilePath = layer.pathOf.get(source.filename) as string;
      if (placement) yield { source, tilePath, placement };
    }
  }

  /**
   * What a tile contributes, in parts. A single one that is small is read now; others when it is
   * their turn.
   */
  async #readAhead(placed: PlacedSource, to: PlaneRead): Promise<readonly TilePart[]> {
    if (to.signal?.aborted) throw aborted(this.path, to.signal);
    const work = async (tile: OpenTile): Promise<readonly TilePart[]> => {
      const pixelBytes = tile.info.bands.length * dataTypes[tile.info.dataType].bytes;
      const places = [...partsOf(placed.placement, pixelBytes, MOST_READ_BYTES)];
      const { widthPx, heightPx } = placed.placement.window;
      const isSmall = widthPx * heightPx * pixelBytes <= MOST_READ_BYTES / MOST_READ_AHEAD;
      const [place] = places;
      if (!place || !isSmall) return places.map((each) => ({ place: each }));
      return [{ place, read: await this.#readPart(tile, placed, place.window, to) }];
    };
    return this.#useTile(placed, work, []);
  }

  async #readTile(
    placed: PlacedSource,
    window: Window,
    to: PlaneRead,
  ): Promise<ReadPart | undefined> {
    const read = async (tile: OpenTile) => this.#readPart(tile, placed, window, to);
    return this.#useTile(placed, read, undefined);
  }

  async #readPart(
    tile: OpenTile,
    { source, tilePath }: PlacedSource,
    window: Window,
    { plane, signal }: PlaneRead,
  ): Promise<ReadPart> {
    const read = await tile.read(window, signal);
    // A mask is the only band there is, and its own mask, as alpha is.
    const samples = converted(bandOf(read, source.isMask ? 1 : source.bandNumber), plane);
    const isAlpha = tile.info.bands[source.bandNumber - 1]?.colour === 'Alpha';
    const mask =
      source.usesMask && (source.isMask || isAlpha)
        ? samples
        : await this.#maskOf(tilePath, source, window, signal);
    return { samples, mask };
  }

  /** Has a tile used that is what the index says of it. */
  async #useTile<T>(
    { source, tilePath }: PlacedSource,
    work: (tile: OpenTile) => Promise<T>,
    ifMissing: T,
  ): Promise<T> {
    try {
      return await this.#tiles.use(imageKey(tilePath, source), async (tile) => {
        checkTile(tile, tilePath, source);
        if (!this.#isAlone) checkInks(tile, tilePath);
        return work(tile);
      });
    } catch (error) {
      if (this.#settings.missing === 'nodata' && isHoldfastError(error, 'NOT_FOUND'))
        return ifMissing;
      throw error;
    }
  }

  /** The mask of a source that uses its file's. */
  async #maskOf(
    tilePath: string,
    source: VrtSource,
    window: Window,
    signal: AbortSignal | undefined,
  ): Promise<RasterArray | undefined> {
    if (!source.usesMask) return undefined;
    const key = imageKey(tilePath, { ...source, isMask: true });
    return this.#tiles.use(key, async (mask) => (await mask.read(window, signal)).data);
  }
}

/** Where samples of a band go. */
interface PlaneRead {
  readonly plane: RasterArray;
  readonly signal: AbortSignal | undefined;
}

/** A source, and where its pixels go in a result. */
interface PlacedSource {
  readonly source: VrtSource;
  readonly tilePath: string;
  readonly placement: Placement;
}

/** Some rows of what a tile contributes, and what was read of them already. */
interface TilePart {
  readonly place: PlacementPart;
  readonly read?: ReadPart;
}

interface ReadPart {
  readonly samples: RasterArray;
  readonly mask: RasterArray | undefined;
}

function checkTile({ info }: RasterSource, tilePath: string, source: VrtSource): void {
  const wrongSize =
    (source.fileWidthPx ?? info.widthPx) !== info.widthPx ||
    (source.fileHeightPx ?? info.heightPx) !== info.heightPx;
  if (wrongSize) {
    throw notAsIndexed(
      tilePath,
      `the index says ${source.fileWidthPx}x${source.fileHeightPx} pixels, the tile has ${info.widthPx}x${info.heightPx}`,
    );
  }
  if (source.isMask) return;
  const { fileDataType = info.dataType, bandNumber } = source;
  if (info.dataType !== fileDataType) {
    throw notAsIndexed(tilePath, `the index says ${fileDataType}, the tile has ${info.dataType}`);
  }
  if (bandNumber > info.bands.length) {
    throw notAsIndexed(tilePath, `the index asks for band ${bandNumber} of ${info.bands.length}`);
  }
}

/** What lies where no source does: in the type of the samples, and within its range. */
function emptySample(nodata: Nodata, plane: RasterArray): number | bigint {
  if (fitsNodata(nodata, dataTypeOf(plane) as DataType)) return nodata;
  return roundingOf(plane, undefined)(Number(nodata) || 0);
}

/** An index means the colours that GDAL makes of inks. */
function checkInks({ notCarried = [] }: RasterSource, tilePath: string): void {
  if (!notCarried.some(({ what }) => what === INKS)) return;
  throw invalidArgument(
    'read',
    'the index names a picture of inks (CMYK), of which GDAL makes red, green, blue and alpha: make these of it with gdal_translate first',
    tilePath,
  );
}

/**
 * Samples in the type of the band that they are a source of: rounded, and within its range, as GDAL
 * does.
 */
function converted(samples: RasterArray, like: RasterArray): RasterArray {
  const dataType = dataTypeOf(like) as DataType;
  if (dataTypeOf(samples) === dataType) return samples;
  const round = roundingOf(like, undefined);
  const made = new dataTypes[dataType].array(samples.length);
  for (let index = 0; index < samples.length; index += 1)
    made[index] = round(Number(samples[index]) || 0) as never;
  return made;
}

/**
 * A file, or an overview in it, or the mask of a band of either, as one text: no path has the
 * character in between.
 */
function imageKey(path: string, { overviewLevel, isMask, bandNumber }: VrtSource): string {
  if (overviewLevel === undefined && !isMask) return path;
  return `${path}\0${overviewLevel ?? ''}\0${isMask ? bandNumber : ''}`;
}

async function openImage(
  key: string,
  files: MosaicFiles,
  { fs, maxBands, maxBlockBytes }: Settings,
  budget: ByteBudget,
): Promise<OpenTile> {
  const [path = '', level = '', maskOf = ''] = key.split('\0');
  const overview = level === '' ? {} : { overview: Number(level) };
  const limits = { maxBands, maxBlockBytes };
  const caching = { cacheBytes: TILE_CACHE_BYTES, windowsOverlap: 'parts', budget } as const;
  const options = { fs, ...caching, ...limits, ...overview };
  if (maskOf === '') return readGeoTiff(path, options, () => files.open(path));
  return readMask(path, Number(maskOf), options, files);
}

function infoOf(document: VrtDocument, path: string, told: NotCarried[]): RasterInfo {
  const dataType = commonDataType(document, path);
  const metadata = { ...document.metadata.get('') };
  const pixelIs = metadata['AREA_OR_POINT'] === 'Point' ? 'point' : 'area';
  delete metadata['AREA_OR_POINT'];
  const crs = crsOfText(document.srs, document.coordinateEpoch);
  return {
    widthPx: document.widthPx,
    heightPx: document.heightPx,
    dataType,
    bands: document.bands.map((band) => band.info),
    nodata: markingNodata(commonNodata(document), dataType, path, told),
    georeferencing: { transform: document.transform, crs, pixelIs },
    metadata,
    domains: document.domains,
    gcps: document.transform ? undefined : document.gcps,
  };
}

/** The value as samples can have it; what GDAL takes it for otherwise is told. */
function markingNodata(
  nodata: Nodata | undefined,
  dataType: DataType,
  path: string,
  told: NotCarried[],
): Nodata | undefined {
  if (nodata === undefined) return undefined;
  return nodataOf(
    { text: numberText(nodata), where: 'NoDataValue of the VRT' },
    dataType,
    path,
    told,
  );
}

/** What an index says that is not read, and what of its CRS is not carried. */
function unreadIn({ unread = [] }: VrtDocument, info: RasterInfo): readonly NotCarried[] {
  const why = 'a mosaic has no place for it';
  const crs = info.georeferencing.crs ?? info.gcps?.crs;
  return [...unread.map((what) => ({ what, where: 'the VRT', why })), ...crsNotCarried(crs)];
}

function commonDataType(document: VrtDocument, path: string): DataType {
  const types = [...new Set(document.bands.map((band) => band.dataType))];
  if (types.length === 1) return types[0] as DataType;
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message: `The bands of the mosaic have different types (${types.join(', ')}), which this reader does not support.`,
    step: 'parse',
    path,
  });
}

/** The nodata value of the raster, where all bands share one. */
function commonNodata(document: VrtDocument): Nodata | undefined {
  const [first, ...others] = document.bands.map((band) => band.nodata);
  return others.every((nodata) => Object.is(nodata, first)) ? first : undefined;
}

function rectanglesOf(
  source: VrtSource,
  info: RasterInfo,
): { source: PixelRectangle; destination: PixelRectangle } | undefined {
  const destination = source.destination ?? wholeOf(info);
  const whole = {
    xPx: 0,
    yPx: 0,
    widthPx: source.fileWidthPx ?? destination.widthPx,
    heightPx: source.fileHeightPx ?? destination.heightPx,
  };
  return { source: source.source ?? whole, destination };
}

function viewOf(window: Window, scale: number): View {
  if (!(scale > 0 && Number.isFinite(scale))) {
    throw invalidArgument('read', `scale must be a number over 0, not ${scale}`);
  }
  return {
    window,
    widthPx: Math.max(1, Math.round(window.widthPx * scale)),
    heightPx: Math.max(1, Math.round(window.heightPx * scale)),
  };
}

function wholeOf(info: RasterInfo): Window {
  return { xPx: 0, yPx: 0, widthPx: info.widthPx, heightPx: info.heightPx };
}

/** The samples of one band, numbered from 1, of what a tile gave. */
function bandOf(pixels: Pixels, bandNumber: number): RasterArray {
  const { data, bandCount, interleave } = pixels;
  const count = pixels.widthPx * pixels.heightPx;
  if (interleave === 'band') return data.subarray((bandNumber - 1) * count, bandNumber * count);
  if (bandCount === 1) return data;
  const band = data.slice(0, count);
  for (let index = 0; index < count; index += 1) {
    band[index] = data[index * bandCount + bandNumber - 1] as never;
  }
  return band;
}

function notAsIndexed(path: string, why: string): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message: `The tile is not what the index says: ${why}. holdfast raster verify names every such tile.`,
    step: 'read',
    path,
  });
}
