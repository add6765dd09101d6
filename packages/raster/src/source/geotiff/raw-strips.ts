/**
 * Whether the samples of a GeoTIFF are raw: uncompressed strips that follow each other, in the
 * machine's byte order, in a file that another thread can open.
 */
import { resolve } from 'node:path';
import { dataTypes, type RasterInfo } from '../../model.js';
import { isOfFilesystem, type ReadableFile } from '../readable-file.js';
import type { RawSamples } from '../raw-samples.js';
import type { BlockPlaces } from './block-places.js';
import type { BlockEncoding } from './decode-block.js';

export async function rawSamplesOf(
  file: ReadableFile,
  info: RasterInfo,
  places: BlockPlaces,
  encoding: BlockEncoding,
): Promise<RawSamples | undefined> {
  const { dataType, bandsTogether, planes, isUncompressed, littleEndian, bitsPerSample } = encoding;
  const { bytes } = dataTypes[dataType];
  const pixelBytes = bytes * bandsTogether;
  const rowBytes = info.widthPx * pixelBytes;
  const asInMemory =
    isUncompressed &&
    !encoding.lowestBitFirst &&
    (littleEndian || bytes === 1) &&
    bitsPerSample === 8 * bytes;
  if (!isOfFilesystem(file)) return undefined;
  if (!asInMemory || !places.cut || !areInOrder(places, info.heightPx, rowBytes)) return undefined;
  const { dev, ino } = await file.stat();
  return {
    path: resolve(file.path),
    dev,
    ino,
    dataType,
    bandCount: info.bands.length,
    interleave: planes > 1 ? 'band' : 'pixel',
    planeOffsetsBytes: Array.from(
      { length: planes },
      (_, plane) => places.offsets[plane * places.blocksPerPlane] as number,
    ),
    rowBytes,
    pixelBytes,
  };
}

/** Whether each strip is whole and begins where the one before it in its plane ends. */
function areInOrder(places: BlockPlaces, imageRows: number, rowBytes: number): boolean {
  const { offsets, sizes, planes, blocksPerPlane, heightPx } = places;
  for (let index = 0; index < planes * blocksPerPlane; index += 1) {
    const strip = index % blocksPerPlane;
    const rows = Math.min(heightPx, imageRows - strip * heightPx);
    const begin = offsets[index] as number;
    if (sizes[index] !== rows * rowBytes) return false;
    if (strip > 0 && begin !== (offsets[index - 1] as number) + (sizes[index - 1] as number))
      return false;
  }
  return true;
}
