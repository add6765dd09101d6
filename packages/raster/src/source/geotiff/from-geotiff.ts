/**
 * A GeoTIFF as a source. geotiff.js parses the file; blocks are read and decoded one by one when a window needs them,
 * so a file of any size is read in bounded memory.
 */
import { GeoTIFF, type GeoTIFFImage } from 'geotiff';
import { HoldfastError, isHoldfastError } from 'holdfast';
import { checkOptions } from 'holdfast/options';
import { type Fs, type FsFile, nodeFileSystem } from 'holdfast/os';
import { type DataType, type RasterInfo, dataTypes } from '../../model.js';
import { type Block, BlockReader } from '../block-reader.js';
import { type Cell, regularGrid } from '../grid.js';
import type { RasterSource } from '../raster-source.js';
import { type BlockEncoding, dataTypeOfTiff, decodeBlock } from './decode-block.js';
import { descriptionOf, georeferencingOf, nodataOf } from './describe.js';
import { FsSlices, readFully } from './fs-slices.js';
import { Tags } from './tags.js';

export interface GeoTiffOptions {
  /** Decoded blocks to keep for windows still to come, in bytes; 256 MiB at most by default. */
  readonly cacheBytes?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;

/** Where the blocks lie in the file: a list for every plane of bands that lie together, one after another. */
interface BlockPlaces {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
  readonly planes: number;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Strips are cut at the bottom of the image; tiles are padded. */
  readonly cut: boolean;
}

/**
 * Opens a GeoTIFF; call `close` on the source when done. The first image of the file is the raster.
 *
 * @throws HoldfastError NOT_FOUND; CORRUPT_DOCUMENT for a file that is no TIFF or ends early; INVALID_ARGUMENT for
 * samples that no data type holds, and for georeferencing that a mosaic cannot carry
 */
export async function fromGeoTiff(
  path: string,
  options: GeoTiffOptions = {},
): Promise<RasterSource & { close(): Promise<void> }> {
  checkOptions('fromGeoTiff', options, ['cacheBytes', 'fs']);
  const file = await openFile(options.fs ?? nodeFileSystem, path);
  try {
    const image = await firstImage(file, path);
    return await sourceOf(file, path, image, options.cacheBytes ?? DEFAULT_CACHE_BYTES);
  } catch (error) {
    await file.close();
    throw isHoldfastError(error) ? error : notATiff(path, error);
  }
}

async function openFile(fs: Fs, path: string): Promise<FsFile> {
  try {
    return await fs.open(path, { access: 'read' });
  } catch (error) {
    throw new HoldfastError('NOT_FOUND', {
      message: 'The GeoTIFF could not be opened; check the path.',
      outcome: 'unchanged',
      step: 'open',
      path,
      cause: error,
    });
  }
}

async function firstImage(file: FsFile, path: string): Promise<GeoTIFFImage> {
  try {
    const slices = new FsSlices(file) as unknown as Parameters<typeof GeoTIFF.fromSource>[0];
    return await (await GeoTIFF.fromSource(slices)).getImage(0);
  } catch (error) {
    throw notATiff(path, error);
  }
}

function notATiff(path: string, cause: unknown): HoldfastError {
  return corrupt(path, 'The file cannot be read as a GeoTIFF; check it with gdalinfo.', cause);
}

function corrupt(path: string, message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CORRUPT_DOCUMENT', {
    message,
    outcome: 'unchanged',
    step: 'read',
    path,
    cause,
  });
}

async function sourceOf(
  file: FsFile,
  path: string,
  image: GeoTIFFImage,
  keptBytes: number,
): Promise<RasterSource & { close(): Promise<void> }> {
  const tags = new Tags(image);
  const encoding = await encodingOf(tags, image.littleEndian, path);
  const places = await placesOf(tags);
  const info = await infoOf(tags, encoding.dataType, path);
  const interleave = places.planes > 1 ? 'band' : 'pixel';
  const { widthPx, heightPx } = info;
  const blocks = regularGrid(widthPx, heightPx, places.widthPx, places.heightPx);
  const load = blockLoader(file, path, info, places, encoding);
  const reader = new BlockReader({ info, interleave, blocks, load, keptBytes });
  return {
    info,
    interleave,
    blocks,
    tiling: 'tileSize',
    read: (window, signal) => reader.read(window, signal),
    close: () => file.close(),
  };
}

async function infoOf(tags: Tags, dataType: DataType, path: string): Promise<RasterInfo> {
  const bandCount = (await tags.number('samplesPerPixel')) ?? 1;
  const { bands, metadata } = await descriptionOf(tags, bandCount);
  return {
    widthPx: (await tags.number('imageWidth')) ?? 0,
    heightPx: (await tags.number('imageLength')) ?? 0,
    dataType,
    bands,
    nodata: nodataOf(await tags.text('gdalNodata'), dataType),
    georeferencing: await georeferencingOf(tags, path),
    metadata,
  };
}

async function encodingOf(tags: Tags, littleEndian: boolean, path: string): Promise<BlockEncoding> {
  const bits = await tags.numbers('bitsPerSample');
  const formats = await tags.numbers('sampleFormat');
  const [bitsPerSample = 1, sampleFormat = 1] = [bits[0], formats[0]];
  const mixed =
    bits.some((each) => each !== bitsPerSample) || formats.some((each) => each !== sampleFormat);
  const dataType = mixed ? undefined : dataTypeOfTiff(sampleFormat, bitsPerSample);
  if (!dataType) {
    throw new HoldfastError('INVALID_ARGUMENT', {
      message: `The GeoTIFF has samples of ${bits.join(', ')} bits in format ${formats.join(', ')}, which a mosaic cannot hold.`,
      outcome: 'unchanged',
      step: 'fromGeoTiff',
      path,
    });
  }
  const planar = (await tags.number('planarConfiguration')) ?? 1;
  const samplesPerPixel = (await tags.number('samplesPerPixel')) ?? 1;
  const compression = (await tags.number('compression')) ?? 1;
  const isJpeg = compression === 7;
  return {
    compression,
    // JPEG, LERC and WebP have no predictor; where the field is there nevertheless, it means nothing.
    predictor: [5, 8, 32773, 32946, 50000].includes(compression)
      ? ((await tags.number('predictor')) ?? 1)
      : 1,
    littleEndian,
    bitsPerSample,
    dataType,
    bandsTogether: planar === 2 ? 1 : samplesPerPixel,
    isYCbCr: isJpeg && (await tags.number('photometric')) === 6,
    decoderParameters: {
      tileWidth: (await tags.number('tileWidth')) ?? (await tags.number('imageWidth')) ?? 0,
      tileHeight: (await tags.number('tileLength')) ?? (await tags.number('rowsPerStrip')) ?? 0,
      planarConfiguration: planar,
      bitsPerSample: [...bits],
      // Undone by us.
      predictor: 1,
      samplesPerPixel,
      JPEGTables: await tags.raw('jpegTables'),
      LercParameters: await tags.raw('lercParameters'),
    } as BlockEncoding['decoderParameters'],
  };
}

async function placesOf(tags: Tags): Promise<BlockPlaces> {
  const planes =
    (await tags.number('planarConfiguration')) === 2
      ? ((await tags.number('samplesPerPixel')) ?? 1)
      : 1;
  const width = (await tags.number('imageWidth')) ?? 0;
  const height = (await tags.number('imageLength')) ?? 0;
  if (tags.has('tileOffsets')) {
    return {
      offsets: await tags.numbers('tileOffsets'),
      sizes: await tags.numbers('tileByteCounts'),
      planes,
      widthPx: (await tags.number('tileWidth')) ?? 0,
      heightPx: (await tags.number('tileLength')) ?? 0,
      cut: false,
    };
  }
  return {
    offsets: await tags.numbers('stripOffsets'),
    sizes: await tags.numbers('stripByteCounts'),
    planes,
    widthPx: width,
    heightPx: Math.min((await tags.number('rowsPerStrip')) ?? height, height),
    cut: true,
  };
}

/** The function that reads and decodes one cell of the block grid, all its bands. */
function blockLoader(
  file: FsFile,
  path: string,
  info: RasterInfo,
  places: BlockPlaces,
  encoding: BlockEncoding,
): (cell: Cell) => Promise<Block> {
  const columns = Math.ceil(info.widthPx / places.widthPx);
  const blocksPerPlane = columns * Math.ceil(info.heightPx / places.heightPx);
  return async (cell) => {
    const heightPx = places.cut ? cell.window.heightPx : places.heightPx;
    const window = { ...cell.window, widthPx: places.widthPx, heightPx };
    const indexes = Array.from(
      { length: places.planes },
      (_, plane) => plane * blocksPerPlane + cell.row * columns + cell.column,
    );
    const planes = await Promise.all(
      indexes.map(async (index) => {
        try {
          return await loadPlane(file, info, places, encoding, index, heightPx);
        } catch (error) {
          throw corrupt(path, `Block ${index} of the GeoTIFF cannot be decoded.`, error);
        }
      }),
    );
    return { data: joined(planes), window };
  };
}

async function loadPlane(
  file: FsFile,
  info: RasterInfo,
  places: BlockPlaces,
  encoding: BlockEncoding,
  index: number,
  heightPx: number,
): Promise<RasterArrayOf> {
  const { [index]: offset } = places.offsets;
  const { [index]: size } = places.sizes;
  if (offset === undefined || size === undefined) throw new Error('the file does not list it');
  // GDAL's sparse files: a block of no bytes is all nodata.
  if (size === 0) return sparseBlock(info, encoding, places.widthPx * heightPx);
  const encoded = new Uint8Array(size);
  const count = await readFully(file, encoded, offset);
  if (count < size) throw new Error(`the file ends ${size - count} bytes before the block does`);
  return decodeBlock(encoded, places.widthPx, heightPx, encoding);
}

type RasterArrayOf = Block['data'];

function sparseBlock(info: RasterInfo, encoding: BlockEncoding, pixels: number): RasterArrayOf {
  const data = new dataTypes[encoding.dataType].array(pixels * encoding.bandsTogether);
  if (info.nodata !== undefined) data.fill(info.nodata as never);
  return data;
}

/** Planes one after another in one array. */
function joined(planes: readonly RasterArrayOf[]): RasterArrayOf {
  const [first] = planes as [RasterArrayOf];
  if (planes.length === 1) return first;
  const all = new Uint8Array(first.byteLength * planes.length);
  planes.forEach((plane, index) => {
    all.set(
      new Uint8Array(plane.buffer, plane.byteOffset, plane.byteLength),
      index * plane.byteLength,
    );
  });
  return new (first.constructor as new (buffer: ArrayBuffer) => RasterArrayOf)(all.buffer);
}
