/**
 * STAC items before their judges: pystac, which validates them, odc-stac and GDAL's STACIT, which
 * load the pixels that were written where they were written, and PROJ, which says where that is.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ArrayRaster, fromArray, indexTiles, writeCog, writeTiledVrt } from '@holdfast/raster';
import { pythonWith, temporaryDirectory } from '@holdfast/tools/testing';

const judge = (name: string): string =>
  fileURLToPath(new URL(`../python/${name}.py`, import.meta.url));
const packages = ['odc-stac==0.5.3', 'pystac[validation]==1.15.2', 'rasterio==1.4.4'];
const python = pythonWith('odc-stac-0.5.3', packages);
const WIDTH = 257;
const HEIGHT = 190;

const rasters: Readonly<Record<string, Partial<ArrayRaster>>> = {
  utm: { crs: 32633, transform: [500_000, 10, 0, 6_000_000, 0, -10], nodata: 0 },
  degrees: { crs: 4326, transform: [10, 0.01, 0, 50, 0, -0.01] },
  antimeridian: { crs: 4326, transform: [179, 0.01, 0, 50, 0, -0.01], nodata: 0 },
  pole: { crs: 3413, transform: [-100_000, 1000, 0, 100_000, 0, -1000], nodata: 0 },
  swiss: { crs: 2056, transform: [2_600_000, 10, 0, 1_200_000, 0, -10] },
  paris: { crs: 27572, transform: [600_000, 100, 0, 2_200_000, 0, -100] },
  feet: { crs: 2263, transform: [980_000, 100, 0, 200_000, 0, -100] },
  southUp: { crs: 32633, transform: [500_000, 10, 0, 6_000_000, 0, 10] },
  nowhere: { transform: [0, 1, 0, 0, 0, -1] },
  bands: {
    crs: 3035,
    transform: [4_000_000, 100, 0, 3_000_000, 0, -100],
    bandCount: 3,
    nodata: 0,
  },
};

function source({ bandCount = 1, ...more }: Partial<ArrayRaster>) {
  const data = Float32Array.from({ length: WIDTH * HEIGHT * bandCount }, (_, at) =>
    at % 977 < 30 ? 0 : at % 977,
  );
  return fromArray({ data, width: WIDTH, height: HEIGHT, bandCount, ...more });
}

interface Verdict {
  readonly unknown: readonly string[];
  readonly [name: string]: unknown;
}

test('every judge accepts the item of every raster, and loads its pixels by it', async (t) => {
  const directory = temporaryDirectory(t);
  const pairs: string[] = [];
  const names: string[] = [];
  const stac = { datetime: '2024-06-01T10:20:30Z/2024-06-02T10:20:30Z' };
  for (const [name, raster] of Object.entries(rasters)) {
    const mosaic = await writeTiledVrt(join(directory, `${name}-höhe.vrt`), source(raster), {
      tileSizePx: 128,
      threads: 0,
      stac: { ...stac, tiles: true },
    });
    const file = await writeCog(join(directory, `${name}-1.tif`), source(raster), {
      threads: 0,
      stac,
    });
    pairs.push(mosaic.stacPath as string, mosaic.path, file.stacPath as string, file.path);
    names.push(`the mosaic ${name}`, `the file ${name}`);
    const index = await indexTiles(join(directory, `${name}-all.vrt`), [file.path], { stac });
    pairs.push(index.stacPath as string, index.path);
    names.push(`the index ${name}`);
    pairs.push(mosaic.stacItemsPath as string, mosaic.path);
    names.push(`the tiles of ${name}`);
  }
  const verdicts = execFileSync(python, [judge('stac_judge'), ...pairs], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Verdict);
  assert.equal(verdicts.length, names.length);
  const wrong = verdicts.flatMap(({ unknown, ...facts }, index) => [
    ...unknown.map((field) => `${names[index]}: ${field}`),
    ...Object.entries(facts).flatMap(([fact, holds]) =>
      holds === true ? [] : [`${names[index]}: ${fact}: ${String(holds)}`],
    ),
  ]);
  assert.deepEqual(wrong, []);
  for (const [index, facts] of verdicts.entries()) {
    const name = names[index] as string;
    // One that lies nowhere is loaded by nobody.
    assert.equal('odc' in facts, !name.endsWith('nowhere'), name);
  }
});

test('a raster lies where PROJ says that it does, on its own datum, in every system of EPSG that is computed here', async (t) => {
  const directory = temporaryDirectory(t);
  const points = JSON.parse(
    execFileSync(python, [judge('where_systems_lie')], { encoding: 'utf8', maxBuffer: 2 ** 26 }),
  ) as readonly (readonly [code: number, lon: number, lat: number, x: number, y: number])[];
  let known = 0;
  for (const [code, longitude, latitude, x, y] of points) {
    const raster = { data: new Uint8Array(1), width: 1, height: 1 };
    // A pixel about the point: a metre, a foot, or some thousandth of a degree.
    const transform = [x - 5e-6, 1e-5, 0, y + 5e-6, 0, -1e-5] as const;
    const crs = { kind: 'epsg', code } as const;
    const { stacPath } = await writeCog(
      join(directory, 'point.tif'),
      fromArray({ ...raster, crs, transform }),
      { threads: 0, ifExists: 'replace', durability: 'atomic', stac: { datetime: new Date(0) } },
    );
    const { bbox } = JSON.parse(readFileSync(stacPath as string, 'utf8')) as {
      readonly bbox?: readonly number[];
    };
    if (!bbox) continue;
    known += 1;
    const [west = NaN, south = NaN] = bbox;
    const alongM =
      Math.abs(((((west - longitude + 540) % 360) + 360) % 360) - 180) *
      Math.cos((latitude * Math.PI) / 180) *
      111_000;
    assert.ok(alongM < 5, `EPSG:${code}: ${west} is not ${longitude}`);
    assert.ok(Math.abs(south - latitude) * 111_000 < 5, `EPSG:${code}: ${south}, not ${latitude}`);
  }
  assert.ok(known > points.length * 0.9, `${known} of ${points.length}`);
});
