import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import {
  type ArrayRaster,
  fromArray,
  fromGeoTiff,
  type Mosaic,
  openVrt,
  type OverviewMethod,
  overviewMethods,
  type OverviewOptions,
  type RasterSource,
  verifyVrt,
  writeCog,
  writeTiledVrt,
  type WriteOptions,
} from '#src/index.js';
import { type Pixels } from '#src/model.js';
import { cascade, planPyramid } from '#src/overview/pyramid.js';
import { regularGrid } from '#src/source/grid.js';

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

/** An overview as it lies in its file. */
async function readOverview(mosaic: Mosaic, factor: number): Promise<Pixels> {
  const tiles = dirname(mosaic.tilePaths[0] as string);
  const factors = mosaic.document.metadata.get('HOLDFAST')?.['OVERVIEWS']?.split(',').map(Number);
  const level = factors?.indexOf(factor) ?? -1;
  assert.ok(level >= 0);
  const inside = level === 0 ? {} : { overview: level - 1 };
  const file = await fromGeoTiff(join(tiles, 'overviews.tif'), inside);
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

test('a tile is the same file as without overviews, and of a GTI it has some inside', async (t) => {
  const directory = temporaryDirectory(t);
  const placed = source({ transform: [0, 1, 0, 0, 0, -1], crs: 32633 });
  const wide: WriteOptions = { ...options, tileSizePx: 512, compression: 'lzw' };
  const tileOf = async (name: string, over: WriteOptions): Promise<Buffer> => {
    await writeTiledVrt(join(directory, `${name}.vrt`), placed, { ...wide, ...over });
    return readFileSync(join(directory, `${name}_tiles`, 'tile_00_00.tif'));
  };
  const [plain, under] = [await tileOf('a', { overviews: [] }), await tileOf('b', {})];
  assert.deepEqual(under, plain);
  await tileOf('c', { gti: true });
  const path = join(directory, 'c_tiles', 'tile_00_00.tif');
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
  const file = join(directory, 'out_tiles', 'overviews.tif');
  const bytes = readFileSync(file);
  bytes[bytes.length - 9] = (bytes[bytes.length - 9] as number) ^ 1;
  writeFileSync(file, bytes);
  const { problems } = await verifyVrt(path);
  assert.ok(problems.some((problem) => problem.kind === 'changed' && problem.path === file));
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

test('an index that names a file for each overview, as older ones do, is read as it was', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await writeTiledVrt(path, source(), options);
  const [half, quarter] = expected('average') as [Pixels, Pixels];
  const named: string[] = [];
  for (const [index, { data: samples, widthPx: width, heightPx: height }] of [
    half,
    quarter,
  ].entries()) {
    const name = `overview_${2 ** (index + 1)}.tif`;
    named.push(name);
    const picture = { ...raster, data: samples as Float32Array, width, height };
    await writeCog(join(directory, 'out_tiles', name), fromArray(picture), { threads: 0 });
  }
  rmSync(join(directory, 'out_tiles', 'overviews.tif'));
  let band = 0;
  const text = readFileSync(path, 'utf8')
    .replace(/ *<Metadata domain="OVERVIEWS">[^]*?<\/Metadata>\n/u, '')
    .replace('2,4,8,16', '2,4')
    .replaceAll(/(?<=<VRTRasterBand .*\n)/gu, () => {
      band += 1;
      return named
        .map(
          (name) => `    <Overview>
      <SourceFilename relativeToVRT="1">out_tiles/${name}</SourceFilename>
      <SourceBand>${band}</SourceBand>
    </Overview>\n`,
        )
        .join('');
    });
  writeFileSync(path, text);
  const mosaic = await openVrt(path);
  for (const [scale, pixels] of [
    [1 / 2, half],
    [1 / 4, quarter],
  ] as const)
    assert.deepEqual((await mosaic.read(undefined, { scale })).data, pixels.data);
  await mosaic.close();
});

test('tiles give their parts of the first overview where its pixels lie in one tile each', () => {
  const planned = (widthPx: number, tilePx: number, over: OverviewOptions): boolean | undefined => {
    const info = { ...source().info, widthPx, heightPx: 1024 };
    const grid = regularGrid(widthPx, 1024, tilePx, tilePx);
    return planPyramid('call', { info, grid, inTiles: false }, over)?.hasParts;
  };
  assert.equal(planned(1024, 256, { overviews: 'auto' }), true);
  assert.equal(planned(1024, 256, { overviews: 'auto', resampling: 'cubic' }), false);
  assert.equal(planned(1025, 256, { overviews: 'auto' }), false);
  assert.equal(planned(1024, 250, { overviews: [4] }), false);
});
