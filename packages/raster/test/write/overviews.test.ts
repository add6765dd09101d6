import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError, publishDirectory } from 'holdfast';
import {
  type ArrayRaster,
  fromArray,
  fromGeoTiff,
  type Mosaic,
  openVrt,
  type OverviewMethod,
  overviewMethods,
  type RasterSource,
  verifyVrt,
  writeTiledVrt,
  type WriteOptions,
} from '#src/index.js';
import { type Pixels } from '#src/model.js';
import { openEncoderPool } from '#src/encode/encoder-pool.js';
import { cascade, type OverviewPlace, planPyramid } from '#src/overview/pyramid.js';
import { regularGrid } from '#src/source/grid.js';
import { fillStage } from '#src/write/fill-stage.js';
import { keptIndexName } from '#src/write/index-with-tiles.js';
import { planMosaic } from '#src/write/mosaic-plan.js';

const [WIDTH, HEIGHT, BANDS] = [300, 212, 2];
const NODATA = -9999;
/** Hills with a lake without data in them, and a second band. */
const data = Float32Array.from({ length: WIDTH * HEIGHT * BANDS }, (_, index) => {
  const [x, y] = [index % WIDTH, Math.floor(index / WIDTH)];
  return Math.hypot(x - 140, y - 90) < 33
    ? NODATA
    : Math.sin(x / 7) * Math.cos(y / 5) * 50 + index / 1e3;
});
const raster: ArrayRaster = {
  data,
  width: WIDTH,
  height: HEIGHT,
  bandCount: BANDS,
  nodata: NODATA,
};
const source = (over: Partial<ArrayRaster> = {}): RasterSource => fromArray({ ...raster, ...over });
const options: WriteOptions = { tileSizePx: 64, threads: 0, overviews: [2, 4, 8, 16] };

/** What the whole raster gives, made at once. */
function expected(
  method: OverviewMethod,
  factors: readonly number[] = [2, 4, 8, 16],
): readonly Pixels[] {
  const whole = {
    data,
    widthPx: WIDTH,
    heightPx: HEIGHT,
    bandCount: BANDS,
    interleave: 'band',
  } as const;
  return cascade(whole, factors, { method, nodata: NODATA });
}

/** An overview as it lies in its files. */
async function readOverview(mosaic: Mosaic, factor: number): Promise<Pixels> {
  const tiles = dirname(mosaic.tilePaths[0] as string);
  if (existsSync(join(tiles, `overview_${factor}.vrt`))) {
    const own = await openVrt(join(tiles, `overview_${factor}.vrt`));
    try {
      return await own.read();
    } finally {
      await own.close();
    }
  }
  const file = await fromGeoTiff(join(tiles, `overview_${factor}.tif`));
  const { widthPx, heightPx } = file.info;
  const pixels = await file.read({ xPx: 0, yPx: 0, widthPx, heightPx });
  await file.close();
  return pixels;
}

for (const method of overviewMethods)
  test(`overviews of tiles and merged ones are those of the whole raster: ${method}`, async (t) => {
    const path = join(temporaryDirectory(t), 'out.vrt');
    const wide = { ...options, tileSizePx: 512, resampling: method };
    for (const each of [options, wide]) {
      await writeTiledVrt(path, source(), { ...each, resampling: method, ifExists: 'replace' });
      const mosaic = await openVrt(path);
      for (const [level, { data: pixels, widthPx, heightPx }] of expected(method).entries()) {
        const factor = 2 ** (level + 1);
        const read = await readOverview(mosaic, factor);
        assert.deepEqual([read.widthPx, read.heightPx], [widthPx, heightPx]);
        for (let band = 0; band < BANDS; band += 1)
          for (let y = 0; y < read.heightPx; y += 1)
            for (let x = 0; x < read.widthPx; x += 1)
              assert.equal(
                read.data[(band * read.heightPx + y) * read.widthPx + x],
                pixels[(band * heightPx + y) * widthPx + x],
                `${factor}: band ${band}, ${x},${y}`,
              );
      }
      await mosaic.close();
      assert.deepEqual((await verifyVrt(path, { deep: true })).problems, []);
    }
  });

test('a tile is the same raster as without overviews, and has them as images of its own', async (t) => {
  const directory = temporaryDirectory(t);
  const wide: WriteOptions = { ...options, tileSizePx: 512, overviews: 'auto', compression: 'lzw' };
  await writeTiledVrt(join(directory, 'out.vrt'), source(), wide);
  const path = join(directory, 'out_tiles', 'tile_00_00.tif');
  const sizes: number[] = [];
  for (const overview of [undefined, 0]) {
    const tile = await fromGeoTiff(path, overview === undefined ? {} : { overview });
    sizes.push(tile.info.widthPx);
    assert.equal(tile.info.nodata, NODATA);
    await tile.close();
  }
  assert.deepEqual(sizes, [300, 150]);
  await assert.rejects(fromGeoTiff(path, { overview: 1 }), (error) =>
    isHoldfastError(error, 'CORRUPT_DOCUMENT'),
  );
});

test('what does not fit is refused before anything is written', async (t) => {
  const directory = temporaryDirectory(t);
  const palette = [[0, 0, 0, 255] as const];
  const bytes = {
    data: new Uint8Array(16 * 16),
    width: 16,
    height: 16,
    bands: [{ palette, colour: 'Palette' as const }],
  };
  const wrong: readonly [RasterSource, WriteOptions][] = [
    [source(), { overviews: [4, 2] }],
    [source(), { overviews: [2, 3] }],
    [source(), { overviews: [1] }],
    [source(), { overviews: 'all' as never }],
    [source(), { overviews: [2], resampling: 'lanczos' as never }],
    [fromArray(bytes), { overviews: [2], resampling: 'average' }],
    [fromArray(bytes), { overviews: [2], resampling: 'cubic' }],
  ];
  for (const [from, over] of wrong)
    await assert.rejects(
      writeTiledVrt(join(directory, 'out.vrt'), from, { ...options, ...over }),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
      JSON.stringify(over),
    );
  assert.deepEqual(readdirSync(directory), []);
});

test('overviews are resumed with their tiles, and the bytes are those of an undisturbed run', async (t) => {
  const [calm, disturbed] = [temporaryDirectory(t), temporaryDirectory(t)];
  const all: WriteOptions = { ...options, overviews: 'auto', resume: true, concurrency: 1 };
  await writeTiledVrt(join(calm, 'out.vrt'), source(), all);
  let reads = 0;
  const failing: RasterSource = {
    ...source(),
    read: async (...args) => {
      reads += 1;
      if (reads === 13) throw new Error('the source is gone');
      return source().read(...args);
    },
  };
  const path = join(disturbed, 'out.vrt');
  await assert.rejects(writeTiledVrt(path, failing, all), /the source is gone/u);
  assert.equal((await writeTiledVrt(path, source(), all)).resumedTileCount, 12);
  const bytesIn = (directory: string): unknown =>
    readdirSync(join(directory, 'out_tiles')).map((name) => [
      name,
      readFileSync(join(directory, 'out_tiles', name), 'latin1'),
    ]);
  assert.deepEqual(bytesIn(disturbed), bytesIn(calm));
  assert.equal(readFileSync(path, 'utf8'), readFileSync(join(calm, 'out.vrt'), 'utf8'));
});

test('empty tiles that are left out are nodata in the overviews too', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const half = data.map((value, index) => (index % WIDTH < 128 ? NODATA : value));
  await writeTiledVrt(path, source({ data: half }), { ...options, skipEmpty: true });
  const mosaic = await openVrt(path);
  for (const scale of [1 / 2, 1 / 16]) {
    const { data: read, widthPx } = await mosaic.read(undefined, { scale });
    assert.deepEqual(
      [...new Set((read as Float32Array).filter((_, i) => i % widthPx < Math.floor(128 * scale)))],
      [NODATA],
    );
  }
  await mosaic.close();
});

test('means of integers that look like classes are told, and of nothing else', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const averaged = async (
    samples: ArrayRaster['data'],
    over: Partial<ArrayRaster> & Pick<WriteOptions, 'resampling'> = {},
  ): Promise<readonly number[]> => {
    const { resampling, ...rest } = over;
    const from = fromArray({ data: samples, width: 128, height: 128, ...rest });
    const written = await writeTiledVrt(path, from, {
      ...options,
      resampling,
      ifExists: 'replace',
    });
    return written.averagedClasses;
  };
  const landCover = Uint8Array.from({ length: 128 * 128 }, (_, i) => 10 * (1 + ((i >> 5) % 11)));
  assert.deepEqual(await averaged(landCover), [1]);
  assert.deepEqual(await averaged(landCover, { resampling: 'mode' }), []);
  assert.deepEqual(await averaged(Float32Array.from(landCover)), []);
  assert.deepEqual(await averaged(new Uint8Array(128 * 128).fill(7)), []);
  assert.deepEqual(await averaged(Int16Array.from(landCover, (_, i) => i % 1000)), []);
  const masked = Uint8Array.from(landCover, (_, i) => (i % 2 === 0 ? 255 : 3));
  assert.deepEqual(await averaged(masked, { nodata: 255 }), []);
});

test('a damaged overview is found and named', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await writeTiledVrt(path, source(), { ...options, tileSizePx: 512 });
  for (const name of ['overview_2.vrt', 'overview_16.tif']) {
    const file = join(directory, 'out_tiles', name);
    const bytes = readFileSync(file);
    bytes[bytes.length - 9] = (bytes[bytes.length - 9] as number) ^ 1;
    writeFileSync(file, bytes);
    const { problems } = await verifyVrt(path);
    assert.ok(problems.some((problem) => problem.kind === 'changed' && problem.path === file));
  }
});

/** A source whose samples say where they are: columns in one band, rows in the other. */
function places(widthPx: number, heightPx: number): RasterSource {
  const samples = Float32Array.from({ length: 2 * widthPx * heightPx }, (_, index) =>
    index < widthPx * heightPx
      ? index % widthPx
      : Math.floor((index - widthPx * heightPx) / widthPx),
  );
  return fromArray({
    data: samples,
    width: widthPx,
    height: heightPx,
    bandCount: 2,
    transform: [500_000, 10, 0, 6_000_000, 0, -10],
    crs: 32633,
  });
}

// A sample that lies in a pixel in part counts as if it were at its own middle: a quarter of a
// sample at most in all.
test('overviews of a size that the factor does not divide are where they say, to the far edge', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  for (const [widthPx, heightPx] of [
    [257, 255],
    [256, 193],
    [300, 212],
  ] as const) {
    for (const tileSizePx of [64, 512]) {
      const over = { ...options, tileSizePx, ifExists: 'replace' } as const;
      await writeTiledVrt(path, places(widthPx, heightPx), over);
      const mosaic = await openVrt(path);
      for (const factor of [2, 4, 8, 16]) {
        const overview = await readOverview(mosaic, factor);
        const { widthPx: width, heightPx: height, data: samples } = overview;
        assert.deepEqual(
          [width, height],
          [widthPx, heightPx].map((px) => Math.ceil(px / factor)),
        );
        for (let y = 0; y < height; y += 1)
          for (let x = 0; x < width; x += 1) {
            const at = y * width + x;
            const place = [samples[at], samples[width * height + at]].map(Number);
            const centre = [((x + 0.5) * widthPx) / width, ((y + 0.5) * heightPx) / height];
            for (const axis of [0, 1] as const)
              assert.ok(
                Math.abs((place[axis] as number) + 0.5 - (centre[axis] as number)) < 0.25,
                `${widthPx}x${heightPx} by ${factor}: ${place.join()} at ${centre.join()}`,
              );
          }
      }
      await mosaic.close();
    }
  }
});

test('an overview that would take much memory has tiles of its own, with the same pixels', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const planned = planMosaic(path, source(), { ...options, tileSizePx: 64 });
  const inPlace = (factor: number, place: OverviewPlace) => ({ factor, place });
  const levels = [inPlace(2, 'ownTiles'), inPlace(4, 'ownTiles'), inPlace(8, 'file')];
  const pyramid = { method: 'cubic', levels, partFactor: undefined } as const;
  const plan = { ...planned, pyramid };
  const pool = openEncoderPool({ threads: 0 });
  const setup = { writeOut: false, skipEmpty: false, statistics: 'none', pyramid } as const;
  await pool.prepare({ format: plan.format, options: setup });
  await publishDirectory(plan.tilesPath, async (stage) =>
    fillStage(plan, stage, { pool, failures: [] }),
  );
  await pool.close();
  copyFileSync(join(plan.tilesPath, keptIndexName), path);
  const mosaic = await openVrt(path);
  for (const [level, pixels] of expected('cubic', [2, 4, 8]).entries())
    assert.deepEqual((await readOverview(mosaic, 2 ** (level + 1))).data, pixels.data);
  const half = await mosaic.read(undefined, { scale: 1 / 2 });
  assert.deepEqual(half.data, expected('cubic')[0]?.data);
  await mosaic.close();
  assert.ok(existsSync(join(plan.tilesPath, 'overview_2_0_0.tif')));
  assert.deepEqual((await verifyVrt(path, { deep: true })).problems, []);
});

test('an overview of more than 256 MiB is never held in memory as a whole', () => {
  const info = { ...source().info, widthPx: 40_001, heightPx: 40_001 };
  const grid = regularGrid(40_001, 40_001, 512, 512);
  const pyramid = planPyramid('call', info, grid, { overviews: 'auto' });
  assert.deepEqual(
    pyramid?.levels.map(({ place }) => place),
    ['ownTiles', 'ownTiles', 'file', 'file', 'file', 'file', 'file', 'file'],
  );
});
