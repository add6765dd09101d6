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
import { nodeFileSystem, type Fs } from 'holdfast/os';
import { fromArray, verifyVrt, writeTiledVrt } from '#src/index.js';
import {
  generationOf,
  manifestBytes,
  manifestName,
  parseManifest,
  type ManifestTile,
} from '#src/write/manifest.js';

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
  ['damaged index', 'out.vrt', (path) => rewrite(path, 'tile_00_01', 'tile_00_02')],
  ['damaged index', 'out.vrt', (path) => rewrite(path, '<SrcRect xOff="0"', '<SrcRect xOff="1"')],
  ['changed', 'out_tiles/holdfast-index.vrt', (path) => flip(path, 500)],
];

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = at % bytes.length;
  bytes[index] = (bytes[index] as number) ^ 1;
  writeFileSync(path, bytes);
}

/**
 * As a program does that reads an index and writes it anew: the checksum at its end is not its own.
 */
function rewrite(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8').replace(/<!--.*\n/u, '');
  assert.ok(text.includes(from));
  writeFileSync(path, text.replace(from, to));
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

test('an index that another program wrote anew, with the same tiles in the same places, is no damage', async (t) => {
  const path = await mosaicIn(temporaryDirectory(t));
  rewrite(path, '</VRTDataset>', '<Metadata><MDI key="OPERATOR">me</MDI></Metadata></VRTDataset>');
  const { ok, problems, notes } = await verifyVrt(path);
  assert.deepEqual([ok, problems], [true, []]);
  assert.deepEqual(
    notes.map(({ kind }) => kind),
    ['rewritten'],
  );
});

test('what other programs leave beside an index and tiles is told, and is no damage', async (t) => {
  const path = await mosaicIn(temporaryDirectory(t));
  const companions = [
    `${path}.aux.xml`,
    `${path}.ovr`,
    join(path, '../out_tiles/tile_00_00.tif.aux.xml'),
  ];
  for (const companion of companions) writeFileSync(companion, '<PAMDataset></PAMDataset>');
  const { ok, notes } = await verifyVrt(path);
  assert.equal(ok, true);
  assert.deepEqual(
    new Set(notes.map((note) => `${note.kind} ${note.path}`)),
    new Set(companions.map((companion) => `companion ${companion}`)),
  );
});

test('an index that asks for what is not supported is not checked, which is another thing than damaged', async (t) => {
  const path = await mosaicIn(temporaryDirectory(t));
  const text = readFileSync(path, 'utf8').replace(/<!--.*\n/u, '');
  const scaled = text
    .replaceAll('SimpleSource', 'ComplexSource')
    .replaceAll('</ComplexSource>', '<ScaleOffset>1</ScaleOffset></ComplexSource>');
  writeFileSync(path, scaled);
  const { ok, problems } = await verifyVrt(path);
  assert.equal(ok, false);
  assert.deepEqual(
    problems.map(({ kind, message }) => [kind, /ScaleOffset/u.test(message)]),
    [['not checked', true]],
  );
});

test('without an index there is nothing to verify, which is an error and no report', async (t) => {
  await assert.rejects(verifyVrt(join(temporaryDirectory(t), 'out.vrt')), (error) =>
    isHoldfastError(error, 'NOT_FOUND'),
  );
});

test('a tile over the limit is not read, however large it says it is', async (t) => {
  const directory = temporaryDirectory(t);
  const path = await mosaicIn(directory);
  const small = await verifyVrt(path, { maxTileBytes: 100 });
  assert.deepEqual([...new Set(small.problems.map(({ kind }) => kind))], ['not checked']);
  assert.match(small.problems[0]?.message ?? '', /over 100; raise maxTileBytes/u);
  assert.equal((await verifyVrt(path, { maxTileBytes: 10_000 })).ok, true);

  // The manifest lies about a file of holes, and its checksum is right.
  const manifestPath = join(directory, 'out_tiles', manifestName);
  const [first, ...others] = parseManifest(readFileSync(manifestPath, 'utf8'))?.tiles ?? [];
  const tiles = [{ ...(first as ManifestTile), sizeBytes: 2 ** 40 }, ...others];
  truncateSync(join(directory, 'out_tiles', (first as ManifestTile).name), 2 ** 40);
  const pieces: Uint8Array[] = [];
  for await (const piece of manifestBytes({ generation: generationOf(tiles), tiles }))
    pieces.push(piece);
  writeFileSync(manifestPath, Buffer.concat(pieces));
  const { problems } = await verifyVrt(path);
  assert.deepEqual(
    problems.map(({ kind }) => kind),
    ['other generation', 'not checked'],
  );
});

test('what a tile of another program decodes to is measured before it is decoded', async (t) => {
  const path = await mosaicIn(temporaryDirectory(t));
  rewrite(path, 'GENERATION', 'generation');
  const { problems } = await verifyVrt(path, { deep: true, maxTileBytes: 511 });
  const decoded = problems.filter(({ kind }) => kind === 'not checked');
  assert.match(decoded[0]?.message ?? '', /it has 512 bytes, over 511/u);
  assert.equal((await verifyVrt(path, { deep: true, maxTileBytes: 512 })).ok, true);
});

test('a signal ends the reading of a tile', async (t) => {
  const path = await mosaicIn(temporaryDirectory(t));
  const controller = new AbortController();
  const fs: Fs = {
    ...nodeFileSystem,
    open: async (of, ...rest) => {
      const file = await nodeFileSystem.open(of, ...rest);
      if (of.endsWith('tile_00_00.tif')) controller.abort();
      return file;
    },
  };
  const verified = verifyVrt(path, { fs, signal: controller.signal });
  await assert.rejects(verified, (error) => isHoldfastError(error, 'ABORTED'));
});
