import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import test from 'node:test';
import { isHoldfastError } from 'holdfast';
import {
  addOverviews,
  type ArrayRaster,
  beginMosaic,
  fromArray,
  joinMosaic,
  openVrt,
  type RasterSource,
  verifyVrt,
  writeTiledVrt,
} from '#src/index.js';
import { temporaryDirectory } from '@holdfast/tools/testing';

const SIDE = 64;
const quick = { threads: 0, tileSizePx: 32, gti: true } as const;

function source(more: Partial<ArrayRaster> = {}): RasterSource {
  const data = Int16Array.from({ length: SIDE * SIDE }, (_, at) => at);
  const place = { transform: [500_000, 10, 0, 6_000_000, 0, -10] as const, crs: 32633 };
  return fromArray({ data, width: SIDE, height: SIDE, nodata: -1, ...place, ...more });
}

/** What the layer says, as any reader of SQLite finds it. */
async function rowsOf(path: string): Promise<readonly (readonly unknown[])[]> {
  const load = createRequire(import.meta.url)('sql.js') as () => Promise<{
    readonly Database: new (bytes: Uint8Array) => {
      exec(sql: string): readonly { readonly values: readonly (readonly unknown[])[] }[];
    };
  }>;
  const { Database } = await load();
  const [found] = new Database(readFileSync(path)).exec('SELECT location, geom FROM tiles');
  return (found?.values ?? []).map(([location, geom]) => {
    const bytes = Buffer.from(geom as Uint8Array);
    return [location, ...[8, 16, 24, 32].map((at) => bytes.readDoubleLE(at))];
  });
}

test('the GTI names each tile beside it, and where that lies; verify and the index know it', async (t) => {
  const path = join(temporaryDirectory(t), 'dem.vrt');
  const { gtiPath = '', tilesPath } = await writeTiledVrt(path, source(), quick);
  assert.equal(gtiPath, join(tilesPath, 'dem.gti.gpkg'));
  assert.deepEqual(await rowsOf(gtiPath), [
    ['tile_00_00.tif', 500_000, 500_320, 5_999_680, 6_000_000],
    ['tile_00_01.tif', 500_320, 500_640, 5_999_680, 6_000_000],
    ['tile_01_00.tif', 500_000, 500_320, 5_999_360, 5_999_680],
    ['tile_01_01.tif', 500_320, 500_640, 5_999_360, 5_999_680],
  ]);
  assert.deepEqual((await verifyVrt(path)).problems, []);
  const mosaic = await openVrt(path);
  assert.equal(mosaic.document.metadata.get('HOLDFAST')?.['GTI'], 'dem.gti.gpkg');
  await mosaic.close();
  const bytes = readFileSync(gtiPath);
  bytes.writeUInt8(bytes.readUInt8(4000) + 1, 4000);
  writeFileSync(gtiPath, bytes);
  const { problems } = await verifyVrt(path);
  assert.deepEqual(
    problems.map(({ kind, path: where }) => [kind, where]),
    [['changed', gtiPath]],
  );
});

test('it retires with its tiles, and follows them to new overviews', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'dem.vrt');
  const first = await writeTiledVrt(path, source(), quick);
  const second = await addOverviews(path, { overviews: [2], threads: 0, keepPrevious: 0 });
  assert.equal(basename(second.gtiPath ?? ''), 'dem.gti.gpkg');
  assert.deepEqual((await verifyVrt(path)).problems, []);
  const mosaic = await openVrt(path);
  assert.equal(mosaic.document.metadata.get('HOLDFAST')?.['GTI'], 'dem.gti.gpkg');
  await mosaic.close();
  assert.ok(!readdirSync(directory).includes(basename(first.tilesPath)));
  const replaced = { ...quick, gti: false, ifExists: 'replace', keepPrevious: 0 } as const;
  const last = await writeTiledVrt(path, source(), replaced);
  assert.equal(last.gtiPath, undefined);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes('tiles')),
    [basename(last.tilesPath)],
  );
});

test('a mosaic that is made in parts has the same GTI and items, and a second commit tells them too', async (t) => {
  const directory = temporaryDirectory(t);
  const stac = { id: 'dem', datetime: new Date(0), tiles: true };
  const more = { gti: true, stac, tileSizePx: 32 } as const;
  const whole = await writeTiledVrt(join(directory, 'dem.vrt'), source(), { ...more, threads: 0 });
  const other = temporaryDirectory(t);
  const path = join(other, 'dem.vrt');
  const { id } = await beginMosaic(path, source(), { ...more, partCount: 2 });
  const session = await joinMosaic(path, id, source(), { threads: 0 });
  for (const part of [0, 1]) await session.writePart(part);
  const written = await session.commit();
  const again = await session.commit();
  for (const which of ['gtiPath', 'stacPath', 'stacItemsPath'] as const) {
    assert.equal(written[which], again[which]);
    assert.deepEqual(readFileSync(written[which] ?? ''), readFileSync(whole[which] ?? ''));
  }
  assert.deepEqual((await verifyVrt(path)).problems, []);
});

test('a raster that such an index cannot show as it is is refused, before anything is written', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'dem.vrt');
  const transforms = {
    none: undefined,
    rotated: [500_000, 10, 1, 6_000_000, 0, -10],
    southUp: [500_000, 10, 0, 6_000_000, 0, 10],
    mirrored: [500_000, -10, 0, 6_000_000, 0, -10],
  } as const;
  for (const [name, transform] of Object.entries(transforms))
    await assert.rejects(
      writeTiledVrt(path, source({ transform }), quick),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT') && /GTI/u.test(error.message),
      name,
    );
  assert.deepEqual(readdirSync(directory), []);
});
