/**
 * What lies beside a GeoTIFF and is not read is told, or refused where nothing else says where the
 * raster lies.
 */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import {
  fromArray,
  fromGeoTiff,
  type NotCarried,
  type Transform,
  writeTiledVrt,
} from '#src/index.js';

/** What is told of a GeoTIFF beside which there is a file of that name. */
async function toldBeside(
  t: TestContext,
  name: string,
  beside: string,
  transform?: Transform,
): Promise<readonly NotCarried[]> {
  const folder = temporaryDirectory(t);
  const made = fromArray({ data: new Uint8Array(16), width: 4, height: 4, transform });
  await writeTiledVrt(join(folder, 'made.vrt'), made, { tileSizePx: 16, threads: 0 });
  renameSync(join(folder, 'made_tiles', 'tile_00_00.tif'), join(folder, name));
  writeFileSync(join(folder, beside), 'satId = "WV02";');
  const source = await fromGeoTiff(join(folder, name));
  await source.close();
  return source.notCarried ?? [];
}

const TRANSFORM = [0, 1, 0, 0, 0, -1] as const;

for (const [name, beside] of [
  ['im.tif', 'im.IMD'],
  ['im.tif', 'im.XML'],
  ['im.tif', 'im.tif.xml'],
  ['im.tif', 'im.tif.vat.dbf'],
  ['LC80100202015018LGN00_B4.TIF', 'LC80100202015018LGN00_MTL.txt'],
  [
    'LC08_L1TP_190024_20200101_20200110_01_T1_B10.TIF',
    'LC08_L1TP_190024_20200101_20200110_01_T1_MTL.txt',
  ],
  ['po_1_rgb_0000000.tif', 'po_1_metadata.txt'],
  ['o.tif', 'o.pvl'],
  ['r.tif', 'r_metadata.xml'],
  ['IMG_PHR1A_R1C1.TIF', 'DIM_PHR1A.XML'],
  ['e.tif', 'e.pass'],
  ['k.tif', 'k.eph'],
  ['IMG-01-ALAV2A.tif', 'summary.txt'],
] as const)
  test(`${beside} beside ${name} is told`, async (t) => {
    const told = await toldBeside(t, name, beside, TRANSFORM);
    assert.deepEqual(
      told.map(({ what, where }) => [what, where]),
      [['metadata', beside]],
    );
  });

for (const [name, beside] of [
  ['k.tif', 'k.rpc'],
  ['IMG_PHR1A_R1C1.TIF', 'RPC_PHR1A.XML'],
  ['IMG-01-ALAV2A.tif', 'RPC-ALAV2A.txt'],
] as const)
  test(`${beside} beside ${name} is told where the file is placed, and refused where nothing else places it`, async (t) => {
    const told = await toldBeside(t, name, beside, TRANSFORM);
    assert.deepEqual(
      told.map(({ what, where }) => [what, where]),
      [['placement', beside]],
    );
    await assert.rejects(
      toldBeside(t, name, beside),
      (error) => isHoldfastError(error, 'INVALID_ARGUMENT') && error.message.includes(beside),
    );
  });
