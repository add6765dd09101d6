/**
 * GDAL as the judge of GeoKeys: what it makes of a tile's CRS must be what it makes of the caller's
 * own words.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fromArrayBuffer } from 'geotiff';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { parseCrs, srsText } from '#src/crs/crs.js';
import type { Crs, GeoKey } from '#src/model.js';
import { readGeoKeys } from '#src/tiff/geo-key-directory.js';
import { encodeTile } from '../tiff/encode-tile.js';
import { tileFormat } from '#src/tiff/tile-format.js';

const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

/** What GDAL takes a CRS for: its PROJ string, which has no names in it. */
const meaning = (srs: string): string => run('gdalsrsinfo', '-o', 'proj4', srs);

function writeTile(t: TestContext, crs: Crs): string {
  const path = join(temporaryDirectory(t), 'tile.tif');
  const pixels = {
    data: new Uint8Array(256),
    widthPx: 16,
    heightPx: 16,
    bandCount: 1,
    interleave: 'pixel' as const,
  };
  const info = { ...pixels, dataType: 'uint8' as const, bands: [{}], georeferencing: { crs } };
  writeFileSync(path, encodeTile(tileFormat('test', info), pixels, [5e5, 10, 0, 4e6, 0, -10]));
  return path;
}

async function keysIn(path: string): Promise<readonly GeoKey[]> {
  const { buffer } = Uint8Array.from(readFileSync(path));
  const { fileDirectory } = await (await fromArrayBuffer(buffer)).getImage();
  const value = async (tag: 'GeoKeyDirectory' | 'GeoDoubleParams' | 'GeoAsciiParams') =>
    fileDirectory.hasTag(tag) ? fileDirectory.loadValue(tag) : undefined;
  return readGeoKeys(
    ((await value('GeoKeyDirectory')) ?? []) as ArrayLike<number>,
    ((await value('GeoDoubleParams')) ?? []) as ArrayLike<number>,
    new TextEncoder().encode(((await value('GeoAsciiParams')) ?? '') as string),
  );
}

const projStrings = [
  '+proj=longlat +datum=WGS84',
  '+proj=longlat +ellps=bessel',
  '+proj=utm +zone=33 +datum=WGS84',
  '+proj=utm +zone=19 +south +datum=WGS84',
  '+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=airy +units=m',
  '+proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 +ellps=GRS80',
  '+proj=lcc +lat_1=46.8 +lat_0=46.8 +lon_0=2.33722917 +k_0=0.99987742 +x_0=600000 +y_0=2200000 +ellps=clrk80ign',
  '+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80',
  '+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +datum=NAD83',
  '+proj=merc +lat_ts=-41 +lon_0=100 +datum=WGS84',
  '+proj=merc +lon_0=110 +k=0.997 +x_0=3900000 +y_0=900000 +ellps=bessel',
  '+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +datum=WGS84',
  '+proj=sterea +lat_0=52.15616055 +lon_0=5.38763889 +k=0.9999079 +x_0=155000 +y_0=463000 +ellps=bessel',
  '+proj=sinu +lon_0=0 +R=6371007.181',
  '+proj=robin +lon_0=150 +datum=WGS84',
  '+proj=cea +lat_ts=30 +lon_0=0 +datum=WGS84',
  '+proj=eqc +lat_ts=40 +lon_0=5 +datum=WGS84',
  '+proj=aeqd +lat_0=90 +lon_0=0 +R=6371228',
  '+proj=tmerc +lat_0=31 +lon_0=-110.16 +k=0.9999 +x_0=213360 +datum=NAD83 +units=us-ft',
  '+proj=poly +lat_0=0 +lon_0=-54 +x_0=5000000 +y_0=10000000 +ellps=GRS80',
];

for (const proj of projStrings) {
  test(`GDAL reads from a tile what ${proj} means, and our own WKT of its keys too`, async (t) => {
    const path = writeTile(t, parseCrs('test', proj));
    const expected = meaning(proj);
    assert.equal(withoutDatum(meaning(path)), withoutDatum(expected));
    const srs = srsText({ kind: 'geoKeys', keys: await keysIn(path) });
    assert.ok(srs !== undefined);
    assert.equal(withoutDatum(meaning(srs)), withoutDatum(expected), srs);
  });
}

/**
 * A datum by name and its ellipsoid are the same figure of the earth; the name comes and goes with
 * EPSG's code.
 */
function withoutDatum(proj: string): string {
  return proj
    .replace('+datum=WGS84', '+ellps=WGS84')
    .replace('+datum=NAD83', '+ellps=GRS80')
    .replace(/ \+type=crs| \+no_defs| \+wktext/g, '')
    .replace(/\.0+(?= |$)/g, '');
}

const codes = [
  32633, 2154, 3035, 5070, 3031, 28992, 3857, 2193, 27700, 2263, 4326, 4979, 4978, 7415, 5498,
];

for (const code of codes) {
  test(`GDAL reads EPSG:${code} from a tile that was given the code`, (t) => {
    const path = writeTile(t, parseCrs('test', code));
    assert.equal(meaning(path), meaning(`EPSG:${code}`));
  });
}

for (const code of [2154, 3035, 5070, 3031, 28992, 2193, 27700, 2263, 4326]) {
  for (const version of ['wkt1', 'wkt2_2019', 'wkt_esri']) {
    test(`GDAL reads the system of EPSG:${code} from a tile that was given its ${version} without codes`, (t) => {
      const wkt = run('gdalsrsinfo', '-o', version, `EPSG:${code}`);
      const nameless = wkt.replaceAll(/,\s*(?:AUTHORITY\["EPSG","\d+"\]|ID\["EPSG",\d+\])/g, '');
      const path = writeTile(t, parseCrs('test', nameless));
      const shape = (proj: string): string =>
        withoutDatum(proj).replace(/ \+towgs84=\S+| \+nadgrids=\S+/g, '');
      assert.equal(shape(meaning(path)), shape(meaning(nameless)));
    });
  }
}
