import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import {
  type ArrayRaster,
  fromArray,
  fromGeoTiff,
  openVrt,
  type RasterSource,
  verifyVrt,
  writeTiledVrt,
  type WriteOptions,
} from '#src/index.js';
import { type Pixels } from '#src/model.js';
import { cascade } from '#src/overview/pyramid.js';

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
  method: 'nearest' | 'average' | 'mode',
  factors: readonly number[] = [2, 4, 8, 16],
): readonly Pixels[] {
  const whole = {
    data,
    widthPx: WIDTH,
    heightPx: HEIGHT,
    bandCount: BANDS,
    interleave: 'band',
  } as const;
  return cascade(whole, 1, factors, method, NODATA);
}

for (const method of ['nearest', 'average', 'mode'] as const)
  test(`overviews of tiles and merged ones are those of the whole raster: ${method}`, async (t) => {
    const path = join(temporaryDirectory(t), 'out.vrt');
    const wide = { ...options, tileSizePx: 512, resampling: method };
    for (const each of [options, wide]) {
      await writeTiledVrt(path, source(), { ...each, resampling: method, ifExists: 'replace' });
      const mosaic = await openVrt(path);
      for (const [level, { data: pixels, widthPx, heightPx }] of expected(method).entries()) {
        const factor = 2 ** (level + 1);
        // The whole pixels; the last ones may be cut.
        const window = {
          xPx: 0,
          yPx: 0,
          widthPx: Math.floor(WIDTH / factor) * factor,
          heightPx: Math.floor(HEIGHT / factor) * factor,
        };
        const read = await mosaic.read(window, { scale: 1 / factor });
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
    [source(), { overviews: [3] }],
    [source(), { overviews: [4, 2] }],
    [source(), { overviews: [2, 3] }],
    [source(), { overviews: [1] }],
    [source(), { overviews: 'all' as never }],
    [source(), { overviews: [2], resampling: 'cubic' as never }],
    [fromArray(bytes), { overviews: [2], resampling: 'average' }],
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
