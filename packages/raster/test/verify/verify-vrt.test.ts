import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '@holdfast/tools/testing';
import { isHoldfastError } from 'holdfast';
import { fromArray, verifyVrt, writeTiledVrt } from '#src/index.js';

const damages: readonly [kind: string, file: string, damage: (path: string) => void][] = [
  ['missing', 'out_tiles/tile_00_01.tif', (path) => unlinkSync(path)],
  ['truncated', 'out_tiles/tile_01_00.tif', (path) => truncateSync(path, 200)],
  ['truncated', 'out_tiles/tile_01_01.tif', (path) => truncateSync(path, 0)],
  ['too long', 'out_tiles/tile_00_00.tif', (path) => appendFileSync(path, 'x')],
  ['changed', 'out_tiles/tile_02_02.tif', (path) => flip(path, 300)],
  [
    'swapped',
    'out_tiles/tile_00_00.tif',
    (path) => copyFileSync(join(path, '../tile_02_02.tif'), path),
  ],
  ['foreign', 'out_tiles/mine.txt', (path) => writeFileSync(path, '')],
  ['missing', 'out_tiles/holdfast-tiles.json', (path) => unlinkSync(path)],
  ['damaged manifest', 'out_tiles/holdfast-tiles.json', (path) => flip(path, 120)],
  ['damaged index', 'out.vrt', (path) => flip(path, 500)],
  ['damaged index', 'out.vrt', (path) => truncateSync(path, 500)],
  [
    'damaged index',
    'out.vrt',
    (path) => writeFileSync(path, readFileSync(path, 'utf8').replace(/<!--.*/, '')),
  ],
];

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = at % bytes.length;
  bytes[index] = (bytes[index] as number) ^ 1;
  writeFileSync(path, bytes);
}

async function mosaicIn(directory: string): Promise<string> {
  const path = join(directory, 'out.vrt');
  const data = Int16Array.from({ length: 40 * 40 }, (_, index) => index);
  await writeTiledVrt(path, fromArray({ data, width: 40, height: 40 }), {
    tileSizePx: 16,
    threads: 0,
  });
  return path;
}

test('nothing is wrong with a mosaic as it was written', async (t) => {
  const path = await mosaicIn(temporaryDirectory(t));
  const report = await verifyVrt(path, { deep: true });
  assert.deepEqual(report.problems, []);
  assert.equal(report.evidence, 'checksums');
  assert.equal(report.tiles, 9);
});

for (const [kind, file, damage] of damages) {
  test(`a damage is found and named: ${kind}, ${file}`, async (t) => {
    const directory = temporaryDirectory(t);
    const path = await mosaicIn(directory);
    damage(join(directory, file));
    const { ok, problems } = await verifyVrt(path);
    assert.equal(ok, false);
    assert.ok(
      problems.some((problem) => problem.kind === kind && problem.path === join(directory, file)),
      JSON.stringify(problems),
    );
  });
}

test('two tiles that changed places are both named, and so is where each belongs', async (t) => {
  const directory = temporaryDirectory(t);
  const path = await mosaicIn(directory);
  const [a, b] = ['tile_00_00.tif', 'tile_01_01.tif'].map((name) =>
    join(directory, 'out_tiles', name),
  ) as [string, string];
  renameSync(a, `${a}.x`);
  renameSync(b, a);
  renameSync(`${a}.x`, b);
  const { problems } = await verifyVrt(path);
  assert.deepEqual(
    problems.map(({ kind, message }) => [kind, /tile_\d+_\d+/.exec(message)?.[0]]),
    [
      ['swapped', 'tile_01_01'],
      ['swapped', 'tile_00_00'],
    ],
  );
});

test('a mosaic whose manifest is gone is still checked for what the index says', async (t) => {
  const directory = temporaryDirectory(t);
  const path = await mosaicIn(directory);
  unlinkSync(join(directory, 'out_tiles/holdfast-tiles.json'));
  truncateSync(join(directory, 'out_tiles/tile_01_01.tif'), 100);
  const { problems, evidence } = await verifyVrt(path, { deep: true });
  assert.equal(evidence, 'shapes');
  assert.deepEqual(problems.map(({ kind }) => kind).toSorted(), ['missing', 'undecodable']);
});

test('without an index there is nothing to verify, which is an error and no report', async (t) => {
  await assert.rejects(verifyVrt(join(temporaryDirectory(t), 'out.vrt')), (error) =>
    isHoldfastError(error, 'NOT_FOUND'),
  );
});
