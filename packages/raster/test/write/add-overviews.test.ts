/** A mosaic that is there gets other overviews in one commit, and is otherwise as it was. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { nodeFileSystem } from 'holdfast/os';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  addOverviews,
  fromArray,
  fromGeoTiff,
  openVrt,
  type RasterSource,
  verifyVrt,
  writeTiledVrt,
} from '#src/api.js';
import { downsample } from '#src/overview/downsample.js';

const WIDTH = 150;
const HEIGHT = 93;

function sourceOf(): RasterSource {
  const data = Float32Array.from({ length: WIDTH * HEIGHT }, (_, at) => {
    const [x, y] = [at % WIDTH, Math.floor(at / WIDTH)];
    return x >= 64 && y >= 32 && y < 64 ? -1 : x + y / 7;
  });
  const plain = fromArray({ data, width: WIDTH, height: HEIGHT, nodata: -1, crs: 32633 });
  // Lines of a document of somebody else look like those of the index.
  const document =
    '<a>\n    <Overview>\n    </Overview>\n    <SimpleSource>\n    </SimpleSource>\n  <VRTRasterBand x="1">\n  </VRTRasterBand>\n</a>';
  const info = { ...plain.info, metadata: { SEASON: 'summer' }, domains: { 'xml:note': document } };
  return { ...plain, info };
}

const options = { tileSizePx: 32, threads: 0, skipEmpty: true, histogram: true } as const;

/** The index without what the overviews are, and which tiles it names. */
function rest(path: string): string {
  return readFileSync(path, 'utf8')
    .replaceAll(/ {2}<Metadata domain="OVERVIEWS">\n(?:.|\n)*?<\/Metadata>\n/gu, '')
    .replaceAll(/ *<MDI key="(?:GENERATION|TILES|OVERVIEWS)">.*\n/gu, '')
    .replaceAll(/_tiles(?:\.\d+)?\//gu, '_tiles/')
    .replace(/<!--.*\n$/u, '');
}

test('overviews are made of the tiles, which stay the same files, and the index says nothing else', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'dem.vrt');
  await writeTiledVrt(path, sourceOf(), options);
  const before = rest(path);
  const tile = join(directory, 'dem_tiles', 'tile_00_00.tif');
  const { ino } = statSync(tile);
  const { tilesPath, tileCount } = await addOverviews(path, { overviews: [2, 4], threads: 0 });
  assert.equal(tilesPath, join(directory, 'dem_tiles.2'));
  assert.equal(tileCount, readdirSync(tilesPath).filter((name) => name.startsWith('tile')).length);
  assert.equal(statSync(join(tilesPath, 'tile_00_00.tif')).ino, ino);
  assert.equal(rest(path), before);
  const report = await verifyVrt(path, { deep: true });
  assert.deepEqual([report.ok, report.problems], [true, []]);
  const mosaic = await openVrt(path);
  assert.equal(mosaic.document.bands[0]?.overviews.length, 2);
  const whole = await mosaic.read();
  await mosaic.close();
  const half = downsample(whole, 2, 'average', -1);
  for (const [factor, expected] of [
    [2, half],
    [4, downsample(half, 2, 'average', -1)],
  ] as const) {
    const inside = factor === 2 ? {} : { overview: 0 };
    const file = await fromGeoTiff(join(tilesPath, 'overviews.tif'), inside);
    const { widthPx, heightPx } = file.info;
    const { data } = await file.read({ xPx: 0, yPx: 0, widthPx, heightPx });
    await file.close();
    assert.deepEqual(data, expected.data);
  }
});

test('overviews are replaced, and removed by an empty list; the mosaic is then as it was written', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'dem.vrt');
  await writeTiledVrt(path, sourceOf(), { ...options, overviews: 'auto' });
  const before = rest(path);
  await addOverviews(path, { overviews: [3], resampling: 'nearest', threads: 0 });
  const text = readFileSync(path, 'utf8');
  assert.match(text, /"OVERVIEWS">3<.*\n/u);
  assert.equal(text.match(/dem_tiles\.2\/overview/gu)?.length, 1);
  const { tilesPath } = await addOverviews(path, { overviews: [], keepPrevious: 0 });
  assert.deepEqual(
    readdirSync(tilesPath).filter((name) => name.startsWith('overview')),
    [],
  );
  assert.equal(rest(path), before);
  assert.deepEqual((await verifyVrt(path)).problems, []);
  assert.deepEqual(readdirSync(directory).toSorted(), [
    'dem.vrt',
    'dem.vrt.generations',
    'dem.vrt.lock',
    'dem_tiles.3',
  ]);
});

test('where a filesystem has no links the tiles are copied', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'dem.vrt');
  await writeTiledVrt(path, sourceOf(), options);
  const fs = Object.create(nodeFileSystem, {
    link: {
      configurable: true,
      value: () => Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' })),
    },
  }) as typeof nodeFileSystem;
  const { tilesPath } = await addOverviews(path, { fs });
  const ofTile = (folder: string) => statSync(join(directory, folder, 'tile_00_00.tif')).ino;
  assert.notEqual(ofTile('dem_tiles.2'), ofTile('dem_tiles'));
  assert.equal(tilesPath, join(directory, 'dem_tiles.2'));
  assert.deepEqual((await verifyVrt(path)).problems, []);
});

test('a damaged tile or index is refused, and the mosaic stays as it was', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'dem.vrt');
  await writeTiledVrt(path, sourceOf(), options);
  const tile = join(directory, 'dem_tiles', 'tile_00_01.tif');
  const [bytes, index] = [readFileSync(tile), readFileSync(path)];
  const changed = Buffer.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
  writeFileSync(tile, changed);
  const refused = (about: RegExp) =>
    assert.rejects(addOverviews(path, { threads: 0 }), (error) => {
      assert.ok(isHoldfastError(error, 'CORRUPT_DOCUMENT'), String(error));
      return about.test(error.message);
    });
  await refused(/The tile is not as it was written/u);
  assert.ok(readFileSync(path).equals(index));
  assert.deepEqual(readdirSync(directory).toSorted(), ['dem.vrt', 'dem.vrt.lock', 'dem_tiles']);
  writeFileSync(tile, bytes);
  writeFileSync(path, index.toString().replace('summer', 'winter'));
  await refused(/The index is not as it was written/u);
});

test('an index of others is refused with a way out', async (t) => {
  const path = join(temporaryDirectory(t), 'theirs.vrt');
  writeFileSync(
    path,
    '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>',
  );
  await assert.rejects(addOverviews(path), (error) => {
    assert.ok(isHoldfastError(error, 'INVALID_ARGUMENT'));
    return /gdaladdo/u.test(error.message);
  });
});
