import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { fromArray, openVrt, writeTiledVrt } from '#src/api.js';
import { ServedMosaic } from '#src/serve/served-mosaic.js';

test('who is in the middle of an answer has all of the mosaic that it began with, however often that is replaced', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'dem.vrt');
  const write = async (value: number): Promise<void> => {
    const data = new Uint8Array(64 * 64).fill(value);
    const options = { tileSizePx: 16, ifExists: 'replace', keepPrevious: 0 } as const;
    await writeTiledVrt(path, fromArray({ data, width: 64, height: 64 }), options);
  };
  await write(1);
  const tilesPath = join(directory, 'dem_tiles');
  const served = new ServedMosaic(await openVrt(path));
  await served.use(async ({ mosaic }) => {
    await served.retire();
    await write(2);
    await write(3);
    assert.ok(existsSync(tilesPath));
    const { data } = await mosaic.read();
    assert.ok(data.every((value) => value === 1));
  });
  // Nobody uses it any more, and so the next write clears it away.
  await write(4);
  assert.ok(!existsSync(tilesPath));
});

test('an index that says something else is another generation', async (t) => {
  const path = join(temporaryDirectory(t), 'dem.vrt');
  const ids = new Set<string>();
  for (const nodata of [0, 0, 7]) {
    const data = new Uint8Array(64 * 64);
    const source = fromArray({ data, width: 64, height: 64, nodata });
    await writeTiledVrt(path, source, { tileSizePx: 64, ifExists: 'replace' });
    const served = new ServedMosaic(await openVrt(path));
    ids.add(served.id);
    const again = new ServedMosaic(await openVrt(path));
    assert.equal(again.id, served.id);
    await Promise.all([served.retire(), again.retire()]);
  }
  assert.ok(ids.size >= 2);
});
