/**
 * GDAL finds the overviews of a mosaic by itself, reads their pixels, and uses them for small
 * pictures.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromArray, overviewMethods, type WriteOptions, writeTiledVrt } from '@holdfast/raster';
import { temporaryDirectory } from '@holdfast/tools/testing';

const judge = fileURLToPath(new URL('../python/read_overviews.py', import.meta.url));
const maker = fileURLToPath(new URL('../python/make_overviews.py', import.meta.url));
const [WIDTH, HEIGHT] = [600, 410];
const NODATA = -1;
const data = Int16Array.from({ length: WIDTH * HEIGHT }, (_, index) => {
  const [x, y] = [index % WIDTH, Math.floor(index / WIDTH)];
  return Math.hypot(x - 250, y - 200) < 60 ? NODATA : ((x * 7 + y * 13) % 1000) + 1;
});

type Picture = readonly [widthPx: number, heightPx: number, pixels: readonly number[]];

function gdalReads(path: string): { bands: readonly (readonly Picture[])[]; small: Picture } {
  const text = execFileSync('/usr/bin/python3', [judge, path], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  return JSON.parse(text) as { bands: readonly (readonly Picture[])[]; small: Picture };
}

/** What gdaladdo makes of the same samples, each overview of the one before it. */
function gdalMakes(t: Parameters<typeof temporaryDirectory>[0]): readonly Picture[] {
  const directory = temporaryDirectory(t);
  const raw = join(directory, 'raw.bin');
  writeFileSync(raw, data);
  const file = join(directory, 'raw.tif');
  execFileSync('/usr/bin/python3', [
    maker,
    'gdaladdo',
    raw,
    file,
    `${WIDTH}`,
    `${HEIGHT}`,
    `${NODATA}`,
  ]);
  return gdalReads(file).bands[0] as readonly Picture[];
}

const ways: readonly [string, WriteOptions][] = [
  ['inside the tiles and merged', { tileSizePx: 512 }],
  ['inside many small blocks', { tileSizePx: 512, blockSizePx: 64, compression: 'lzw' }],
  ['merged only', { tileSizePx: 64, compression: 'zstd' }],
  ['not compressed', { tileSizePx: 512, compression: 'none' }],
  ['BigTIFF', { tileSizePx: 512, bigTiff: 'always' }],
];

for (const [name, way] of ways)
  test(`GDAL lists the overviews, and reads the means that gdaladdo makes: ${name}`, (t) =>
    checkMeans(t, way));

async function checkMeans(
  t: Parameters<typeof temporaryDirectory>[0],
  way: WriteOptions,
): Promise<void> {
  const path = join(temporaryDirectory(t), 'out.vrt');
  const source = fromArray({ data, width: WIDTH, height: HEIGHT, nodata: NODATA });
  await writeTiledVrt(path, source, { ...way, overviews: [2, 4, 8] });
  const { bands, small } = gdalReads(path);
  const [overviews] = bands as [readonly Picture[]];
  assert.deepEqual(
    overviews.map(([w, h]) => [w, h]),
    [
      [300, 205],
      [150, 103],
      [75, 52],
    ],
  );
  const expected = gdalMakes(t);
  for (const [level, overview] of overviews.entries())
    for (const [index, value] of overview[2].entries())
      assert.ok(
        Math.abs(value - (expected[level]?.[2][index] as number)) <= 1,
        `${level}: ${index}`,
      );
  const [smallWidth, smallHeight, pixels] = small;
  const [width, , second] = overviews[1] as Picture;
  assert.deepEqual(
    pixels,
    second.filter((_, i) => i % width < smallWidth && Math.floor(i / width) < smallHeight),
  );
}

test('every way of resampling gives values that the raster has, or their means, and gdalinfo names the sizes', async (t) => {
  const directory = temporaryDirectory(t);
  for (const resampling of overviewMethods) {
    const path = join(directory, `${resampling}.vrt`);
    const source = fromArray({ data, width: WIDTH, height: HEIGHT, nodata: NODATA });
    await writeTiledVrt(path, source, { overviews: 'auto', resampling });
    const info = execFileSync('gdalinfo', [path], { encoding: 'utf8' });
    assert.match(info, /Overviews: 300x205, 150x103/u);
    const [[first]] = gdalReads(path).bands as unknown as [[Picture]];
    const all = new Set(data);
    if (resampling === 'nearest' || resampling === 'mode')
      assert.ok(first[2].every((value) => all.has(value)));
    // A cubic kernel overshoots where heights jump.
    if (resampling !== 'cubic')
      assert.ok(first[2].every((value) => value === NODATA || (value >= 0 && value <= 1000)));
  }
});
