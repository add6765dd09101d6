import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { parseCrs, srsText } from '#src/crs/crs.js';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { epsgKind } from '#src/crs/epsg.js';
import { geoKeysOf } from '#src/crs/geo-keys.js';
import type { Crs, GeoKey } from '#src/model.js';
import { fromGeoTiff } from '#src/source/geotiff/from-geotiff.js';
import { geoKeyFields, readGeoKeys } from '#src/tiff/geo-key-directory.js';
import { tileFormat } from '#src/tiff/tile-format.js';
import { encodeTile } from '../tiff/encode-tile.js';

const refused = (error: unknown): boolean => isHoldfastError(error, 'INVALID_ARGUMENT');

const PROJECTED_WKT = 'PROJCS["a",GEOGCS["b",DATUM["c",SPHEROID["d",6378137,298.25]]],UNIT["m",1]]';

test('EPSG codes, WKT and PROJ strings are told apart', () => {
  assert.deepEqual(parseCrs('test', 4326), { kind: 'epsg', code: 4326 });
  assert.deepEqual(parseCrs('test', ' epsg:32633 '), { kind: 'epsg', code: 32633 });
  assert.deepEqual(parseCrs('test', '+init=epsg:3857'), { kind: 'epsg', code: 3857 });
  assert.equal(parseCrs('test', '+proj=utm +zone=33').kind, 'proj');
  assert.equal(parseCrs('test', PROJECTED_WKT).kind, 'wkt');
});

test('booleans, unknown codes, local systems, other text and WKT that contradicts its own code are refused', () => {
  const bad = [
    true,
    null,
    4326.5,
    -1,
    0,
    1,
    99999,
    5800,
    'EPSG:1',
    'WGS84',
    '',
    'PROJCS["a"',
    '+zone=3',
  ];
  const contradiction = PROJECTED_WKT.replace(/\]$/, ',AUTHORITY["EPSG","4326"]]');
  for (const crs of [...bad, contradiction]) {
    assert.throws(() => parseCrs('test', crs), refused, String(crs));
  }
});

test('projected, geographic, geocentric, compound and vertical codes each go into their own key', () => {
  const keys = (code: number): object =>
    Object.fromEntries(
      geoKeysOf({ crs: { kind: 'epsg', code } }).map(({ id, value }) => [id, value]),
    );
  assert.deepEqual(keys(32633), { 1024: 1, 1025: 1, 3072: 32633 });
  assert.deepEqual(keys(4326), { 1024: 2, 1025: 1, 2048: 4326 });
  assert.deepEqual(keys(4979), { 1024: 2, 1025: 1, 2048: 4979 });
  assert.deepEqual(keys(4978), { 1024: 3, 1025: 1, 2048: 4978, 2052: 9001 });
  assert.deepEqual(keys(7415), { 1024: 1, 1025: 1, 3072: 28992, 4096: 5709 });
  assert.deepEqual(keys(3855), { 1024: 0, 1025: 1, 4096: 3855 });
});

test('the table of codes knows its first and last, and none in between that EPSG has not given', () => {
  assert.equal(epsgKind(2000), 'projected');
  assert.equal(epsgKind(32766), 'projected');
  assert.equal(epsgKind(3901), 'compound');
  assert.equal(epsgKind(5000), undefined);
});

test('keys of an input are carried over, all but what its pixels stand for', () => {
  const keys: GeoKey[] = [
    { id: 1025, value: 1 },
    { id: 2062, value: [1.5, 2, 3] },
    { id: 3073, value: 'höhe|part' },
    { id: 3074, value: 'after it' },
    { id: 3082, value: 500000 },
  ];
  const georeferencing = { crs: { kind: 'geoKeys', keys } as Crs, pixelIs: 'point' as const };
  const fields = geoKeyFields(geoKeysOf(georeferencing));
  const [directory, doubles, text] = [34735, 34736, 34737].map(
    (tag) => fields.find((field) => field.tag === tag)?.values ?? [],
  );
  const expected = [{ id: 1025, value: 2 }, ...keys.slice(1)];
  assert.deepEqual(
    readGeoKeys(directory ?? [], doubles ?? [], Uint8Array.from(text ?? [])),
    expected,
  );
});

test('a GeoTIFF whose GeoKeys have texts beyond ASCII gives each text as it was', async (t) => {
  const keys: GeoKey[] = [
    { id: 1024, value: 1 },
    { id: 1026, value: 'Höhe über Grund' },
    { id: 3073, value: 'Gauß-Krüger' },
  ];
  const info = {
    ...({ widthPx: 16, heightPx: 16, dataType: 'uint8', bands: [{}] } as const),
    georeferencing: { crs: { kind: 'geoKeys', keys } as Crs },
  };
  const pixels = { data: new Uint8Array(256), widthPx: 16, heightPx: 16 } as const;
  const path = join(temporaryDirectory(t), 'a.tif');
  writeFileSync(path, encodeTile(tileFormat('test', info), { ...pixels, ...oneBand }));
  const source = await fromGeoTiff(path);
  await source.close();
  const { crs } = source.info.gcps ?? source.info.georeferencing;
  assert.deepEqual(crs?.kind === 'geoKeys' && crs.keys.slice(-2), keys.slice(-2));
});

const oneBand = { bandCount: 1, interleave: 'pixel' } as const;

test('without a CRS no key is invented, but pixels that are points say so', () => {
  assert.deepEqual(geoKeysOf({ transform: [0, 1, 0, 0, 0, -1] }), []);
  assert.deepEqual(geoKeysOf({ pixelIs: 'point' }), [{ id: 1025, value: 2 }]);
});

test('an index names a CRS by code where its keys have one, and with its vertical part', () => {
  const crs = (keys: readonly GeoKey[]): Crs => ({ kind: 'geoKeys', keys });
  assert.equal(
    srsText(
      crs([
        { id: 1024, value: 1 },
        { id: 3072, value: 32633 },
      ]),
    ),
    'EPSG:32633',
  );
  const compound = [
    { id: 3072, value: 28992 },
    { id: 4096, value: 5709 },
  ];
  assert.equal(srsText(crs(compound)), 'EPSG:28992+5709');
  assert.equal(srsText(crs([{ id: 1026, value: 'a local grid' }])), undefined);
});
