/** An index over files that are there names all of them rightly, or none, and says why. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type HoldfastError, isHoldfastError } from 'holdfast';
import { type Fs, nodeFileSystem } from 'holdfast/os';
import { temporaryDirectory } from '@holdfast/tools/testing';
import {
  fromArray,
  fromVrt,
  indexTiles,
  type IndexTilesOptions,
  openVrt,
  verifyVrt,
  writeCog,
  writeTiledVrt,
} from '#src/api.js';
import type { RasterProfile } from '#src/source/profile.js';
import { arrangementOf } from '#src/tile-index/arrangement.js';

const SIDE = 32;

interface Made extends RasterProfile {
  readonly data?: Uint8Array | Int16Array;
  readonly bandCount?: number;
}

/** A tile of the grid, of samples that are its column and row. */
async function makeTile(
  directory: string,
  [column, row]: readonly [number, number],
  { data, bandCount = 1, ...profile }: Made = {},
): Promise<string> {
  const path = join(directory, `${row}_${column}.tif`);
  const samples = data ?? new Uint8Array(SIDE * SIDE * bandCount).fill(10 * row + column + 1);
  const source = fromArray({
    data: samples,
    width: SIDE,
    height: SIDE,
    bandCount,
    crs: 32633,
    transform: [column * SIDE * 2, 2, 0, 1000 - row * SIDE * 2, 0, -2],
    ...profile,
  });
  await writeCog(path, source, { threads: 0 });
  return path;
}

/** Tiles of a grid of three columns and two rows; the place of the index beside them. */
async function makeTiles(t: TestContext): Promise<{
  readonly directory: string;
  readonly index: string;
  readonly tiles: string[];
}> {
  const directory = temporaryDirectory(t);
  const folder = join(directory, 'tiles & more');
  mkdirSync(folder);
  const tiles: string[] = [];
  for (const row of [0, 1])
    for (const column of [0, 1, 2]) tiles.push(await makeTile(folder, [column, row]));
  return { directory, index: join(directory, 'all.vrt'), tiles };
}

async function refusal(
  index: string,
  tiles: readonly string[],
  options?: IndexTilesOptions,
): Promise<HoldfastError> {
  let refused: unknown;
  await assert.rejects(indexTiles(index, tiles, options), (error) => {
    refused = error;
    return isHoldfastError(error);
  });
  assert.equal(existsSync(index), false);
  return refused as HoldfastError;
}

test('an index shows all tiles in their places, is verified by checksums, and is a source', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  const written = await indexTiles(index, tiles.toReversed());
  assert.deepEqual([written.widthPx, written.heightPx, written.tileCount], [96, 64, 6]);
  assert.deepEqual([written.holes, written.overlapCount, written.skipped], [[], 0, []]);
  const mosaic = await openVrt(index);
  const { data } = await mosaic.read();
  await mosaic.close();
  for (const [row, column] of [
    [0, 0],
    [1, 2],
  ] as const)
    assert.equal(data[(row * SIDE + 5) * 96 + column * SIDE + 7], 10 * row + column + 1);
  assert.deepEqual(mosaic.info.georeferencing.transform, [0, 2, 0, 1000, 0, -2]);
  const report = await verifyVrt(index, { deep: true });
  assert.deepEqual([report.ok, report.evidence, report.tiles], [true, 'checksums', 6]);
  assert.deepEqual(readdirSync(directory).toSorted(), ['all.vrt', 'all.vrt.lock', 'tiles & more']);
  const source = await fromVrt(index);
  await writeTiledVrt(join(directory, 'copy.vrt'), source, { threads: 0 });
  await source.close();
  // What an index knows of its files is nothing that a mosaic made of it would say.
  assert.doesNotMatch(readFileSync(join(directory, 'copy.vrt'), 'utf8'), /HOLDFAST_FILES/u);
});

test('verify finds a tile that is cut, changed, swapped or gone after it was indexed', async (t) => {
  const { index, tiles } = await makeTiles(t);
  await indexTiles(index, tiles);
  const [one, two, three] = tiles as [string, string, string];
  const [was, other] = [readFileSync(one), readFileSync(two)];
  assert.equal(was.length, other.length);
  writeFileSync(one, other);
  truncateSync(three, 100);
  const changed = readFileSync(tiles[3] as string);
  changed[changed.length - 6] = (changed.at(-6) as number) ^ 1;
  writeFileSync(tiles[3] as string, changed);
  appendFileSync(tiles[4] as string, 'more');
  const kinds = (await verifyVrt(index)).problems.map(({ kind }) => kind);
  assert.deepEqual(kinds, ['swapped', 'truncated', 'changed', 'too long']);
});

test('without checksums verify knows the sizes alone', async (t) => {
  const { index, tiles } = await makeTiles(t);
  await indexTiles(index, tiles, { checksums: false });
  assert.deepEqual((await verifyVrt(index)).evidence, 'shapes');
  appendFileSync(tiles[4] as string, 'more');
  const { problems } = await verifyVrt(index);
  assert.deepEqual(
    problems.map(({ kind }) => kind),
    ['too long'],
  );
});

test('an index that another program wrote anew is known by its tiles, and one that lost some is damaged', async (t) => {
  const { index, tiles } = await makeTiles(t);
  await indexTiles(index, tiles);
  const text = readFileSync(index, 'utf8').replace(/<!--.*\n$/u, '');
  writeFileSync(index, text);
  const { ok, notes } = await verifyVrt(index);
  assert.deepEqual([ok, notes[0]?.kind], [true, 'rewritten']);
  writeFileSync(index, text.replace(/ *<SimpleSource>(?:.|\n)*?<\/SimpleSource>\n/u, ''));
  const { problems } = await verifyVrt(index);
  assert.match(problems[0]?.message ?? '', /does not name .*0_0\.tif/u);
});

test('each difference of each tile is named, and nothing is written', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  const others = join(directory, 'others');
  mkdirSync(others);
  const odd = [
    await makeTile(others, [3, 0], { data: new Int16Array(SIDE * SIDE), crs: 32634 }),
    await makeTile(others, [4, 0], { bandCount: 2 }),
    await makeTile(others, [5, 0], { nodata: 7 }),
    await makeTile(others, [6, 0], { transform: [385, 2, 0, 1000, 0, -2] }),
    await makeTile(others, [7, 0], { transform: [448, 4, 0, 1000, 0, -4] }),
    await makeTile(others, [8, 0], { transform: undefined }),
    await makeTile(others, [9, 0], { bands: [{ unit: 'm' }] }),
  ];
  const error = await refusal(index, [...tiles, ...odd]);
  assert.equal(error.code, 'INVALID_ARGUMENT');
  for (const said of [
    /0_3\.tif: it differs from .*0_0\.tif in their type of samples: uint8 and int16/u,
    /0_3\.tif: it differs .* in their CRS: EPSG:32633 and EPSG:32634/u,
    /0_4\.tif: .*number of bands: 1 and 2/u,
    /0_5\.tif: .*nodata value: none and 7/u,
    /0_6\.tif: it does not lie on the grid/u,
    /0_7\.tif: it does not lie on the grid/u,
    /0_8\.tif: no transform says where it lies/u,
    /0_9\.tif: .*unit, scale/u,
  ])
    assert.match(error.message, said);
  assert.ok(error.others.length >= 8);
});

test('files that cannot be read are refused, or left out and told', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  writeFileSync(join(directory, 'no.tif'), 'no TIFF');
  const given = [...tiles, join(directory, 'no.tif'), join(directory, 'gone.tif')];
  const error = await refusal(index, given);
  assert.match(error.message, /no\.tif: /u);
  assert.match(error.message, /gone\.tif: /u);
  const { skipped, tileCount } = await indexTiles(index, given, { skipUnreadable: true });
  assert.deepEqual(
    [tileCount, skipped.map(({ path }) => path)],
    [6, [join(directory, 'no.tif'), join(directory, 'gone.tif')]],
  );
});

test('holes and overlaps are refused, each by its place, and allowed by name', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  const holed = tiles.filter((path) => !path.endsWith('0_1.tif'));
  assert.match((await refusal(index, holed)).message, /pixels 32,0 32x32/u);
  // Nothing would tell a hole from a sample of 0.
  const unmarked = await refusal(index, holed, { allowHoles: true });
  assert.match(unmarked.message, /no nodata value would mark them/u);
  const twice = await refusal(index, [...tiles, tiles[2] as string]);
  assert.match(twice.message, /it is the same file as/u);
  const over = join(directory, 'over');
  mkdirSync(over);
  const crossing = await makeTile(over, [1, 0], { transform: [90, 2, 0, 980, 0, -2] });
  const shared = await refusal(index, [...tiles, crossing]);
  assert.equal(shared.others.length, 4);
  assert.match(shared.message, /over.0_1\.tif: it shares pixels with .*0_1\.tif/u);
  const { overlapCount } = await indexTiles(index, [...tiles, crossing], { allowOverlaps: true });
  assert.equal(overlapCount, 4);
  const mosaic = await openVrt(index);
  const { data } = await mosaic.read({ xPx: 45, yPx: 10, widthPx: 1, heightPx: 1 });
  await mosaic.close();
  assert.equal(data[0], 2);
});

test('holes that nodata marks are read as nodata', async (t) => {
  const directory = temporaryDirectory(t);
  const tiles = [
    await makeTile(directory, [0, 0], { nodata: 200 }),
    await makeTile(directory, [1, 1], { nodata: 200 }),
  ];
  const index = join(directory, 'all.vrt');
  const { holes } = await indexTiles(index, tiles, { allowHoles: true });
  assert.equal(holes.length, 2);
  const mosaic = await openVrt(index);
  const { data } = await mosaic.read();
  await mosaic.close();
  assert.deepEqual([data[0], data[40], data[64 * 40], data[64 * 40 + 40]], [1, 200, 200, 12]);
});

test('directories are gone through when that is asked for, and symlinks lead to their files', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  const folder = join(directory, 'tiles & more');
  assert.match((await refusal(index, [folder])).message, /this is a directory/u);
  writeFileSync(join(folder, 'notes.txt'), 'no tile');
  mkdirSync(join(folder, '.staging'));
  writeFileSync(join(folder, '.staging', 'half.tif'), 'half');
  assert.equal((await indexTiles(index, [folder], { recursive: true })).tileCount, 6);
  const links = join(directory, 'links');
  mkdirSync(links);
  for (const [number, tile] of tiles.entries()) symlinkSync(tile, join(links, `${number}.tif`));
  await indexTiles(index, [links], { recursive: true, ifExists: 'replace' });
  assert.match(readFileSync(index, 'utf8'), /tiles &amp; more\/1_2\.tif/u);
  assert.ok((await verifyVrt(index)).ok);
});

test('what lies beside one of many tiles is found, in any letter case, and a listing is not asked for more', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await makeTile(directory, [0, 0]);
  const tiles: string[] = [];
  // Copies of one tile, which world files would place if the tile did not.
  for (let column = 0; column < 40; column += 1) {
    tiles.push(join(directory, `Tile_é_${column}.tif`));
    writeFileSync(tiles[column] as string, readFileSync(first));
  }
  const names = new Map<string, number>();
  const fs: Fs = {
    ...nodeFileSystem,
    exists: async (path) => {
      names.set(basename(path), (names.get(basename(path)) ?? 0) + 1);
      return nodeFileSystem.exists(path);
    },
  };
  const told = async (): Promise<string> => {
    const { others } = await refusal(join(directory, 'all.vrt'), tiles, { fs });
    const each = others as readonly HoldfastError[];
    return each.map(({ path, message }) => `${basename(path)}: ${message}`).join('\n');
  };
  assert.doesNotMatch(await told(), /NaN|no TIFF/u);
  assert.equal(names.get('Tile_é_0.tfw'), 1);
  assert.deepEqual(
    [...names.keys()].filter((name) => name.startsWith('Tile_é_39')),
    [],
  );
  // The listing has a name that may be the same on some filesystem, so it is asked for.
  writeFileSync(join(directory, 'TILE_É_39.TIF.AUX.XML'), 'nothing');
  await told();
  assert.equal(names.get('Tile_é_39.tif.aux.xml'), 1);
  writeFileSync(
    join(directory, 'Tile_é_39.tif.aux.xml'),
    '<PAMDataset><PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>',
  );
  assert.match(await told(), /Tile_é_39\.tif: .* nodata/u);
  assert.doesNotMatch(await told(), /Tile_é_38\.tif: .* nodata/u);
  // Those of a mosaic are known by what lies beside them too.
  writeFileSync(join(directory, 'holdfast-tiles.json'), '{}');
  assert.match(await told(), /Tile_é_39\.tif: .*a tile of a mosaic/u);
});

test('an index is replaced whole; that of a mosaic is not, and its tiles are not for another index', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  await indexTiles(index, tiles);
  await assert.rejects(indexTiles(index, tiles), (error) =>
    isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  writeFileSync(`${index}.aux.xml`, 'of the old pixels');
  const { retiredCompanions } = await indexTiles(index, tiles.slice(0, 3), { ifExists: 'replace' });
  assert.deepEqual(retiredCompanions, ['all.vrt.aux.xml']);
  assert.equal(existsSync(`${index}.aux.xml`), false);
  const mosaic = join(directory, 'own.vrt');
  const source = await fromVrt(index);
  await writeTiledVrt(mosaic, source, { threads: 0 });
  await source.close();
  await assert.rejects(indexTiles(mosaic, tiles, { ifExists: 'replace' }), (error) => {
    assert.ok(isHoldfastError(error, 'ALREADY_EXISTS'));
    return /index of a mosaic/u.test(error.message);
  });
  const others = indexTiles(join(directory, 'b.vrt'), [join(directory, 'own_tiles')], {
    recursive: true,
  });
  await assert.rejects(others, /tile of a mosaic, and goes when that is replaced/u);
});

test('GDAL sees what the index says', { skip: !hasGdal() }, async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  await indexTiles(index, tiles);
  const theirs = join(directory, 'theirs.vrt');
  execFileSync('gdalbuildvrt', ['-q', '-strict', theirs, ...tiles]);
  const checksums = [index, theirs].map((path) => {
    const said = execFileSync('gdalinfo', ['-checksum', path], { encoding: 'utf8', cwd: '/' });
    return ['Size is', 'Origin =', 'Pixel Size', 'Checksum=', 'PROJCRS'].map((name) =>
      said.split('\n').find((line) => line.includes(name)),
    );
  });
  assert.deepEqual(checksums[0], checksums[1]);
  assert.ok(checksums[0]?.every((line) => line !== undefined));
});

function hasGdal(): boolean {
  try {
    execFileSync('gdalbuildvrt', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('overlaps and holes are found however tiles lie', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    let state = seed;
    const random = (most: number): number => {
      state = Math.imul(state, 1_103_515_245) + 12_345;
      return ((state >>> 16) & 0x7fff) % most;
    };
    const size = { widthPx: 12, heightPx: 9 };
    const windows = Array.from({ length: 1 + random(6) }, () => {
      const [xPx, yPx] = [random(11), random(8)];
      const widthPx = 1 + random(12 - xPx);
      return { xPx, yPx, widthPx, heightPx: 1 + random(9 - yPx) };
    });
    const counts = new Map<string, number[]>();
    for (const [index, window] of windows.entries())
      for (let y = window.yPx; y < window.yPx + window.heightPx; y += 1)
        for (let x = window.xPx; x < window.xPx + window.widthPx; x += 1)
          counts.set(`${x},${y}`, [...(counts.get(`${x},${y}`) ?? []), index]);
    const { overlaps, holes } = arrangementOf(windows, size);
    const empty = 12 * 9 - counts.size;
    const inHoles = holes.reduce((sum, hole) => sum + hole.widthPx * hole.heightPx, 0);
    assert.equal(inHoles, empty, `seed ${seed}`);
    const shares = [...counts.values()].some((indexes) => indexes.length > 1);
    assert.equal(overlaps.length > 0, shares, `seed ${seed}`);
    for (const [one, other] of overlaps)
      assert.ok(
        [...counts.values()].some((each) => each.includes(one) && each.includes(other)),
        `seed ${seed}`,
      );
  }
});

const told = { stac: { datetime: '2024-06-01T10:20:30Z' }, gti: true } as const;

test('an item and a GTI are beside the index, named and verified by it, and go when a later one has none', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  const written = await indexTiles(index, tiles, told);
  const [stacPath, gtiPath] = [`${index}.stac.json`, join(directory, 'all.gti.gpkg')];
  assert.deepEqual([written.stacPath, written.gtiPath, written.removed], [stacPath, gtiPath, []]);
  const item = JSON.parse(readFileSync(stacPath, 'utf8')) as {
    readonly id: string;
    readonly assets: { readonly data: { readonly href: string } };
    readonly properties: Readonly<Record<string, unknown>>;
  };
  assert.deepEqual([item.id, item.assets.data.href], ['all', 'all.vrt']);
  assert.deepEqual(item.properties['proj:shape'], [64, 96]);
  const mosaic = await openVrt(index);
  const own = mosaic.document.metadata.get('HOLDFAST');
  await mosaic.close();
  assert.deepEqual(own, { STAC: 'all.vrt.stac.json', GTI: 'all.gti.gpkg' });
  assert.deepEqual((await verifyVrt(index)).problems, []);
  // Another program writes the index anew.
  writeFileSync(index, readFileSync(index, 'utf8').replace(/<!--.*-->\n$/u, ''));
  const { problems, notes } = await verifyVrt(index);
  assert.deepEqual([problems, notes.map(({ kind }) => kind)], [[], ['rewritten']]);
  const again = await indexTiles(index, tiles, { ...told, ifExists: 'replace' });
  assert.equal(again.stacPath, stacPath);
  appendFileSync(stacPath, ' ');
  const changed = await verifyVrt(index);
  assert.deepEqual(
    changed.problems.map(({ kind, path }) => [kind, path]),
    [['too long', stacPath]],
  );
  const { removed } = await indexTiles(index, tiles, { gti: true, ifExists: 'replace' });
  assert.deepEqual(removed, ['all.vrt.stac.json']);
  const last = await indexTiles(index, tiles, { ifExists: 'replace' });
  assert.deepEqual([last.removed, last.gtiPath], [['all.gti.gpkg'], undefined]);
  const left = readdirSync(directory).filter((name) => !name.endsWith('.lock'));
  assert.deepEqual(left.toSorted(), ['all.vrt', 'tiles & more']);
  assert.deepEqual((await verifyVrt(index)).problems, []);
});

test('what is not the index’s own is not removed, nor replaced unless that was asked for', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  const foreign = join(directory, 'all.gti.gpkg');
  writeFileSync(foreign, 'of somebody else');
  await assert.rejects(indexTiles(index, tiles, told), (error) => {
    assert.ok(isHoldfastError(error, 'ALREADY_EXISTS'));
    return error.path === foreign && error.outcome === 'unchanged';
  });
  const names = (): readonly string[] =>
    readdirSync(directory).filter((name) => !name.endsWith('.lock'));
  assert.deepEqual(names().toSorted(), ['all.gti.gpkg', 'tiles & more']);
  const { removed } = await indexTiles(index, tiles);
  assert.deepEqual(removed, []);
  await indexTiles(index, tiles, { ifExists: 'replace' });
  assert.equal(readFileSync(foreign, 'utf8'), 'of somebody else');
  const without = await indexTiles(index, tiles, { stac: told.stac, ifExists: 'replace' });
  assert.deepEqual(without.removed, []);
  assert.equal(readFileSync(foreign, 'utf8'), 'of somebody else');
  await indexTiles(index, tiles, { ...told, ifExists: 'replace' });
  assert.deepEqual((await verifyVrt(index)).problems, []);
});

test('an index with an item is no mosaic’s either, and one that fails leaves all as it was', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  await indexTiles(index, tiles, told);
  writeFileSync(`${index}.aux.xml`, 'of the old pixels');
  const before = readdirSync(directory).toSorted();
  const files = before.filter((name) => /^all\.[^ ]*(?:vrt|json|gpkg)$/u.test(name));
  const contents = (): readonly string[] =>
    files.map((name) => readFileSync(join(directory, name), 'latin1'));
  const was = contents();
  const failing = [
    [{ stac: true }, /must say when the raster was taken/u],
    [{ ...told, signal: AbortSignal.abort(new Error('enough')) }, /cancelled/u],
  ] as const;
  for (const [options, message] of failing)
    await assert.rejects(indexTiles(index, tiles, { ...options, ifExists: 'replace' }), message);
  await assert.rejects(indexTiles(index, tiles, told), (error) =>
    isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  assert.deepEqual([readdirSync(directory).toSorted(), contents()], [before, was]);
  const { retiredCompanions } = await indexTiles(index, tiles, { ...told, ifExists: 'replace' });
  assert.deepEqual(retiredCompanions, ['all.vrt.aux.xml']);
  const own = join(directory, 'own.vrt');
  const source = await fromVrt(index);
  await writeTiledVrt(own, source, { threads: 0 });
  await source.close();
  await assert.rejects(
    indexTiles(own, tiles, { ...told, ifExists: 'replace' }),
    /index of a mosaic/u,
  );
  const overlapping = [
    ...tiles,
    await makeTile(directory, [0.5, 0], { data: new Uint8Array(SIDE * SIDE) }),
  ];
  const gti = { ...told, allowOverlaps: true, ifExists: 'replace' } as const;
  await assert.rejects(indexTiles(index, overlapping, gti), /GDAL shows by a GTI/u);
});

test('each tile has an item of its own name and place, in one file beside the index', async (t) => {
  const { directory, index, tiles } = await makeTiles(t);
  const [folder, stac] = [join(directory, 'more'), { ...told.stac, tiles: true }];
  mkdirSync(folder);
  const twin = join(folder, '0_2.tif');
  renameSync(tiles[5] as string, twin);
  const given = [...tiles.slice(0, 5), twin];
  const written = await indexTiles(index, given, { stac });
  assert.equal(written.stacItemsPath, `${index}.items.json`);
  assert.deepEqual((await verifyVrt(index)).problems, []);
  const { features } = JSON.parse(readFileSync(`${index}.items.json`, 'utf8')) as {
    readonly features: readonly {
      readonly id: string;
      readonly assets: { readonly data: { readonly href: string } };
      readonly properties: Readonly<Record<string, unknown>>;
    }[];
  };
  const found = features.map(({ id, assets, properties }) => {
    const [, , x, , , y] = properties['proj:transform'] as readonly number[];
    return [id, assets.data.href, x, y];
  });
  assert.deepEqual(found, [
    ['all-0_0', 'tiles%20&%20more/0_0.tif', 0, 1000],
    ['all-0_1', 'tiles%20&%20more/0_1.tif', 64, 1000],
    ['all-0_2', 'tiles%20&%20more/0_2.tif', 128, 1000],
    ['all-1_0', 'tiles%20&%20more/1_0.tif', 0, 936],
    ['all-1_1', 'tiles%20&%20more/1_1.tif', 64, 936],
    ['all-0_2-2', 'more/0_2.tif', 128, 936],
  ]);
  const { removed } = await indexTiles(index, given, { ifExists: 'replace' });
  assert.deepEqual(removed, ['all.vrt.stac.json', 'all.vrt.items.json']);
});
