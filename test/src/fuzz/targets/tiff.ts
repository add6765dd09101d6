/**
 * GeoTIFFs: every compression, sample type and layout that is read, written by Holdfast and by
 * GDAL.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isHoldfastError } from 'holdfast';
import {
  compressionNames,
  fromArray,
  fromGeoTiff,
  type RasterSource,
  type WriteOptions,
  writeTiledVrt,
} from '@holdfast/raster';
import type { FuzzTarget } from '../target.js';

const [WIDTH, HEIGHT] = [40, 24];

function samples<T extends Uint8Array | Float32Array | Int16Array>(array: T): T {
  return array.map((_, at) => 100 + 90 * Math.sin(at / 7)) as T;
}

function source(data: Uint8Array | Float32Array | Int16Array, bands = 1): RasterSource {
  return fromArray({
    data,
    width: WIDTH,
    height: HEIGHT,
    bandCount: bands,
    ...(bands > 1 && { bands: Array.from({ length: bands }, (_, band) => ({ unit: `u${band}` })) }),
    crs: 32633,
    transform: [500_000, 10, 0, 5_000_000, 0, -10],
    nodata: 7,
    metadata: { MADE: 'by <a> test' },
  });
}

const bytes = (bands = 1): Uint8Array => samples(new Uint8Array(WIDTH * HEIGHT * bands));
const floats = (): Float32Array => samples(new Float32Array(WIDTH * HEIGHT));

/** Tiles of ours, one file each. */
async function tilesOfOurs(directory: string): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  const write = async (name: string, raster: RasterSource, options: WriteOptions) => {
    const path = join(directory, `${name}.vrt`);
    await writeTiledVrt(path, raster, {
      tileSizePx: 64,
      threads: 0,
      durability: 'atomic',
      ...options,
    });
    const tiles = join(directory, `${name}_tiles`);
    for (const tile of readdirSync(tiles).filter((each) => each.endsWith('.tif')))
      found.push(readFileSync(join(tiles, tile)));
  };
  for (const compression of compressionNames) {
    await write(`bytes-${compression}`, source(bytes()), { compression });
    await write(`floats-${compression}`, source(floats()), { compression });
    const interleave = compression === 'lerc' ? 'band' : 'pixel';
    await write(`bands-${compression}`, source(bytes(3), 3), { compression, interleave });
    await write(`blocks-${compression}`, source(bytes()), { compression, blockSizePx: 16 });
  }
  await write('overviews', source(floats()), { overviews: [2] });
  return found;
}

/** What only other writers make; GDAL's names of its options. */
const layoutsOfGdal: readonly (readonly string[])[] = [
  ['COMPRESS=JPEG', 'TILED=YES', 'BLOCKXSIZE=32', 'BLOCKYSIZE=32'],
  ['COMPRESS=JPEG', 'BLOCKYSIZE=8'],
  ['COMPRESS=DEFLATE', 'PREDICTOR=2', 'BLOCKYSIZE=5'],
  ['COMPRESS=LZW', 'ENDIANNESS=BIG'],
  ['COMPRESS=LZW', 'NBITS=4'],
  ['COMPRESS=NONE', 'NBITS=1'],
  ['COMPRESS=NONE', 'BIGTIFF=YES', 'BLOCKYSIZE=3'],
  ['COMPRESS=NONE', 'SPARSE_OK=TRUE', 'TILED=YES', 'BLOCKXSIZE=16', 'BLOCKYSIZE=16'],
  ['COMPRESS=LERC_DEFLATE'],
  ['COMPRESS=LERC_ZSTD', 'TILED=YES', 'BLOCKXSIZE=16', 'BLOCKYSIZE=16'],
  ['COMPRESS=ZSTD', 'PREDICTOR=2'],
  ['COMPRESS=PACKBITS'],
];
const layoutsOfThreeBands: readonly (readonly string[])[] = [
  ['COMPRESS=JPEG', 'PHOTOMETRIC=YCBCR', 'TILED=YES', 'BLOCKXSIZE=32', 'BLOCKYSIZE=32'],
  ['COMPRESS=JPEG', 'INTERLEAVE=BAND'],
  ['COMPRESS=LERC'],
  ['COMPRESS=DEFLATE', 'INTERLEAVE=BAND', 'ENDIANNESS=BIG'],
];
const layoutsOfFloats: readonly (readonly string[])[] = [
  ['NBITS=16', 'COMPRESS=DEFLATE', 'PREDICTOR=3'],
  ['COMPRESS=LZW', 'PREDICTOR=3', 'ENDIANNESS=BIG'],
];

async function filesOfGdal(directory: string): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  const make = async (name: string, raster: RasterSource, layouts: typeof layoutsOfGdal) => {
    const from = join(directory, `${name}.vrt`);
    await writeTiledVrt(from, raster, { tileSizePx: 64, threads: 0, durability: 'atomic' });
    for (const [index, options] of layouts.entries()) {
      const to = join(directory, `${name}-${index}.tif`);
      const flags = [...options.flatMap((option) => ['-co', option]), ...narrowed(options)];
      execFileSync('gdal_translate', ['-q', ...flags, from, to], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      found.push(readFileSync(to));
    }
  };
  await make('gdal', source(bytes()), layoutsOfGdal);
  await make('gdal3', source(bytes(3), 3), layoutsOfThreeBands);
  await make('gdalf', source(floats()), layoutsOfFloats);
  return found;
}

/** Values that fit into few bits, which GDAL would say of each that does not. */
function narrowed(options: readonly string[]): readonly string[] {
  const bits = Number(options.find((option) => option.startsWith('NBITS='))?.slice(6) ?? 8);
  const most = String(2 ** bits - 1);
  return bits < 8 ? ['-scale', '0', '255', '0', most, '-a_nodata', 'none'] : [];
}

/**
 * Where the first directory of a classic TIFF has its numbers: types, counts and values of the
 * entries.
 */
function entriesOf(file: Uint8Array): readonly number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 16) return [];
  const little = view.getUint16(0) === 0x4949;
  const at = view.getUint32(4, little);
  if (at + 2 > file.length) return [];
  const count = Math.min(64, view.getUint16(at, little));
  const entries = Array.from({ length: count }, (_, entry) => at + 2 + 12 * entry);
  return entries.flatMap((entry) => [entry + 2, entry + 4, entry + 8, entry + 8]);
}

/** What a reader of one window asks for at most. */
const MOST_SAMPLES = 2 ** 20;

async function readImage(path: string, overview: number | undefined): Promise<void> {
  const image = await fromGeoTiff(path, { overview });
  try {
    const { widthPx, heightPx, bands } = image.info;
    const sidePx = Math.max(1, Math.min(64, Math.floor(Math.sqrt(MOST_SAMPLES / bands.length))));
    const size = { widthPx: Math.min(sidePx, widthPx), heightPx: Math.min(sidePx, heightPx) };
    const corners = [
      { xPx: 0, yPx: 0 },
      { xPx: widthPx - size.widthPx, yPx: heightPx - size.heightPx },
    ];
    for (const corner of corners) {
      try {
        await image.read({ ...corner, ...size });
      } catch (error) {
        // The other corner is another block.
        if (!isHoldfastError(error)) throw error;
      }
    }
  } finally {
    await image.close();
  }
}

export const tiff: FuzzTarget = {
  fileName: 'input.tif',
  seeds: async (directory) => [
    ...(await tilesOfOurs(directory)),
    ...(await filesOfGdal(directory)),
  ],
  places: entriesOf,
  async read(path) {
    try {
      await readImage(path, undefined);
    } finally {
      await readImage(path, 0).catch((error: unknown) => {
        if (!isHoldfastError(error)) throw error;
      });
    }
  },
};
