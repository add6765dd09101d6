/**
 * A GeoTIFF as a source. Blocks are read and decoded one by one when a window needs them, so a file of any size is read in
 * bounded memory.
 */
import { HoldfastError, isHoldfastError } from 'holdfast';
import { checkOptions } from 'holdfast/options';
import { type Fs, type FsFile, nodeFileSystem } from 'holdfast/os';
import { type DataType, dataTypes, type RasterInfo } from '../../model.js';
import { BlockReader } from '../block-reader.js';
import { regularGrid } from '../grid.js';
import type { RasterSource } from '../raster-source.js';
import type { BlockEncoding } from './decode-block.js';
import { descriptionOf, georeferencingOf, nodataOf } from './describe.js';
import { blockLoader, placesOf } from './block-places.js';
import { rawSamplesOf } from './raw-strips.js';
import { notATiff } from './corrupt.js';
import { directories } from './directories.js';
import { Tags } from './image-tags.js';

export interface GeoTiffOptions {
  /** Decoded blocks to keep for windows still to come, in bytes; 256 MiB at most by default. */
  readonly cacheBytes?: number | undefined;
  /** An overview inside the file in place of its raster, from 0, which is the largest. */
  readonly overview?: number | undefined;
  /** The filesystem to work on; the machine's own by default. */
  readonly fs?: Fs | undefined;
}

const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;

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
  checkOptions('fromGeoTiff', options, ['cacheBytes', 'overview', 'fs']);
  const { fs = nodeFileSystem, cacheBytes = DEFAULT_CACHE_BYTES } = options;
  const file = await openFile(fs, path);
  try {
    const image = await imageOf(file, path, options.overview);
    const { raw, ...source } = await sourceOf(file, path, image, cacheBytes);
    const fingerprint = () => fingerprintOf(fs, file);
    // Other threads have no filesystem but the machine's own.
    return { ...source, fingerprint, raw: fs === nodeFileSystem ? raw : undefined };
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

/** Which file it is and when it last changed: whoever changes samples in place moves its time. */
async function fingerprintOf(fs: Fs, file: FsFile): Promise<string> {
  const { sizeBytes } = await file.stat();
  return JSON.stringify([await fs.realpath(file.path), sizeBytes, await file.modifiedMs()]);
}

async function imageOf(file: FsFile, path: string, overview: number | undefined): Promise<Tags> {
  try {
    return await findImage(file, overview);
  } catch (error) {
    throw notATiff(path, error);
  }
}

/** The first image, or one of those after it that are marked as reduced (TIFF 6.0, NewSubfileType, bit 0). */
async function findImage(file: FsFile, overview: number | undefined): Promise<Tags> {
  let overviewsSeen = -1;
  let isFirst = true;
  for await (const directory of directories(file)) {
    const image = new Tags(directory);
    if (isFirst && overview === undefined) return image;
    const kind = (await image.number('newSubfileType')) ?? 0;
    if (!isFirst && kind % 2 === 1) overviewsSeen += 1;
    if (overviewsSeen === overview) return image;
    isFirst = false;
  }
  throw new Error(overview === undefined ? 'it has no image' : `it has no overview ${overview}`);
}

async function sourceOf(
  file: FsFile,
  path: string,
  tags: Tags,
  keptBytes: number,
): Promise<RasterSource & { close(): Promise<void> }> {
  const encoding = await encodingOf(tags, tags.littleEndian, path);
  const places = await placesOf(tags, encoding);
  const info = await infoOf(tags, encoding.dataType, path);
  const interleave = places.planes > 1 ? 'band' : 'pixel';
  const { widthPx, heightPx } = info;
  const blocks = regularGrid(
    widthPx,
    heightPx,
    places.widthPx,
    places.heightPx * places.stripsTogether,
  );
  const load = blockLoader(file, path, info, places, encoding);
  const reader = new BlockReader({ info, interleave, blocks, load, keptBytes });
  return {
    info,
    interleave,
    blocks,
    tiling: 'tileSize',
    read: (window, signal, takeBuffer) => reader.read(window, signal, takeBuffer),
    raw: await rawSamplesOf(file, info, places, encoding),
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
    predictor: [5, 8, 32773, 32946, 50000, 50004].includes(compression)
      ? ((await tags.number('predictor')) ?? 1)
      : 1,
    littleEndian,
    bitsPerSample,
    dataType,
    bandsTogether: planar === 2 ? 1 : samplesPerPixel,
    planes: planar === 2 ? samplesPerPixel : 1,
    isUncompressed: compression === 1,
    isYCbCr: isJpeg && (await tags.number('photometricInterpretation')) === 6,
    decoderParameters: {
      tileWidth: (await tags.number('tileWidth')) ?? (await tags.number('imageWidth')) ?? 0,
      tileHeight: (await tags.number('tileLength')) ?? (await tags.number('rowsPerStrip')) ?? 0,
      planarConfiguration: planar,
      bitsPerSample: [...bits],
      // Undone by us.
      predictor: 1,
      samplesPerPixel,
      ...(tags.has('jpegTables') && {
        JPEGTables: Uint8Array.from(await tags.numbers('jpegTables')),
      }),
      LercParameters: await tags.numbers('lercParameters'),
    } as BlockEncoding['decoderParameters'],
  };
}

/** The type that holds a file's samples, or `undefined` for one that none does (complex numbers, 24-bit floats). */
function dataTypeOfTiff(sampleFormat: number, bitsPerSample: number): DataType | undefined {
  if (sampleFormat === 1 && bitsPerSample < 8) return 'uint8';
  if (sampleFormat === 1 && bitsPerSample === 12) return 'uint16';
  if (sampleFormat === 3 && bitsPerSample === 16) return 'float32';
  const names = Object.keys(dataTypes) as DataType[];
  return names.find((name) => {
    const { bytes, sampleFormat: format } = dataTypes[name];
    return bytes * 8 === bitsPerSample && format === sampleFormat;
  });
}
