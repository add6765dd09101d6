import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'node:test';
import { isHoldfastError } from 'holdfast';
import {
  addOverviews,
  type ArrayRaster,
  fromArray,
  openVrt,
  type RasterSource,
  type StacOptions,
  verifyVrt,
  writeCog,
  writeTiledVrt,
} from '#src/index.js';
import { hrefOf } from '#src/stac/item.js';
import { temporaryDirectory } from '@holdfast/tools/testing';

const SIDE = 64;
const datetime = '2024-06-01T10:20:30Z';
const quick = { threads: 0, tileSizePx: 32 } as const;

function source(more: Partial<ArrayRaster> = {}): RasterSource {
  const data = Int16Array.from({ length: SIDE * SIDE }, (_, at) => at);
  const place = { transform: [500_000, 10, 0, 6_000_000, 0, -10] as const, crs: 32633 };
  return fromArray({ data, width: SIDE, height: SIDE, nodata: -1, ...place, ...more });
}

interface Item {
  readonly id: string;
  readonly geometry: unknown;
  readonly bbox?: readonly number[];
  readonly properties: Readonly<Record<string, unknown>>;
  readonly assets: {
    readonly data: { readonly href: string; readonly bands: readonly Record<string, unknown>[] };
  };
}

function itemAt(path: string | undefined): Item {
  return JSON.parse(readFileSync(path as string, 'utf8')) as Item;
}

test('the item of a mosaic lies among its tiles, names the index, and verify knows it', async (t) => {
  const path = join(temporaryDirectory(t), 'dem.vrt');
  const band = { description: 'height', unit: 'metre', scale: 0.1, offset: 3 };
  const written = await writeTiledVrt(path, source({ bands: [band] }), {
    ...quick,
    stac: { datetime },
  });
  assert.equal(written.stacPath, join(written.tilesPath, 'dem.vrt.stac.json'));
  const item = itemAt(written.stacPath);
  assert.equal(item.id, 'dem');
  assert.equal(item.assets.data.href, '../dem.vrt');
  assert.deepEqual(item.assets.data.bands, [
    {
      name: 'b1',
      description: 'height',
      data_type: 'int16',
      nodata: -1,
      unit: 'metre',
      'raster:scale': 0.1,
      'raster:offset': 3,
      'raster:sampling': 'area',
    },
  ]);
  assert.deepEqual(item.properties, {
    datetime,
    'proj:code': 'EPSG:32633',
    'proj:shape': [SIDE, SIDE],
    'proj:transform': [10, 0, 500_000, 0, -10, 6_000_000],
    'proj:bbox': [500_000, 5_999_360, 500_640, 6_000_000],
  });
  assert.deepEqual(written.notCarried, []);
  assert.deepEqual((await verifyVrt(path)).problems, []);
  const mosaic = await openVrt(path);
  assert.equal(mosaic.document.metadata.get('HOLDFAST')?.['STAC'], 'dem.vrt.stac.json');
  await mosaic.close();
  writeFileSync(written.stacPath, '{}\n');
  const { problems } = await verifyVrt(path);
  assert.deepEqual(
    problems.map(({ kind, path: where }) => [kind, where]),
    [['truncated', written.stacPath]],
  );
});

test('the items retire with their tiles, and follow them to new overviews', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'dem.vrt');
  const stac = { datetime, tiles: true };
  const first = await writeTiledVrt(path, source(), { ...quick, stac });
  const items = readFileSync(first.stacItemsPath as string, 'utf8');
  assert.match(items, /"id":"dem-tile_00_00"/u);
  const overviewed = await addOverviews(path, { overviews: [2], threads: 0, keepPrevious: 0 });
  assert.equal(basename(overviewed.stacPath as string), 'dem.vrt.stac.json');
  assert.equal(itemAt(overviewed.stacPath).id, 'dem');
  assert.equal(readFileSync(overviewed.stacItemsPath as string, 'utf8'), items);
  assert.deepEqual((await verifyVrt(path)).problems, []);
  const mosaic = await openVrt(path);
  const own = mosaic.document.metadata.get('HOLDFAST');
  assert.deepEqual([own?.['STAC'], own?.['ITEMS']], ['dem.vrt.stac.json', 'dem.vrt.items.json']);
  await mosaic.close();
  await assert.rejects(
    writeCog(join(directory, 'a.tif'), source(), { threads: 0, stac }),
    /a single file has no tiles/u,
  );
  assert.ok(!readdirSync(directory).includes(basename(first.tilesPath)));
  const last = await writeTiledVrt(path, source(), {
    ...quick,
    ifExists: 'replace',
    keepPrevious: 0,
  });
  assert.equal(last.stacPath, undefined);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes('tiles')),
    [basename(last.tilesPath)],
  );
});

test('the same raster has the same item, byte for byte', async (t) => {
  const directory = temporaryDirectory(t);
  const texts: string[] = [];
  for (const name of ['a', 'b']) {
    const path = join(directory, `${name}.vrt`);
    const { stacPath } = await writeTiledVrt(path, source(), {
      ...quick,
      stac: { id: 'one', datetime },
    });
    texts.push(readFileSync(stacPath as string, 'utf8').replaceAll(`${name}.vrt`, 'x.vrt'));
  }
  assert.equal(texts[0], texts[1]);
});

test('a name is a reference of a URL, and stays a path where it can', () => {
  assert.equal(hrefOf('höhe-1_a.tif'), 'höhe-1_a.tif');
  assert.equal(hrefOf('100% #1?a:b/c.tif'), '100%25%20%231%3Fa%3Ab%2Fc.tif');
});

test('the item of a single file lies beside it, and goes when that is replaced without one', async (t) => {
  const path = join(temporaryDirectory(t), 'dem.tif');
  const written = await writeCog(path, source(), { threads: 0, stac: { datetime } });
  assert.equal(written.stacPath, `${path}.stac.json`);
  assert.equal(itemAt(written.stacPath).assets.data.href, 'dem.tif');
  await assert.rejects(writeCog(path, source(), { threads: 0, stac: { datetime } }), (error) =>
    isHoldfastError(error, 'ALREADY_EXISTS'),
  );
  const again = { threads: 0, ifExists: 'replace' } as const;
  const second = await writeCog(path, source(), { ...again, stac: { id: 'new', datetime } });
  assert.deepEqual(second.removedCompanions, []);
  assert.equal(itemAt(second.stacPath).id, 'new');
  const third = await writeCog(path, source(), again);
  assert.deepEqual(third.removedCompanions, ['dem.tif.stac.json']);
  assert.ok(!readdirSync(join(path, '..')).includes('dem.tif.stac.json'));
});

test('the time is what the caller says, or the DateTime tag; without one nothing is written', async (t) => {
  const directory = temporaryDirectory(t);
  const timed = { metadata: { TIFFTAG_DATETIME: '2023:01:02 03:04:05' } };
  const write = async (name: string, stac: true | StacOptions, more = {}) => {
    const { stacPath } = await writeCog(join(directory, name), source(more), { threads: 0, stac });
    return itemAt(stacPath).properties;
  };
  assert.equal((await write('tag.tif', true, timed))['datetime'], '2023-01-02T03:04:05Z');
  assert.equal(
    (await write('said.tif', { datetime: new Date(0) }, timed))['datetime'],
    '1970-01-01T00:00:00Z',
  );
  const zoned = await write('zone.tif', { datetime: '2024-06-01T10:20:30.5+02:00' });
  assert.equal(zoned['datetime'], '2024-06-01T08:20:30.500Z');
  const span = await write('span.tif', { datetime: '2024-01-01T00:00:00Z/2024-12-31T23:59:59Z' });
  assert.deepEqual(
    [span['datetime'], span['start_datetime'], span['end_datetime']],
    [null, '2024-01-01T00:00:00Z', '2024-12-31T23:59:59Z'],
  );
  const wrong = [
    undefined,
    '2024',
    '2024-06-31T00:00:00Z',
    '2024-06-01T25:00:00Z',
    '2024-06-01T10:20:30',
    '2024-02-01T00:00:00Z/2024-01-01T00:00:00Z',
    new Date(NaN),
    7 as never,
  ];
  for (const each of wrong)
    await assert.rejects(
      write('wrong.tif', { datetime: each }),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT'),
      String(each),
    );
  assert.ok(!readdirSync(directory).some((name) => name.startsWith('wrong')));
});

test('what an item cannot say is told: no place, a CRS without a code, a nodata that is no JSON number', async (t) => {
  const directory = temporaryDirectory(t);
  const write = async (name: string, more: Partial<ArrayRaster>) => {
    const options = { threads: 0, stac: { datetime } } as const;
    const { stacPath, notCarried } = await writeCog(join(directory, name), source(more), options);
    const told = notCarried.filter(({ where }) => where === 'the STAC item');
    return { item: itemAt(stacPath), told: told.map(({ what }) => what) };
  };
  const nowhere = await write('nowhere.tif', { crs: undefined });
  assert.deepEqual([nowhere.item.geometry, nowhere.item.bbox], [null, undefined]);
  assert.equal(nowhere.item.properties['proj:code'], null);
  assert.deepEqual(nowhere.told, ['where the raster lies in longitude and latitude']);
  const proj = await write('proj.tif', { crs: '+proj=laea +lat_0=52 +lon_0=10 +ellps=GRS80' });
  assert.deepEqual(proj.told, ['the CRS']);
  assert.ok(proj.item.bbox);
  const height = await write('height.tif', { crs: 9518 });
  assert.equal(height.item.properties['proj:code'], 'EPSG:9518');
  const data = new BigInt64Array(SIDE * SIDE);
  const far = await write('far.tif', { data, nodata: -(2n ** 63n) });
  assert.deepEqual(far.told, ['nodata -9223372036854775808']);
  const nan = await write('nan.tif', { data: new Float32Array(SIDE * SIDE), nodata: NaN });
  assert.equal(nan.item.assets.data.bands[0]?.['nodata'], 'nan');
});
