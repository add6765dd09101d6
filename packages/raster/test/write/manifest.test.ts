import assert from 'node:assert/strict';
import test from 'node:test';
import { generationOf, manifestBytes, parseManifest } from '#src/write/manifest.js';

const tiles = [
  { name: 'tile_00_00.tif', sizeBytes: 10, sha256: 'aa' },
  { name: 'tile_00_01.tif', sizeBytes: 11, sha256: 'bb' },
];

async function textOf(count: number): Promise<string> {
  const many = Array.from({ length: count }, (_, i) => ({ ...tiles[0]!, name: `tile_${i}.tif` }));
  const pieces: Uint8Array[] = [];
  for await (const piece of manifestBytes({ generation: 'abc', tiles: many })) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test('a manifest reads back as it was written, however long', async () => {
  for (const count of [0, 1, 2, 5000]) {
    const manifest = parseManifest(await textOf(count));
    assert.equal(manifest?.generation, 'abc');
    assert.equal(manifest.tiles.length, count);
  }
});

test('the same tiles have the same generation, other tiles never', () => {
  const [first, second] = tiles;
  assert.ok(first && second);
  assert.equal(generationOf(tiles), generationOf([...tiles]));
  const others = [
    [],
    [first],
    [second, first],
    [first, { ...second, sizeBytes: 12 }],
    [first, { ...second, sha256: 'bc' }],
    [first, { ...second, name: 'tile_00_02.tif' }],
  ];
  for (const other of others) assert.notEqual(generationOf(tiles), generationOf(other));
});

test('what is not our manifest is never taken for one', async () => {
  const text = await textOf(2);
  const strange = [
    '',
    '{',
    '[]',
    'null',
    '{"tiles":[]}',
    text.slice(0, -5),
    text.replace('holdfast-tiles', 'other'),
    text.replace('"version":1', '"version":2'),
    text.replace('tile_1.tif', '../../etc/passwd'),
    text.replace('tile_1.tif', '..'),
    text.replace('"sizeBytes":10', '"sizeBytes":"10"'),
  ];
  for (const each of strange) assert.equal(parseManifest(each), undefined, each.slice(0, 80));
});
