/** Debian's rasterio reads our mosaics window by window. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ArrayRaster, fromArray, type WriteOptions, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const judge = fileURLToPath(new URL('../python/rasterio_judge.py', import.meta.url));
const WIDTH = 210;
const HEIGHT = 130;
const BANDS = 3;
const length = WIDTH * HEIGHT * BANDS;

/** Inside one tile, across edges and corners of tiles, single pixels, whole rows, everything. */
const windows = [
  [3, 5, 20, 10],
  [60, 60, 10, 10],
  [127, 0, 2, 130],
  [209, 129, 1, 1],
  [0, 64, 210, 1],
  [100, 30, 90, 80],
  [0, 0, WIDTH, HEIGHT],
] as const;

const rasters: Readonly<Record<string, ArrayRaster['data']>> = {
  uint8: Uint8Array.from({ length }, (_, i) => i * 7),
  int16: Int16Array.from({ length }, (_, i) => i * 31),
  uint16: Uint16Array.from({ length }, (_, i) => i * 13),
  int32: Int32Array.from({ length }, (_, i) => Math.imul(i, 40_503)),
  uint32: Uint32Array.from({ length }, (_, i) => i * 65_521),
  float32: Float32Array.from({ length }, (_, i) => Math.sin(i)),
  float64: Float64Array.from({ length }, (_, i) => Math.sin(i)),
};

const ways: readonly WriteOptions[] = [
  { tileSizePx: 64, compression: 'none' },
  { tileSizePx: 64, compression: 'deflate', predictor: 2, interleave: 'pixel' },
  { tileSizePx: 128, compression: 'lzw', blockSizePx: 32 },
  { tileSizePx: 32, compression: 'zstd', interleave: 'band' },
  { tileSizePx: 64, compression: 'packbits' },
];

for (const [dataType, data] of Object.entries(rasters)) {
  test(`rasterio reads every window of a ${dataType} mosaic as it was written`, async (t) => {
    const directory = temporaryDirectory(t);
    const source = fromArray({ data, width: WIDTH, height: HEIGHT, bandCount: BANDS });
    for (const [index, options] of ways.entries()) {
      const path = join(directory, `${index}.vrt`);
      await writeTiledVrt(path, source, options);
      const read = execFileSync('/usr/bin/python3', [judge, path, JSON.stringify(windows)], {
        maxBuffer: 2 ** 28,
      });
      const expected = await Promise.all(
        windows.map(async ([xPx, yPx, widthPx, heightPx]) => {
          const pixels = await source.read({ xPx, yPx, widthPx, heightPx });
          return Buffer.from(pixels.data.buffer);
        }),
      );
      assert.ok(read.equals(Buffer.concat(expected)), JSON.stringify(options));
    }
  });
}
