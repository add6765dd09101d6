/**
 * GDAL's tile index beside the VRT of the same mosaic: GDAL reads the same pixels, masks, places,
 * systems, nodata and overviews by either.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type ArrayRaster,
  fromArray,
  indexTiles,
  type WriteOptions,
  writeCog,
  writeTiledVrt,
} from '@holdfast/raster';
import { pythonWith, temporaryDirectory } from '@holdfast/tools/testing';

const judge = fileURLToPath(new URL('../python/gti_judge.py', import.meta.url));
const WIDTH = 700;
const HEIGHT = 500;

const place = { crs: 32633, transform: [500_000, 10, 0, 6_000_000, 0, -10] } as const;
type Options = Omit<WriteOptions, 'overviews'> & { readonly overviews?: readonly number[] };

const cases: Readonly<Record<string, [Partial<ArrayRaster>, Options]>> = {
  plain: [place, {}],
  nodata: [{ ...place, nodata: 0 }, {}],
  holes: [{ ...place, nodata: 0 }, { skipEmpty: true }],
  overviews: [
    { ...place, nodata: 0 },
    { overviews: [2, 4], tileSizePx: 512 },
  ],
  degrees: [{ crs: 4326, transform: [10, 1 / 300, 0, 50, 0, -1 / 300] }, {}],
  proj: [{ ...place, crs: '+proj=laea +lat_0=52 +lon_0=10 +ellps=GRS80 +units=m' }, {}],
  swiss: [{ ...place, crs: 2056 }, {}],
  height: [{ crs: 9518, transform: [10, 0.01, 0, 50, 0, -0.01] }, {}],
  none: [{ transform: [0, 1, 0, 0, 0, -1] }, {}],
  bands: [
    { ...place, bandCount: 3, nodata: 0 },
    { overviews: [2], tileSizePx: 512 },
  ],
  masked: [{ ...place, bandCount: 2, bands: [{}, { isMask: true }] }, { skipEmpty: true }],
};

function source({ bandCount = 1, ...more }: Partial<ArrayRaster>) {
  const cells = WIDTH * HEIGHT;
  const data = Float32Array.from({ length: cells * bandCount }, (_, at) => {
    const [x, y] = [at % WIDTH, Math.floor((at % cells) / WIDTH)];
    // The corners of the grid are tiles of nothing but nodata.
    const isEmpty = (x < 256 && y < 256) || (x >= 512 && y >= 256);
    return isEmpty ? 0 : 1 + ((x * 3 + y * 2) % 250);
  });
  return fromArray({ data, width: WIDTH, height: HEIGHT, bandCount, ...more });
}

test('GDAL reads by the GTI what it reads by the VRT', async (t) => {
  const directory = temporaryDirectory(t);
  const pairs: string[] = [];
  for (const [name, [raster, options]] of Object.entries(cases)) {
    const path = join(directory, `${name}.vrt`);
    const how = { tileSizePx: 256, ...options, threads: 0, gti: true };
    const { gtiPath } = await writeTiledVrt(path, source(raster), how);
    pairs.push(gtiPath as string, path);
  }
  const python = pythonWith('rasterio-1.4.4', ['rasterio==1.4.4']);
  const verdicts = execFileSync(python, [judge, ...pairs], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const found = Object.fromEntries(
    Object.keys(cases).map((name, index) => [name, JSON.parse(verdicts[index] ?? '{}') as object]),
  );
  const expected = Object.fromEntries(
    Object.entries(cases).map(([name, [, { overviews = [] }]]) => [
      name,
      {
        driver: 'GTI',
        different: [],
        // Those inside of tiles.
        overviews: overviews.includes(2) ? [2] : [],
        vrtOverviews: [...overviews],
        check: 'ok',
      },
    ]),
  );
  assert.deepEqual(found, expected);
});

test('GDAL reads by the GTI of an index over files what it reads by the index', async (t) => {
  const directory = temporaryDirectory(t);
  const folder = join(directory, 'tiles & höhen');
  mkdirSync(folder);
  const tiles: string[] = [];
  for (const [name, xPx] of Object.entries({ left: 0, middle: 1, right: 3 })) {
    const path = join(folder, `${name}.tif`);
    const transform = [500_000 + xPx * WIDTH * 10, 10, 0, 6_000_000, 0, -10] as const;
    await writeCog(path, source({ ...place, transform, nodata: 0 }), { threads: 0 });
    tiles.push(path);
  }
  const pairs: string[] = [];
  for (const [name, given] of Object.entries({ whole: tiles.slice(0, 2), holes: tiles })) {
    const path = join(directory, `${name}.vrt`);
    const { gtiPath } = await indexTiles(path, given, { gti: true, allowHoles: true });
    pairs.push(gtiPath as string, path);
  }
  const python = pythonWith('rasterio-1.4.4', ['rasterio==1.4.4']);
  const verdicts = execFileSync(python, [judge, ...pairs], { encoding: 'utf8', cwd: '/' });
  for (const verdict of verdicts.trim().split('\n')) {
    const { driver, different, check } = JSON.parse(verdict) as Readonly<Record<string, unknown>>;
    assert.deepEqual({ driver, different, check }, { driver: 'GTI', different: [], check: 'ok' });
  }
});

test('the same mosaic has the same GTI, byte for byte', async (t) => {
  const directory = temporaryDirectory(t);
  const digests: string[] = [];
  for (const name of ['a', 'b']) {
    const how = { tileSizePx: 256, threads: 0, gti: true };
    const { gtiPath } = await writeTiledVrt(join(directory, `${name}.vrt`), source(place), how);
    digests.push(
      createHash('sha256')
        .update(readFileSync(gtiPath as string))
        .digest('hex'),
    );
  }
  assert.equal(digests[0], digests[1]);
});
