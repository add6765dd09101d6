/** Several rasters on one grid are one source. */
import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import {
  type ArrayRaster,
  fromArray,
  fromGeoTiff,
  fromVrt,
  joinSources,
  openVrt,
  type RasterSource,
  writeTiledVrt,
} from '#src/index.js';

const SIZE = 20;
type Changes = Partial<Omit<ArrayRaster, 'data' | 'width' | 'height'>>;

/**
 * A raster that lies so many pixels from the first one, all of one value, but for a first pixel of
 * 0.
 */
function square(value: number, [xPx, yPx]: readonly number[], changes: Changes = {}): RasterSource {
  const data = new Int16Array(SIZE * SIZE).fill(value);
  data[0] = 0;
  return fromArray({
    data,
    width: SIZE,
    height: SIZE,
    transform: [100 + 2 * (xPx ?? 0), 2, 0, 500 - 2 * (yPx ?? 0), 0, -2],
    crs: 32633,
    nodata: 0,
    ...changes,
  });
}

const named = (...sources: readonly RasterSource[]) =>
  sources.map((source, index) => ({ name: `${'abcdef'[index]}.tif`, source }));

async function samplesOf(source: RasterSource, xPx: number, yPx: number): Promise<number> {
  const { data } = await source.read({ xPx, yPx, widthPx: 1, heightPx: 1 });
  return Number(data[0]);
}

test('each raster lies where its transform says, the later over the earlier, gaps are nodata', async () => {
  const whole = joinSources(named(square(1, [0, 0]), square(2, [15, -5]), square(3, [-10, 30])));
  assert.deepEqual([whole.info.widthPx, whole.info.heightPx], [45, 55]);
  assert.deepEqual(whole.info.georeferencing.transform, [80, 2, 0, 510, 0, -2]);
  assert.equal(await samplesOf(whole, 11, 6), 1);
  assert.equal(await samplesOf(whole, 26, 6), 2);
  assert.equal(await samplesOf(whole, 44, 0), 2);
  assert.equal(await samplesOf(whole, 1, 54), 3);
  assert.equal(await samplesOf(whole, 0, 0), 0);
  // What has no data in the later one leaves what is below.
  const over = joinSources(named(square(1, [0, 0]), square(2, [5, 5])));
  assert.equal(await samplesOf(over, 5, 5), 1);
  assert.equal(await samplesOf(over, 6, 5), 2);
});

test('a mask says which pixels of a later raster count', async () => {
  const masked = (value: number, at: readonly number[]): RasterSource => {
    const data = Uint8Array.from({ length: 2 * SIZE * SIZE }, (_, index) => {
      const pixel = index % (SIZE * SIZE);
      return index < SIZE * SIZE ? value : pixel < SIZE ? 0 : 255;
    });
    return fromArray({
      data,
      width: SIZE,
      height: SIZE,
      transform: [100 + 2 * (at[0] ?? 0), 2, 0, 500, 0, -2],
      crs: 32633,
      bandCount: 2,
      interleave: 'band',
      bands: [{}, { isMask: true }],
    });
  };
  const whole = joinSources(named(masked(1, [0, 0]), masked(2, [10, 0]), masked(3, [40, 0])));
  const { data } = await whole.read({ xPx: 0, yPx: 0, widthPx: 60, heightPx: 2 });
  assert.deepEqual([data[15], data[60 + 15]], [0, 2]);
  // The mask: nothing in the first row, and nothing in the gap.
  assert.deepEqual([data[120 + 15], data[180 + 15], data[180 + 35]], [0, 255, 0]);
});

test('what differs is refused by name, and by what would help', () => {
  const refusals: readonly (readonly [RasterSource, RegExp])[] = [
    [square(2, [20, 0], { crs: 32634 }), /b\.tif differ in their CRS: EPSG:32633 and EPSG:32634/],
    [square(2, [20, 0], { nodata: 7 }), /differ in their nodata value: 0 and 7/],
    [square(2, [20.5, 0]), /b\.tif does not lie on the grid.*gdalwarp -tr -tap/],
    [square(2, [20, 0], { transform: [140, 2.1, 0, 500, 0, -2] }), /does not lie on the grid/],
    [square(2, [20, 0], { transform: undefined }), /no transform says where b\.tif lies/],
    [square(2, [20, 0], { bands: [{ scale: 0.1 }] }), /differ in unit, scale, offset, colours/],
    [square(2, [20, 0], { pixelIs: 'point' }), /differ in what a pixel stands for/],
  ];
  for (const [other, reason] of refusals)
    assert.throws(
      () => joinSources(named(square(1, [0, 0]), other)),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT') && reason.test(error.message),
      String(reason),
    );
  assert.throws(() => joinSources([]), /there is no raster/);
});

test('a gap that nothing marks is refused', () => {
  const bare = { nodata: undefined };
  joinSources(named(square(1, [0, 0], bare), square(2, [20, 0], bare)));
  assert.throws(
    () => joinSources(named(square(1, [0, 0], bare), square(2, [20, 1], bare))),
    /no raster has the pixels/,
  );
});

test('what all say is said of the whole, and the rest is told', () => {
  const metadata = (date: string) => ({ place: 'Graz', date });
  const whole = joinSources(
    named(
      square(1, [0, 0], { metadata: metadata('1'), bands: [{ description: 'a' }] }),
      square(2, [20, 0], { metadata: metadata('2'), bands: [{ description: 'b' }] }),
    ),
  );
  assert.deepEqual(whole.info.metadata, { place: 'Graz' });
  const told = whole.notCarried?.map(({ what }) => what);
  assert.deepEqual(told, ['the metadata item date', 'of band 1 description']);
});

test('a mosaic of several files, and one of a VRT, go on from where a run was broken off', async (t) => {
  const directory = temporaryDirectory(t);
  const parts: string[] = [];
  for (const [index, value] of [1, 2].entries()) {
    const path = join(directory, `p${index}.vrt`);
    const written = await writeTiledVrt(path, square(value, [20 * index, 0]), { threads: 0 });
    parts.push(join(written.tilesPath, 'tile_00_00.tif'));
  }
  const open = async (): Promise<RasterSource> =>
    joinSources(
      await Promise.all(parts.map(async (name) => ({ name, source: await fromGeoTiff(name) }))),
    );
  const openers = {
    files: open,
    vrt: async (): Promise<RasterSource> => fromVrt(join(directory, 'p0.vrt')),
  };
  for (const [name, opener] of Object.entries(openers)) {
    const path = join(directory, `${name}.vrt`);
    const options = { tileSizePx: 16, threads: 0, resume: true, concurrency: 1 } as const;
    const broken = await opener();
    let reads = 0;
    const failing: RasterSource = {
      ...broken,
      read: async (window, signal) => {
        reads += 1;
        if (reads > 2) throw new Error('broken off');
        return broken.read(window, signal);
      },
    };
    await assert.rejects(writeTiledVrt(path, failing, options));
    await broken.close?.();
    const again = await opener();
    const written = await writeTiledVrt(path, again, options);
    await again.close?.();
    assert.ok(written.resumedTileCount > 0, name);
    const mosaic = await openVrt(path);
    assert.equal(Number((await mosaic.read()).data[1]), 1);
    await mosaic.close();
  }
  // Another file is another source.
  const fingerprint = async (): Promise<string | undefined> => {
    const source = await openers.vrt();
    const text = await source.fingerprint?.();
    await source.close?.();
    return text;
  };
  const before = await fingerprint();
  assert.equal(await fingerprint(), before);
  utimesSync(parts[0] as string, 1, 1);
  assert.notEqual(await fingerprint(), before);
});
