/**
 * What a picture of a mosaic costs GDAL over HTTP, counted: at every zoom, at the corners, in the
 * middle and across the edges of tiles, each by a process that knows nothing yet.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { fromArray, writeTiledVrt, type WriteOptions } from '#src/index.js';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { serveFiles } from './file-server.js';

const SIDE_PX = 256;
const [WIDTH, HEIGHT] = [2100, 1500];
/** For one file: its size, and its first bytes. */
const TO_OPEN = 2;
const MOST = 7;

const reader = `
import sys
from osgeo import gdal
gdal.UseExceptions()
x, y, width, height, columns, rows = map(int, sys.argv[2:])
dataset = gdal.Open(sys.argv[1])
dataset.GetRasterBand(1).ReadAsArray(x, y, width, height, columns, rows)
`;

const source = fromArray({
  data: Float32Array.from({ length: WIDTH * HEIGHT }, (_, at) => {
    const [x, y] = [at % WIDTH, Math.floor(at / WIDTH)];
    return Math.round((Math.sin(x / 70) * Math.cos(y / 90) * 400 + ((x * 7 + y * 13) % 5)) * 100);
  }),
  width: WIDTH,
  height: HEIGHT,
  transform: [500_000, 10, 0, 6_000_000, 0, -10],
  crs: 32633,
});

interface Place {
  readonly factor: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Windows of one picture, where they lie on one tile and where they do not. */
function placesOf(factor: number): readonly Place[] {
  const [width, height] = [WIDTH, HEIGHT].map((px) => Math.min(px, SIDE_PX * factor)) as [
    number,
    number,
  ];
  return [0, 0.43, 1].map((share) => ({
    factor,
    x: Math.floor((WIDTH - width) * share),
    y: Math.floor((HEIGHT - height) * share),
    width,
    height,
  }));
}

function tilesUnder({ x, y, width, height }: Place, tilePx: number): number {
  const across = Math.floor((x + width - 1) / tilePx) - Math.floor(x / tilePx) + 1;
  return across * (Math.floor((y + height - 1) / tilePx) - Math.floor(y / tilePx) + 1);
}

for (const [name, options] of Object.entries({
  'tiles of 512': { tileSizePx: 512 },
  'tiles of 304, whose overviews are made of them afterwards': {
    tileSizePx: 304,
    resampling: 'cubic',
    compression: 'zstd',
  },
} as const satisfies Record<string, WriteOptions>))
  test(`a picture takes at most ${MOST} requests at every zoom, and three a tile at 1:1: ${name}`, async (t) => {
    const folder = temporaryDirectory(t);
    await writeTiledVrt(`${folder}/dem.vrt`, source, { ...options, overviews: 'auto' });
    const server = await serveFiles(t, folder);
    const env = { ...process.env, GDAL_DISABLE_READDIR_ON_OPEN: 'EMPTY_DIR' };
    for (const place of [1, 2, 4, 8].flatMap(placesOf)) {
      const { factor, x, y, width, height } = place;
      server.asked.length = 0;
      const size = [width, height].map((px) => Math.round(px / factor));
      const window = [x, y, width, height, ...size].map(String);
      const url = `/vsicurl/${server.url}/dem.vrt`;
      await promisify(execFile)('/usr/bin/python3', ['-c', reader, url, ...window], { env });
      const asked = server.asked.map(({ path, headers }) => `${path} ${headers.range ?? ''}`);
      const what = `1:${factor} at ${x},${y}: ${asked.join(', ')}`;
      const tiles = tilesUnder(place, options.tileSizePx);
      if (factor > 1 || tiles === 1) assert.ok(asked.length <= MOST, what);
      // What lies in several files is opened several times.
      else assert.ok(asked.length <= TO_OPEN + (TO_OPEN + 1) * tiles, what);
      assert.ok(asked.length >= TO_OPEN + TO_OPEN + 1, what);
      if (factor > 1) assert.ok(!asked.some((line) => line.includes('/tile_')), what);
    }
  });
