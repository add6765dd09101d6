/**
 * What xarray-spatial's writer of tiled VRTs does, row by row (docs/parity.md): each test is named
 * by the promise. The tiles are read by geotiff.js, not by this package.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { fromFile, type GeoTIFFImage } from 'geotiff';
import { isHoldfastError } from 'holdfast';
import { type Fs, nodeFileSystem } from 'holdfast/os';
import { openVrt } from '#src/read/open-vrt.js';
import { type ArrayRaster, fromArray } from '#src/source/from-array.js';
import { fromChunks } from '#src/source/from-chunks.js';
import type { RasterSource } from '#src/source/raster-source.js';
import { writeTiledVrt } from '#src/write/write-tiled-vrt.js';

const small = { tileSizePx: 16, threads: 0 } as const;
const data = Uint16Array.from({ length: 40 * 24 }, (_, i) => i);
const plain: ArrayRaster = { data, width: 40, height: 24 };
const isRefused = (error: unknown): boolean => isHoldfastError(error, 'INVALID_ARGUMENT');

interface Written {
  readonly directory: string;
  readonly path: string;
  readonly index: string;
}

async function write(t: TestContext, source: RasterSource, options = {}): Promise<Written> {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  await writeTiledVrt(path, source, { ...small, ...options });
  return { directory, path, index: readFileSync(path, 'utf8') };
}

async function tileImage({ directory }: Written, name: string): Promise<GeoTIFFImage> {
  const tiff = await fromFile(join(directory, 'out_tiles', name));
  const image = await tiff.getImage();
  await tiff.close();
  return image;
}

const tileNames = ({ directory }: Written): readonly string[] =>
  readdirSync(join(directory, 'out_tiles')).filter((name) => name.endsWith('.tif'));

test('layout: a stem, its tiles beside it in rows and columns of two digits at least, and relative paths', async (t) => {
  const written = await write(t, fromArray(plain));
  const names = ['00_00', '00_01', '00_02', '01_00', '01_01', '01_02'].map((n) => `tile_${n}.tif`);
  assert.deepEqual(tileNames(written), names);
  const paths = [...written.index.matchAll(/relativeToVRT="1">([^<]+)</gu)].map(([, path]) => path);
  assert.deepEqual(
    paths,
    names.map((name) => `out_tiles/${name}`),
  );
  const wide = await write(
    t,
    fromArray({ data: new Uint8Array(16 * 101), width: 16 * 101, height: 1 }),
  );
  assert.equal(tileNames(wide).at(-1), 'tile_000_100.tif');
});

test('grid: the chunks of a lazy source are the tiles, irregular and cut at the edges, and the tile size is that of their blocks', async (t) => {
  const lazy = fromChunks({
    width: 90,
    height: 40,
    dataType: 'uint8',
    chunks: { width: [50, 33, 7], height: 25 },
    compute: ({ window }) => new Uint8Array(window.widthPx * window.heightPx),
  });
  const written = await write(t, lazy, { tileSizePx: 32 });
  const sizes = await Promise.all(
    tileNames(written).map(async (name) => {
      const image = await tileImage(written, name);
      return [image.getWidth(), image.getHeight(), image.getTileWidth(), image.getTileHeight()];
    }),
  );
  assert.deepEqual(sizes, [
    [50, 25, 32, 32],
    [33, 25, 32, 32],
    [7, 25, 16, 32],
    [50, 15, 32, 16],
    [33, 15, 32, 16],
    [7, 15, 16, 16],
  ]);
});

test('staging: tiles appear under their name in one rename, after the last of them is written', async (t) => {
  const directory = temporaryDirectory(t);
  const seen: string[] = [];
  const look = (): void => {
    seen.push(readdirSync(directory).includes('out_tiles') ? 'published' : 'staged');
  };
  const fs: Fs = {
    ...nodeFileSystem,
    open: (...args) => {
      if (args[0].endsWith('.tif')) look();
      return nodeFileSystem.open(...args);
    },
  };
  await writeTiledVrt(join(directory, 'out.vrt'), fromArray(plain), { ...small, fs });
  look();
  assert.deepEqual([...new Set(seen.slice(0, -1))], ['staged']);
  assert.equal(seen.at(-1), 'published');
});

test('staging: any failure leaves nothing, and the retry works', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const source = fromArray(plain);
  for (let last = 1; last <= 6; last += 1) {
    let reads = 0;
    const failing: RasterSource = {
      ...source,
      read: async (window) => {
        reads += 1;
        if (reads === last) throw new Error('no');
        return source.read(window);
      },
    };
    await assert.rejects(writeTiledVrt(path, failing, small), /no/u);
    assert.deepEqual(readdirSync(directory), ['out.vrt.lock'], `after failing at tile ${last}`);
  }
  await writeTiledVrt(path, source, small);
});

test('guard: a tiles directory with anything in it stops the write before it begins, an empty one is used', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  mkdirSync(join(directory, 'out_tiles'));
  writeFileSync(join(directory, 'out_tiles', 'tile_00_00.tif'), 'not ours');
  let reads = 0;
  const source = fromArray(plain);
  const counted: RasterSource = {
    ...source,
    read: async (window) => {
      reads += 1;
      return source.read(window);
    },
  };
  await assert.rejects(writeTiledVrt(path, counted, small), (error) =>
    isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  assert.equal(reads, 0);
  assert.deepEqual(readdirSync(directory), ['out_tiles']);
  const other = temporaryDirectory(t);
  mkdirSync(join(other, 'out_tiles'));
  await writeTiledVrt(join(other, 'out.vrt'), counted, small);
});

test('index: it comes after the tiles, and whole: whoever sees it sees all that it names', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const order: string[] = [];
  const renamed = (to: string): void => {
    if (to.endsWith('out_tiles') || to.endsWith('out.vrt')) order.push(basename(to));
  };
  const fs: Fs = {
    ...nodeFileSystem,
    rename: (from, to) => {
      renamed(to);
      return nodeFileSystem.rename(from, to);
    },
    renameNoReplace: (from, to) => {
      renamed(to);
      return nodeFileSystem.renameNoReplace(from, to);
    },
    link: (from, to) => {
      renamed(to);
      return nodeFileSystem.link(from, to);
    },
  };
  await writeTiledVrt(path, fromArray(plain), { ...small, fs });
  assert.deepEqual(order, ['out_tiles', 'out.vrt']);
});

test('lazy path: all tasks settle before the cleanup, every outcome is kept, and the first failure is raised', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const events: string[] = [];
  let release: () => void;
  const failure = new Promise<void>((resolve) => (release = resolve));
  const lazy = fromChunks({
    width: 64,
    height: 16,
    dataType: 'uint8',
    chunks: { width: 16, height: 16 },
    compute: async ({ column }) => {
      if (column === 1) release();
      else await failure;
      await new Promise(setImmediate);
      events.push(`end ${column}`);
      throw new Error(`chunk ${column}`);
    },
  });
  const fs: Fs = {
    ...nodeFileSystem,
    rmdir: (name) => {
      events.push('clean up');
      return nodeFileSystem.rmdir(name);
    },
  };
  await assert.rejects(writeTiledVrt(path, lazy, { threads: 0, concurrency: 4, fs }), (error) => {
    assert.ok(isHoldfastError(error, 'UPDATER_FAILED'));
    assert.match(String(error.cause), /chunk 1/u);
    assert.deepEqual(error.others.map(String).toSorted(), [
      'Error: chunk 0',
      'Error: chunk 2',
      'Error: chunk 3',
    ]);
    return true;
  });
  assert.equal(events.indexOf('clean up'), 4, events.join());
  assert.deepEqual(readdirSync(directory), ['out.vrt.lock']);
});

test('refused for a VRT: COG, overview levels given as such, strips, data of other dimensions, and tile sizes that are no multiples of 16', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'out.vrt');
  const wrong = [{ cog: true }, { overviewLevels: [2] }, { strips: true }, { driver: 'COG' }];
  for (const options of wrong)
    await assert.rejects(writeTiledVrt(path, fromArray(plain), options as never), isRefused);
  for (const tileSizePx of [0, -16, 8, 15, 17, 100, 16.5, 1e9, Number.NaN, '256' as never])
    await assert.rejects(writeTiledVrt(path, fromArray(plain), { tileSizePx }), isRefused);
  for (const shape of [[960], [2, 2, 2, 120]]) {
    const stride = shape.map(() => 1);
    assert.throws(() => fromArray({ data: { data, shape, stride } }), isRefused);
  }
  assert.deepEqual(readdirSync(directory), []);
});

test('transform: six numbers are written bit by bit, with their signs, and each tile has its own', async (t) => {
  const transform = [0.1 + 0.2, 1 / 3, 0, -1e-7, 0, 0.1] as const;
  const written = await write(t, fromArray({ ...plain, transform, crs: 4326 }));
  const text = /<GeoTransform>([^<]+)</u.exec(written.index)?.[1] ?? '';
  assert.deepEqual(text.split(',').map(Number), transform);
  const image = await tileImage(written, 'tile_01_02.tif');
  const matrix: unknown = image.fileDirectory.getValue('ModelTransformation' as never);
  const [x, a, , y, , e] = transform;
  assert.deepEqual([...(matrix as number[])].slice(0, 8), [
    a,
    0,
    0,
    x + 32 * a,
    0,
    e,
    0,
    y + 16 * e,
  ]);
});

test('transform: a rotated one is carried, by the index and by every tile; one that gives pixels no area is refused', async (t) => {
  const transform = [100, 3, 4, 200, 4, -3] as const;
  const written = await write(t, fromArray({ ...plain, transform }));
  assert.match(written.index, /<GeoTransform>100, 3, 4, 200, 4, -3</u);
  const image = await tileImage(written, 'tile_01_01.tif');
  const matrix: unknown = image.fileDirectory.getValue('ModelTransformation' as never);
  assert.deepEqual([...(matrix as number[])].slice(0, 8), [
    3,
    4,
    0,
    100 + 16 * 3 + 16 * 4,
    4,
    -3,
    0,
    200 + 16 * 4 - 16 * 3,
  ]);
  const wrong = [
    [0, 0, 0, 0, 0, -1],
    [0, 1, 0, 0, 0, 0],
    [0, 1, 0, 0, 0],
    [0, Number.NaN, 0, 0, 0, -1],
  ];
  for (const each of wrong)
    assert.throws(() => fromArray({ ...plain, transform: each as never }), isRefused);
});

test('pixel is point: the tie point is the centre of a pixel, in every tile, and the index says so', async (t) => {
  const transform = [100, 10, 0, 200, 0, -10] as const;
  const written = await write(t, fromArray({ ...plain, transform, crs: 32633, pixelIs: 'point' }));
  assert.match(written.index, /<MDI key="AREA_OR_POINT">Point</u);
  assert.match(written.index, /<GeoTransform>100, 10, 0, 200, 0, -10</u);
  const image = await tileImage(written, 'tile_01_02.tif');
  assert.equal(image.getGeoKeys()?.GTRasterTypeGeoKey, 2);
  const tie: unknown = image.fileDirectory.getValue('ModelTiepoint' as never);
  assert.deepEqual([...(tie as number[])], [0, 0, 0, 100 + 320 + 5, 200 - 160 - 5, 0]);
});

test('no georeferencing: none is invented, and the tiles are placed by pixels', async (t) => {
  const written = await write(t, fromArray(plain));
  assert.doesNotMatch(written.index, /GeoTransform|SRS|AREA_OR_POINT/u);
  const places = [...written.index.matchAll(/<DstRect xOff="(\d+)" yOff="(\d+)"/gu)];
  assert.deepEqual(
    places.map(([, x, y]) => [Number(x), Number(y)]),
    [
      [0, 0],
      [16, 0],
      [32, 0],
      [0, 16],
      [16, 16],
      [32, 16],
    ],
  );
  const image = await tileImage(written, 'tile_01_02.tif');
  assert.equal(image.getGeoKeys(), null);
  assert.equal(image.fileDirectory.hasTag('ModelTiepoint'), false);
});

test('degenerate: a size of zero is refused; one row, one column and one pixel work, with a transform', async (t) => {
  const transform = [5, 2, 0, 9, 0, -2] as const;
  assert.throws(() => fromArray({ data: new Uint8Array(0), width: 0, height: 5 }), isRefused);
  assert.throws(() => fromArray({ data: new Uint8Array(0), width: 5, height: 0 }), isRefused);
  for (const [width, height] of [
    [1, 37],
    [37, 1],
    [1, 1],
  ] as const) {
    const line = data.slice(0, width * height);
    const { path } = await write(t, fromArray({ data: line, width, height, transform }));
    const mosaic = await openVrt(path);
    assert.deepEqual((await mosaic.read()).data, line);
    assert.deepEqual(mosaic.info.georeferencing.transform, transform);
    await mosaic.close();
  }
});

test('text: a CRS, a file name and a description with the signs of XML in them come back as they were', async (t) => {
  const directory = join(temporaryDirectory(t), `<a> & "b"`);
  mkdirSync(directory);
  const path = join(directory, `it's <&>.vrt`);
  const wkt =
    'GEOGCS["<&> \'name\'",DATUM["D",SPHEROID["S",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]';
  const description = '1 < 2 & "3" > \'0\'';
  await writeTiledVrt(path, fromArray({ ...plain, crs: wkt, bands: [{ description }] }), small);
  const mosaic = await openVrt(path);
  assert.deepEqual((await mosaic.read()).data, data);
  assert.deepEqual(mosaic.info.georeferencing.crs, { kind: 'wkt', wkt });
  assert.equal(mosaic.info.bands[0]?.description, description);
  await mosaic.close();
});

test('reader: windows are read; a missing tile is an error, never silence', async (t) => {
  const written = await write(t, fromArray(plain));
  const mosaic = await openVrt(written.path);
  const window = { xPx: 14, yPx: 15, widthPx: 4, heightPx: 2 };
  assert.deepEqual([...(await mosaic.read(window)).data], [614, 615, 616, 617, 654, 655, 656, 657]);
  await mosaic.close();
  unlinkSync(join(written.directory, 'out_tiles', 'tile_01_01.tif'));
  const broken = await openVrt(written.path);
  await assert.rejects(broken.read(window), (error) => isHoldfastError(error, 'NOT_FOUND'));
  await broken.close();
});

test('reader: paths stay inside, entities are not expanded, and there is an end to the size of XML and of pixels', async (t) => {
  const written = await write(t, fromArray(plain));
  const outside = written.index.replace('out_tiles/tile_00_00.tif', '../../etc/passwd');
  writeFileSync(written.path, outside);
  await assert.rejects(openVrt(written.path), (error) => isHoldfastError(error, 'PATH_ESCAPES'));
  const bomb = `<!DOCTYPE v [<!ENTITY a "aaaaaaaaaa">]>${written.index.replace('out_tiles', '&a;')}`;
  writeFileSync(written.path, bomb);
  const isCorrupt = (error: unknown): boolean => isHoldfastError(error, 'CORRUPT_DOCUMENT');
  await assert.rejects(openVrt(written.path), isCorrupt);
  writeFileSync(written.path, written.index);
  await assert.rejects(openVrt(written.path, { maxIndexBytes: 1000 }), isCorrupt);
  const mosaic = await openVrt(written.path, { maxSamples: 100 });
  await assert.rejects(mosaic.read(), isRefused);
  await mosaic.close();
});
