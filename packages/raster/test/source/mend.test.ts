/** What people put right with gdal_translate before they tile: here on the way. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { fromArray, fromVrt, mend, type Mending, openVrt, writeTiledVrt } from '#src/index.js';

const [WIDTH, HEIGHT, BANDS] = [40, 30, 3];
/** Each sample says which band, row and column it is of. */
const sampleAt = (band: number, y: number, x: number): number => band * 10_000 + y * 100 + x;
const data = Int32Array.from({ length: WIDTH * HEIGHT * BANDS }, (_, at) =>
  sampleAt(Math.floor(at / (WIDTH * HEIGHT)), Math.floor(at / WIDTH) % HEIGHT, at % WIDTH),
);
const source = (interleave: 'band' | 'pixel' = 'band') =>
  fromArray({
    data:
      interleave === 'band'
        ? data
        : data.map((_, at) => {
            const pixel = Math.floor(at / BANDS);
            return sampleAt(at % BANDS, Math.floor(pixel / WIDTH), pixel % WIDTH);
          }),
    width: WIDTH,
    height: HEIGHT,
    bandCount: BANDS,
    interleave,
    transform: [100, 2, 0, 500, 0, -2],
    crs: 32633,
    nodata: -1,
    bands: [{ description: 'a' }, { description: 'b' }, { description: 'c' }],
  });

test('what a raster says of itself is said anew, and its samples stay', async (t) => {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const bounds = [0, 0, 80, 30] as const;
  const mended = mend(source(), { crs: 3035, nodata: 0, bounds, scale: 0.1, offset: 5 });
  await writeTiledVrt(path, mended, { tileSizePx: 16, threads: 0 });
  const mosaic = await openVrt(path);
  t.after(() => mosaic.close());
  const { info } = mosaic;
  assert.deepEqual(info.georeferencing.transform, [0, 2, 0, 30, 0, -1]);
  assert.equal(mosaic.document.srs, 'EPSG:3035');
  assert.equal(info.nodata, 0);
  for (const { scale, offset } of info.bands) assert.deepEqual([scale, offset], [0.1, 5]);
  assert.equal(info.bands[1]?.description, 'b');
  assert.deepEqual((await mosaic.read()).data, data);
});

for (const interleave of ['band', 'pixel'] as const)
  test(`bands and a window are taken, where they lie and in the order wanted: ${interleave}`, async (t) => {
    const path = join(temporaryDirectory(t), 'out.vrt');
    const window = { xPx: 7, yPx: 11, widthPx: 21, heightPx: 13 };
    const part = mend(source(interleave), { bands: [3, 1], window, nodata: 'none' });
    await writeTiledVrt(path, part, { tileSizePx: 16, threads: 1 });
    const mosaic = await openVrt(path);
    t.after(() => mosaic.close());
    assert.deepEqual(mosaic.info.georeferencing.transform, [114, 2, 0, 478, 0, -2]);
    assert.deepEqual(
      mosaic.info.bands.map(({ description }) => description),
      ['c', 'a'],
    );
    assert.equal(mosaic.info.nodata, undefined);
    const expected = [2, 0].flatMap((band) =>
      Array.from({ length: 21 * 13 }, (_, at) =>
        sampleAt(band, 11 + Math.floor(at / 21), 7 + (at % 21)),
      ),
    );
    assert.deepEqual([...(await mosaic.read()).data], expected);
  });

test('another part is another job, and what cannot be is refused', async () => {
  const window = { xPx: 0, yPx: 0, widthPx: 9, heightPx: 9 };
  const prints = [{}, { bands: [1] }, { window }].map(async (mending: Mending) =>
    mend(source(), mending).fingerprint?.(),
  );
  assert.equal(new Set(await Promise.all(prints)).size, 3);
  const wrong: readonly Mending[] = [
    { bands: [4] },
    { bands: [] },
    { window: { ...window, widthPx: 41 } },
    { nodata: 0.5 },
    { bounds: [1, 0, 0, 1] },
    { bounds: [0, 0, 1, 1], transform: [0, 1, 0, 0, 0, -1] },
    { crs: 'nowhere' },
    { colour: 'red' } as never,
  ];
  for (const mending of wrong)
    assert.throws(
      () => mend(source(), mending),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
      JSON.stringify(mending),
    );
});

test('a VRT is a source like any other; what it says and is not carried is told', async (t) => {
  const directory = temporaryDirectory(t);
  const [first, second] = ['first.vrt', 'second.vrt'].map((name) => join(directory, name)) as [
    string,
    string,
  ];
  await writeTiledVrt(first, source(), { tileSizePx: 16, threads: 0 });
  const vrt = await fromVrt(first);
  await writeTiledVrt(second, vrt, { tileSizePx: 32, threads: 0 });
  await vrt.close();
  const mosaic = await openVrt(second);
  t.after(() => mosaic.close());
  assert.deepEqual((await mosaic.read()).data, data);
  assert.deepEqual(mosaic.info.georeferencing.transform, [100, 2, 0, 500, 0, -2]);
  assert.equal(mosaic.document.srs, 'EPSG:32633');
  assert.equal(mosaic.info.nodata, -1);
  const index = (more: string): string =>
    `<VRTDataset rasterXSize="2" rasterYSize="2"><Metadata domain="IMAGERY"/><VRTRasterBand dataType="Byte" band="1">${more}</VRTRasterBand></VRTDataset>`;
  const other = join(directory, 'other.vrt');
  writeFileSync(other, index('<Odd/>'));
  const told = await fromVrt(other);
  await told.close();
  assert.deepEqual(
    told.notCarried?.map(({ what }) => what),
    ['Odd'],
  );
});
