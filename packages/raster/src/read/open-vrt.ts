/**
 * Reads a mosaic back: ours, and any of GDAL's that is made of simple sources. The index is read once, so everything
 * read through one opened mosaic belongs to one generation of it.
 */
import { HoldfastError, isHoldfastError } from 'holdfast';
import { checkOptions, invalidArgument } from 'holdfast/options';
import { nodeFileSystem, type Fs, type FsDirectory } from 'holdfast/os';
import {
  dataTypes,
  type Crs,
  type DataType,
  type Nodata,
  type Pixels,
  type RasterArray,
  type RasterInfo,
  type Window,
} from '../model.js';
import { fromGeoTiff } from '../source/geotiff/from-geotiff.js';
import { checkWindow, type RasterSource } from '../source/raster-source.js';
import { type Layer, Layers } from './layers.js';
import { OpenFiles } from './open-files.js';
import { copyPixels, placeSource, type Placement, type View } from './place-source.js';
import { readInUse } from './tiles-in-use.js';
import type { PixelRectangle, VrtBand, VrtDocument, VrtSource } from './vrt-document.js';

export interface OpenVrtOptions {
  /** Whether tiles outside the folder of the index may be read; `refuse` by default, since an index is only text. */
  readonly outside?: 'refuse' | 'allow';
  /** What a missing tile is: an `error` by default, or its pixels are nodata. */
  readonly missing?: 'error' | 'nodata';
  /** The largest index that is read, in bytes; 256 MiB by default. */
  readonly maxIndexBytes?: number;
  /** The largest result of one read, in samples of all bands; 2^28 by default. */
  readonly maxSamples?: number;
  /** How many tiles stay open at once; 64 by default. */
  readonly maxOpenTiles?: number;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs;
}

export interface ReadOptions {
  /** One band, or several in the order wanted, numbered from 1; all by default. */
  readonly band?: number | readonly number[];
  /**
   * Size of the result relative to the window, over 0; 1 by default. A result pixel takes the value of the pixel under
   * its centre: of the mosaic itself, or of the smallest of its overviews that has no fewer pixels than the result.
   */
  readonly scale?: number;
  readonly signal?: AbortSignal;
}

/** An opened mosaic. */
export interface Mosaic {
  readonly path: string;
  readonly info: RasterInfo;
  /** The index as it was when the mosaic was opened. */
  readonly document: VrtDocument;
  /** The tiles that the index names, each once, as absolute paths. */
  readonly tilePaths: readonly string[];
  /** The absolute path of a tile, by the name that the index has for it. */
  tilePathOf(filename: string): string;
  /**
   * Reads a window (the whole mosaic when missing); bands come one after another (`interleave: 'band'`). Where no tile
   * lies, pixels are nodata, or 0 when the band has none.
   *
   * @throws HoldfastError INVALID_ARGUMENT for a window outside the mosaic, a band it has not, or a result over the
   *   limit; NOT_FOUND for a missing tile; CORRUPT_DOCUMENT for a tile that is not what the index says; ABORTED
   */
  read(window?: Window, options?: ReadOptions): Promise<Pixels>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const defaults = {
  outside: 'refuse',
  missing: 'error',
  maxIndexBytes: 256 * 1024 * 1024,
  maxSamples: 2 ** 28,
  maxOpenTiles: 64,
  fs: nodeFileSystem,
} as const;

/** Decoded blocks that each open tile keeps; small, since neighbours in a mosaic are other tiles. */
const TILE_CACHE_BYTES = 4 * 1024 * 1024;

/**
 * Opens a mosaic for reading. Nothing but the index is read yet; tiles are opened when a window needs them. The tiles of a
 * mosaic of ours stay until `close`, also when the mosaic is replaced meanwhile: what is read is the one that was opened.
 *
 * @throws HoldfastError NOT_FOUND without an index; CORRUPT_DOCUMENT for one that this reader does not understand or
 *   that is over the limit; PATH_ESCAPES for tiles outside its folder
 */
export async function openVrt(path: string, options: OpenVrtOptions = {}): Promise<Mosaic> {
  checkOptions('openVrt', options, Object.keys(defaults));
  const settings = { ...defaults, ...options };
  const { document, tilesInUse } = await readInUse(settings.fs, path, settings.maxIndexBytes);
  try {
    return new VrtMosaic(path, document, settings, tilesInUse);
  } catch (error) {
    await tilesInUse?.close();
    throw error;
  }
}

type Settings = Required<OpenVrtOptions>;
type OpenTile = Awaited<ReturnType<typeof fromGeoTiff>>;

class VrtMosaic implements Mosaic {
  readonly path: string;
  readonly info: RasterInfo;
  readonly document: VrtDocument;
  readonly tilePaths: readonly string[];
  readonly #settings: Settings;
  readonly #tiles: OpenFiles<OpenTile>;
  readonly #layers: Layers;
  readonly #tilesInUse: FsDirectory | undefined;

  constructor(
    path: string,
    document: VrtDocument,
    settings: Settings,
    tilesInUse: FsDirectory | undefined,
  ) {
    this.#tilesInUse = tilesInUse;
    this.path = path;
    this.document = document;
    this.info = infoOf(document, path);
    this.#settings = settings;
    this.#layers = new Layers(path, document, settings);
    this.tilePaths = [...new Set(this.#layers.base.pathOf.values())];
    this.#tiles = new OpenFiles(
      (image) => openImage(image, settings.fs),
      (tile) => tile.close(),
      settings.maxOpenTiles,
    );
  }

  tilePathOf(filename: string): string {
    return this.#layers.base.pathOf.get(filename) as string;
  }

  async read(window: Window = wholeOf(this.info), options: ReadOptions = {}): Promise<Pixels> {
    checkOptions('read', options, ['band', 'scale', 'signal']);
    checkWindow(this.info, window);
    const view = viewOf(window, options.scale ?? 1);
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
    const data = new dataTypes[this.info.dataType].array(pixels * bands.length);
    for (const [index, band] of bands.entries()) {
      const plane = data.subarray(index * pixels, (index + 1) * pixels);
      await this.#readBand(layer, band, view, plane, options.signal);
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
    await this.#tiles.closeAll();
    await this.#tilesInUse?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Bands by their number, from 0. */
  #bandsOf(wanted: number | readonly number[] | undefined): readonly number[] {
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
    band: number,
    view: View,
    plane: RasterArray,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { nodata } = this.document.bands[band] as VrtBand;
    if (nodata !== undefined) plane.fill(nodata as never);
    for (const source of layer.bands[band]?.sources ?? []) {
      if (signal?.aborted) throw aborted(this.path, signal);
      const rectangles = rectanglesOf(source, this.info);
      const placement = rectangles && placeSource(view, rectangles.source, rectangles.destination);
      const tilePath = layer.pathOf.get(source.filename) as string;
      if (placement) await this.#readSource(tilePath, source, placement, plane, signal);
    }
  }

  async #readSource(
    tilePath: string,
    source: VrtSource,
    placement: Placement,
    plane: RasterArray,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      await this.#tiles.use(imageKey(tilePath, source.overviewLevel), async (tile) => {
        this.#checkTile(tile, tilePath, source);
        const read = await tile.read(placement.window, signal);
        copyPixels(bandOf(read, source.bandNumber), placement, plane, source.nodata);
      });
    } catch (error) {
      if (this.#settings.missing === 'nodata' && isHoldfastError(error, 'NOT_FOUND')) return;
      throw error;
    }
  }

  #checkTile(tile: RasterSource, tilePath: string, source: VrtSource): void {
    const { info } = tile;
    const wrongSize =
      (source.fileWidthPx ?? info.widthPx) !== info.widthPx ||
      (source.fileHeightPx ?? info.heightPx) !== info.heightPx;
    if (wrongSize) {
      throw notAsIndexed(
        tilePath,
        `the index says ${source.fileWidthPx}x${source.fileHeightPx} pixels, the tile has ${info.widthPx}x${info.heightPx}`,
      );
    }
    if (info.dataType !== this.info.dataType) {
      throw notAsIndexed(
        tilePath,
        `the index says ${this.info.dataType}, the tile has ${info.dataType}`,
      );
    }
    if (source.bandNumber > info.bands.length) {
      throw notAsIndexed(
        tilePath,
        `the index asks for band ${source.bandNumber} of ${info.bands.length}`,
      );
    }
  }
}

/** A file, or an overview in it, as one text: no path has the character in between. */
function imageKey(path: string, overviewLevel: number | undefined): string {
  return overviewLevel === undefined ? path : `${path}\0${overviewLevel}`;
}

async function openImage(key: string, fs: Fs): Promise<OpenTile> {
  const [path = '', level] = key.split('\0');
  const overview = level === undefined ? {} : { overview: Number(level) };
  return fromGeoTiff(path, { fs, cacheBytes: TILE_CACHE_BYTES, ...overview });
}

function infoOf(document: VrtDocument, path: string): RasterInfo {
  const metadata = { ...document.metadata.get('') };
  const pixelIs = metadata['AREA_OR_POINT'] === 'Point' ? 'point' : 'area';
  delete metadata['AREA_OR_POINT'];
  return {
    widthPx: document.widthPx,
    heightPx: document.heightPx,
    dataType: commonDataType(document, path),
    bands: document.bands.map((band) => band.info),
    nodata: commonNodata(document),
    georeferencing: { transform: document.transform, crs: crsOf(document.srs), pixelIs },
    metadata,
  };
}

function commonDataType(document: VrtDocument, path: string): DataType {
  const types = [...new Set(document.bands.map((band) => band.dataType))];
  if (types.length === 1) return types[0] as DataType;
  throw new HoldfastError('CORRUPT_DOCUMENT', {
    message: `The bands of the mosaic have different types (${types.join(', ')}), which this reader does not support.`,
    outcome: 'unchanged',
    step: 'parse',
    path,
  });
}

/** The nodata value of the raster, where all bands share one. */
function commonNodata(document: VrtDocument): Nodata | undefined {
  const [first, ...others] = document.bands.map((band) => band.nodata);
  return others.every((nodata) => Object.is(nodata, first)) ? first : undefined;
}

function crsOf(srs: string | undefined): Crs | undefined {
  if (srs === undefined) return undefined;
  const epsg = /^EPSG:(\d+)$/i.exec(srs)?.[1];
  if (epsg !== undefined) return { kind: 'epsg', code: Number(epsg) };
  return srs.startsWith('+') ? { kind: 'proj', proj: srs } : { kind: 'wkt', wkt: srs };
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
    outcome: 'unchanged',
    step: 'read',
    path,
  });
}

function aborted(path: string, signal: AbortSignal): HoldfastError {
  return new HoldfastError('ABORTED', {
    message: 'Reading was cancelled.',
    outcome: 'unchanged',
    step: 'read',
    path,
    cause: signal.reason,
  });
}
