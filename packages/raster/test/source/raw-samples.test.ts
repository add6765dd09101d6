import assert from 'node:assert/strict';
import { existsSync, readdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isHoldfastError } from 'holdfast';
import { fromGeoTiff, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const WIDTH_PX = 150;
const HEIGHT_PX = 100;
const ROWS_PER_STRIP = 7;

/** An uncompressed TIFF of two bands of uint16, in strips, in either byte order. */
function stripTiff(planar: 'together' | 'apart', littleEndian = true): Uint8Array {
  const planes = planar === 'apart' ? 2 : 1;
  const rowBytes = (WIDTH_PX * 2 * 2) / planes;
  const stripsPerPlane = Math.ceil(HEIGHT_PX / ROWS_PER_STRIP);
  const sizes = Array.from({ length: planes * stripsPerPlane }, (_, strip) => {
    const rowsLeft = HEIGHT_PX - (strip % stripsPerPlane) * ROWS_PER_STRIP;
    return Math.min(ROWS_PER_STRIP, rowsLeft) * rowBytes;
  });
  const start = 1000;
  const offsets = sizes.map((_, index) => sizes.slice(0, index).reduce((a, b) => a + b, start));
  const bytes = new Uint8Array(start + WIDTH_PX * HEIGHT_PX * 4);
  const view = new DataView(bytes.buffer);
  const fields: [tag: number, type: 3 | 4, values: readonly number[]][] = [
    [256, 4, [WIDTH_PX]],
    [257, 4, [HEIGHT_PX]],
    [258, 3, [16, 16]],
    [259, 3, [1]],
    [262, 3, [1]],
    [273, 4, offsets],
    [277, 3, [2]],
    [278, 4, [ROWS_PER_STRIP]],
    [279, 4, sizes],
    [284, 3, [planes]],
  ];
  bytes.fill(littleEndian ? 0x49 : 0x4d, 0, 2);
  view.setUint16(2, 42, littleEndian);
  view.setUint32(4, 8, littleEndian);
  view.setUint16(8, fields.length, littleEndian);
  let outside = 400;
  for (const [index, [tag, type, values]] of fields.entries()) {
    const entry = 10 + 12 * index;
    const width = type === 3 ? 2 : 4;
    view.setUint16(entry, tag, littleEndian);
    view.setUint16(entry + 2, type, littleEndian);
    view.setUint32(entry + 4, values.length, littleEndian);
    const inside = values.length * width <= 4;
    if (!inside) view.setUint32(entry + 8, outside, littleEndian);
    for (const [at, value] of values.entries()) {
      const place = (inside ? entry + 8 : outside) + at * width;
      if (width === 2) view.setUint16(place, value, littleEndian);
      else view.setUint32(place, value, littleEndian);
    }
    if (!inside) outside += values.length * width;
  }
  for (let sample = 0; sample < WIDTH_PX * HEIGHT_PX * 2; sample += 1)
    view.setUint16(start + sample * 2, (sample * 7919) % 65_536, littleEndian);
  return bytes;
}

for (const planar of ['together', 'apart'] as const) {
  test(`threads that read strips by themselves write what the source gives, bands ${planar}`, async (t) => {
    const directory = temporaryDirectory(t);
    const input = join(directory, 'input.tif');
    writeFileSync(input, stripTiff(planar));
    const source = await fromGeoTiff(input);
    t.after(() => source.close());
    assert.equal(source.raw?.planeOffsetsBytes.length, planar === 'apart' ? 2 : 1);
    // Many small tiles, so that several are read together, the narrow ones at the right edge among
    // them.
    const options = { tileSizePx: 16, compression: 'none' } as const;
    const alone = await writeTiledVrt(join(directory, 'a.vrt'), source, { ...options, threads: 2 });
    const given = await writeTiledVrt(join(directory, 'b.vrt'), source, { ...options, threads: 0 });
    assert.equal(alone.tileCount, 70);
    assert.equal(alone.generation, given.generation);
  });
}

test('samples in the other byte order, or in a file of a filesystem of its own, are left to the source', async (t) => {
  const directory = temporaryDirectory(t);
  const input = join(directory, 'input.tif');
  writeFileSync(input, stripTiff('together', false));
  const source = await fromGeoTiff(input);
  t.after(() => source.close());
  assert.equal(source.raw, undefined);
  const { data } = await source.read({ xPx: 1, yPx: 1, widthPx: 1, heightPx: 1 });
  assert.deepEqual([...data], [(302 * 7919) % 65_536, (303 * 7919) % 65_536]);
});

for (const [what, harm] of [
  ['is replaced', (path: string) => renameSync(`${path}.new`, path)],
  ['is cut', (path: string) => truncateSync(path, 20_000)],
] as const) {
  test(`a file that ${what} after it was opened ends the write, and nothing is left`, async (t) => {
    const directory = temporaryDirectory(t);
    const input = join(directory, 'input.tif');
    writeFileSync(input, stripTiff('together'));
    writeFileSync(`${input}.new`, stripTiff('together'));
    const source = await fromGeoTiff(input);
    t.after(() => source.close());
    harm(input);
    const path = join(directory, 'out.vrt');
    await assert.rejects(writeTiledVrt(path, source, { tileSizePx: 64 }), (error) => {
      assert.ok(isHoldfastError(error, 'CORRUPT_DOCUMENT'));
      assert.equal(error.step, 'read');
      assert.equal(error.outcome, 'unchanged');
      return true;
    });
    assert.ok(!existsSync(path));
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.includes('tiles')),
      [],
    );
  });
}
